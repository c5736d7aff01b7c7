"""One table for each data category: every value that a plan declares so, for spreadsheets.

A value of several categories stands in each of them; one that no plan declares stands under `undeclared`. The
tables grow side by side while the events are read once, so they wait under a key in memory until they are written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from registry.dsr.holding import SECTIONS, FieldCategories
from registry.flows.dsr.package.archive import Package, csv_line
from registry.keys.spool import Spool

COLUMNS = ("what", "event", "name", "value", "source", "observed_at", "purposes")
UNDECLARED = "undeclared"


class CategoryTables:
    """The tables of one package, while they grow; counts the values of each category by month."""

    def __init__(self) -> None:
        self._spools: dict[str, Spool] = {}
        self.counts: dict[str, dict[str, int]] = {}

    def add_event(self, line: Mapping[str, Any], declared: FieldCategories) -> None:
        """Every value of an event's sections."""
        for section in SECTIONS:
            held = line["content"].get(section)
            for name, value in held.items() if isinstance(held, dict) else ():
                self._add(
                    "event", line["event"] or line["type"], name, value, line, declared.get(section, {}).get(name)
                )

    def add_trait(self, row: Mapping[str, Any], categories: Collection[str] | None) -> None:
        """A trait, as one source says it."""
        self._add("trait", "", row["trait"], row["value"], row, categories)

    def add_identifier(self, row: Mapping[str, Any], categories: Collection[str]) -> None:
        """An identifier."""
        told = {"source": row["source"], "observed_at": row["first_seen_at"], "purposes": []}
        self._add("identifier", "", row["kind"], row["value"], told, categories)

    def write(self, package: Package) -> None:
        """Write each table into the package, and let go of it."""
        for category, spool in sorted(self._spools.items()):
            package.add(f"categories/{category}.csv", spool.chunks())
        self.close()

    def close(self) -> None:
        """Let go of what was set aside."""
        for spool in self._spools.values():
            spool.close()
        self._spools.clear()

    def _add(
        self,
        what: str,
        event: str,
        name: str,
        value: object,
        told: Mapping[str, Any],
        categories: Collection[str] | None,
    ) -> None:
        line = csv_line((what, event, name, value, told["source"], told["observed_at"], ", ".join(told["purposes"])))
        for category in categories or (UNDECLARED,):
            if category not in self._spools:
                self._spools[category] = Spool()
                self._spools[category].write(csv_line(COLUMNS))
            self._spools[category].write(line)
            by_month = self.counts.setdefault(category, {})
            month = str(told["observed_at"])[:7]
            by_month[month] = by_month.get(month, 0) + 1
