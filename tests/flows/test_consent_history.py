"""Invariant 8: the ledger only grows, and the decision of any past moment can be had again."""

from __future__ import annotations

import os
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.flows.consent import explaining
from registry.flows.stewards import deciding
from registry.model.clock import SECOND
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered
from tests.simulator import PURPOSES, RegistrySimulator, Tenant

ADA = ("user_id", "ada")
EVE = ("user_id", "eve")
BROWSER = ("anonymous_id", "browser")


def _ledger(tenant: Tenant) -> set[tuple[Any, ...]]:
    rows = tenant.registry.rows("SELECT * FROM consent_record WHERE workspace_id = ?", tenant.workspace_id)
    return {tuple(bytes(cell) if isinstance(cell, memoryview) else cell for cell in row) for row in rows}


def test_no_record_is_ever_changed_or_removed_by_a_later_one(tenant: Tenant, clock: SetClock) -> None:
    ledgers = [_ledger(tenant)]
    for step in (
        lambda: tenant.say(*ADA, "marketing", "granted"),
        lambda: tenant.say(*ADA, "marketing", "withdrawn"),
        lambda: tenant.send(ordered("ada", context=consent(Advertising=True, Analytics=False))),
        lambda: tenant.send(identify("ada", "browser", context=consent(Functional=True))),
        lambda: tenant.say(*BROWSER, "analytics", "granted", acted_at=clock() - 5),
        lambda: tenant.say(*ADA, "marketing", "granted", acted_at=clock() - 10**12),
    ):
        clock.pass_by(seconds=1)
        step()
        ledgers.append(_ledger(tenant))
    assert all(before < after for before, after in pairwise(ledgers))


def test_the_decision_of_a_past_moment_is_the_one_that_was_given_then(tenant: Tenant, clock: SetClock) -> None:
    given_then = {}
    steps = ["granted", "withdrawn", "granted", "objected", "denied"]
    tenant.send(ordered("ada"))
    for status in steps:
        clock.pass_by(seconds=60)
        given_then[clock()] = tenant.check(*ADA, "marketing")
        clock.pass_by(seconds=60)
        tenant.say(*ADA, "marketing", status, expires_at=clock() + 90_000_000 if status == "granted" else None)
        clock.pass_by(seconds=0.000_001)
        given_then[clock()] = tenant.check(*ADA, "marketing")
    clock.pass_by(days=100)
    assert {at: tenant.check(*ADA, "marketing", at=at) for at in given_then} == given_then


def test_the_decision_of_a_moment_before_a_merge_is_that_of_the_sides_as_they_were(
    tenant: Tenant, clock: SetClock
) -> None:
    tenant.send(ordered("ada"), ordered(anonymous="browser"))
    tenant.say(*ADA, "marketing", "granted")
    tenant.say(*BROWSER, "marketing", "denied")
    clock.pass_by(seconds=60)
    then = clock()
    decisions = [tenant.check(*who, "marketing") for who in (ADA, BROWSER)]
    assert [decision.allowed for decision in decisions] == [True, False]
    clock.pass_by(seconds=60)
    tenant.send(identify("ada", "browser"))
    assert tenant.profile(*ADA) == tenant.profile(*BROWSER)
    assert [tenant.check(*who, "marketing", at=then) for who in (ADA, BROWSER)] == decisions


def test_a_side_that_is_taken_apart_was_joined_when_it_was(tenant: Tenant, clock: SetClock) -> None:
    """The browser stands on the side of a mail address that another person turns out to have."""
    mail, deployment, workspace = ("email", "ada@shop.example"), tenant.registry.deployment, tenant.workspace
    tenant.send(identify("ada"))
    clock.pass_by(seconds=1)
    tenant.say(*mail, "marketing", "denied")
    tenant.send(identify(None, "browser", email=mail[1]))
    tenant.say(*BROWSER, "marketing", "denied")
    deciding.merge(deployment, workspace, tenant.person(*ADA), tenant.person(*BROWSER), actor="person:steward")
    clock.pass_by(seconds=1)
    tenant.say(*ADA, "marketing", "granted")
    assert tenant.check(*ADA, "marketing").allowed
    clock.pass_by(seconds=1)
    tenant.keep_apart(mail, BROWSER)
    assert tenant.check(*ADA, "marketing").allowed
    clock.pass_by(seconds=1)
    assert tenant.check(*ADA, "marketing", at=clock()) == tenant.check(*ADA, "marketing")


