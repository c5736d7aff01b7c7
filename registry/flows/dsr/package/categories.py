"""One table for each data category: every value that a plan declares so, for spreadsheets.

A value of several categories stands in each of them; one that no plan declares stands under `undeclared`. The
tables grow side by side while the events are read once, so they wait under a key in memory until they are written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from registry.dsr.holding import SECTIONS, FieldCategories
from registry.flows.dsr.package.archive import Package, cell, csv_rows
from registry.keys.spool import Spool

COLUMNS = ("what", "event", "name", "value", "source", "observed_at", "purposes")
UNDECLARED = "undeclared"

ROWS_AT_ONCE = 256
"""Rows of one category that are written together: a fraction of what it costs to write each alone."""


class CategoryTables:
    """The tables of one package, while they grow; counts the values of each category by month."""

    def __init__(self) -> None:
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._tables: dict[str, _Table] = {}

    def add_event(self, line: Mapping[str, Any], declared: FieldCategories) -> None:
        """Every value of an event's sections."""
        event, told = cell(line["event"] or line["type"]), _told(line)
        for section in SECTIONS:
            held, categories = line["content"].get(section), declared.get(section, {})
            for name, value in held.items() if isinstance(held, dict) else ():
                self._add("event", event, name, value, told, categories.get(name))

    def add_trait(self, row: Mapping[str, Any], categories: Collection[str] | None) -> None:
        """A trait, as one source says it."""
        self._add("trait", "", row["trait"], row["value"], _told(row), categories)

    def add_identifier(self, row: Mapping[str, Any], categories: Collection[str]) -> None:
        """An identifier."""
        told = _told({"source": row["source"], "observed_at": row["first_seen_at"], "purposes": []})
        self._add("identifier", "", row["kind"], row["value"], told, categories)

    def write(self, package: Package) -> None:
        """Write each table into the package, and let go of what it held."""
        for category, table in sorted(self._tables.items()):
            package.add_table(f"categories/{category}.csv", table.chunks())
        self.close()

    def close(self) -> None:
        """Let go of what was set aside."""
        for table in self._tables.values():
            table.close()
        self._tables.clear()

    def _add(
        self, what: str, event: str, name: str, value: object, told: _Told, categories: Collection[str] | None
    ) -> None:
        row, month = (what, event, cell(name), cell(value), *told), told[1][:7]
        for category in categories or (UNDECLARED,):
            table = self._tables.get(category)
            if table is None:
                table = self._tables[category] = _Table()
            table.add(row)
            self.counts[category][month] += 1


_Told = tuple[str, str, str]
"""Cells of where a value comes from: source, time, purposes."""


def _told(of: Mapping[str, Any]) -> _Told:
    return cell(of["source"]), cell(of["observed_at"]), cell(", ".join(of["purposes"]))


class _Table:
    """One category's rows: those that wait to be written, and what was."""

    def __init__(self) -> None:
        self._rows: list[Sequence[str]] = [COLUMNS]
        self._spool = Spool()

    def add(self, row: Sequence[str]) -> None:
        self._rows.append(row)
        if len(self._rows) >= ROWS_AT_ONCE:
            self._flush()

    def chunks(self) -> Iterator[bytes]:
        self._flush()
        return self._spool.chunks()

    def close(self) -> None:
        self._spool.close()

    def _flush(self) -> None:
        self._spool.write(csv_rows(self._rows))
        self._rows.clear()
