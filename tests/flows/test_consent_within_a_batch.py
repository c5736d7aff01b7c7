"""How messages are cut into batches decides nothing: what one says of consent counts for those after it."""

from __future__ import annotations

import pytest

from tests.conftest import SetClock
from tests.factories import consent, identify, ordered, viewed
from tests.simulator import ALL_YES, Tenant

ADA = ("user_id", "ada")


@pytest.mark.parametrize("batched", [True, False], ids=["one batch", "one by one"])
def test_a_grant_lets_in_what_comes_after_it(tenant: Tenant, batched: bool) -> None:
    _send(tenant, [identify("ada", context=consent(**ALL_YES)), viewed("ada")], batched=batched)
    [seen] = [event for event in tenant.timeline(*ADA, "analytics") if event["event"] == "product_viewed"]
    assert seen["content"]


@pytest.mark.parametrize("batched", [True, False], ids=["one batch", "one by one"])
def test_a_withdrawal_keeps_out_what_comes_after_it(tenant: Tenant, batched: bool) -> None:
    tenant.send(identify("ada", context=consent(**ALL_YES)))
    _send(tenant, [ordered("ada", context=consent(Analytics=False, Functional=False)), viewed("ada")], batched=batched)
    [seen] = [event for event in tenant.timeline(*ADA, "service") if event["event"] == "product_viewed"]
    assert seen["consent_tags"] == []


def _send(tenant: Tenant, calls: list[dict[str, object]], *, batched: bool) -> None:
    for batch in [calls] if batched else [[call] for call in calls]:
        tenant.send(*batch)


def test_a_banner_that_says_the_same_with_every_message_fills_no_ledger(tenant: Tenant, clock: SetClock) -> None:
    for _ in range(3):
        clock.pass_by(seconds=1)
        tenant.send(ordered("ada", context=consent(Analytics=True)), ordered("ada", context=consent(Analytics=True)))
    count = tenant.registry.rows("SELECT count(*) FROM consent_record WHERE workspace_id = ?", tenant.workspace_id)
    assert count == [(3,)], "one for each purpose of the banner"
