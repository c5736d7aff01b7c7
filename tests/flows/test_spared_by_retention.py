"""Who restricts processing keeps everything (GDPR Art. 18), and what was spared goes once nothing spares it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from registry.documents import parse
from registry.dsr.requests import Kind
from registry.flows import plans
from registry.flows.access import credentials
from registry.flows.consent import ledger
from registry.flows.dsr import holds
from registry.flows.retention import sweeping
from tests.conftest import SetClock
from tests.factories import identify, track
from tests.flows.test_retention import PLAN, told
from tests.flows.test_withdrawal_bites import keys, locks, person
from tests.simulator import Tenant

ADA = ("user_id", "ada")
SEAT = "tickets@1.0.0/identify/traits/seat: retention_ended"


def restrict(tenant: Tenant) -> Callable[[], object]:
    tenant.run(tenant.request(Kind.RESTRICTION, *ADA))
    deployment, who = tenant.registry.deployment, tenant.person(*ADA)
    return lambda: ledger.lift_restriction(deployment, tenant.workspace, who, actor="operator")


def hold(tenant: Tenant) -> Callable[[], object]:
    deployment, who = tenant.registry.deployment, tenant.person(*ADA)
    placed = holds.place(deployment, tenant.workspace, who, ground="Case 1", purpose="legal", actor="operator")
    return lambda: holds.release(deployment, tenant.workspace, placed.hold_id, actor="operator")


def with_tickets(tenant: Tenant) -> None:
    deployment = tenant.registry.deployment
    plan = plans.publish(deployment, tenant.workspace_id, parse(PLAN, file="tickets"), actor="operator")
    made = credentials.create_source(
        deployment, tenant.workspace_id, name="tickets", plan=plan.name, version=plan.version, actor="operator"
    )
    tenant.keys = type(tenant.keys)(tenant.keys.admin, tenant.keys.officer, tenant.keys.app, made.secret)
    tenant.send(identify("ada", seat="window", nickname="A"), track("Ticket Bought", "ada", gate="G7", price=3))


@pytest.mark.parametrize("spare", [restrict, hold])
def test_fields_with_a_time_of_their_own_stay_while_something_spares_them_and_go_after_it(
    tenant: Tenant, clock: SetClock, spare: Callable[[Tenant], Callable[[], object]]
) -> None:
    with_tickets(tenant)
    end = spare(tenant)
    for _ in range(3):  # sweeps that pass them over, for longer than a message may wait in quarantine
        clock.pass_by(days=40)
        assert told(tenant)["gone"] == {}
    end()
    clock.pass_by(seconds=1)
    assert SEAT in sweeping.preview(tenant.registry.deployment, tenant.workspace).gone
    assert told(tenant)["gone"][SEAT] == {"events": 1, "values": 1}
    assert tenant.traits(*ADA) == {"nickname": "A"}
    assert told(tenant)["gone"] == {}


@pytest.mark.parametrize("spare", [restrict, hold])
def test_who_is_parted_from_somebody_spared_is_spared_no_more(
    tenant: Tenant, clock: SetClock, spare: Callable[[Tenant], Callable[[], object]]
) -> None:
    with_tickets(tenant)
    spare(tenant)
    tenant.send(identify(None, "browser", seat="aisle", nickname="B"))
    tenant.send(track("Ticket Bought", "ada", "browser"))
    for _ in range(3):
        clock.pass_by(days=40)
        assert told(tenant)["gone"] == {}
    tenant.keep_apart(("anonymous_id", "browser"), ADA)
    clock.pass_by(seconds=1)
    assert told(tenant)["gone"][SEAT] == {"events": 1, "values": 1}
    assert tenant.traits("anonymous_id", "browser") == {"nickname": "B"}


def held_before_they_are_known(tenant: Tenant) -> Callable[[], object]:
    deployment, who = tenant.registry.deployment, tenant.person("user_id", "nobody")
    placed = holds.place(deployment, tenant.workspace, who, ground="Case 2", purpose="legal", actor="operator")
    return lambda: holds.release(deployment, tenant.workspace, placed.hold_id, actor="operator")


@pytest.mark.parametrize("spare", [restrict, hold, held_before_they_are_known])
def test_rejected_messages_stay_while_something_spares_whom_they_are_about(
    tenant: Tenant, clock: SetClock, spare: Callable[[Tenant], Callable[[], object]]
) -> None:
    person(tenant)
    end = spare(tenant)
    who = "nobody" if spare is held_before_they_are_known else "ada"
    tenant.send(track("Nonsense", who), track("Nonsense", "eve"))
    clock.pass_by(days=31)
    assert sweeping.preview(tenant.registry.deployment, tenant.workspace).counts["quarantine"] == 1
    assert told(tenant)["counts"]["quarantine"] == 1, "that of eve"
    clock.pass_by(days=31)
    assert not told(tenant)["counts"].get("quarantine")
    end()
    assert told(tenant)["counts"]["quarantine"] == 1
    assert tenant.registry.rows("SELECT 1 FROM quarantine WHERE workspace_id = ?", tenant.workspace_id) == []


def test_a_purpose_that_leaves_the_policy_takes_nothing_from_who_restricts_processing(
    tenant: Tenant, clock: SetClock
) -> None:
    person(tenant)
    before = keys(tenant)
    lift = restrict(tenant)
    deployment = tenant.registry.deployment
    policies = deployment.policies
    left = {name: one for name, one in policies.purposes.purposes.items() if name != "marketing"}
    without = replace(deployment, policies=replace(policies, purposes=replace(policies.purposes, purposes=left)))
    for _ in range(3):
        sweeping.sweep(without, tenant.workspace, actor="operator")
        assert locks(tenant)["marketing"] == ("restricted", None)
        clock.pass_by(days=31)
    assert keys(tenant) == before
    lift()
    sweeping.sweep(without, tenant.workspace, actor="operator")
    clock.pass_by(days=31)
    sweeping.sweep(without, tenant.workspace, actor="operator")
    assert keys(tenant) == before - {"marketing"}
