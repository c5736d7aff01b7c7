"""Consent records that contradict each other, come twice, or come from clocks that run backwards: always the no."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import permutations

import pytest

from registry.consent.records import ConsentStatus
from registry.consent.signals.spoken import Spoken
from registry.flows.consent import checks, explaining, ledger, permitted, signalled
from registry.flows.consent.given import Question
from registry.model.clock import parse_rfc3339
from registry.model.errors import Conflict, Forbidden, InvalidInput, UnknownPurpose
from registry.model.stored import StoredConsent
from tests.conftest import SetClock
from tests.factories import consent, identify, viewed
from tests.simulator import Tenant

ADA = ("user_id", "ada")
GRAVER = ["granted", "expired", "withdrawn", "denied", "objected"]


def record(tenant: Tenant, *acts: ledger.Act, key: str | None = None, actor: str = "app:shop") -> list[StoredConsent]:
    deployment, person = tenant.registry.deployment, tenant.person(*ADA)
    return [row for row, _ in ledger.record(deployment, tenant.workspace, person, acts, actor=actor, key=key)]


def history(tenant: Tenant) -> list[StoredConsent]:
    return ledger.history(tenant.registry.deployment, tenant.workspace, tenant.person(*ADA))


@pytest.mark.parametrize("purpose", ["marketing", "security"])
def test_of_contradictory_acts_of_one_moment_the_graver_counts_in_any_order(tenant: Tenant, purpose: str) -> None:
    at = tenant.registry.clock()
    for number, statuses in enumerate(permutations(GRAVER, 2)):
        person = f"twin-{number}"
        for status in statuses:
            tenant.say("user_id", person, purpose, status, acted_at=at)
        graver = max(statuses, key=GRAVER.index)
        now = tenant.check("user_id", person, purpose)
        assert not (now.allowed and graver in GRAVER[2:]), statuses
        assert now.allowed == tenant.check("user_id", person, purpose, at=at).allowed
        if graver in GRAVER[2:]:
            assert now.reason.value == graver


def test_a_restriction_and_its_end_at_one_moment_restrict(tenant: Tenant) -> None:
    tenant.say(*ADA, "marketing", "granted")
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    fragment = tenant.fragment(tenant.person(*ADA))
    for status in (ConsentStatus.UNRESTRICTED, ConsentStatus.RESTRICTED, ConsentStatus.UNRESTRICTED):
        with deployment.data.write(tenant.workspace_id) as transaction:
            from registry.flows.identity import subjects

            [one] = subjects.fragments_of(workspace, transaction, tenant.person(*ADA))
            assert one.fragment_id == fragment
            act = ledger.Act("*", status, acted_at=tenant.registry.clock())
            ledger.append_acts(deployment, workspace, transaction, one, [act], actor="person:officer")
    assert tenant.check(*ADA, "service").reason.value == "restricted"


@pytest.mark.parametrize("purpose", ["marketing", "security"])
def test_a_clock_that_is_set_back_takes_no_refusal_back(tenant: Tenant, clock: SetClock, purpose: str) -> None:
    tenant.say(*ADA, purpose, "granted")
    clock.pass_by(seconds=100)
    tenant.say(*ADA, purpose, "objected")
    clock.pass_by(seconds=-50)
    assert not tenant.check(*ADA, purpose).allowed
    clock.pass_by(seconds=-1000)
    assert not tenant.check(*ADA, purpose).allowed
    tenant.say(*ADA, purpose, "granted")  # of the same moment: the graver counts
    assert not tenant.check(*ADA, purpose).allowed
    clock.pass_by(seconds=2000)
    tenant.say(*ADA, purpose, "granted")
    assert tenant.check(*ADA, purpose).allowed
    clock.pass_by(seconds=-1500)
    tenant.say(*ADA, purpose, "withdrawn")  # said after the yes, though the clock says before
    assert not tenant.check(*ADA, purpose).allowed
    clock.pass_by(seconds=1500)
    assert not tenant.check(*ADA, purpose).allowed


def test_a_no_that_comes_by_a_clock_behind_counts_whoever_is_new_with_it(tenant: Tenant, clock: SetClock) -> None:
    """By such a clock a browser that is new is older than the person that it is joined with."""
    clock.pass_by(seconds=60)
    tenant.say("email", "ada@example.com", "marketing", "granted")
    clock.pass_by(seconds=-1)
    tenant.send(identify(None, "browser", email="ada@example.com", context=consent(Advertising=False)))
    clock.pass_by(seconds=60)
    for person in (("email", "ada@example.com"), ("anonymous_id", "browser")):
        assert not tenant.check(*person, "marketing").allowed


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00+02:00", "0001-01-01T00:00:00Z"])
def test_an_act_by_a_clock_that_was_never_set_counts(tenant: Tenant, text: str) -> None:
    tenant.say(*ADA, "security", "objected", acted_at=parse_rfc3339(text))
    assert tenant.check(*ADA, "security").reason.value == "objected"


def test_while_a_clock_is_set_back_every_way_of_asking_gives_one_answer(tenant: Tenant, clock: SetClock) -> None:
    deployment, workspace, ada = tenant.registry.deployment, tenant.workspace, tenant.person(*ADA)
    tenant.say(*ADA, "marketing", "granted")
    tenant.say(*ADA, "analytics", "granted", expires_at=clock() + 30_000_000)
    clock.pass_by(seconds=100)
    tenant.say(*ADA, "marketing", "withdrawn")
    for back in (90, 1000):
        clock.pass_by(seconds=-back)
        for purpose in ("marketing", "analytics", "service"):
            checked = tenant.check(*ADA, purpose)
            assert explaining.explain(deployment, workspace, ada, purpose).decision == checked
            assert permitted.check_many(deployment, workspace, [Question(ada, purpose, frozenset())]) == [checked]
        told = explaining.explain(deployment, workspace, ada, "marketing").records
        assert [(row.status, part.value) for row, part in told if row.purpose == "marketing"] == [
            ("granted", "superseded"),
            ("withdrawn", "decided"),
        ]


def test_an_act_ahead_of_time_is_refused_and_one_of_a_fast_clock_is_of_now(tenant: Tenant) -> None:
    now = tenant.registry.clock()
    with pytest.raises(InvalidInput):
        tenant.say(*ADA, "marketing", "granted", acted_at=now + 301_000_000)
    assert tenant.say(*ADA, "marketing", "granted", acted_at=now + 299_000_000).acted_at == now


def test_the_same_act_sent_again_is_one_record(tenant: Tenant) -> None:
    act = ledger.Act("marketing", ConsentStatus.GRANTED, acted_at=tenant.registry.clock() - 5, channel="web")
    first, again = record(tenant, act), record(tenant, act)
    assert first == again
    assert len(history(tenant)) == 1
    record(tenant, replace(act, channel="phone"))
    record(tenant, act, actor="app:call centre")
    record(tenant, replace(act, acted_at=act.acted_at - 1))  # type: ignore[operator]
    assert len(history(tenant)) == 4


def test_so_is_one_with_the_same_evidence_and_other_evidence_is_kept_beside_it(tenant: Tenant) -> None:
    at = tenant.registry.clock() - 5
    act = ledger.Act("marketing", ConsentStatus.GRANTED, acted_at=at, evidence="form 17, signed")
    with ThreadPoolExecutor(4) as pool:
        made = {rows[0].record_id for rows in pool.map(lambda _: record(tenant, act), range(4))}
    assert len(made) == len(history(tenant)) == 1
    [first, again] = record(tenant, act, replace(act, evidence="form 18, signed"))
    assert first.record_id in made and again.record_id not in made, "a proof is not lost"
    record(tenant, replace(act, evidence=None))
    record(tenant, replace(act, evidence=None))
    assert len(history(tenant)) == 3


def test_a_call_with_the_same_key_is_one_record_however_often_and_together_it_comes(
    tenant: Tenant, clock: SetClock
) -> None:
    act = ledger.Act("marketing", ConsentStatus.GRANTED)
    with ThreadPoolExecutor(4) as pool:
        made = [rows[0].record_id for rows in pool.map(lambda _: record(tenant, act, key="k-1"), range(8))]
    assert len(set(made)) == 1
    clock.pass_by(seconds=10)
    assert record(tenant, act, key="k-1")[0].record_id == made[0]
    assert len(history(tenant)) == 1
    with pytest.raises(Conflict):
        record(tenant, ledger.Act("marketing", ConsentStatus.WITHDRAWN), key="k-1")
    assert record(tenant, act, key="k-2")[0].record_id != made[0]
    assert len(history(tenant)) == 2


def test_a_replayed_grant_does_not_lift_a_later_withdrawal(tenant: Tenant, clock: SetClock) -> None:
    act = ledger.Act("marketing", ConsentStatus.GRANTED)
    record(tenant, act, key="k-1")
    clock.pass_by(seconds=10)
    tenant.say(*ADA, "marketing", "withdrawn")
    clock.pass_by(seconds=10)
    record(tenant, act, key="k-1")
    assert not tenant.check(*ADA, "marketing").allowed


def test_a_browser_s_opt_out_stands_against_a_banner_that_repeats_a_yes(tenant: Tenant, clock: SetClock) -> None:
    yes = identify("ada", context=consent(Advertising=True))
    tenant.send(yes)
    assert tenant.check(*ADA, "marketing").allowed
    clock.pass_by(seconds=1)
    tenant.send(viewed("ada"), opted_out=True)
    assert tenant.check(*ADA, "marketing").reason.value == "objected"
    before = len(history(tenant))
    clock.pass_by(seconds=1)
    tenant.send(identify("ada", context=consent(Advertising=True)))
    tenant.send(viewed("ada"), opted_out=True)
    told = signalled.record_signals(
        tenant.registry.deployment,
        tenant.workspace,
        tenant.person(*ADA),
        Spoken({"marketing": True}),
        actor="app:banner",
    )
    assert told.refusal_stands == ["marketing"]
    assert not tenant.check(*ADA, "marketing").allowed
    assert len(history(tenant)) == before  # the same word again is no news
    clock.pass_by(seconds=1)
    tenant.say(*ADA, "marketing", "granted", channel="preference_page")
    assert tenant.check(*ADA, "marketing").allowed


def test_a_browser_s_opt_out_counts_for_more_than_a_banner_s_no(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(identify("ada", context=consent(Advertising=False)))
    clock.pass_by(seconds=1)
    deployment, person = tenant.registry.deployment, tenant.person(*ADA)
    signalled.record_signals(
        deployment, tenant.workspace, person, Spoken({"marketing": False}, frozenset({"marketing"})),
        actor="app:banner",
    )  # fmt: skip
    clock.pass_by(seconds=1)
    tenant.send(identify("ada", context=consent(Advertising=True)))
    assert not tenant.check(*ADA, "marketing").allowed


def test_that_a_consent_by_another_identifier_ended_lifts_no_objection(tenant: Tenant, clock: SetClock) -> None:
    email = ("email", "ada@example.com")
    tenant.send(identify("ada", email=email[1]))
    for person, status in ((email, "granted"), (ADA, "objected"), (email, "expired")):
        clock.pass_by(seconds=1)
        tenant.say(*person, "security", status)
    for at in (None, clock()):
        assert tenant.check(*email, "security", at=at).reason.value == "objected"
    explained = explaining.explain(tenant.registry.deployment, tenant.workspace, tenant.person(*ADA), "security")
    assert [part.value for _, part in explained.records] == ["superseded", "decided", "weighs_less"]
    clock.pass_by(seconds=1)
    tenant.say(*email, "security", "granted")
    assert tenant.check(*ADA, "security").allowed


def test_a_record_for_an_erased_person_is_refused(tenant: Tenant) -> None:
    tenant.say(*ADA, "marketing", "granted", acted_at=tenant.registry.clock())
    tenant.erase(*ADA)
    for status in ("granted", "withdrawn"):
        with pytest.raises(Forbidden):
            tenant.say(*ADA, "marketing", status)
    assert not tenant.check(*ADA, "marketing").allowed


def test_a_purpose_that_vanished_from_the_policy_is_a_no_everywhere(tenant: Tenant) -> None:
    tenant.say(*ADA, "marketing", "granted")
    deployment = tenant.registry.deployment
    policies = deployment.policies
    left = {name: one for name, one in policies.purposes.purposes.items() if name != "marketing"}
    without = replace(deployment, policies=replace(policies, purposes=replace(policies.purposes, purposes=left)))
    person = tenant.person(*ADA)
    decision = checks.check(without, tenant.workspace, person, "marketing")
    assert (decision.allowed, decision.reason.value) == (False, "unknown_purpose")
    assert [row.purpose for row in ledger.history(without, tenant.workspace, person)] == ["marketing"]
    assert not explaining.explain(without, tenant.workspace, person, "marketing").decision.allowed
    for who, status in ((person, ConsentStatus.GRANTED), (tenant.person("user_id", "bob"), ConsentStatus.WITHDRAWN)):
        with pytest.raises(UnknownPurpose):
            ledger.record(without, tenant.workspace, who, [ledger.Act("marketing", status)], actor="app:shop")
    assert tenant.profile("user_id", "bob") is None
    other = ledger.Act("analytics", ConsentStatus.GRANTED)
    assert ledger.record(without, tenant.workspace, person, [other], actor="app:shop")


@pytest.mark.parametrize("status", [ConsentStatus.WITHDRAWN, ConsentStatus.DENIED, ConsentStatus.OBJECTED])
def test_a_purpose_that_left_the_policy_can_be_refused_and_comes_back_refused(
    tenant: Tenant, clock: SetClock, status: ConsentStatus
) -> None:
    tenant.send(identify("ada", email="ada@shop.example"))
    tenant.say("email", "ada@shop.example", "marketing", "granted")
    clock.pass_by(seconds=1)
    deployment = tenant.registry.deployment
    policies = deployment.policies
    left = {name: one for name, one in policies.purposes.purposes.items() if name != "marketing"}
    without = replace(deployment, policies=replace(policies, purposes=replace(policies.purposes, purposes=left)))
    [(row, receipt)] = ledger.record(
        without, tenant.workspace, tenant.person(*ADA), [ledger.Act("marketing", status)], actor="app:shop"
    )
    assert (row.purpose, row.status, receipt.count(".")) == ("marketing", status, 2)
    assert tenant.check(*ADA, "marketing").reason.value == status


def test_a_restriction_is_of_no_one_purpose(tenant: Tenant) -> None:
    """In the place of what was said of a purpose it would hide an objection."""
    tenant.say(*ADA, "security", "objected")
    for status in (ConsentStatus.RESTRICTED, ConsentStatus.UNRESTRICTED):
        with pytest.raises(InvalidInput):
            record(tenant, ledger.Act("security", status))
    assert tenant.check(*ADA, "security").reason.value == "objected"


@pytest.mark.parametrize("other", [{"expires_at": 2**50}, {"notice_version": "2"}, {"jurisdiction": "US"}])
def test_a_key_stands_for_one_act_to_the_last_detail(tenant: Tenant, other: dict[str, object]) -> None:
    act = ledger.Act("marketing", ConsentStatus.GRANTED)
    [row] = record(tenant, act, key="k")
    assert record(tenant, act, key="k") == [row]
    with pytest.raises(Conflict):
        record(tenant, replace(act, **other), key="k")  # type: ignore[arg-type]


def test_an_act_dated_ahead_of_the_clock_can_be_sent_again_under_its_key(tenant: Tenant, clock: SetClock) -> None:
    act = ledger.Act("marketing", ConsentStatus.GRANTED, acted_at=clock() + 2_000_000)
    [row] = record(tenant, act, key="k")
    clock.pass_by(seconds=10)
    assert record(tenant, act, key="k") == [row]


@pytest.mark.parametrize("between", ["nothing", "own", "another's"])
def test_a_yes_dated_ahead_of_the_clock_sent_again_without_a_key_is_one_whoever_spoke_between(
    tenant: Tenant, clock: SetClock, between: str
) -> None:
    act = ledger.Act("marketing", ConsentStatus.GRANTED, acted_at=clock() + 200_000_000, evidence="a form")
    rows = record(tenant, act, act)
    clock.pass_by(seconds=10)
    if between == "own":
        tenant.say(*ADA, "marketing", "withdrawn")
    elif between == "another's":
        tenant.send(identify(ADA[1], email="ada@shop.example"))
        tenant.say("email", "ada@shop.example", "marketing", "withdrawn")
    for seconds in (10, 300):  # before its own time, and after
        clock.pass_by(seconds=seconds)
        assert record(tenant, act, act) == rows
    assert tenant.check(*ADA, "marketing").allowed is (between == "nothing")
    for other in (replace(act, acted_at=clock() + 299_000_000), replace(act, evidence="another form")):
        [made] = record(tenant, other)
        assert made not in rows, "another act"


@pytest.mark.parametrize("ahead", [None, 0, 3_000_000])
def test_a_second_no_soon_after_the_first_stands_against_a_yes_of_between_that_comes_late(
    tenant: Tenant, clock: SetClock, ahead: int | None
) -> None:
    """No, yes and no again within minutes, the yes held up; the clock is ahead, or the first had no time."""
    began, no = clock(), ledger.Act("marketing", ConsentStatus.WITHDRAWN)
    record(tenant, no if ahead is None else replace(no, acted_at=began + ahead))
    clock.pass_by(seconds=120)
    [again] = record(tenant, replace(no, acted_at=clock() + (ahead or 0)))
    clock.pass_by(seconds=5)
    tenant.say(*ADA, "marketing", "granted", acted_at=began + 60_000_000)
    assert again.acted_at == began + 120_000_000
    assert tenant.check(*ADA, "marketing").reason == "withdrawn"
