"""What a request's history says of its clock, and when its answer may be put off."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.documents import parse
from registry.dsr.deadlines import Jurisdiction, Jurisdictions, deadline
from registry.dsr.requests import ENDED, Kind, State
from registry.dsr.timing import Timing, check_extension, check_notice, timing
from registry.model.clock import DAY
from registry.model.errors import Conflict, InvalidInput

TEXT = (Path(__file__).parents[3] / "policies" / "jurisdictions.yaml").read_text()


@cache
def law(name: str) -> Jurisdiction:
    return Jurisdictions.from_document(parse(TEXT, file="jurisdictions.yaml")).get(name)


def test_pauses_and_extensions_are_read_from_the_history() -> None:
    assert timing([("open", 1)]) == Timing()
    assert timing([("open", 1), ("pause", 2)]) == Timing((), 2)
    assert timing([("open", 1), ("pause", 2), ("extend", 3)]) == Timing((), 2, extended=True)
    twice = [("open", 1), ("pause", 2), ("resume", 5), ("extend", 6), ("pause", 7), ("resume", 9), ("verify", 10)]
    assert timing(twice) == Timing(((2, 5), (7, 9)), None, extended=True)
    assert timing([("open", 1), ("pause", 2), ("cancel", 4)]) == Timing(((2, 4),))


def test_a_clock_that_was_set_back_makes_no_pause_that_ends_before_it_begins() -> None:
    assert timing([("open", 9), ("pause", 2), ("resume", 12)]) == Timing(((9, 12),))
    back = [("open", 1), ("pause", 8), ("resume", 3), ("pause", 4), ("extend", 5), ("resume", 20)]
    assert timing(back) == Timing(((8, 8), (8, 20)), None, extended=True)


@given(st.lists(st.tuples(st.sampled_from(["pause", "resume", "extend", "verify"]), st.integers(0, 40 * DAY))))
def test_every_history_has_a_deadline_whatever_the_clocks_showed(acts: list[tuple[str, int]]) -> None:
    for name in ("gdpr", "uk_gdpr", "ccpa"):
        clock = timing([("open", 20 * DAY), *acts])
        found = deadline(law(name), 20 * DAY, extended=clock.extended, pauses=clock.pauses).respond_by
        assert found >= deadline(law(name), 20 * DAY, extended=clock.extended).respond_by


def test_gdpr_lets_an_answer_be_put_off_once_and_within_the_month() -> None:
    check_extension(law("gdpr"), Kind.ACCESS, State.VERIFIED, Timing(), 100, 100)
    check_extension(law("gdpr"), Kind.ACCESS, State.PAUSED, Timing(paused_since=50), 100, 300)
    with pytest.raises(Conflict, match="once"):
        check_extension(law("gdpr"), Kind.ACCESS, State.VERIFIED, Timing(extended=True), 100, 50)
    with pytest.raises(Conflict, match="over"):
        check_extension(law("gdpr"), Kind.ACCESS, State.VERIFIED, Timing(), 100, 101)


@pytest.mark.parametrize("state", sorted(ENDED))
def test_what_has_ended_is_not_put_off(state: State) -> None:
    with pytest.raises(Conflict):
        check_extension(law("gdpr"), Kind.ACCESS, state, Timing(), 100, 50)


@pytest.mark.parametrize(("name", "kind"), [("lgpd", Kind.ACCESS), ("quebec", Kind.ERASURE), ("ccpa", Kind.OPT_OUT)])
def test_a_law_that_knows_no_extension_allows_none(name: str, kind: Kind) -> None:
    with pytest.raises(Conflict) as caught:
        check_extension(law(name), kind, State.RECEIVED, Timing(), 100, 50)
    assert name in str(caught.value.extra["rule"])


def test_a_law_can_be_changed_to_allow_one() -> None:
    changed = replace(law("lgpd"), extend=law("gdpr").extend)
    check_extension(changed, Kind.ACCESS, State.RECEIVED, Timing(), 100, 50)


@pytest.mark.parametrize("notified_at", [9, 21])
def test_nobody_is_told_before_the_request_came_or_in_the_future(notified_at: int) -> None:
    with pytest.raises(InvalidInput):
        check_notice(10, notified_at, 20)
    check_notice(10, 15, 20)
