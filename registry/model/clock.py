"""Time: 64-bit integers of microseconds since 1970-01-01T00:00:00Z, everywhere inside."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Micros = int
"""Microseconds since the epoch, UTC."""

Clock = Callable[[], Micros]
"""What tells the time: the system's in production, a set one in tests."""

SECOND: Micros = 1_000_000
HOUR: Micros = 3_600 * SECOND
DAY: Micros = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_datetime(at: Micros) -> datetime:
    """The aware UTC datetime of a time."""
    return _EPOCH + timedelta(microseconds=at)


def from_datetime(moment: datetime) -> Micros:
    """The time of an aware datetime; a naive one is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND


def rfc3339(at: Micros) -> str:
    """The RFC 3339 text of a time, in UTC with a `Z`."""
    return to_datetime(at).isoformat().replace("+00:00", "Z")


def parse_rfc3339(text: str) -> Micros | None:
    """The time of an RFC 3339 (or wider ISO 8601) text; None where it is not one that can be written again."""
    try:
        at = from_datetime(datetime.fromisoformat(text))
        to_datetime(at)  # an offset can lead out of the years 1 to 9999
    except (ValueError, TypeError, OverflowError):
        return None
    return at
