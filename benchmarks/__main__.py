"""`python -m benchmarks [ROW …]`: run rows, print a table, write `benchmarks/out/results.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import consent, erasure, export, ingest, parts

ROWS = {
    "ingest": ingest.over_http,
    "append": parts.append,
    "validate": parts.validate,
    "seal": parts.seal,
    "consent-http": consent.over_http,
    "consent-client": consent.in_client,
    "erasure": erasure.flatness,
    "export": export.memory,
}
OUT = Path(__file__).parent / "out" / "results.json"


def main() -> int:
    """Run the rows that the command line names, or all of them."""
    names = sys.argv[1:] or list(ROWS)
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        print(f"no such row: {', '.join(unknown)}; there are: {', '.join(ROWS)}", file=sys.stderr)
        return 2
    console, rows = Console(), {}
    for name in names:
        with console.status(f"measuring {name}"):
            rows[name] = ROWS[name]()
    table = Table("row", "ours", "reference", "ratio", "unit", "n")
    for name, row in rows.items():
        table.add_row(name, f"{row.ours:,.1f}", f"{row.reference:,.1f}", f"{row.ratio:.3f}", row.unit, f"{row.n:,}")
    console.print(table)
    for name, row in rows.items():
        console.print(f"{name}: {row.what}", highlight=False)
    OUT.parent.mkdir(exist_ok=True)
    known = json.loads(OUT.read_text()) if OUT.exists() else {}
    OUT.write_text(json.dumps({**known, **{name: row.as_json() for name, row in rows.items()}}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
