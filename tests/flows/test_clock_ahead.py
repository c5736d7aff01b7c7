"""A clock that was ahead, and was set back: what began to wait meanwhile does not wait until that time comes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.flows.acts.outbox import Topic
from registry.flows.dsr import passing_on
from registry.flows.opened_keys import OpenedKeys
from registry.flows.outgoing import delivery, destinations, forwarding, webhooks
from registry.flows.outgoing.endpoints import LONGEST_WAIT
from registry.keys.bundle import Bundle
from registry.model.compartment import IDENTITY
from registry.model.ids import FragmentId, WorkspaceId
from tests.conftest import SetClock
from tests.factories import consent, identify
from tests.flows.test_destinations import pass_to, seen
from tests.receiver import Receiver, receiving
from tests.simulator import ALL_YES, Tenant

AHEAD_DAYS = 400
ADA = ("user_id", "ada")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def send_all(tenant: Tenant) -> int:
    """What is due, to everybody: how many messages were taken. Of erasures everybody is told first."""
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    count = sum(passing_on.tell(deployment, workspace, one) for one in passing_on.due(deployment, workspace))
    count += sum(forwarding.forward(deployment, workspace, one) for one in forwarding.due(deployment, workspace))
    return count + sum(delivery.deliver(deployment, workspace, one) for one in delivery.due(deployment, workspace))


def test_nobody_who_did_not_answer_then_is_left_without_news(
    tenant: Tenant, clock: SetClock, receiver: Receiver
) -> None:
    made = pass_to(tenant, receiver)
    webhooks.create(
        tenant.registry.deployment, tenant.workspace_id, name="mailing", url=f"{receiver.url}/hook",
        topics=[Topic.CONSENT_CHANGED, Topic.SUBJECT_ERASED], actor="operator",
    )  # fmt: skip
    tenant.send(identify("ada", first_name="Ada", context=consent(**ALL_YES)))
    assert send_all(tenant) == 4
    clock.pass_by(days=AHEAD_DAYS)
    receiver.status = 503
    tenant.send(identify("bob", first_name="Bob", context=consent(**ALL_YES)))
    assert tenant.erase(*ADA).state == "completed"
    assert send_all(tenant) == 0
    assert seen(tenant, made)["state"] == "failing"
    clock.pass_by(days=-AHEAD_DAYS)
    receiver.status = 200
    receiver.received.clear()
    assert send_all(tenant) == 6
    told = [got.json["type"] for got in receiver.received]
    assert sorted(told) == ["consent.changed"] * 3 + ["event.identify"] + ["subject.erased"] * 2


def test_what_is_sent_again_is_sent_whatever_the_clock_said_then(
    tenant: Tenant, clock: SetClock, receiver: Receiver
) -> None:
    made = pass_to(tenant, receiver)
    receiver.status = 400
    tenant.send(identify("ada", first_name="Ada", context=consent(**ALL_YES)))
    assert send_all(tenant) == 0
    clock.pass_by(days=AHEAD_DAYS)
    assert destinations.replay(tenant.registry.deployment, tenant.workspace_id, made.destination_id, actor="op") == 1
    clock.pass_by(days=-AHEAD_DAYS)
    receiver.status = 200
    assert send_all(tenant) == 1


def test_a_wait_that_began_by_the_right_clock_is_kept(tenant: Tenant, clock: SetClock, receiver: Receiver) -> None:
    pass_to(tenant, receiver)
    receiver.status, receiver.headers = 503, {"retry-after": str(10 * LONGEST_WAIT // 1_000_000)}
    tenant.send(identify("ada", first_name="Ada", context=consent(**ALL_YES)))
    assert send_all(tenant) == 0
    receiver.status = 200
    clock.now += LONGEST_WAIT - 1
    assert send_all(tenant) == 0
    clock.now += 1
    assert send_all(tenant) == 1


def test_an_opened_key_is_no_longer_kept_in_memory(clock: SetClock) -> None:
    kept = OpenedKeys(clock)
    workspace_id, fragment_id = WorkspaceId(b"w" * 16), FragmentId(b"f" * 16)
    needs = {fragment_id: (IDENTITY,)}
    kept.remember(workspace_id, {fragment_id: Bundle.create((IDENTITY,))}, {fragment_id: 1}, {})
    assert kept.covering(workspace_id, needs, {})
    clock.now -= 1
    assert not kept.covering(workspace_id, needs, {})
    kept.expire()
    clock.now += 1
    assert not kept.covering(workspace_id, needs, {})
