"""Deadlines, counted as the law counts: calendar months, business days, holidays, extensions, pauses.

A day is a day where the law's clocks say so (`time_zone`): a request of a Californian evening comes on that day.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from registry.documents import Document
from registry.model.clock import LAST, Micros, from_datetime, to_datetime
from registry.model.errors import DocumentInvalid, InvalidInput, SettingInvalid

SATURDAY = 5

WARN_DAYS = (7, 2, 0, -1, -7)
"""Days before a deadline on which officers are warned, where the policy says nothing; at 0 and below it is late."""


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time as a law states it; exactly one of the three is set."""

    months: int = 0
    days: int = 0
    business_days: int = 0


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """The deadlines of one law.

    Attributes:
        ground: where the law says so.
        pauses: whether the clock stands still while the requester's identity is being verified.
        rolls_over: whether a last day that is no working day moves to the next one.
        by_kind: other periods, which cannot be extended, for some kinds of requests.
        warn_days: on which days before a deadline officers are warned; less than 0 after it.
        zone: by whose clocks its days begin and end.
    """

    name: str
    ground: str
    respond: Period
    extend: Period | None
    acknowledge: Period | None
    pauses: bool
    rolls_over: bool
    holidays: frozenset[date]
    by_kind: Mapping[str, Period] = field(default_factory=dict)
    warn_days: tuple[int, ...] = WARN_DAYS
    zone: tzinfo = UTC

    def day_of(self, at: Micros) -> date:
        """The day of a moment."""
        return self.shown(at).date()

    def shown(self, at: Micros) -> datetime:
        """What the law's clocks show at a moment, without a zone: a day has 24 hours also where they are set in it."""
        return to_datetime(at).astimezone(self.zone).replace(tzinfo=None)

    def begin_of(self, day: date) -> Micros:
        """The first moment of a day."""
        return from_datetime(datetime.combine(day, time(), self.zone))

    def end_of(self, day: date) -> Micros:
        """The last moment of a day; of the last one of the calendar, that of UTC."""
        if day == date.max:
            return LAST
        return self.begin_of(day + timedelta(days=1)) - 1

    def period(self, kind: str | None) -> Period:
        """How long there is for a kind of request."""
        return self.by_kind.get(kind or "", self.respond)

    def extension(self, kind: str | None) -> Period | None:
        """By how much the answer to a kind of request may be put off; None where it may not."""
        return None if kind in self.by_kind else self.extend


@dataclass(frozen=True, slots=True)
class Deadline:
    """The last moments to acknowledge and to respond: the ends of those days, by the law's clocks."""

    respond_by: Micros
    acknowledge_by: Micros | None
    ground: str


@dataclass(frozen=True, slots=True)
class Jurisdictions:
    """Every law of the policy, and whether two people must approve an erasure."""

    by_name: Mapping[str, Jurisdiction]
    two_people_erase: bool

    @classmethod
    def from_document(cls, document: Document) -> Jurisdictions:
        """The laws of a document that conforms to `schemas/policies/jurisdictions.schema.json`.

        Raises:
            DocumentInvalid: a holiday is no date, or there is no such time zone.
        """
        value = cast(Mapping[str, Any], document.value)
        faults = []
        laws: dict[str, Jurisdiction] = {}
        for name, entry in value["jurisdictions"].items():
            holidays: set[date] = set()
            for position, text in enumerate(entry.get("holidays", ())):
                try:
                    holidays.add(date.fromisoformat(text))
                except ValueError:
                    pointer = f"/jurisdictions/{name}/holidays/{position}"
                    faults.append(document.fault(pointer, "is not a date"))
            law = _jurisdiction(name, entry, frozenset(holidays), value.get("warn_days", WARN_DAYS))
            try:
                laws[name] = replace(law, zone=ZoneInfo(entry["time_zone"])) if "time_zone" in entry else law
            except (ZoneInfoNotFoundError, ValueError, OSError):  # as of a folder of zones
                faults.append(document.fault(f"/jurisdictions/{name}/time_zone", "is no time zone of the IANA's"))
        if faults:
            raise DocumentInvalid(faults)
        return cls(laws, value["approval"]["erasure"] == "two_people")

    @property
    def pausing(self) -> frozenset[str]:
        """The laws under which the clock of a request stands still while it is paused."""
        return frozenset(name for name, law in self.by_name.items() if law.pauses)

    def get(self, name: str) -> Jurisdiction:
        """The law of a name.

        Raises:
            InvalidInput: the policy has none of this name.
        """
        if name not in self.by_name:
            raise InvalidInput(
                "there is no such jurisdiction",
                hint=f"use one of: {', '.join(sorted(self.by_name))}",
                pointer="/jurisdiction",
            )
        return self.by_name[name]

    def day(self, name: str, at: Micros) -> str:
        """The day of a moment as people are told it who ask under a law, ISO 8601."""
        return self.of_request(name).day_of(at).isoformat()

    def usual(self, name: str) -> str:
        """The name of the law that counts for requests that name none, as the settings have it.

        Raises:
            SettingInvalid: the policy has no such law: no such request could be taken in.
        """
        if name not in self.by_name:
            raise SettingInvalid(
                "REGISTRY_JURISDICTION names a law that jurisdictions.yaml does not have",
                hint=f"use one of: {', '.join(sorted(self.by_name))}; or put it back into the file",
                pointer="jurisdiction",
            )
        return name

    def of_request(self, name: str) -> Jurisdiction:
        """The law of a request that was taken in; of one that left the policy since, a law that gives no time.

        Its deadline stands as it was told, comes whatever happens, and is warned of: no clock stands still for it.
        """
        return self.by_name.get(name) or Jurisdiction(
            name, ground="", respond=Period(), extend=None, acknowledge=None, pauses=False, rolls_over=False,
            holidays=frozenset(),
        )  # fmt: skip


