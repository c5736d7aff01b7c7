"""Times are written with their offset; those of SDKs are read as they come."""

from __future__ import annotations

import pytest

from registry.model.clock import SECOND, parse_iso8601, parse_rfc3339

NOON = 1_769_860_800 * SECOND


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-31T12:00:00Z", NOON),
        ("2026-01-31t12:00:00z", NOON),
        ("2026-01-31 12:00:00Z", NOON),
        ("2026-01-31T12:00:00.5Z", NOON + 500_000),
        ("2026-01-31T12:00:00.123456789Z", NOON + 123_456),
        ("2026-01-31T12:00:00-00:00", NOON),
        ("2026-01-31T13:30:00+01:30", NOON),
        ("2026-01-31T11:59:59.999999-00:00", NOON - 1),
    ],
)
def test_what_rfc_3339_allows_is_read(text: str, at: int) -> None:
    assert parse_rfc3339(text) == parse_iso8601(text.upper()) == at


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00", "2026-01-31", "2026-01-31T12:00Z", "2026-01-31T12Z", "20260131T120000Z",
        "2026-W05-6", "2026-W05-6T12:00:00Z", "2026W056T120000Z", "2026-01-31T12:00:00+0100", "2026-01-31T12:00:00+01",
        "2026-01-31T12:00:00+01:00:30", "2026-01-31T12:00:00,5Z", "2026-01-31T12:00:00.Z", "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:60Z", "2026-01-31T12:00:00+24:00", "2026-01-31T12:00:00+01:60", "2026-01-31_12:00:00Z",
        "2026-02-30T12:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+12:00", " 2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00Z\n", "٢٠٢٦-01-31T12:00:00Z", "+2026-01-31T12:00:00Z", "",
    ],
)  # fmt: skip
def test_what_it_does_not_allow_is_not(text: str) -> None:
    assert parse_rfc3339(text) is None


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00", "2026-01-31 12:00", "20260131T120000Z", "2026-01-31T12:00Z"])
def test_times_of_sdks_are_read_in_the_wider_forms(text: str) -> None:
    assert parse_iso8601(text) == NOON
