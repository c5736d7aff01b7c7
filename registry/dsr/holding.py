"""What is kept although an erasure is asked for: statutory duties and legal holds, by data category."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from registry.model.clock import Micros

FieldCategories = Mapping[str, Mapping[str, frozenset[str]]]
"""Per section of a message (`properties`, `traits`, `context`), the categories of each field."""

SECTIONS = ("properties", "traits", "context")


@dataclass(frozen=True, slots=True)
class Duty:
    """A law that wants data kept (GDPR Art. 17(3)(b)).

    Attributes:
        ground: the law, as plans and certificates state it.
        purpose: the one purpose that it is kept for.
        categories: fideslang keys; what is declared so, or below one of them, is kept.
        keep_for: how long after a value was received.
    """

    name: str
    ground: str
    purpose: str
    categories: tuple[str, ...]
    keep_for: Micros


def covers(wanted: Collection[str], declared: Collection[str]) -> bool:
    """Whether a hold on these categories covers data declared so; a hold on none in particular covers all.

    A category covers those below it: `user.payment` covers `user.payment.method`.
    """
    return not wanted or any(own == name or own.startswith(f"{name}.") for name in wanted for own in declared)


def covered_part(content: Mapping[str, Any], categories: FieldCategories, wanted: Collection[str]) -> dict[str, Any]:
    """What of a message's content a hold covers, with its envelope; nothing where it covers no field.

    A field that the plan does not declare is covered by a hold on everything only.
    """
    if not wanted:
        return dict(content)
    kept: dict[str, Any] = {}
    for section in SECTIONS:
        value = content.get(section)
        if isinstance(value, dict):
            declared = categories.get(section, {})
            fields = {name: held for name, held in value.items() if covers(wanted, declared.get(name, ()))}
            kept |= {section: fields} if fields else {}
    return {name: value for name, value in content.items() if name not in SECTIONS} | kept if kept else {}
