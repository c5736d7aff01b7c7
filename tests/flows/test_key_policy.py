"""The key policy is kept: the server does what is left to it, and says what is left to others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from registry.access.key_ages import AgeRule, KeyKind, KeyPolicy
from registry.flows.upkeep import ageing, reindexing, rotation
from registry.flows.workspace import STORED_BEFORE_MOVE
from registry.model.clock import DAY, SECOND
from tests.conftest import SetClock
from tests.factories import ordered
from tests.simulator import Tenant

EVERYTHING = KeyPolicy({kind: AgeRule(90 * DAY, True) for kind in KeyKind}, AgeRule(30 * DAY, True))


@contextmanager
def under_policy(tenant: Tenant, policy: KeyPolicy) -> Iterator[None]:
    """The tenant's deployment under another key policy."""
    registry = tenant.registry
    before = registry.deployment
    registry.deployment = replace(before, policies=replace(before.policies, keys=policy))
    try:
        yield
    finally:
        registry.deployment = before


def _keep(tenant: Tenant) -> list[str]:
    return ageing.keep(tenant.registry.deployment, tenant.workspace, actor="registry")


def test_the_server_rotates_what_is_left_to_it_and_ends_the_horizon(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(ordered("ada"))
    with under_policy(tenant, EVERYTHING):
        assert _keep(tenant) == []
        clock.pass_by(days=91)
        assert sorted(_keep(tenant)) == ["blind-index", "kek", "signing"]
        assert _keep(tenant) == [], "nothing twice"
        clock.pass_by(seconds=STORED_BEFORE_MOVE / SECOND)
        assert _keep(tenant) == ["blind-index:finished"]
        clock.pass_by(days=31)
        assert _keep(tenant) == ["horizon"]
    found = rotation.status(tenant.registry.deployment, tenant.workspace_id)
    assert [one.state for one in found.generations if one.number == 1] in ([], ["destroyed"])
    assert found.moves[0].finished_at is not None
    assert len(tenant.timeline("user_id", "ada")) == 1


def test_what_is_left_to_an_operator_is_told_and_not_done(tenant: Tenant, clock: SetClock) -> None:
    deployment = tenant.registry.deployment

    def overdue() -> list[str]:
        agenda = ageing.agenda(deployment, rotation.status(deployment, tenant.workspace_id))
        return sorted(due.what for due in agenda if due.at <= clock())

    assert overdue() == []
    clock.pass_by(days=181)
    assert _keep(tenant) == []
    assert overdue() == ["kek"]
    rotation.rotate(deployment, tenant.workspace)
    assert overdue() == []
    clock.pass_by(days=91)
    assert overdue() == ["horizon"]


def test_a_rotation_that_somebody_began_is_finished_by_the_server(tenant: Tenant, clock: SetClock) -> None:
    deployment = tenant.registry.deployment
    tenant.send(ordered("ada"))
    deployment.kms.create_generation(tenant.workspace_id)
    reindexing.begin(deployment, tenant.workspace, actor="person:admin")
    clock.pass_by(seconds=STORED_BEFORE_MOVE / SECOND)
    assert _keep(tenant) == ["kek:finished", "blind-index:finished"]
    assert _keep(tenant) == []
