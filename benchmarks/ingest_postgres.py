"""Events a second over HTTP into PostgreSQL, beside COPY on the same server."""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from benchmarks.client import http_rate
from benchmarks.ingest import BATCH, BATCHES, CONNECTIONS, GROUP, ROUNDS, TARGET, requests
from benchmarks.installation import installation
from benchmarks.raw import RawPostgres
from benchmarks.row import Row
from tests.postgres import running


@contextmanager
def databases() -> Iterator[tuple[str, str]]:
    """Two empty databases of a PostgreSQL server that runs as long as the block."""
    with tempfile.TemporaryDirectory(prefix="registry-pg-") as folder, running(Path(folder)) as server:
        url = make_url(server)
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            for name in ("data", "keystore"):
                connection.execute(f"CREATE DATABASE {name}")
        data, keystore = (url.set(database=n).render_as_string(hide_password=False) for n in ("data", "keystore"))
        yield data, keystore


def measure() -> Iterator[tuple[str, Row]]:
    """As `ingest`, on PostgreSQL."""
    chance, count = random.Random(7), BATCH * BATCHES
    ours: list[float] = []
    single: list[float] = []
    grouped: list[float] = []
    with databases() as (data, keystore), installation(database_url=data, keystore_url=keystore) as made:
        by_one, by_group = RawPostgres(data, "raw_one"), RawPostgres(data, "raw_group")
        stored = 0
        with made.served() as port:
            for _ in range(ROUNDS):
                ours.append(http_rate(port, requests(chance, made.made.write_key), CONNECTIONS) * BATCH)
                rows = by_one.read("event", stored, count)
                stored += len(rows)
                single.append(by_one.rate(rows, BATCH))
                grouped.append(by_group.rate(rows, GROUP))
        by_one.close()
        by_group.close()
    middle = statistics.median(ours[1:])
    what = "events over HTTP into PostgreSQL, against COPY of the rows that they became"
    yield (
        "ingest-postgres",
        Row(middle, statistics.median(single[1:]), "events/s", count, f"{what}, {BATCH} a transaction", TARGET),
    )
    yield (
        "ingest-postgres-grouped",
        Row(middle, statistics.median(grouped[1:]), "events/s", count, f"the same, {GROUP:,} a transaction", TARGET),
    )
