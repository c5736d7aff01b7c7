"""What counts after what where words come late, again, from an older page, or under a clock that was set back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from registry.consent.records import ConsentStatus
from registry.consent.signals.spoken import Spoken
from registry.dsr.requests import Kind
from registry.flows.access import preferences
from registry.flows.consent import explaining, ledger, signalled
from registry.flows.dsr import recording
from registry.model.clock import HOUR, SECOND, rfc3339
from registry.model.stored import StoredConsent
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered
from tests.flows.test_repeated_signals import said
from tests.flows.test_stewardship import merge
from tests.simulator import Tenant

ADA, MAIL = ("user_id", "ada"), ("email", "ada@shop.example")
YES, NO = consent(Advertising=True), consent(Advertising=False)


def reason(tenant: Tenant, **more: Any) -> str:
    return tenant.check(*ADA, "marketing", **more).reason.value


def choose(tenant: Tenant, yes: bool, **more: Any) -> list[tuple[StoredConsent, str]]:
    given = tenant.registry.deployment, tenant.workspace, tenant.person(*ADA)
    return preferences.choose(*given, {"marketing": yes}, language=None, channel="preference_page", **more)


def handed_over(tenant: Tenant, spoken: Spoken) -> None:
    given = tenant.registry.deployment, tenant.workspace, tenant.person(*ADA)
    signalled.record_signals(*given, spoken, actor="app:banner")


def set_back(tenant: Tenant, clock: SetClock, status: str = "granted", purpose: str = "marketing") -> None:
    """Something is said while the clock is an hour ahead, which it is no more."""
    clock.pass_by(seconds=3600)
    tenant.say(*ADA, purpose, status)
    clock.pass_by(seconds=-3590)


@pytest.fixture(autouse=True)
def _forward(clock: SetClock) -> Iterator[None]:
    """Others use the clock, too: it is put forward again."""
    before = clock()
    yield
    clock.now = max(before, clock()) + HOUR


@pytest.mark.parametrize("status", ["withdrawn", "denied", "objected", "expired"])
def test_a_no_with_a_time_of_its_own_counts_although_the_clock_was_set_back(
    tenant: Tenant, clock: SetClock, status: str
) -> None:
    set_back(tenant, clock)
    tenant.say(*ADA, "marketing", status, acted_at=clock() - 2 * SECOND)
    for later in (0, 7200):
        clock.pass_by(seconds=later)
        assert reason(tenant) == status
        assert reason(tenant, at=clock() + HOUR) == status


def test_the_same_no_by_its_key_is_one_although_its_time_was_moved(tenant: Tenant, clock: SetClock) -> None:
    set_back(tenant, clock)
    act = ledger.Act("marketing", ConsentStatus.WITHDRAWN, acted_at=clock() - 2 * SECOND)
    for _ in range(2):
        given = tenant.registry.deployment, tenant.workspace, tenant.person(*ADA)
        ledger.record(*given, [act], actor="app:shop", key="k")
        clock.pass_by(seconds=1)
    assert sorted(row.status for row in said(tenant)) == ["granted", "withdrawn"]


def test_a_yes_with_a_time_of_its_own_and_what_is_said_of_others_stay_where_they_are(
    tenant: Tenant, clock: SetClock
) -> None:
    set_back(tenant, clock, "denied")
    tenant.say(*ADA, "marketing", "granted", acted_at=clock())
    assert reason(tenant) == "denied"
    row = tenant.say(*ADA, "analytics", "denied", acted_at=clock() - 5 * SECOND)
    assert row.acted_at == clock() - 5 * SECOND


def test_of_two_noes_of_one_moment_now_and_the_past_rest_on_the_same(tenant: Tenant, clock: SetClock) -> None:
    set_back(tenant, clock, "denied")
    tenant.say(*ADA, "marketing", "denied")
    now = tenant.check(*ADA, "marketing")
    given = tenant.registry.deployment, tenant.workspace, tenant.person(*ADA)
    assert explaining.explain(*given, "marketing").decision == now
    clock.pass_by(seconds=7200)
    assert tenant.check(*ADA, "marketing", at=clock()) == tenant.check(*ADA, "marketing") == now


@pytest.mark.parametrize("lag", [0, 2, 600])
def test_a_no_that_an_event_brings_some_time_after_it_was_said_counts_although_the_clock_was_set_back(
    tenant: Tenant, clock: SetClock, lag: int
) -> None:
    set_back(tenant, clock)
    tenant.send(ordered("ada", context=NO, timestamp=rfc3339(clock() - lag * SECOND)))
    for later in (0, 7200):
        clock.pass_by(seconds=later)
        assert reason(tenant) == "withdrawn"


def test_a_restriction_is_lifted_although_the_clock_was_set_back(tenant: Tenant, clock: SetClock) -> None:
    tenant.say(*ADA, "security", "granted")
    clock.pass_by(seconds=3600)
    tenant.run(tenant.request(Kind.RESTRICTION, *ADA))
    clock.pass_by(seconds=-3590)
    given = tenant.registry.deployment, tenant.workspace, tenant.person(*ADA)
    for _ in range(2):
        ledger.lift_restriction(*given, actor="operator")
        assert tenant.check(*ADA, "security").allowed
        tenant.run(tenant.request(Kind.RESTRICTION, *ADA))
        assert tenant.check(*ADA, "security").reason.value == "restricted"
    clock.pass_by(seconds=7200)
    assert tenant.check(*ADA, "security").reason.value == "restricted"


@pytest.mark.parametrize("kind", [Kind.OBJECTION, Kind.RESTRICTION])
def test_what_a_request_says_counts_once_although_the_clock_was_set_back(
    tenant: Tenant, clock: SetClock, kind: Kind
) -> None:
    whole = kind is Kind.RESTRICTION
    if whole:
        tenant.say(*ADA, "security", "granted")
        tenant.run(tenant.request(Kind.RESTRICTION, *ADA))
        clock.pass_by(seconds=3600)
        ledger.lift_restriction(tenant.registry.deployment, tenant.workspace, tenant.person(*ADA), actor="operator")
        clock.pass_by(seconds=-3590)
    else:
        set_back(tenant, clock, purpose="security")
    request = tenant.request(kind, *ADA) if whole else tenant.request(kind, *ADA, purposes=["security"])
    clock.pass_by(seconds=5)
    given = tenant.registry.deployment, tenant.workspace
    recording.record(*given, request, actor="operator")  # and is killed: somebody else goes on with it
    before = len(ledger.history(*given, tenant.person(*ADA)))
    tenant.run(request)
    assert tenant.check(*ADA, "security").reason.value == ("restricted" if whole else "objected")
    assert len(ledger.history(*given, tenant.person(*ADA))) == before


@pytest.mark.parametrize("by", ["steward", "event"])
def test_a_yes_of_before_a_joining_is_no_word_of_the_joined_although_the_clock_was_set_back(
    tenant: Tenant, clock: SetClock, by: str
) -> None:
    tenant.say(*MAIL, "marketing", "withdrawn")
    set_back(tenant, clock)
    if by == "event":
        tenant.send(identify(ADA[1], email=MAIL[1]))
    else:
        merge(tenant, ADA, MAIL)
    for later in (0, 7200):
        clock.pass_by(seconds=later)
        assert reason(tenant) == "merged_sides_differ"
    assert reason(tenant, at=clock()) == "merged_sides_differ"
    tenant.say(*ADA, "marketing", "granted")
    assert reason(tenant) == reason(tenant, at=clock()) == "granted"


@pytest.mark.parametrize("other", ["withdrawn", "objected"])
def test_a_page_of_before_a_joining_lifts_no_refusal_of_the_other(tenant: Tenant, clock: SetClock, other: str) -> None:
    tenant.say(*MAIL, "marketing", other, channel="web_form")
    clock.pass_by(seconds=1)
    tenant.say(*ADA, "marketing", "granted", channel="web_form")
    clock.pass_by(seconds=1)
    before = shown(tenant)
    merge(tenant, ADA, MAIL)
    clock.pass_by(seconds=1)
    refused = "merged_sides_differ" if other == "withdrawn" else "objected"
    assert reason(tenant) == refused
    assert choose(tenant, True, seen=before) == []
    assert reason(tenant) == refused
    choose(tenant, True, seen=shown(tenant))
    assert reason(tenant) == "granted", "they saw what stands"


def shown(tenant: Tenant) -> dict[str, Any]:
    given = tenant.registry.deployment, tenant.workspace, tenant.person(*ADA)
    offered = preferences.choices(*given, None)
    return {one.purpose.name: one.last.record_id if one.last is not None else None for one in offered}


def test_a_no_that_a_page_says_again_counts_after_a_yes_that_comes_late(tenant: Tenant, clock: SetClock) -> None:
    began = clock()
    choose(tenant, False)
    clock.pass_by(seconds=7200)
    assert choose(tenant, False) == [], "the same choice is no record"
    clock.pass_by(seconds=3600)
    tenant.say(*ADA, "marketing", "granted", acted_at=began + HOUR, channel="phone")
    assert reason(tenant) == "withdrawn"
    assert reason(tenant, at=began + HOUR) == "granted"
    tenant.send(ordered("ada", context=YES))
    assert reason(tenant) == "withdrawn", "it is the person's own, which no banner lifts"


@pytest.mark.parametrize("by", ["event", "handed over"])
def test_a_banners_yes_of_before_the_persons_own_lifts_no_earlier_no_of_theirs(
    tenant: Tenant, clock: SetClock, by: str
) -> None:
    began = clock()
    tenant.say(*ADA, "marketing", "denied", channel="web_form")
    clock.pass_by(seconds=7200)
    tenant.say(*ADA, "marketing", "granted", channel="web_form")
    clock.pass_by(seconds=60)
    if by == "event":
        tenant.send(ordered("ada", context=YES, timestamp=rfc3339(began + HOUR)))
    else:
        handed_over(tenant, Spoken({"marketing": True}, given_by={"marketing": began + HOUR}))
    assert reason(tenant, at=began + HOUR + SECOND) == "denied"
    assert reason(tenant) == "granted"
    assert len(said(tenant)) == 2
