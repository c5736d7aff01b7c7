"""Appending ready-made event rows through the store, beside the driver alone: executemany, and COPY."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.ingest_postgres import databases
from benchmarks.installation import Installation, installation
from benchmarks.raw import RawPostgres, RawSQLite
from benchmarks.row import Row, in_turn, rate
from registry import bootstrap
from registry.model.ids import EventId, FragmentId, MessageKey, SourceId, WorkspaceId
from registry.model.stored import StoredEvent
from registry.store import events

COUNT = 4_000
BATCH = 100
FRAGMENTS = 500
BODY = 1_000
ROUNDS = 5
WHAT = f"store.events.append, {BATCH} rows a transaction, against"


def measure() -> Iterator[tuple[str, Row]]:
    """SQLite against a file of its own; PostgreSQL against a table of its own in the same database."""
    with installation() as made, tempfile.TemporaryDirectory(prefix="registry-raw-") as folder:
        raw = RawSQLite(Path(folder) / "raw.db", made.data_file)
        a, b = in_turn(ROUNDS, _store(made), lambda: raw.rate(_rows(), BATCH))
        raw.close()
        yield "append", Row(a, b, "rows/s", COUNT, f"{WHAT} executemany")
    with databases() as (data, keystore), installation(database_url=data, keystore_url=keystore) as made:
        copied = RawPostgres(data)
        a, b = in_turn(ROUNDS, _store(made), lambda: copied.rate(_rows(), BATCH))
        copied.close()
        yield "append-postgres", Row(a, b, "rows/s", COUNT, f"{WHAT} COPY")


def _store(made: Installation) -> Callable[[], float]:
    def take() -> float:
        database = bootstrap.connect(made.settings).deployment.data
        rows = _rows()

        def write() -> None:
            for start in range(0, COUNT, BATCH):
                with database.owner(writes=True) as transaction:
                    events.append(transaction, rows[start : start + BATCH])

        try:
            return rate(write, COUNT)
        finally:
            database.close()

    return take


def _rows() -> list[StoredEvent]:
    fragments = [FragmentId(os.urandom(16)) for _ in range(FRAGMENTS)]
    source, at = SourceId(b"s" * 16), 1_767_225_600_000_000
    return [
        StoredEvent(
            WorkspaceId(b"w" * 16), fragments[number % FRAGMENTS], EventId(uuid.UUID(int=at + number).bytes),
            MessageKey(os.urandom(16)), "track", "order_completed", "ecommerce@1.0.0", source, at, at,
            "service", 0, "", os.urandom(BODY),
        )
        for number in range(COUNT)
    ]  # fmt: skip
