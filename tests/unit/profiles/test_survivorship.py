"""Which value counts, and why: never by the order in which the values are listed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profile_values import asserted, shipped_policy

from registry.model.clock import DAY
from registry.model.errors import InvalidInput
from registry.model.provenance import Method
from registry.profiles.assertion import TraitAssertion
from registry.profiles.survivorship import Choice, Verification, Why, choose

OPTED_IN = asserted("a@shop.example", "double_opt_in", 10)
TYPED = asserted("b@shop.example", "typed_by_staff", 500, "crm")


def chosen(*assertions: TraitAssertion, day: int = 600) -> Choice:
    return choose(assertions, shipped_policy(), day * DAY)


def test_a_double_opt_in_stands_against_what_staff_typed_in_however_much_later() -> None:
    choice = chosen(TYPED, OPTED_IN)
    assert choice.chosen is OPTED_IN
    assert choice.why is Why.HIGHER_TRUST
    assert choice.because == (
        "web (double opt in, rank 90) is trusted more than crm (typed by staff, rank 30), though that is more recent."
    )
    assert choice.verification is Verification.DOUBLE_OPT_IN
    assert choice.rivals == (TYPED,)


def test_what_the_person_corrected_stands_above_everything() -> None:
    corrected = asserted("c@shop.example", "corrected", 1, "privacy", trust=0)
    choice = chosen(OPTED_IN, corrected, TYPED)
    assert (choice.chosen, choice.why) == (corrected, Why.CORRECTED)
    assert choice.rivals == (OPTED_IN, TYPED)
    later = asserted("d@shop.example", "corrected", 2, "privacy", trust=0)
    assert chosen(corrected, later).chosen is later


def test_of_equal_trust_the_more_recent_counts() -> None:
    old, new = asserted("x", "self_declared", 1), asserted("y", "self_declared", 2, "app")
    choice = chosen(new, old)
    assert (choice.chosen, choice.why, choice.verification) == (new, Why.MORE_RECENT, Verification.UNVERIFIED)


def test_sources_that_agree_are_no_rivals_and_one_that_verified_vouches_for_all() -> None:
    claimed = asserted({"a": 1, "b": 2}, "corrected", 5, trait="address")
    proven = asserted({"b": 2, "a": 1}, "verified", 1, "app", trait="address")
    choice = chosen(claimed, proven)
    assert (choice.why, choice.rivals, choice.agreeing) == (Why.ALL_AGREE, (), (proven,))
    assert choice.verification is Verification.VERIFIED
    assert chosen(claimed).why is Why.ONLY_VALUE


def test_decay_lowers_the_confidence_in_a_value_and_not_its_place() -> None:
    assert chosen(OPTED_IN, TYPED, day=10).confidence == 0.9
    aged = chosen(OPTED_IN, TYPED, day=10 + 1460)
    assert (aged.chosen, aged.confidence) == (OPTED_IN, 0.225)


def test_values_of_several_traits_or_of_none_are_no_choice() -> None:
    for assertions in ((), (OPTED_IN, asserted("x", "verified", 1, trait="phone"))):
        with pytest.raises(InvalidInput):
            chosen(*assertions)


def test_no_value_shows_in_a_repr_or_in_the_reason() -> None:
    choice = chosen(asserted("marker-1", "verified", 1), asserted("marker-2", "verified", 1, "app"))
    assert choice.why is Why.TIE_BREAK
    assert "marker" not in repr(choice)
    assert "marker" not in choice.because


assertion = st.builds(
    asserted,
    st.sampled_from(["x", "y", 1, None, ["x"]]),
    st.sampled_from([method.value for method in Method]),
    st.integers(0, 3),
    st.sampled_from(["web", "crm"]),
)


@given(st.lists(assertion, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_the_assertions_does_not_matter(assertions: list[TraitAssertion], random: object) -> None:
    shuffled = list(assertions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert chosen(*assertions) == chosen(*shuffled)


@given(st.lists(assertion, min_size=2, max_size=6))
def test_what_lost_stays_lost_when_the_winner_is_compared_with_it_alone(
    assertions: list[TraitAssertion],
) -> None:
    choice = chosen(*assertions)
    for rival in choice.rivals:
        assert chosen(rival, choice.chosen).chosen == choice.chosen
    assert len(choice.rivals) + len(choice.agreeing) + 1 == len(assertions)
