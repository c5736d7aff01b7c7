"""A purpose that was changed in substance asks again: consent given before counts no more."""

from __future__ import annotations

import pytest
from consent_values import TEXT, anonymous, catalogue_of, identified, person, said
from hypothesis import given
from hypothesis import strategies as st

from registry.consent.decide import Standing, decide
from registry.consent.purposes import PurposeCatalogue
from registry.model.clock import SECOND
from registry.model.decision import Decision, Reason
from registry.model.errors import DocumentInvalid

CHANGED = TEXT.replace("  - name: marketing\n", '  - name: marketing\n    material_since: "1970-01-01T00:00:20Z"\n')
CATALOGUE, BEFORE = catalogue_of(CHANGED), catalogue_of(TEXT)
AT = 20 * SECOND


def judged(standing: Standing, now: int, catalogue: PurposeCatalogue = CATALOGUE) -> Decision:
    return decide("marketing", frozenset(), standing, catalogue, now=now)


def test_consent_to_what_it_was_before_is_asked_for_again() -> None:
    earlier, later = said("granted", AT - 1), said("granted", AT)
    assert judged(person(identified(earlier)), AT).reason is Reason.ASK_AGAIN
    assert judged(person(identified(earlier)), AT).record_id == earlier.record_id
    assert judged(person(identified(later)), AT).reason is Reason.GRANTED
    assert judged(person(identified(earlier, later)), AT).reason is Reason.GRANTED


def test_until_the_change_it_counts_and_no_longer() -> None:
    decision = judged(person(identified(said("granted", 10))), AT - 1)
    assert (decision.allowed, decision.valid_until) == (True, AT)
    ends = judged(person(identified(said("granted", 10, expires_at=AT - 1))), 11)
    assert ends.valid_until == AT - 1


def test_a_refusal_before_the_change_stays_a_refusal() -> None:
    assert judged(person(identified(said("withdrawn", 10))), AT).reason is Reason.WITHDRAWN


@given(st.lists(st.tuples(st.sampled_from(["granted", "denied", "expired"]), st.integers(0, 40)), max_size=4))
def test_consent_from_before_the_change_counts_as_if_it_had_expired(acts: list[tuple[str, int]]) -> None:
    records = [said(status, at * SECOND) for status, at in acts]
    ended = [said("expired" if s == "granted" and at < 20 else s, at * SECOND) for s, at in acts]
    for sides in (identified, anonymous):
        now = 40 * SECOND
        changed = judged(person(sides(*records)), now).allowed
        assert changed == judged(person(sides(*ended)), now, BEFORE).allowed


def test_the_moment_of_the_change_is_a_time() -> None:
    for text in ("last spring", "1970-01-01", "1970-01-01T00:00:20"):
        with pytest.raises(DocumentInvalid):
            catalogue_of(CHANGED.replace("1970-01-01T00:00:20Z", text))
    assert (CATALOGUE.last_change, BEFORE.last_change) == (AT, 0)
