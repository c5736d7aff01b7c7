"""What a browser objects to of somebody who proved who they are is recorded as theirs, once, never of the erased."""

from __future__ import annotations

from registry.flows.access import preferences
from tests.conftest import SetClock
from tests.simulator import Tenant

ADA = ("email", "ada@example.com")


def heed(tenant: Tenant) -> list[tuple[str, str]]:
    """The person's records, once their browser came by."""
    deployment, workspace, person = tenant.registry.deployment, tenant.workspace, tenant.person(*ADA)
    preferences.heed_browser(deployment, workspace, person)
    return [(row.purpose, row.status) for row in preferences.records(deployment, workspace, person)]


def test_it_is_an_objection_to_what_heeds_it_and_recorded_once(tenant: Tenant, clock: SetClock) -> None:
    for purpose in ("marketing", "analytics"):
        tenant.say(*ADA, purpose, "granted", age_at_least=30)
    clock.pass_by(seconds=1)
    said = [("marketing", "granted"), ("analytics", "granted"), ("marketing", "objected")]
    assert heed(tenant) == said
    assert heed(tenant) == said
    assert not tenant.check(*ADA, "marketing").allowed
    assert tenant.check(*ADA, "analytics").allowed


def test_a_refusal_is_remembered_of_who_was_not_known(tenant: Tenant) -> None:
    assert heed(tenant) == [("marketing", "objected")]


def test_who_was_erased_does_not_become_known_again(tenant: Tenant) -> None:
    tenant.say(*ADA, "marketing", "granted", age_at_least=30)
    tenant.erase(*ADA)
    assert heed(tenant) == []
    assert tenant.profile(*ADA) is None
