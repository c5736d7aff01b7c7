"""A sweep beside keys that were lost: what stays of an event is not emptied with what is due, and goes on once they are
back.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from registry.documents import parse
from registry.flows import plans
from registry.flows.access import credentials
from registry.flows.retention import sweeping
from registry.model.grants import ShredGrant
from registry.model.ids import RequestId
from registry.store.rows import execute
from tests.conftest import SetClock
from tests.factories import consent as banner
from tests.factories import identify, track
from tests.flows.test_older_keys import lose
from tests.flows.test_retention import ANALYTICS_DAYS, PLAN, SERVICE_DAYS, told
from tests.flows.test_withdrawal_bites import sweep
from tests.simulator import ALL_YES, Tenant

BOTH = "service,personalisation"


def _events(tenant: Tenant) -> list[tuple[str, bytes]]:
    look = "SELECT compartments, body FROM event WHERE workspace_id = ? ORDER BY event_id"
    return [(str(names), bytes(body)) for names, body in tenant.registry.rows(look, tenant.workspace_id)]


def _bundle(tenant: Tenant, holder: bytes) -> Any:
    return tuple(tenant.registry.key_rows("SELECT * FROM key_bundle WHERE fragment_id = ?", holder)[0])


def _put_back(tenant: Tenant, bundle: Any) -> None:
    keystore = tenant.registry.deployment.keystore
    with keystore.write(tenant.workspace_id) as transaction:
        execute(transaction, "DELETE FROM key_bundle WHERE fragment_id = ?", bundle[1])
        execute(transaction, f"INSERT INTO key_bundle VALUES ({', '.join('?' * len(bundle))})", *bundle)
    tenant.registry.deployment.keyring.forget()


def _foretold(tenant: Tenant) -> tuple[int, int]:
    """How many events would go, or change, with the next sweep, and how many stay."""
    found = sweeping.preview(tenant.registry.deployment, tenant.workspace)
    return sum(one["events"] for one in found.gone.values()), found.counts["stayed"]


def _ada(tenant: Tenant, **traits: str) -> bytes:
    tenant.send(identify("ada", **traits) | {"context": banner(**ALL_YES)})
    return tenant.fragment(tenant.person("user_id", "ada"))


@pytest.mark.parametrize("why", ["its time is over", "its ground is lost"])
def test_an_event_of_which_one_part_is_due_stays_while_its_keys_are_lost(
    tenant: Tenant, clock: SetClock, why: str
) -> None:
    holder = _ada(tenant, gender="f", title="Dr")
    [before] = _events(tenant)
    assert before[0] == BOTH
    if why == "its ground is lost":
        tenant.say("user_id", "ada", "personalisation", "withdrawn")
    keys = _bundle(tenant, holder)
    lose(tenant, [holder])
    clock.pass_by(days=ANALYTICS_DAYS + 1)
    assert _foretold(tenant) == (0, 1)
    report = told(tenant)
    assert (_events(tenant), report["counts"]["stayed"]) == ([before], 1)
    _put_back(tenant, keys)
    clock.pass_by(days=31)
    report = told(tenant)
    if why == "its ground is lost":  # it was locked anew, and waits for its grace time
        clock.pass_by(days=31)
        report = told(tenant)
    assert not report["counts"].get("stayed")
    assert [names for names, _ in _events(tenant)] == ["service"]
    assert "gender" not in tenant.traits("user_id", "ada")
    [said] = [event for event in tenant.timeline("user_id", "ada") if event["type"] == "identify"]
    assert said["content"]["traits"] == {"title": "Dr"}


def test_an_event_of_which_every_part_is_due_goes_although_its_keys_are_lost(tenant: Tenant, clock: SetClock) -> None:
    holder = _ada(tenant, gender="f", title="Dr")
    lose(tenant, [holder])
    clock.pass_by(days=SERVICE_DAYS + 1)
    assert _foretold(tenant) == (1, 0)
    report = told(tenant)
    assert (_events(tenant), report["counts"].get("stayed", 0)) == ([], 0)
    assert told(tenant)["gone"] == {}


def test_what_is_newer_than_its_time_is_not_foretold_to_go(tenant: Tenant, clock: SetClock) -> None:
    _ada(tenant, title="Dr")
    clock.pass_by(days=10)
    tenant.send(identify("ada", title="Prof"))
    clock.pass_by(days=SERVICE_DAYS - 9)
    assert _foretold(tenant) == (1, 0)
    assert sum(one["events"] for one in told(tenant)["gone"].values()) == len(_events(tenant)) == 1


def test_of_two_parts_whose_ground_is_lost_and_of_which_one_key_is_gone_both_go(
    tenant: Tenant, clock: SetClock
) -> None:
    holder = _ada(tenant, gender="f", loyalty_tier="gold", title="Dr")
    [(names, _)] = _events(tenant)
    tenant.say("user_id", "ada", "personalisation", "withdrawn")
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    clock.pass_by(days=31)
    gone = [name for name in names.split(",") if name != "service"]
    assert len(gone) == 2
    assert _foretold(tenant) == (1, 0)
    grant = ShredGrant(tenant.workspace_id, RequestId(b"\0" * 16), "a sweep that was stopped")
    tenant.registry.deployment.keyring.shred_compartments(grant, {holder: gone[:1]})  # type: ignore[dict-item, arg-type]
    report = told(tenant)
    assert [names for names, _ in _events(tenant)] == ["service"]
    assert not report["counts"].get("stayed")
    assert told(tenant)["gone"] == {}


def test_a_field_whose_time_is_over_empties_no_event_whose_keys_are_lost_and_goes_once_they_are_back(
    tenant: Tenant, clock: SetClock
) -> None:
    deployment = tenant.registry.deployment
    plan = plans.publish(deployment, tenant.workspace_id, parse(PLAN, file="tickets"), actor="operator")
    made = credentials.create_source(
        deployment, tenant.workspace_id, name="tickets", plan=plan.name, version=plan.version, actor="operator"
    )
    tenant.keys = type(tenant.keys)(tenant.keys.admin, tenant.keys.officer, tenant.keys.app, made.secret)
    tenant.send(track("Ticket Bought", "ada", gate="north", price=3))
    holder = tenant.fragment(tenant.person("user_id", "ada"))
    [before], keys = _events(tenant), _bundle(tenant, holder)
    lose(tenant, [holder])
    clock.pass_by(days=8)
    assert _foretold(tenant) == (0, 2)
    for _ in range(2):
        assert orjson.loads(sweep(tenant).report)["counts"]["stayed"] == 2, "by two rules"
        assert _events(tenant) == [before]
        clock.pass_by(days=40)
    _put_back(tenant, keys)
    gate = "tickets@1.0.0/ticket_bought/properties/gate: retention_ended"
    assert told(tenant)["gone"] == {gate: {"events": 1, "values": 0}}
    [said] = [event for event in tenant.timeline("user_id", "ada") if event["type"] == "track"]
    assert said["content"]["properties"] == {"price": 3}
    assert not told(tenant)["counts"].get("stayed")
