"""An address outside that is damaged is shown as such, and holds up no erasure, no list and no log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.flows.acts.outbox import Topic
from registry.flows.dsr import passing_on
from registry.flows.outgoing import delivery, destinations, forwarding, webhooks
from registry.flows.outgoing.endpoints import LOST, UNKNOWN
from registry.model.ids import RequestId
from registry.store.rows import execute
from tests.conftest import SetClock
from tests.factories import consent, identify
from tests.flows.test_destinations import pass_to
from tests.receiver import Receiver, receiving
from tests.simulator import ALL_YES, Tenant


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def damage(tenant: Tenant, table: str) -> None:
    with tenant.registry.deployment.data.owner(writes=True) as transaction:
        [(sealed,)] = tenant.registry.rows(f"SELECT sealed FROM {table} WHERE workspace_id = ?", tenant.workspace_id)
        broken = bytes([*bytes(sealed)[:-1], bytes(sealed)[-1] ^ 1])
        execute(transaction, f"UPDATE {table} SET sealed = ? WHERE workspace_id = ?", broken, tenant.workspace_id)


@pytest.mark.parametrize("table", ["destination", "webhook"])
def test_it_is_named_unreachable_and_can_be_removed(tenant: Tenant, receiver: Receiver, table: str) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    made = pass_to(tenant, receiver)
    hook = webhooks.create(
        deployment, tenant.workspace_id, name="mailing", url=f"{receiver.url}/hook",
        topics=[Topic.CONSENT_CHANGED, Topic.SUBJECT_ERASED], actor="operator",
    )  # fmt: skip
    tenant.send(identify("ada", first_name="Ada", context=consent(**ALL_YES)))
    assert forwarding.forward(deployment, workspace, made.destination_id) == 1
    damage(tenant, table)
    tenant.send(identify("bob", first_name="Bob", context=consent(**ALL_YES)))
    counts = (
        forwarding.forward(deployment, workspace, made.destination_id),
        delivery.deliver(deployment, workspace, hook.webhook_id),
    )
    assert counts == ((0, 6) if table == "destination" else (1, 0))
    lost = made.destination_id if table == "destination" else hook.webhook_id
    assert lost not in {*forwarding.due(deployment, workspace), *delivery.due(deployment, workspace)}
    request = tenant.erase("user_id", "ada")
    assert request.state == "completed"
    told = {one["state"]: one["failure"] for one in passing_on.account(deployment, workspace.workspace_id, request[1])}
    assert told == {"unreachable": LOST, "acknowledged": None}
    listed = (
        destinations.listed(deployment, workspace.workspace_id),
        webhooks.listed(deployment, workspace.workspace_id),
    )
    assert [seen.origin == UNKNOWN for [seen] in listed] == [table == "destination", table == "webhook"]
    assert [seen.row.failures > 0 for [seen] in listed] == [table == "destination", table == "webhook"]
    destinations.remove(deployment, workspace.workspace_id, made.destination_id, actor="operator")
    webhooks.remove(deployment, workspace.workspace_id, hook.webhook_id, actor="operator")


def test_a_notice_of_an_erasure_waits_until_the_address_is_mended(
    tenant: Tenant, receiver: Receiver, clock: SetClock
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    hook = webhooks.create(
        deployment, tenant.workspace_id, name="mailing", url=f"{receiver.url}/hook", topics=[Topic.SUBJECT_ERASED],
        actor="operator",
    )  # fmt: skip
    tenant.send(identify("ada", first_name="Ada", context=consent(**ALL_YES)))
    fragments = [tenant.fragment(tenant.person("user_id", "ada"))]
    with deployment.data.write(tenant.workspace_id) as transaction:
        request = RequestId(deployment.new_id())
        passing_on.pass_on(
            deployment, transaction, tenant.workspace_id, request, fragments=fragments, profiles=(), people=()
        )
    damage(tenant, "webhook")
    assert passing_on.tell(deployment, workspace, hook.webhook_id) == 0
    [noted] = passing_on.account(deployment, tenant.workspace_id, request)
    assert (noted["state"], noted["failure"]) == ("waiting", LOST)
    damage(tenant, "webhook")  # once more, and it is what it was
    clock.pass_by(days=1)
    assert passing_on.tell(deployment, workspace, hook.webhook_id) == 1
    [noted] = passing_on.account(deployment, tenant.workspace_id, request)
    assert noted["state"] == "acknowledged"
