"""What banners and browsers repeat is compared with the person's last word, on whichever identifier that hangs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from registry.consent.signals.spoken import Spoken, gpp_spoken, tcf_spoken
from registry.flows.access import preferences
from registry.flows.consent import ledger, signalled
from registry.model.clock import DAY, SECOND, rfc3339
from registry.model.errors import InvalidInput
from registry.model.stored import StoredConsent
from registry.store import consents
from tests.conftest import SetClock
from tests.factories import consent, identify
from tests.flows.test_consent_signals import TCF_ALL, TCF_MEASURING
from tests.flows.test_stewardship import merge, unmerge
from tests.simulator import Tenant

ADA, MAIL = ("user_id", "ada"), ("email", "ada@shop.example")
BOB = ("email", "bob@shop.example")
GPC_IN_GPP = "DBABBg~BAQAAABA.YA"
"""As the IAB's library writes it: US national, nothing but Global Privacy Control."""

FAR = 2**60
YES, NO = consent(Advertising=True), consent(Advertising=False)
GPC = Spoken({"marketing": False}, frozenset({"marketing"}))


@pytest.fixture
def ada(tenant: Tenant, clock: SetClock) -> Iterator[Tenant]:
    """Known by a user id and by e-mail. Others use the clock, too: it is put forward again."""
    tenant.send(identify("ada", email=MAIL[1]))
    clock.pass_by(seconds=1)
    before = clock()
    yield tenant
    clock.now = max(before, clock())


def signals(tenant: Tenant, spoken: Spoken, person: tuple[str, str] = ADA) -> list[str]:
    deployment = tenant.registry.deployment
    made = signalled.record_signals(deployment, tenant.workspace, tenant.person(*person), spoken, actor="app:banner")
    return [row.status for row, _ in made.records]


def said(tenant: Tenant, purpose: str = "marketing") -> list[StoredConsent]:
    rows = ledger.history(tenant.registry.deployment, tenant.workspace, tenant.person(*ADA))
    return [row for row in rows if row.purpose == purpose]


def reason(tenant: Tenant, purpose: str = "marketing", **more: Any) -> str:
    return tenant.check(*ADA, purpose, **more).reason.value


@pytest.mark.parametrize("by", ["browser", "banner", "handed over", "handed over with GPC"])
def test_a_no_is_said_again_after_a_yes_by_another_identifier(ada: Tenant, clock: SetClock, by: str) -> None:
    def refuse() -> None:
        if by == "browser":
            ada.send(identify("ada"), opted_out=True)
        elif by == "banner":
            ada.send(identify("ada", context=NO))
        else:
            signals(ada, GPC if "GPC" in by else Spoken({"marketing": False}))

    refuse()
    clock.pass_by(seconds=1)
    ada.say(*MAIL, "marketing", "granted", channel="preference_centre")
    assert reason(ada) == "granted"
    for _ in range(2):
        clock.pass_by(seconds=1)
        refuse()
        assert reason(ada) == ("objected" if by in ("browser", "handed over with GPC") else "withdrawn")
    assert len(said(ada)) == 3, "the third is no news"


def test_an_attested_yes_is_not_replaced_by_a_banner_s(ada: Tenant, clock: SetClock) -> None:
    ada.say(*MAIL, "marketing", "granted")
    clock.pass_by(seconds=1)
    ada.send(identify("ada", context=YES))
    assert signals(ada, Spoken({"marketing": True})) == []
    assert [row.channel for row in said(ada)] == ["api"]


