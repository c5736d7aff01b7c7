"""`python -m benchmarks [ROW …]`: run rows, print a table, write `benchmarks/out/results.json`."""

from __future__ import annotations

import gc
import json
import sys
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.row import Row
from registry.bootstrap import GC_THRESHOLDS

ROWS = (
    "ingest", "ingest-postgres", "consent-http", "consent-bulk", "consent-client", "propagation", "validate", "seal",
    "append", "rotation", "erasure", "merge", "view", "export", "access", "audit-append",
)  # fmt: skip
ON_REQUEST = ("consent-postgres", "resolve", "growth", "febrl", "bulk-import", "many-requests", "access-peer")
"""Rows that take minutes, or need more than the others: run when they are named."""

WIDTH = 110
"""Columns that the table takes, also where there is no terminal."""

OUT = Path(__file__).parent / "out" / "results.json"


def main() -> int:
    """Run the rows that the command line names, or all but the long ones."""
    names = sys.argv[1:] or list(ROWS)
    unknown = [name for name in names if name not in (*ROWS, *ON_REQUEST)]
    if unknown:
        there = ", ".join((*ROWS, *ON_REQUEST))
        print(f"There is no row {', '.join(unknown)}. The rows are: {there}.", file=sys.stderr)
        return 2
    # What is measured in this process is tuned as the server tunes itself.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    console, lines = Console(), dict[str, Row]()
    console.width = max(console.width, WIDTH)
    for name in names:
        with console.status(f"measuring {name}"):
            lines |= dict(import_module(f"benchmarks.{name.replace('-', '_')}").measure())
    _show(console, lines)
    OUT.parent.mkdir(exist_ok=True)
    known = json.loads(OUT.read_text()) if OUT.exists() else {}
    OUT.write_text(json.dumps(known | {name: line.as_json() for name, line in lines.items()}, indent=2) + "\n")
    return 0


def _show(console: Console, lines: dict[str, Row]) -> None:
    table = Table("row", "ours", "reference", "ratio", "target", "unit", "n")
    for column in table.columns[1:4]:
        column.justify = "right"
    for name, line in lines.items():
        figures = (f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}" for value in (line.ours, line.reference))
        table.add_row(name, *figures, f"{line.ratio:.3f}", line.target, line.unit, f"{line.n:,}")
    console.print(table)
    for name, line in lines.items():
        console.print(f"[bold]{name}[/]  {line.what}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
