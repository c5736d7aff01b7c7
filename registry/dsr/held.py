"""A legal hold in a system outside: what it covers there stays, and everything else of an erasure is done.

A system that can leave single fields where they are says so by `Keeping`; any other is kept whole as long as a hold
covers anything that it would erase. Either way its plan says so, and it is erased once the hold has ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from registry.dsr.accounting import ELSEWHERE, WHOLE, Disposition, FieldAccount
from registry.dsr.holding import covers
from registry.dsr.plan import LinkedSystem, SystemPlan
from registry.dsr.requests import Kind
from registry.model.message import Identifier

HOLD = "legal hold: "


@dataclass(frozen=True, slots=True)
class Held:
    """One hold that stands on a person: its ground, and what it covers; no categories are everything."""

    ground: str
    categories: tuple[str, ...]

    @property
    def words(self) -> str:
        """The hold as plans and certificates state it."""
        return f"{HOLD}{self.ground}"

    def keeps(self, account: FieldAccount) -> bool:
        """Whether it is on this hold's ground that a field was kept in rows that are there, or may be, whosever."""
        ground = account.ground or ""
        kept = account.disposition is Disposition.RETAINED and (account.rows > 0 or WHOLE in ground)
        return self.is_named(account) and (kept or ELSEWHERE in ground)

    def is_named(self, account: FieldAccount) -> bool:
        """Whether a field's ground names this hold."""
        return re.search(f"{re.escape(self.words)}(?:$|[;)])", account.ground or "") is not None  # claim 1 is not 10


@runtime_checkable
class Keeping(Protocol):
    """A linked system that can keep what a hold covers, field by field."""

    def holding(self, held: Sequence[Held]) -> LinkedSystem:
        """The same system, which keeps what these holds cover."""


def ground_of(held: Sequence[Held], category: str | None) -> str | None:
    """On which ground holds keep what is declared so; None where none covers it."""
    return "; ".join(one.words for one in held if covers(one.categories, (category,) if category else ())) or None


def by_hold(account: FieldAccount) -> bool:
    """Whether a field is kept for a hold, itself or since something else is."""
    return account.disposition is Disposition.RETAINED and HOLD in (account.ground or "")


def under(system: LinkedSystem, held: Sequence[Held]) -> LinkedSystem:
    """A system as it is while these holds stand on the person."""
    if not held:
        return system
    return system.holding(held) if isinstance(system, Keeping) else Whole(system, held)


class Whole:
    """A system that cannot keep a part of what it holds: nothing is erased there while a hold covers any of it."""

    def __init__(self, system: LinkedSystem, held: Sequence[Held]) -> None:
        self._system = system
        self._held = held

    @property
    def name(self) -> str:
        """The system's own name."""
        return self._system.name

    def undecided(self) -> Sequence[tuple[str, str]]:
        """What nobody has declared there."""
        return self._system.undecided()

    def leads(self, people: Sequence[Identifier]) -> Sequence[Identifier]:
        """By what else these people are known there."""
        return self._system.leads(people)

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        """What an erasure would do: nothing, on the holds' ground, where they cover anything."""
        plan = self._system.plan(kind, people)
        ground = self._ground(plan)
        if ground is None:
            return plan
        told = f"{ground}; {WHOLE}"
        kept = [
            one._replace(disposition=Disposition.RETAINED, ground=told)
            if one.disposition is Disposition.ERASED
            else one
            for one in plan.accounts
        ]
        return replace(plan, accounts=kept)

    def run(
        self, request_id: str, kind: Kind, people: Sequence[Identifier], corrections: Mapping[str, object]
    ) -> Sequence[FieldAccount]:
        """Do it, unless a hold covers anything: the system is not told of the erasure then."""
        planned = self._system.plan(kind, people)
        if self._ground(planned) is None:
            return self._system.run(request_id, kind, people, corrections)
        return self.plan(kind, people).accounts

    def remaining(self, kind: Kind, people: Sequence[Identifier]) -> Mapping[str, int]:
        """What is left that should be gone: nothing should be while the system is kept whole."""
        is_kept = self._ground(self._system.plan(kind, people)) is not None
        return {} if is_kept else self._system.remaining(kind, people)

    def export(self, people: Sequence[Identifier]) -> Iterator[tuple[str, dict[str, Any]]]:
        """What the system gives out."""
        return self._system.export(people)

    def close(self) -> None:
        """Let go of every connection."""
        self._system.close()

    def _ground(self, plan: SystemPlan) -> str | None:
        """On which ground the system is kept; what no category is declared of may be anything, and is covered."""
        erased = [(one.table, one.field) for one in plan.accounts if one.disposition is Disposition.ERASED]
        told = [plan.categories.get(place) for place in erased]
        covering = [
            one
            for one in self._held
            if any(category is None or covers(one.categories, (category,)) for category in told)
        ]
        return "; ".join(one.words for one in covering) or None
