"""Bulk import as `registry imports run` does it: rows a second, and memory, which must not grow with the rows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.installation import Installation, installation
from benchmarks.row import Row

ROWS = int(os.environ.get("N", "200000"))
FEW = 50_000
MAPPING = """
version: 1
import: {name}
row_id: nr
user_id: nr
identifiers: {{crm_id: crm}}
traits:
  email: mail
  first_name: given
  last_name: family
  birthday: {{column: born, type: date, format: "%d.%m.%Y"}}
  address.city: city
  address.postal_code: code
consent:
  Advertising: ads
"""


def measure() -> Iterator[tuple[str, Row]]:
    """A CSV of synthetic customers, enough to fill the databases' caches, then one of N (200,000 unless set).

    Each is imported by a process of its own.
    """
    with installation() as made, tempfile.TemporaryDirectory() as folder:
        _registry(made, "sources", "create", "crm", "--method", "imported")
        _, small = _import(made, Path(folder), "few", 0, FEW)
        dry, _ = _import(made, Path(folder), "dry", FEW, FEW, "--dry-run")
        taken, large = _import(made, Path(folder), "many", FEW, ROWS)
    what = f"{ROWS:,} rows of CSV to durable, sealed profiles; the reference is the dry run"
    yield "import", Row(ROWS / taken, FEW / dry, "rows/s", ROWS, what)
    what = f"peak memory at {ROWS:,} rows, against {FEW:,}; flat is 1"
    yield "import-memory", Row(large, small, "MiB", ROWS, what, "≤ 1.3")


def _import(made: Installation, folder: Path, name: str, first: int, count: int, *more: str) -> tuple[float, float]:
    """Seconds, and the peak of the process's memory in MiB."""
    table, mapping = folder / f"{name}.csv", folder / f"{name}.yaml"
    mapping.write_text(MAPPING.format(name=name))
    with table.open("w", encoding="utf-8") as file:
        file.write("nr,crm,mail,given,family,born,city,code,ads\n")
        for n in range(first, first + count):
            day, month, year = n % 28 + 1, n % 12 + 1, 1940 + n % 60
            file.write(f"{n},c{n},p{n}@example.com,Given{n % 997},Family{n % 7919},{day:02}.{month:02}.{year},")
            file.write(f"City{n % 400},{10000 + n % 80000},{'yes' if n % 3 else 'no'}\n")
    start = time.perf_counter()
    peak = _registry(made, "imports", "run", str(table), "--mapping", str(mapping), "--source", "crm", *more)
    taken = time.perf_counter() - start
    table.unlink()
    return taken, peak


def _registry(made: Installation, *words: str) -> float:
    """Run the command line; the peak of its own memory in MiB: without pages of files, which the system takes back."""
    command = [sys.executable, "-m", "registry", *words, "--json", "--data-dir", str(made.settings.data_dir)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        found = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        peak = max(peak, int(found[1]) / 1024 if found else 0.0)
        time.sleep(0.1)
    if process.returncode:
        raise RuntimeError(f"registry {words[0]} {words[1]} failed")
    return peak