def deadline(
    law: Jurisdiction,
    received_at: Micros,
    *,
    kind: str | None = None,
    extended: bool = False,
    pauses: Sequence[tuple[Micros, Micros]] = (),
) -> Deadline:
    """When a request that came at `received_at` must be answered.

    The day of receipt does not count; a period in months ends on the day of the same number, or on
    the last day of a month that has none (Regulation (EEC, Euratom) 1182/71, Art. 3). A deadline
    beyond the last day of the calendar, in the year 9999, is that day.

    Args:
        kind: of the request, where the law has periods of its own for some.
        extended: whether the answer was put off, as some laws allow once and others do not.
        pauses: spans in which identity was being verified; where the law pauses, the whole days that they come to
            together are added, and no day for a part of one.

    Raises:
        InvalidInput: a pause ends before it begins, begins before the receipt, or overlaps another.
    """
    start = law.day_of(received_at)
    respond, extend = law.period(kind), law.extension(kind)
    last = _add(start, respond, law.holidays)
    if extended and extend is not None:
        # The period itself is extended: of a month by two, to the day of the same number three months on.
        months = respond.months + extend.months if respond.months and extend.months else 0
        last = _add(start, Period(months=months), law.holidays) if months else _add(last, extend, law.holidays)
    stood_still = _days(law, pauses, received_at)
    if law.pauses:
        last = _later(last, stood_still)
    if law.rolls_over:
        last = _next_working_day(last, law.holidays)
    confirms = law.acknowledge is not None and kind not in law.by_kind  # a shorter period needs no word in between
    acknowledge = _add(start, law.acknowledge, law.holidays) if confirms and law.acknowledge else None
    return Deadline(law.end_of(last), law.end_of(acknowledge) if acknowledge is not None else None, law.ground)


def end_after(law: Jurisdiction, noticed_at: Micros, period: Period) -> Micros:
    """The end of the last day of a period that begins with a moment, whose own day does not count."""
    return law.end_of(_add(law.day_of(noticed_at), period, law.holidays))


def _days(law: Jurisdiction, pauses: Sequence[tuple[Micros, Micros]], received_at: Micros) -> int:
    free, stood_still = received_at, timedelta()
    for begin, end in sorted(pauses):
        if end < begin:
            raise InvalidInput("a pause ends before it begins")
        if begin < free:
            raise InvalidInput("a pause begins before the receipt, or within another pause")
        free = end
        stood_still += max(law.shown(end) - law.shown(begin), timedelta())  # less than none where clocks are set back
    return stood_still.days


def _add(start: date, period: Period, holidays: frozenset[date]) -> date:
    if period.months:
        year, month = divmod(start.month - 1 + period.months, 12)
        year, month = start.year + year, month + 1
        if year > date.max.year:
            return date.max
        return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))
    if period.business_days:
        day = start
        for _ in range(period.business_days):
            day = _next_working_day(_later(day, 1), holidays)
        return day
    return _later(start, period.days)


def _later(day: date, days: int) -> date:
    return day + timedelta(days=min(days, (date.max - day).days))


def _next_working_day(day: date, holidays: frozenset[date]) -> date:
    while day < date.max and (day.weekday() >= SATURDAY or day in holidays):
        day += timedelta(days=1)
    return day


def _jurisdiction(
    name: str, entry: Mapping[str, Any], holidays: frozenset[date], warn_days: Sequence[int]
) -> Jurisdiction:
    return Jurisdiction(
        name=name,
        ground=entry["ground"],
        respond=Period(**entry["respond"]),
        extend=Period(**entry["extend"]) if "extend" in entry else None,
        acknowledge=Period(**entry["acknowledge"]) if "acknowledge" in entry else None,
        pauses=entry["pauses_for_verification"],
        rolls_over=entry["rolls_over"],
        holidays=holidays,
        by_kind={kind: Period(**period) for kind, period in entry.get("by_kind", {}).items()},
        warn_days=tuple(sorted(entry.get("warn_days", warn_days), reverse=True)),
    )
