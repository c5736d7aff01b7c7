"""In which order rows go, so that no reference is ever without its row, whatever circles references go in (pure)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference that the database itself holds; `columns`: those that may be emptied; `nullable`: there are some."""

    table: str
    columns: tuple[str, ...]
    to: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class Order:
    """How rows are deleted.

    Attributes:
        tables: whose rows refer, before those that they refer to.
        loosened: by table, the columns that are emptied first, since references go in a circle there.
        stuck: some circle has no reference that may be emptied: the database must check at the end, if it can.
    """

    tables: list[str]
    loosened: dict[str, list[str]]
    stuck: bool


def deletion(tables: Collection[str], references: Iterable[Reference]) -> Order:
    """The order in which rows of these tables are deleted."""
    held = [one for one in references if one.table in tables and one.to in tables]
    loosened: dict[str, list[str]] = defaultdict(list)
    stuck = False

    def loosen(one: Reference) -> None:
        loosened[one.table] += [name for name in one.columns if name not in loosened[one.table]]

    # A row may refer to a row of its own table: some engines look at each row as it goes.
    for one in [one for one in held if one.table == one.to]:
        held.remove(one)
        if one.nullable:
            loosen(one)
        else:
            stuck = True
    while True:
        sorter: TopologicalSorter[str] = TopologicalSorter({name: set() for name in sorted(tables)})
        for one in held:
            sorter.add(one.to, one.table)
        try:
            return Order(list(sorter.static_order()), dict(loosened), stuck)
        except CycleError as error:
            circle = error.args[1]
        steps = {step for one, other in pairwise(circle) for step in ((one, other), (other, one))}
        round_it = [one for one in held if (one.table, one.to) in steps]
        pairs = {(one.table, one.to) for one in round_it}
        free = sorted(p for p in pairs if all(one.nullable for one in round_it if (one.table, one.to) == p))
        stuck = stuck or not free
        cut = free[0] if free else min(pairs)
        for one in [one for one in held if (one.table, one.to) == cut]:
            held.remove(one)
            if free:
                loosen(one)
