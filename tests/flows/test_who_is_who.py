"""Invariants 6, 13 and 14: merges are reversible, never widen permission, and owe nothing to the order of arrival."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.dsr.requests import Kind
from registry.flows.stewards import deciding
from registry.model.decision import Decision, Reason
from registry.model.errors import Conflict, NotFound
from tests.conftest import SetClock
from tests.factories import alias, consent, identify, ordered, viewed
from tests.simulator import ALL_YES, PURPOSES, RegistrySimulator, Tenant

Reference = tuple[str, str]
Step = tuple[Any, ...]

USERS = ("ada", "bob", "eve")
BROWSERS = ("b1", "b2", "b3", "b4")
EMAILS = ("family@example.com", "ada@example.com", "bob@example.com")

check = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
if os.environ.get("HYPOTHESIS_PROFILE", "ci") == "ci":
    check = settings(check, max_examples=12)

_user, _browser, _email = st.sampled_from(USERS), st.sampled_from(BROWSERS), st.sampled_from(EMAILS)
_message = st.one_of(
    st.tuples(st.just("identify"), _user, st.none() | _browser, st.none() | _email),
    st.tuples(st.just("identify"), st.none(), _browser, _email),
    st.tuples(st.just("track"), _user, st.none() | _browser, st.none()),
    st.tuples(st.just("track"), st.none(), _browser, st.none()),
    st.tuples(st.just("alias"), _user, _browser, st.none()),
)


def _call(step: Step) -> dict[str, Any]:
    kind, user, browser, email = step
    if kind == "alias":
        return alias(browser, user)
    if kind == "track":
        return ordered(user, browser)
    return identify(user, browser, **({"email": email} if email else {}))


def _identifiers(step: Step) -> list[Reference]:
    _, user, browser, email = step
    found = (("user_id", user), ("email", email), ("anonymous_id", browser))
    return [(kind, value) for kind, value in found if value is not None]


def _send(tenant: Tenant, steps: Iterable[Step], cuts: Random) -> None:
    """Send the messages in this order, in batches of random sizes."""
    waiting = [_call(step) for step in steps]
    while waiting:
        size = cuts.randint(1, len(waiting))
        tenant.send(*waiting[:size])
        waiting = waiting[size:]


def _components(steps: Iterable[Step]) -> list[set[Reference]]:
    """The small model: whoever is named together, by whatever chain, is one group."""
    groups: list[set[Reference]] = []
    for step in steps:
        joined = set(_identifiers(step))
        apart = [group for group in groups if not group & joined]
        groups = [*apart, joined.union(*(group for group in groups if group & joined))]
    return groups


@check
@given(st.lists(_message, min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_the_same_messages_in_any_order_and_batches_give_the_same_people(
    shared: RegistrySimulator, steps: list[Step], random: Random
) -> None:
    one, other = shared.tenant(), shared.tenant()
    _send(one, steps, random)
    shuffled = random.sample(steps, len(steps))
    _send(other, shuffled, random)
    assert one.people() == other.people()


@check
@given(st.lists(_message, min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_people_are_what_a_small_model_says(shared: RegistrySimulator, steps: list[Step], random: Random) -> None:
    tenant = shared.tenant()
    _send(tenant, steps, random)
    people = tenant.people()
    everybody = [reference for person in people for reference in person]
    assert len(everybody) == len(set(everybody))
    for group in _components(steps):
        users = [reference for reference in group if reference[0] == "user_id"]
        within = {person for person in people if person & group}
        assert set().union(*within) == group, "nobody is joined without a claim, and nobody is lost"
        if len(users) < 2:
            assert within == {frozenset(group)}, "without a conflict whoever is named together is one"
        for person in within:
            assert sum(kind == "user_id" for kind, _ in person) < 2, "two known people are never one"


def test_two_people_who_share_a_device_and_an_address_stay_two(tenant: Tenant) -> None:
    tenant.send(
        identify("ada", "ada-phone", email="family@example.com"),
        identify("bob", "bob-phone", email="family@example.com"),
        identify("ada", "tablet"),
        identify("bob", "tablet"),
    )
    assert tenant.people() == {
        frozenset({("user_id", "ada"), ("anonymous_id", "ada-phone")}),
        frozenset({("user_id", "bob"), ("anonymous_id", "bob-phone")}),
        frozenset({("email", "family@example.com")}),
        frozenset({("anonymous_id", "tablet")}),
    }


def test_erasing_one_of_two_who_share_a_device_leaves_it_to_the_other_unless_it_was_named_itself(
    tenant: Tenant,
) -> None:
    tablet, bob = ("anonymous_id", "tablet"), ("user_id", "bob")
    tenant.send(identify("ada", "tablet"), identify("bob", "tablet"), ordered(anonymous="tablet"))
    own = [event["event_id"] for event in tenant.timeline(*tablet)]
    tenant.erase("user_id", "ada")
    assert frozenset({bob, tablet}) in tenant.people()
    assert set(own) <= {event["event_id"] for event in tenant.timeline(*bob)}
    tenant.send(identify("eve", "kiosk"), identify("bob", "kiosk"), ordered(anonymous="kiosk"))
    tenant.erase("anonymous_id", "kiosk")
    assert tenant.people() == {frozenset({bob, tablet}), frozenset({("user_id", "eve")})}


def _held(tenant: Tenant, who: Reference) -> dict[str, Any]:
    """All that can be seen of one side: traits and events for each purpose, decisions, id."""
    return {
        "profile": tenant.profile(*who),
        "traits": tenant.traits(*who),
        "events": [(e["event_id"], e["content"]) for e in tenant.timeline(*who)],
        "decisions": {purpose: tenant.check(*who, purpose) for purpose in PURPOSES},
        "identifiers": {frozenset(person) for person in tenant.people() if who in person},
    }


def test_unmerge_gives_each_side_back_what_it_had(tenant: Tenant, clock: SetClock) -> None:
    ada, guest = ("user_id", "ada"), ("anonymous_id", "kiosk")
    tenant.send(identify("ada", email="ada@example.com", first_name="Ada", context=consent(**ALL_YES)))
    tenant.send(ordered("ada"), identify(None, "kiosk", first_name="Guest"), ordered(anonymous="kiosk"))
    tenant.say(*guest, "marketing", "objected")
    before = _held(tenant, ada), _held(tenant, guest)
    clock.pass_by(seconds=5)
    tenant.send(alias("kiosk", "ada"))
    assert tenant.profile(*ada) == tenant.profile(*guest)
    assert not tenant.check(*ada, "marketing").allowed
    clock.pass_by(seconds=5)
    tenant.keep_apart(ada, guest)
    after = _held(tenant, ada), _held(tenant, guest)
    mine = after[0]["events"].pop(0)  # the alias itself hangs on the strongest identifier that it names
    assert mine[0] not in [event for event, _ in before[0]["events"]]
    assert after == before


def test_what_arrives_while_two_are_merged_stays_on_the_side_that_it_named(tenant: Tenant) -> None:
    ada, guest = ("user_id", "ada"), ("anonymous_id", "kiosk")
    tenant.send(identify("ada", first_name="Ada"), ordered(anonymous="kiosk"))
    tenant.send(alias("kiosk", "ada"))
    tenant.send(
        ordered("ada", order_id="hers"),
        ordered(anonymous="kiosk", order_id="theirs"),
        identify("ada", last_name="L"),
        identify(None, "kiosk", first_name="Guest"),
    )
    tenant.say(*guest, "analytics", "granted")
    tenant.keep_apart(ada, guest)
    orders = [
        {e["content"]["properties"]["order_id"] for e in tenant.timeline(*who) if e["type"] == "track"}
        for who in (ada, guest)
    ]
    assert orders == [{"hers"}, {"order-1", "theirs"}]
    assert tenant.traits(*ada) == {"first_name": "Ada", "last_name": "L"}
    assert tenant.traits(*guest) == {"first_name": "Guest"}
    assert [tenant.check(*who, "analytics").allowed for who in (ada, guest)] == [False, True]


def test_a_steward_s_word_holds_against_what_arrives_later(tenant: Tenant) -> None:
    tenant.send(ordered("ada"), ordered(anonymous="kiosk"), alias("kiosk", "ada"))
    tenant.keep_apart(("user_id", "ada"), ("anonymous_id", "kiosk"))
    tenant.send(alias("kiosk", "ada"), identify("ada", "kiosk"), ordered("ada", "kiosk"))
    assert tenant.profile("user_id", "ada") != tenant.profile("anonymous_id", "kiosk")


@check
@given(
    st.lists(_message, min_size=1, max_size=6),
    st.lists(_message, min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_taking_two_sides_apart_gives_the_people_that_each_was(
    shared: RegistrySimulator, left: list[Step], right: list[Step], random: Random
) -> None:
    """The sides share no identifier; one wrong message names two of theirs."""
    right = [tuple(part and f"r-{part}" if place else part for place, part in enumerate(step)) for step in right]
    tenant = shared.tenant()
    _send(tenant, left, random)
    _send(tenant, right, random)
    before = tenant.people()
    one = next((r for step in left for r in _identifiers(step) if r[0] == "user_id"), ("user_id", "stranger"))
    other = next((r for step in right for r in _identifiers(step) if r[0] == "anonymous_id"), ("anonymous_id", "lost"))
    tenant.send(alias(other[1], one[1]))
    tenant.keep_apart(one, other)
    known = {reference for person in before for reference in person}
    assert tenant.people() == before | {frozenset({reference}) for reference in (one, other) if reference not in known}


_who = st.one_of(
    st.tuples(st.just("user_id"), _user),
    st.tuples(st.just("anonymous_id"), _browser),
    st.tuples(st.just("email"), _email),
)
_act = st.one_of(
    st.tuples(
        st.just("say"),
        _who,
        st.sampled_from(["marketing", "analytics", "security"]),
        st.sampled_from(["granted", "granted", "denied", "withdrawn", "objected"]),
    ),
    st.tuples(st.just("restrict"), _who),
    st.tuples(st.just("erase"), _who),
    st.tuples(st.just("merge"), _who, _who),
    st.tuples(st.just("send"), _message),
    st.tuples(st.just("send"), _message),
)
_Standing = dict[str, tuple[frozenset[Reference], Decision]]


def _standing(tenant: Tenant) -> dict[Reference, _Standing]:
    """For everybody who is known: whom they are one with, and every decision."""
    found: dict[Reference, _Standing] = {}
    for person in tenant.people():
        decisions = {purpose: (person, tenant.check(*min(person), purpose)) for purpose in PURPOSES}
        found |= dict.fromkeys(person, decisions)
    return found


@check
@given(st.lists(_act, min_size=2, max_size=9))
def test_merging_never_widens_permission(shared: RegistrySimulator, clock: SetClock, steps: list[Step]) -> None:
    """Whatever is allowed after a message, or a steward's merge, was allowed to each of those whom it brought together.

    But for an anonymous side that had said nothing, which is neutral (docs/decisions/0003-joining-sides.md).
    """
    tenant = shared.tenant()
    for step in steps:
        clock.pass_by(seconds=1)
        if step[0] == "say":
            if tenant.profile(*step[1]) is not None:
                tenant.say(*step[1], *step[2:])
        elif step[0] == "restrict":
            tenant.run(tenant.request(Kind.RESTRICTION, *step[1]))
        elif step[0] == "erase":
            tenant.erase(*step[1])
        else:
            before = _standing(tenant)
            if step[0] == "merge":
                with suppress(Conflict, NotFound):
                    people = tenant.person(*step[1]), tenant.person(*step[2])
                    deciding.merge(shared.deployment, tenant.workspace, *people, actor="person:steward")
            else:
                tenant.send(_call(step[1]))
            for reference, decisions in _standing(tenant).items():
                _no_wider(reference, decisions, before)


def _no_wider(reference: Reference, after: _Standing, before: dict[Reference, _Standing]) -> None:
    for purpose, (person, decision) in after.items():
        if not decision.allowed:
            continue
        for member in person & before.keys():
            side, earlier = before[member][purpose]
            silent = earlier.reason is Reason.NO_RECORD and all(kind == "anonymous_id" for kind, _ in side)
            assert earlier.allowed or silent, (
                f"{purpose}: {member} had {earlier.reason}, {reference} has {decision.reason}"
            )


@pytest.mark.parametrize("purpose", ["analytics", "marketing"])
def test_an_objection_and_a_restriction_are_carried_into_whoever_is_joined(tenant: Tenant, purpose: str) -> None:
    tenant.send(identify("ada", context=consent(**ALL_YES)), ordered(anonymous="b1"), ordered(anonymous="b2"))
    tenant.say("anonymous_id", "b1", purpose, "objected")
    tenant.send(identify("ada", "b1"))
    assert tenant.check("user_id", "ada", purpose).reason is Reason.OBJECTED
    tenant.run(tenant.request(Kind.RESTRICTION, "anonymous_id", "b2"))
    tenant.send(identify("ada", "b2"))
    assert tenant.check("user_id", "ada", "service").reason is Reason.RESTRICTED


def test_an_anonymous_history_that_refused_to_be_personalised_does_not_join(tenant: Tenant) -> None:
    tenant.send(viewed(anonymous="b1", context=consent(Functional=False)))
    tenant.send(identify("ada", "b1"))
    assert tenant.profile("user_id", "ada") != tenant.profile("anonymous_id", "b1")


def test_those_who_were_apart_count_as_two_sides_when_they_are_joined_again(tenant: Tenant, clock: SetClock) -> None:
    """Born in one batch, so of one side; then apart, and each with a word of its own; then joined again."""
    ada, browser = ("user_id", "ada"), ("anonymous_id", "b1")
    tenant.send(identify("ada", "b1"))
    tenant.send(identify("bob", "b1"))
    assert tenant.profile(*ada) != tenant.profile(*browser)
    tenant.say(*ada, "marketing", "denied")
    clock.pass_by(seconds=1)
    tenant.say(*browser, "marketing", "granted")
    clock.pass_by(seconds=1)
    tenant.erase("user_id", "bob")
    tenant.send(identify("ada", email="ada@example.com"))
    assert tenant.profile(*ada) == tenant.profile(*browser)
    assert not tenant.check(*ada, "marketing").allowed


def test_those_who_were_never_apart_stay_one_side_in_the_past_too(tenant: Tenant, clock: SetClock) -> None:
    ada, browser = ("user_id", "ada"), ("anonymous_id", "b1")
    tenant.send(identify("ada", "b1"))
    tenant.say(*ada, "marketing", "denied")
    clock.pass_by(seconds=1)
    tenant.say(*browser, "marketing", "granted")
    clock.pass_by(seconds=1)
    then, decision = clock(), tenant.check(*ada, "marketing")
    assert decision.allowed, "the person has chosen again"
    clock.pass_by(seconds=1)
    tenant.keep_apart(ada, browser)
    assert tenant.check(*ada, "marketing", at=then) == decision


def test_a_refusal_to_be_personalised_counts_for_a_login_in_the_same_batch(tenant: Tenant) -> None:
    tenant.send(viewed(anonymous="b1", context=consent(Functional=False)), identify("ada", "b1"))
    assert tenant.profile("user_id", "ada") != tenant.profile("anonymous_id", "b1")
