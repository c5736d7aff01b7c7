"""A no counts from when it was said, and what comes in until it is recorded does not undo it by itself."""

from __future__ import annotations

import pytest

from registry.dsr.requests import Kind
from registry.flows.consent import ledger
from tests.conftest import SetClock
from tests.factories import consent, identify
from tests.simulator import ALL_YES, Tenant

ADA = ("user_id", "ada")


@pytest.mark.parametrize("kind", [Kind.OBJECTION, Kind.WITHDRAWAL])
def test_a_banner_that_says_yes_while_a_request_waits_does_not_lift_it(
    tenant: Tenant, clock: SetClock, kind: Kind
) -> None:
    tenant.send(identify("ada"))
    request = tenant.request(kind, *ADA, purposes=["marketing"])
    clock.pass_by(days=1)
    tenant.send(identify("ada", "a-new-browser", context=consent(**ALL_YES)))
    assert tenant.check(*ADA, "marketing").allowed
    clock.pass_by(days=1)
    tenant.run(request)
    assert not tenant.check(*ADA, "marketing").allowed


@pytest.mark.parametrize("status", ["objected", "withdrawn", "denied"])
def test_so_it_is_with_a_no_that_was_said_on_the_telephone_and_is_recorded_later(
    tenant: Tenant, clock: SetClock, status: str
) -> None:
    tenant.send(identify("ada"))
    called_at = clock.now
    clock.pass_by(days=1)
    tenant.send(identify("ada", "a-new-browser", context=consent(**ALL_YES)))
    clock.pass_by(days=1)
    for _ in range(2):  # sent again it is the same
        row = tenant.say(*ADA, "marketing", status, acted_at=called_at, channel="phone", evidence="call 17")
        assert (row.status, row.acted_at) == (status, called_at)
        assert tenant.check(*ADA, "marketing").reason.value == status
    sql = "SELECT count(*) FROM consent_record WHERE workspace_id = ? AND channel = 'phone'"
    assert tenant.registry.rows(sql, tenant.workspace_id)[0][0] == 2
    clock.pass_by(days=1)
    tenant.say(*ADA, "marketing", "granted", channel="preference_page")
    assert tenant.check(*ADA, "marketing").allowed


def test_a_choice_that_the_person_made_while_a_request_waited_stands(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(identify("ada"))
    request = tenant.request(Kind.OBJECTION, *ADA, purposes=["marketing"])
    clock.pass_by(days=1)
    tenant.say(*ADA, "marketing", "granted", channel="preference_page")
    clock.pass_by(days=1)
    tenant.run(request)
    assert tenant.check(*ADA, "marketing").allowed


def test_the_end_of_one_restriction_is_not_that_of_another_which_waited(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(identify("ada"))
    tenant.run(tenant.request(Kind.RESTRICTION, *ADA))
    clock.pass_by(days=1)
    second = tenant.request(Kind.RESTRICTION, *ADA)
    clock.pass_by(days=1)
    ledger.lift_restriction(tenant.registry.deployment, tenant.workspace, tenant.person(*ADA), actor="operator")
    clock.pass_by(days=1)
    tenant.run(second)
    assert tenant.check(*ADA, "marketing").reason.value == "restricted"
