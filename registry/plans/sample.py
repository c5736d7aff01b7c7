"""Traffic looked at in memory: how often each field came, in which shapes, and what personal data it held.

Nothing of a value is kept but counts: types, formats and matches. Names are kept only where they are
names: an object with very many different ones, or with ones that are themselves personal, is a
dictionary of values, and its names are not kept either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from registry.model.clock import parse_rfc3339
from registry.model.message import CallType
from registry.plans.compile import SECTION_OF
from registry.plans.personal_values import Match, match_value

MAX_NAMES = 200
"""Different names in one object; with more it is taken for a dictionary."""
MAX_EVENTS = 2_000
"""Different events; further names are counted and not kept."""
MAX_DEPTH = 12
MAX_ITEMS = 100
"""Items of one list that are looked at."""
MATCHED = 2_000
"""Values of a field that are held against the matchers: the rest is like them."""


@dataclass(slots=True)
class Shape:
    """What came at one place.

    Attributes:
        seen: how many values.
        kinds, formats: how many of each JSON type, and how many texts of each format.
        found: how many texts each matcher found something in.
        names: of objects, the shape of each member; None once they are taken for dictionaries.
    """

    seen: int = 0
    objects: int = 0
    texts: int = 0
    longest: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    found: Counter[Match] = field(default_factory=Counter)
    names: dict[str, Shape] | None = field(default_factory=dict)
    items: Shape | None = None

    def add(self, value: Any, year: int, depth: int = 0) -> None:
        """Look at one more value."""
        self.seen += 1
        kind = _kind(value)
        self.kinds[kind] += 1
        if kind == "string":
            self._text(value, year)
        elif kind == "object" and depth < MAX_DEPTH:
            self.objects += 1
            self._members(value, year, depth)
        elif kind == "array" and depth < MAX_DEPTH:
            self.items = self.items or Shape()
            for item in value[:MAX_ITEMS]:
                self.items.add(item, year, depth + 1)

    def _text(self, text: str, year: int) -> None:
        self.texts += 1
        self.longest = max(self.longest, len(text))
        self.formats.update(_formats(text))
        if self.texts <= MATCHED:
            self.found.update(match_value(text, year=year))

    def _members(self, value: dict[str, Any], year: int, depth: int) -> None:
        if self.names is None:
            return
        for name, inner in value.items():
            if name not in self.names and (len(self.names) >= MAX_NAMES or not name or match_value(name, year=year)):
                self.names = None
                return
            self.names.setdefault(name, Shape()).add(inner, year, depth + 1)

    def places(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Shape]]:
        """Every place below this one, with its path; `*` stands for each item of a list."""
        yield path, self
        for name, inner in (self.names or {}).items():
            yield from inner.places((*path, name))
        if self.items is not None:
            yield from self.items.places((*path, "*"))


@dataclass(slots=True)
class Sample:
    """Traffic by call and event name: the event's own section, and the context of all.

    Attributes:
        unnamed: track events whose names were not kept: too many, or personal themselves.
    """

    year: int
    events: dict[tuple[CallType, str], Shape] = field(default_factory=dict)
    context: Shape = field(default_factory=Shape)
    unnamed: int = 0
    calls: int = 0

    def add(self, calls: Iterable[object]) -> None:
        """Look at decoded calls; what is no call of the tracking protocol is passed over."""
        for call in calls:
            kind = call.get("type") if isinstance(call, dict) else None
            if isinstance(call, dict) and isinstance(kind, str) and kind in SECTION_OF:
                self._call(call, CallType(kind))

    def _call(self, call: dict[str, Any], kind: CallType) -> None:
        self.calls += 1
        name = call.get("event") if kind is CallType.TRACK else ""
        if not isinstance(name, str) or (kind is CallType.TRACK and not name):
            self.unnamed += 1
            return
        key = kind, name
        if key not in self.events:
            if len(self.events) >= MAX_EVENTS or match_value(name, year=self.year):
                self.unnamed += 1
                return
            self.events[key] = Shape()
        section = call.get(SECTION_OF[kind])
        self.events[key].add(section if isinstance(section, dict) else {}, self.year)
        if isinstance(call.get("context"), dict):
            self.context.add(call["context"], self.year)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _formats(text: str) -> Iterator[str]:
    if len(text) == len("2026-01-01") and _is_date(text):
        yield "date"
    elif "T" in text and len(text) < 40 and parse_rfc3339(text) is not None:
        yield "date-time"
    elif text.startswith(("https://", "http://")) and " " not in text:
        yield "uri"
    elif text.count("@") == 1 and any(match.kind == "email" for match in match_value(text, year=0)):
        yield "email"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