def test_a_yes_of_the_part_that_refused_speaks_for_the_person_joined(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(identify(anonymous="browser", context=consent(Advertising=False, Functional=True)))
    clock.pass_by(seconds=1)
    tenant.say(*ADA, "marketing", "granted")
    clock.pass_by(seconds=1)
    tenant.send(identify("ada", "browser"))
    assert reason(tenant) == "merged_sides_differ"
    for _ in range(2):
        clock.pass_by(seconds=1)
        signals(tenant, Spoken({"marketing": True}), ("anonymous_id", "browser"))
        assert reason(tenant) == "granted"
    assert [row.status for row in said(tenant)] == ["denied", "granted", "granted"]


@pytest.mark.parametrize("handed_over", [False, True])
def test_that_a_consent_ended_is_no_refusal_to_a_banner_s_no_or_yes(
    ada: Tenant, clock: SetClock, handed_over: bool
) -> None:
    def say(yes: bool) -> None:
        clock.pass_by(seconds=1)
        if handed_over:
            signals(ada, Spoken({"marketing": yes}))
        else:
            ada.send(identify("ada", context=YES if yes else NO))

    ada.say(*ADA, "marketing", "expired")
    say(False)
    assert reason(ada) == "withdrawn"
    clock.pass_by(seconds=1)
    ada.say(*ADA, "marketing", "granted", expires_at=clock() + 10 * SECOND)
    clock.pass_by(seconds=20)
    assert reason(ada) == "expired"
    say(True)
    assert reason(ada) == "granted"
    say(True)
    assert [row.status for row in said(ada)] == ["expired", "withdrawn", "granted", "granted"]


@pytest.mark.parametrize("late", [False, True])
def test_that_a_consent_ended_does_not_lift_an_objection(ada: Tenant, clock: SetClock, late: bool) -> None:
    objection, end = clock() + 1 * SECOND, clock() + 2 * SECOND
    clock.pass_by(seconds=10)
    acts = [("objected", objection), ("expired", end)]
    for status, at in reversed(acts) if late else acts:
        ada.say(*ADA, "security", status, acted_at=at)
    assert reason(ada, "security") == "objected"
    assert ada.check(*ADA, "security", at=clock()).reason.value == "objected"
    ada.say(*ADA, "security", "granted", acted_at=clock())
    assert ada.check(*ADA, "security").allowed
    ada.say(*ADA, "security", "granted", acted_at=objection + 1)
    ada.say(*ADA, "security", "expired")
    assert ada.check(*ADA, "security").allowed, "a grant lifted it, and only consent ends"


def test_a_yes_is_as_old_as_its_string(ada: Tenant, clock: SetClock) -> None:
    catalogue = ada.registry.deployment.policies.purposes
    made = tcf_spoken(TCF_ALL, catalogue, FAR).given_by["marketing"]
    assert made % DAY == 0, "the framework has days alone"
    assert tcf_spoken(TCF_ALL, catalogue, made + 9).given_by["marketing"] == made + 9, "of today, the moment counts"
    clock.now = made + 20 * DAY
    ada.send(identify("ada", context={"consent": {"tcString": TCF_MEASURING}}))
    assert reason(ada) == "denied"
    clock.pass_by(seconds=1)
    ada.send(identify("ada", context={"consent": {"tcString": TCF_ALL}}))
    signals(ada, tcf_spoken(TCF_ALL, catalogue, clock()))
    assert reason(ada) == "denied", "a no counts when it comes, the older yes does not come after it"
    assert {row.acted_at for row in said(ada) if row.status == "granted"} <= {made}


def test_a_string_sent_again_lifts_no_later_no_of_its_own_day(ada: Tenant, clock: SetClock) -> None:
    made = tcf_spoken(TCF_ALL, ada.registry.deployment.policies.purposes, FAR).given_by["marketing"]
    for at, words in ((9, {"tcString": TCF_ALL}), (15, {"categoryPreferences": {}}), (33, {"tcString": TCF_ALL})):
        clock.now = made + at * 3_600 * SECOND
        ada.send(identify("ada", context={"consent": words}))
        assert reason(ada) == ("granted" if at == 9 else "withdrawn")


def test_a_yes_that_the_string_does_not_speak_of_is_of_now() -> None:
    dated = Spoken({"marketing": True}, given_by={"marketing": 5})
    both = Spoken({"chat": True, "marketing": True}) & dated
    assert both.given_by == {"marketing": 5}


@pytest.mark.parametrize("by", ["banner", "handed over", "page"])
def test_a_no_said_while_joined_stays_with_whoever_said_it(tenant: Tenant, clock: SetClock, by: str) -> None:
    tenant.say(*ADA, "marketing", "granted")
    tenant.say(*BOB, "marketing", "objected")
    clock.pass_by(seconds=1)
    merge(tenant, ADA, BOB)
    clock.pass_by(seconds=1)
    for _ in range(2):
        if by == "banner":
            tenant.send(identify("ada", context=NO))
        elif by == "page":
            given = tenant.registry.deployment, tenant.workspace, tenant.person(*ADA)
            preferences.choose(*given, {"marketing": False}, language=None, channel="preference_centre")
        else:
            signals(tenant, Spoken({"marketing": False}))
    clock.pass_by(seconds=1)
    unmerge(tenant, ADA, BOB)
    assert reason(tenant) == "withdrawn"
    assert [row.status for row in said(tenant)] == ["granted", "withdrawn"]


def test_of_one_moment_now_says_what_the_history_says(ada: Tenant, clock: SetClock) -> None:
    objection, moment = clock() + SECOND, clock() + 2 * SECOND
    clock.pass_by(seconds=10)
    for status, at in (("objected", objection), ("expired", moment), ("granted", moment)):
        ada.say(*ADA, "security", status, acted_at=at)
        assert ada.check(*ADA, "security") == ada.check(*ADA, "security", at=clock())


def test_a_string_of_the_future_is_none(ada: Tenant, clock: SetClock) -> None:
    catalogue = ada.registry.deployment.policies.purposes
    made = tcf_spoken(TCF_ALL, catalogue, FAR).given_by["marketing"]
    clock.now = made - 3 * DAY
    with pytest.raises(InvalidInput, match="future"):
        tcf_spoken(TCF_ALL, catalogue, clock())
    ada.send(identify("ada", context={"consent": {"tcString": TCF_ALL}}))
    assert reason(ada) == "denied"


@pytest.mark.parametrize("handed_over", [False, True])
def test_gpc_inside_a_gpp_string_is_an_objection_that_no_banner_lifts(
    ada: Tenant, clock: SetClock, handed_over: bool
) -> None:
    if handed_over:
        assert signals(ada, gpp_spoken(GPC_IN_GPP, ada.registry.deployment.policies.purposes, clock())) == ["objected"]
    else:
        ada.send(identify("ada", context={"consent": {"gppString": GPC_IN_GPP}}))
    clock.pass_by(seconds=1)
    ada.send(identify("ada", context=YES))
    assert signals(ada, Spoken({"marketing": True})) == []
    assert reason(ada) == "objected"


@pytest.mark.parametrize("by", ["browser", "banner"])
def test_a_no_counts_although_the_clock_was_set_back(ada: Tenant, clock: SetClock, by: str) -> None:
    ada.send(identify("ada", context=YES))
    assert reason(ada) == "granted"
    clock.pass_by(seconds=-3_600)
    ada.send(identify("ada", context={} if by == "browser" else NO), opted_out=by == "browser")
    for later in (0, 7_200):
        clock.pass_by(seconds=later)
        assert reason(ada) == ("objected" if by == "browser" else "withdrawn")


def test_a_no_that_comes_late_counts_from_its_own_time_on(ada: Tenant, clock: SetClock) -> None:
    clock.pass_by(seconds=2_000)
    start = clock()
    for words, ago in ((YES, 1_000), (NO, 100), (NO, 500), (NO, 400)):
        ada.send(identify("ada", context=words) | {"timestamp": rfc3339(start - ago * SECOND)})
    assert [(row.status, (start - row.acted_at) // SECOND) for row in said(ada)] == [
        ("granted", 1_000), ("withdrawn", 500), ("withdrawn", 100),
    ]  # fmt: skip
    assert not ada.check(*ADA, "marketing", at=start - 300 * SECOND).allowed
    assert ada.check(*ADA, "marketing", at=start - 700 * SECOND).allowed
    assert reason(ada) == "withdrawn"


def test_of_two_grants_of_one_moment_the_one_that_ends_counts(ada: Tenant, clock: SetClock) -> None:
    moment, ends = clock(), clock() + SECOND
    for person, order in ((ADA, (None, ends)), (MAIL, (ends, None))):
        for end in order:
            ada.say(*person, "marketing", "granted", acted_at=moment, expires_at=end)
    clock.pass_by(seconds=2)
    assert reason(ada) == "expired"
    assert ada.check(*ADA, "marketing", at=clock()).reason.value == "expired"


def test_signals_that_say_nothing_make_nobody_known(tenant: Tenant) -> None:
    assert signals(tenant, Spoken({}), ("user_id", "stranger")) == []
    assert tenant.profile("user_id", "stranger") is None


def test_a_browser_that_objects_with_every_event_costs_no_look_at_the_ledger(
    ada: Tenant, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, looks = consents.history, list[object]()

    def counted(*given: Any) -> list[StoredConsent]:
        looks.append(given)
        return history(*given)

    ada.send(identify("ada"), opted_out=True)
    clock.pass_by(seconds=1)
    monkeypatch.setattr(consents, "history", counted)
    assert ada.send(identify("ada"), opted_out=True).counts == {"accepted": 1}
    assert looks == []
    assert ada.check(*ADA, "marketing").reason == "objected"
