"""Computed traits: counts, sums, first, last and most frequent of a person's events, in windows of days.

What is kept is a sum for each day, on the fragment that the events hang on. Sums of days and of
fragments are added in any order, so that messages may come late, and people be joined and taken apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import orjson

from registry.model.clock import DAY, Micros

State = dict[str, dict[str, Any]]
"""Per trait: its definition's form under `of`, and under `days` a partial result per day since 1970."""

EPOCH = date(1970, 1, 1)

DISTINCT = 100
"""Different values that one day of `most_frequent` remembers; further ones of that day do not count."""

LONGEST = 255
"""Characters of a text that is kept; a longer one does not count."""

SCALE = 1_000_000
"""Sums are kept in millionths, as whole numbers: those add up to the same in any order."""


class Measure(StrEnum):
    """What is computed."""

    COUNT = "count"
    SUM = "sum"
    FIRST = "first"
    LAST = "last"
    MOST_FREQUENT = "most_frequent"


@dataclass(frozen=True, slots=True)
class ComputedTrait:
    """One computed trait of the policy.

    Attributes:
        event: the plan's id of the event.
        field: the property that is measured; None for counts.
        window_days: only events of so many days count; None for all.
    """

    trait: str
    purpose: str
    event: str
    measure: Measure
    field: str | None
    window_days: int | None

    @property
    def form(self) -> str:
        """What the kept sums depend on: with another definition they start anew."""
        return f"{self.event}/{self.measure}/{self.field}"


@dataclass(frozen=True, slots=True, repr=False)
class Occurrence:
    """One event, as far as the purpose of a computed trait may see it."""

    message_id: str
    observed_at: Micros
    properties: Mapping[str, Any]


def fold(state: State, definition: ComputedTrait, event: Occurrence, *, keep_days: int) -> bool:
    """Add one event to what is kept; whether anything changed.

    Args:
        state: changed in place.
        keep_days: days further back than this from the newest one are dropped.
    """
    partial = _partial(definition, event)
    if partial is None:
        return False
    entry = state.get(definition.trait)
    if entry is None or entry["of"] != definition.form:
        entry = state[definition.trait] = {"of": definition.form, "days": {}}
    days = entry["days"]
    day = str(event.observed_at // DAY)
    days[day] = _added(definition.measure, days[day], partial, DISTINCT) if day in days else partial
    newest = max(map(int, days))
    reach = min(keep_days, definition.window_days or keep_days)
    for old in [one for one in days if int(one) <= newest - reach]:
        del days[old]
    return True


def value(definition: ComputedTrait, states: Iterable[State], *, now: Micros, keep_days: int) -> object | None:
    """What the trait is now, over all fragments of a person; None where no event counts."""
    reach = min(keep_days, definition.window_days or keep_days)
    since = now // DAY - reach
    total: Any = None
    for state in states:
        entry = state.get(definition.trait)
        if entry is None or entry["of"] != definition.form:
            continue
        for day, partial in entry["days"].items():
            if int(day) > since:
                total = partial if total is None else _added(definition.measure, total, partial)
    return None if total is None else _told(definition.measure, total)


def by_day(state: State) -> dict[str, Any]:
    """What is kept of one fragment as the person is told it: days as dates, sums in the measure of what was added."""
    return {trait: _told_by_day(entry) for trait, entry in state.items()}


def _told_by_day(entry: dict[str, Any]) -> dict[str, Any]:
    event, measure, name = entry["of"].split("/", 2)
    told = {
        (EPOCH + timedelta(days=int(day))).isoformat(): _whole(Measure(measure), partial)
        for day, partial in sorted(entry["days"].items(), key=lambda one: int(one[0]))
    }
    counted = Measure(measure) is Measure.COUNT
    return {"measure": measure, "event": event, "property": None if counted else name, "by_day": told}


def _whole(measure: Measure, partial: Any) -> object:
    if measure is Measure.MOST_FREQUENT:
        return [{"value": orjson.loads(name), "times": times} for name, times in partial.items()]
    return _told(measure, partial)


def _partial(definition: ComputedTrait, event: Occurrence) -> Any:
    if definition.measure is Measure.COUNT:
        return 1
    found = event.properties.get(definition.field or "")
    if found is None or isinstance(found, list | dict) or (isinstance(found, str) and len(found) > LONGEST):
        return None
    if definition.measure is Measure.SUM:
        return _millionths(found)
    if definition.measure is Measure.MOST_FREQUENT:
        return {orjson.dumps(found).decode(): 1}
    return [event.observed_at, event.message_id, found]


def _millionths(found: object) -> int | None:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        return int((Decimal(str(found)) * SCALE).to_integral_value())
    except (InvalidOperation, OverflowError, ValueError):
        return None


def _added(measure: Measure, one: Any, other: Any, distinct: int | None = None) -> Any:
    match measure:
        case Measure.COUNT | Measure.SUM:
            return one + other
        case Measure.FIRST:
            return min(one, other, key=_moment)
        case Measure.LAST:
            return max(one, other, key=_moment)
        case Measure.MOST_FREQUENT:
            known = dict(one)
            for name, count in other.items():
                if name in known or distinct is None or len(known) < distinct:
                    known[name] = known.get(name, 0) + count
            return known


def _moment(partial: list[Any]) -> tuple[int, str]:
    return partial[0], partial[1]


def _told(measure: Measure, total: Any) -> object:
    if measure is Measure.SUM:
        whole, rest = divmod(total, SCALE)
        return whole if not rest else total / SCALE
    if measure is Measure.MOST_FREQUENT:
        best = min(Counter(total).items(), key=lambda item: (-item[1], item[0]))
        return orjson.loads(best[0])
    return total if measure is Measure.COUNT else total[2]
