"""When a compartment is locked, and how long what it holds is kept."""

from __future__ import annotations

import pytest

from registry.dsr.retention import Lock, duration, kept_for, lock_for
from registry.model.clock import DAY

BOTH = frozenset({"marketing", "service"})
PERIODS = {"marketing": 730 * DAY, "service": 1095 * DAY, "analytics": 395 * DAY}


def test_one_purpose_with_a_ground_keeps_a_compartment_open() -> None:
    assert lock_for(BOTH, {"marketing": "withdrawn"}, None, now=5, grace=3) is None


def test_without_any_ground_it_is_locked_and_told_by_the_gravest_reason() -> None:
    refused = {"marketing": "objected", "service": "expired"}
    assert lock_for(BOTH, refused, None, now=5, grace=3) == Lock("objected", 5, 8)


def test_a_lock_that_stands_keeps_its_time() -> None:
    before = Lock("expired", 1, 4)
    refused = dict.fromkeys(BOTH, "withdrawn")
    assert lock_for(BOTH, refused, before, now=5, grace=3) == Lock("withdrawn", 1, 4)


def test_a_restriction_stops_the_time_and_its_end_starts_it_anew() -> None:
    refused = {"marketing": "withdrawn", "service": "restricted"}
    stopped = lock_for(BOTH, refused, Lock("withdrawn", 1, 4), now=5, grace=3)
    assert stopped == Lock("restricted", 5, None)
    assert lock_for(BOTH, refused, stopped, now=6, grace=3) == stopped
    assert lock_for(BOTH, dict.fromkeys(BOTH, "withdrawn"), stopped, now=9, grace=3) == Lock("withdrawn", 9, 12)


@pytest.mark.parametrize(
    ("purposes", "grounded", "days"),
    [
        (BOTH, BOTH, 1095),
        (BOTH, frozenset({"marketing"}), 730),
        (frozenset({"marketing"}), frozenset(), 0),
        (frozenset(), frozenset(), 1095),
        (frozenset({"vanished", "marketing"}), frozenset({"vanished", "marketing"}), 730),
    ],
)
def test_data_is_kept_as_long_as_a_purpose_with_a_ground_allows(
    purposes: frozenset[str], grounded: frozenset[str], days: int
) -> None:
    assert kept_for(purposes, grounded, PERIODS) == days * DAY


@pytest.mark.parametrize(("text", "days"), [("P30D", 30), ("P2W", 14), ("P3M", 90), ("P1Y", 365)])
def test_durations_of_plans(text: str, days: int) -> None:
    assert duration(text) == days * DAY
