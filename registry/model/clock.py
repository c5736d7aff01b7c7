"""Time: 64-bit integers of microseconds since 1970-01-01T00:00:00Z, everywhere inside."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

Micros = int
"""Microseconds since the epoch, UTC."""

Clock = Callable[[], Micros]
"""What tells the time: the system's in production, a set one in tests."""

SECOND: Micros = 1_000_000
HOUR: Micros = 3_600 * SECOND
DAY: Micros = 24 * HOUR

_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_OF_UTC = datetime(1970, 1, 1)  # noqa: DTZ001 - written with a Z
_MICROSECOND = timedelta(microseconds=1)

LAST: Micros = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
"""The last moment of the calendar, in the year 9999: what comes after it cannot be written."""


def to_datetime(at: Micros) -> datetime:
    """The aware UTC datetime of a time."""
    return _EPOCH + timedelta(microseconds=at)


def from_datetime(moment: datetime) -> Micros:
    """The time of an aware datetime; a naive one is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND


def end_of_day(begin: Micros) -> Micros:
    """The end of the day that begins then; of the last one that there is, its last moment."""
    return min(begin + DAY, LAST)


def goes_on(until: Micros, now: Micros, longest: Micros) -> bool:
    """Whether a span of time goes on: one that ends later than the longest that begins now was noted by a clock that
    was ahead, and is over.
    """
    return now < until <= now + longest


def rfc3339(at: Micros, zone: tzinfo = UTC) -> str:
    """The RFC 3339 text of a time, in UTC with a `Z`, or with a zone's own offset."""
    if zone is UTC:  # two are written for each event of a package
        return (_EPOCH_OF_UTC + timedelta(0, 0, at)).isoformat() + "Z"
    return to_datetime(at).astimezone(zone).isoformat().replace("+00:00", "Z")


def parse_rfc3339(text: str) -> Micros | None:
    """The time of an RFC 3339 text; None where it is not one that can be written again, as a leap second cannot.

    A time without its offset is none: it would be another moment for whoever wrote it.
    """
    return parse_iso8601(text.upper()) if _RFC_3339.fullmatch(text) else None


def parse_iso8601(text: str) -> Micros | None:
    """The time of an ISO 8601 text, taken as UTC without an offset: for the times of SDKs, which write what their
    languages do, and whose events would otherwise count as of their arrival. None as for `parse_rfc3339`.
    """
    try:
        at = from_datetime(datetime.fromisoformat(text))
        to_datetime(at)  # an offset can lead out of the years 1 to 9999
    except (ValueError, TypeError, OverflowError):
        return None
    return at
