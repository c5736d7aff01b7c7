"""The trust policy: the order of methods, adjustments of sources, decay."""

from __future__ import annotations

import pytest
from profile_values import TEXT, policy_of, shipped_policy

from registry.model.clock import DAY
from registry.model.errors import DocumentInvalid
from registry.model.provenance import Method

ADJUSTED = TEXT.replace(
    "sources: []",
    'sources: [{source: "crm-old", adjust: -50}, {source: "crm*", adjust: 20}, {source: "*", adjust: -1}]',
)


def test_the_shipped_ranks_put_what_is_proven_above_what_is_claimed_above_what_is_guessed() -> None:
    ranks = [shipped_policy().rank("web", method) for method in (
        Method.CORRECTED, Method.DOUBLE_OPT_IN, Method.VERIFIED, Method.SELF_DECLARED,
        Method.IMPORTED, Method.OBSERVED, Method.TYPED_BY_STAFF, Method.INFERRED,
    )]  # fmt: skip
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == len(ranks)


def test_the_first_adjustment_that_matches_the_source_counts_and_stays_on_the_scale() -> None:
    policy = policy_of(ADJUSTED)
    assert policy.rank("crm-eu", Method.TYPED_BY_STAFF) == 50
    assert policy.rank("crm-old", Method.TYPED_BY_STAFF) == 0
    assert policy.rank("crm-eu", Method.DOUBLE_OPT_IN) == 100
    assert policy.rank("web", Method.VERIFIED) == 79


def test_what_the_person_corrected_is_not_adjusted() -> None:
    assert policy_of(ADJUSTED).rank("crm-old", Method.CORRECTED) == 100


def test_confidence_halves_per_half_life_and_only_where_the_policy_says_so() -> None:
    policy = shipped_policy()
    assert policy.confidence("email", 80, 0) == 0.8
    assert policy.confidence("email", 80, 730 * DAY) == 0.4
    assert policy.confidence("email", 80, 1460 * DAY) == 0.2
    assert policy.confidence("birthday", 80, 1460 * DAY) == 0.8
    assert policy.confidence("email", 80, -DAY) == 0.8


@pytest.mark.parametrize(
    ("old", "new", "pointer"),
    [
        ("  inferred: 10\n", "", "/ranks"),
        ("corrected: 100", "corrected: 20", "/ranks/corrected"),
        ("trait: phone", "trait: email", "/decay/1/trait"),
        ("sources: []", "sources: [{source: a, adjust: 1}, {source: a, adjust: 2}]", "/sources/1/source"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused_with_the_place(old: str, new: str, pointer: str) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        policy_of(TEXT.replace(old, new, 1))
    assert caught.value.pointer == pointer
