"""What a request's plan looks like on its page: per system and table, which fields become what, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from registry.dsr.accounting import Disposition, stands_without_rows
from registry.dsr.declarations import DECLARED
from registry.dsr.plan import RequestPlan

TONES = {Disposition.EXPORTED: "good", Disposition.ERASED: "bad", Disposition.RETAINED: "warn"}


@dataclass(frozen=True, slots=True)
class PlannedField:
    """One field: what becomes of it and on which ground it is kept; what it holds, where that is declared."""

    name: str
    fate: str
    tone: str
    ground: str
    categories: str


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """One table that holds something of the person, or may; `fates` counts its fields by what becomes of them."""

    name: str
    rows: int
    fates: Sequence[tuple[str, str, int]]
    fields: Sequence[PlannedField]


@dataclass(frozen=True, slots=True)
class PlannedSystem:
    """One system: the tables with rows of the person, how many hold nothing, and why it could not be asked.

    `others`: by table, rows that carry an identifier of the person's, and are left since they are somebody else's.
    """

    name: str
    tables: Sequence[PlannedTable]
    empty: int
    unreachable: str | None
    others: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, slots=True)
class Undecided:
    """Fields of one table that somebody has to decide about."""

    system: str
    table: str
    fields: Sequence[str]


def planned(plan: RequestPlan) -> list[PlannedSystem]:
    """The plan by system and table, the tables with most rows first."""
    categories = {(f.system, f.table, f.field): ", ".join(f.categories) for f in DECLARED}
    found = []
    for system in plan.systems:
        tables: dict[str, tuple[int, list[PlannedField]]] = {}
        for one in system.accounts:
            outside = system.categories.get((one.table, one.field), "")
            held = categories.get((one.system, one.table, one.field), outside)
            fate = one.disposition
            field = PlannedField(one.field, fate.value, TONES.get(fate, ""), one.ground or "", held)
            tables.setdefault(one.table, (one.rows, []))[1].append(field)
        shown = [_table(name, rows, fields) for name, (rows, fields) in tables.items() if rows or _stands(fields)]
        shown.sort(key=lambda table: (-table.rows, table.name))
        others = sorted(system.others.items())
        found.append(PlannedSystem(system.system, shown, len(tables) - len(shown), system.unreachable, others))
    return found


def undecided(plan: RequestPlan) -> list[Undecided]:
    """What has to be decided first, by table."""
    tables: dict[tuple[str, str], list[str]] = {}
    for system, table, field in plan.undecided:
        tables.setdefault((system, table), []).append(field)
    return [Undecided(system, table, fields) for (system, table), fields in tables.items()]


def _stands(fields: Sequence[PlannedField]) -> bool:
    """Whether something is said of a table in which no rows of the person are counted."""
    return any(stands_without_rows(field.fate, field.name, field.ground) for field in fields)


def _table(name: str, rows: int, fields: list[PlannedField]) -> PlannedTable:
    counts = Counter((field.fate, field.tone) for field in fields)
    fates = [(fate, tone, count) for (fate, tone), count in sorted(counts.items())]
    return PlannedTable(name, rows, fates, sorted(fields, key=lambda field: (field.fate, field.name)))
