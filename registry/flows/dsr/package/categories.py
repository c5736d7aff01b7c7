"""One table for each data category: every value that a plan declares so, for spreadsheets.

A value of several categories stands in each of them; one that no plan declares stands under `undeclared`. The
tables grow side by side while the events are read once, so they wait under a key in memory until they are written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from registry.dsr.holding import SECTIONS, FieldCategories
from registry.flows.dsr.package.archive import Package, cell, quoted
from registry.flows.dsr.package.remembered import Remembered
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
        self._texts = Remembered[str, str](lambda text: quoted(cell(text)))

    def add_event(self, line: Mapping[str, Any], declared: FieldCategories) -> None:
        """Every value of an event's sections."""
        before, after = f"event,{self._texts[line['event'] or line['type']]}", self._told(line)
        for section in SECTIONS:
            held = line["content"].get(section)
            if isinstance(held, dict):
                self._add(before, held, after, line["observed_at"], declared.get(section, {}))

    def add_trait(self, row: Mapping[str, Any], categories: Collection[str] | None) -> None:
        """A trait, as one source says it."""
        trait = row["trait"]
        self._add("trait,", {trait: row["value"]}, self._told(row), row["observed_at"], {trait: categories or ()})

    def add_identifier(self, row: Mapping[str, Any], categories: Collection[str]) -> None:
        """An identifier."""
        kind, at = row["kind"], row["first_seen_at"]
        told = self._told({"source": row["source"], "observed_at": at, "purposes": []})
        self._add("identifier,", {kind: row["value"]}, told, at, {kind: categories})

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
        self, before: str, values: Mapping[str, object], after: str, at: str, declared: Mapping[str, Collection[str]]
    ) -> None:
        """Write each value into the table of each of its categories: all else in these rows is the same."""
        texts, tables, month = self._texts, self._tables, at[:7]
        for name, value in values.items():
            shown = texts[value] if isinstance(value, str) else quoted(cell(value))
            row = f"{before},{texts[name]},{shown},{after}"
            for category in declared.get(name) or (UNDECLARED,):
                table = tables.get(category)
                if table is None:
                    table = tables[category] = _Table(self.counts[category])
                table.add(row, month)

    def _told(self, of: Mapping[str, Any]) -> str:
        """Cells of where a value comes from, and the end of their row."""
        source, at, purposes = of["source"], quoted(cell(of["observed_at"])), ", ".join(of["purposes"])
        return f"{self._texts[source]},{at},{self._texts[purposes]}\r\n"


class _Table:
    """One category's rows: those that wait to be written, and what was."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._rows: list[str] = [",".join(COLUMNS) + "\r\n"]
        self._spool = Spool()

    def add(self, row: str, month: str) -> None:
        self._counts[month] += 1
        self._rows.append(row)
        if len(self._rows) >= ROWS_AT_ONCE:
            self._flush()

    def chunks(self) -> Iterator[bytes]:
        self._flush()
        return self._spool.chunks()

    def close(self) -> None:
        self._spool.close()

    def _flush(self) -> None:
        self._spool.write("".join(self._rows).encode())
        self._rows.clear()
