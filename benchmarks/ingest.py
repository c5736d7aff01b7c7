"""Events a second over HTTP, validated, resolved, sealed and durable, beside raw SQLite."""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import tempfile
from pathlib import Path

from benchmarks.row import Row, rate
from benchmarks.world import http_rate, order, post, registry, server

BATCH = 100
BATCHES = 120
PEOPLE = 2_000
CONNECTIONS = 16
ROUNDS = 3


def over_http() -> Row:
    """100-event batches over kept connections, against `executemany` of rows as large, in transactions as large."""
    chance = random.Random(7)
    with registry() as (opened, made, data_dir):
        opened.close()
        with server(data_dir) as port:
            ours, raw = [], []
            for _ in range(ROUNDS + 1):
                requests = [
                    post(
                        "/v1/batch",
                        {"batch": [order(chance, PEOPLE) for _ in range(BATCH)], "writeKey": made.write_key},
                    )
                    for _ in range(BATCHES)
                ]
                ours.append(http_rate(port, requests, CONNECTIONS) * BATCH)
                raw.append(_raw(BATCH * BATCHES))
        size = _row_bytes(data_dir / "registry.db")
    # The first round makes every person known; the others measure people who come again.
    return Row(
        statistics.median(ours[1:]), statistics.median(raw[1:]), "events/s", BATCH * BATCHES,
        f"over HTTP, against raw executemany of rows of {size} bytes with 2 indexes, {BATCH} a transaction",
    )  # fmt: skip


def _raw(count: int) -> float:
    with tempfile.TemporaryDirectory(prefix="registry-raw-") as folder:
        database = sqlite3.connect(Path(folder) / "raw.db", isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute(
            "CREATE TABLE t (w BLOB, f BLOB, e BLOB, m BLOB, call TEXT, at INTEGER, body BLOB, PRIMARY KEY (w, f, e))"
        )
        database.execute("CREATE UNIQUE INDEX u ON t (w, m)")
        rows = [
            (b"w" * 16, os.urandom(16), os.urandom(16), os.urandom(16), "track", 1, os.urandom(900))
            for _ in range(count)
        ]

        def write() -> None:
            for start in range(0, count, BATCH):
                database.execute("BEGIN IMMEDIATE")
                database.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)", rows[start : start + BATCH])
                database.execute("COMMIT")

        result = rate(write, count)
        database.close()
        return result


def _row_bytes(file: Path) -> int:
    database = sqlite3.connect(file)
    (size,) = database.execute("SELECT avg(length(body)) FROM event").fetchone()
    database.close()
    return int(size) + 120
