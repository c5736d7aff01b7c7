"""Events a second over HTTP, validated, resolved, sealed and durable, beside raw SQLite."""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.client import http_rate, post
from benchmarks.installation import installation
from benchmarks.raw import RawSQLite, stored_rows
from benchmarks.row import Row
from benchmarks.traffic import visits

BATCH = 100
BATCHES = 100
GROUP = 1_600
"""Events that one of our transactions holds when 16 connections send batches of 100."""

CONNECTIONS = 16
PEOPLE = 3_000
ROUNDS = 4
TARGET = "≥ 0.35"


def requests(chance: random.Random, write_key: str) -> list[bytes]:
    """One round's batches, as bytes."""
    return [
        post("/v1/batch", {"batch": list(visits(chance, BATCH, PEOPLE)), "writeKey": write_key}) for _ in range(BATCHES)
    ]


def measure() -> Iterator[tuple[str, Row]]:
    """The first round makes the people known; the others, of which one event in 20 is of a new person, count."""
    chance, count = random.Random(7), BATCH * BATCHES
    ours: list[float] = []
    single: list[float] = []
    grouped: list[float] = []
    with installation() as made, tempfile.TemporaryDirectory(prefix="registry-raw-") as folder:
        by_one, by_group = (RawSQLite(Path(folder) / f"{n}.db", made.data_file) for n in ("one", "group"))
        size = len(requests(random.Random(1), "w")[0]) // BATCH
        stored = 0
        with made.served() as port:
            for _ in range(ROUNDS):
                ours.append(http_rate(port, requests(chance, made.made.write_key), CONNECTIONS) * BATCH)
                rows = stored_rows(made.data_file)[stored:]
                stored += len(rows)
                single.append(by_one.rate(rows, BATCH))
                grouped.append(by_group.rate(rows, GROUP))
        by_one.close()
        by_group.close()
    middle = statistics.median(ours[1:])
    what = f"events of {size} bytes over HTTP, {CONNECTIONS} connections, against executemany of the rows they became"
    yield (
        "ingest",
        Row(middle, statistics.median(single[1:]), "events/s", count, f"{what}, {BATCH} a transaction", TARGET),
    )
    yield (
        "ingest-grouped",
        Row(middle, statistics.median(grouped[1:]), "events/s", count, f"the same, {GROUP:,} a transaction", TARGET),
    )