def test_before_somebody_was_known_the_answer_is_that_nobody_was(tenant: Tenant, clock: SetClock) -> None:
    before = clock()
    unknown = tenant.check(*ADA, "service")
    clock.pass_by(seconds=60)
    tenant.send(ordered("ada"))
    assert tenant.check(*ADA, "service").allowed
    assert tenant.check(*ADA, "service", at=before) == unknown


def test_as_known_before_an_identifier_was_anybody_s_it_was_nobody_s(tenant: Tenant, clock: SetClock) -> None:
    """The address is found to be the browser's after its owner acted, whom nobody knew until then."""
    tenant.send(ordered(anonymous="browser"))
    clock.pass_by(seconds=60)
    then, mail = clock(), tenant.person("email", "ada@shop.example")
    clock.pass_by(seconds=60)
    tenant.send(identify(None, "browser", email=mail.value))
    tenant.say(*mail, "marketing", "granted", acted_at=then - SECOND)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    as_known = explaining.explain(deployment, workspace, mail, "service", at=then, known_at=then)
    assert (as_known.decision.reason.value, as_known.records) == ("unknown_subject", ())
    assert explaining.explain(deployment, workspace, mail, "service", at=then).decision.allowed


def test_an_act_that_is_reported_late_counts_from_when_it_happened(tenant: Tenant, clock: SetClock) -> None:
    tenant.say(*ADA, "marketing", "granted", acted_at=clock() - 3_000_000)
    tenant.say(*ADA, "marketing", "withdrawn", acted_at=clock() - 1_000_000)
    allowed = [tenant.check(*ADA, "marketing", at=clock() - back).allowed for back in (4_000_000, 2_000_000, 0)]
    assert allowed == [False, True, False]


check = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
if os.environ.get("HYPOTHESIS_PROFILE", "ci") == "ci":
    check = settings(check, max_examples=12)

_step = st.one_of(
    st.tuples(
        st.just("say"),
        st.sampled_from([ADA, EVE, BROWSER]),
        st.sampled_from(["marketing", "analytics", "security"]),
        st.sampled_from(["granted", "denied", "withdrawn", "objected"]),
    ),
    st.tuples(st.just("join"), st.sampled_from(["ada", "eve"]), st.just("browser")),
)


@check
@given(st.lists(_step, min_size=1, max_size=8))
def test_whatever_happens_later_a_past_decision_stays_what_it_was(
    shared: RegistrySimulator, clock: SetClock, steps: list[tuple[Any, ...]]
) -> None:
    tenant = shared.tenant()
    tenant.send(ordered("ada"), ordered("eve"), ordered(anonymous="browser"))
    given_then = {}
    for step in steps:
        clock.pass_by(seconds=1)
        if step[0] == "say":
            tenant.say(*step[1], *step[2:])
        else:
            tenant.send(identify(*step[1:]))
        clock.pass_by(seconds=1)
        for who in (ADA, EVE, BROWSER):
            for purpose in PURPOSES:
                given_then[(clock(), who, purpose)] = tenant.check(*who, purpose)
    assert {key: tenant.check(*key[1], key[2], at=key[0]) for key in given_then} == given_then


@pytest.mark.parametrize("seed", range(12))
def test_whatever_came_in_whatever_order_the_answer_now_is_that_of_the_history(
    tenant: Tenant, clock: SetClock, seed: int
) -> None:
    """The last words alone, which a check reads, say what all records say: late ones, ends, joined sides included."""
    chance, start = Random(seed), clock()
    people = [(("user_id", f"u{n}"), ("email", f"u{n}@shop.example"), ("anonymous_id", f"b{n}")) for n in range(6)]
    clock.pass_by(seconds=50)
    for user, mail, browser in people:
        for identifier in (user, mail, browser):
            for _ in range(chance.randrange(4)):
                status = chance.choice(["granted", "granted", "denied", "withdrawn", "expired", "objected"])
                at = start + chance.randrange(1, 40) * SECOND
                ends = at + chance.randrange(1, 60) * SECOND if status == "granted" and chance.random() < 0.3 else None
                purpose = chance.choice(["marketing", "security"])
                tenant.say(*identifier, purpose, status, acted_at=at, expires_at=ends)
        if chance.random() < 0.7:
            tenant.send(identify(user[1], browser[1], email=mail[1]))
    for person in people:
        for purpose in ("marketing", "security"):
            for identifier in person:
                now, then = tenant.check(*identifier, purpose), tenant.check(*identifier, purpose, at=clock())
                assert now == then
