"""What the bars of a package's page show: each is drawn by the page itself, in the table that tells the numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

MOST_MONTHS = 36
"""More than these are told by year."""
MOST_SERIES = 6
"""Categories with a colour of their own; the others share the last."""
OTHERS = "everything else"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar: which colour, what it stands for, and its share of the longest bar in percent."""

    colour: int
    words: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Span:
    """A month or a year: how many events were in it, and how many values of each kind came."""

    name: str
    events: int
    parts: tuple[Part, ...]


def readable(category: str) -> str:
    """A data category in words: fideslang's key without its first step."""
    return category.removeprefix("user.").replace(".", ": ").replace("_", " ")


def by_category(categories: Mapping[str, Mapping[str, int]]) -> list[tuple[str, Part]]:
    """Each category with how many values there are of it, the most first."""
    counts = Counter({category: sum(months.values()) for category, months in categories.items()})
    longest = max(counts.values(), default=0)
    return [(name, _part(0, readable(name), count, longest)) for name, count in counts.most_common()]


def over_time(categories: Mapping[str, Mapping[str, int]], events: Mapping[str, int]) -> list[Span]:
    """How many events there were when, and how many values of each category came.

    Args:
        categories: values by category and month, `2026-11`.
        events: events by month.
    """
    months = {month for own in categories.values() for month in own} | set(events)
    width = 4 if len(months) > MOST_MONTHS else 7
    ranked = sorted(categories, key=lambda name: -sum(categories[name].values()))
    words = [readable(name) for name in ranked[:MOST_SERIES]] + ([OTHERS] if ranked[MOST_SERIES:] else [])
    values = {month[:width]: [0] * len(words) for month in sorted(months)}
    happened = Counter[str]()
    for month, count in events.items():
        happened[month[:width]] += count
    for place, name in enumerate(ranked):
        for month, count in categories[name].items():
            values[month[:width]][min(place, MOST_SERIES)] += count
    longest = max(map(sum, values.values()), default=0)
    return [
        Span(span, happened[span], tuple(_part(n, words[n], count, longest) for n, count in enumerate(own) if count))
        for span, own in values.items()
    ]


def _part(colour: int, words: str, count: int, longest: int) -> Part:
    return Part(colour, words, count, round(100 * count / longest, 2) if longest else 0.0)
