"""The raw limit of storing: ready-made rows of ours put into a table like ours by the driver alone."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

Rows = Sequence[tuple[Any, ...]]


class RawSQLite:
    """A SQLite file with a copy of our event table, its columns, key and index; WAL, synchronous=FULL."""

    def __init__(self, file: Path, like: Path, table: str = "event") -> None:
        with sqlite3.connect(like) as ours:
            made = ours.execute("SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL", (table,))
            statements = [sql for (sql,) in made]
        self._database = sqlite3.connect(file, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
            self._database.execute(f"PRAGMA {pragma}")
        for statement in sorted(statements, key=lambda sql: "INDEX" in sql):
            self._database.execute(statement)
        columns = len(self._database.execute(f"SELECT * FROM {table}").description)
        self._insert = f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"

    def rate(self, rows: Rows, batch: int) -> float:
        """Rows a second, `batch` of them a transaction."""
        start = time.perf_counter()
        for first in range(0, len(rows), batch):
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(self._insert, rows[first : first + batch])
            self._database.execute("COMMIT")
        return len(rows) / (time.perf_counter() - start)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


class RawPostgres:
    """A copy of our event table, its columns, key and index, in the same database as ours; rows come by COPY."""

    def __init__(self, url: str, name: str = "raw_event", table: str = "event") -> None:
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(plain)
        self._name = name
        self._connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
        self._connection.commit()

    def read(self, table: str, after: int, count: int) -> list[tuple[Any, ...]]:
        """`count` rows of ours, from the one `after` so many on."""
        sql = f"SELECT * FROM {table} ORDER BY event_id OFFSET {after} LIMIT {count}"
        rows = self._connection.execute(sql).fetchall()
        self._connection.commit()
        return rows

    def rate(self, rows: Rows, batch: int) -> float:
        """Rows a second, `batch` of them a transaction."""
        start = time.perf_counter()
        for first in range(0, len(rows), batch):
            with self._connection.cursor().copy(f"COPY {self._name} FROM STDIN") as copy:
                for row in rows[first : first + batch]:
                    copy.write_row(row)
            self._connection.commit()
        return len(rows) / (time.perf_counter() - start)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def stored_rows(file: Path, table: str = "event") -> list[tuple[Any, ...]]:
    """Every row of ours, in the order in which they were stored."""
    with sqlite3.connect(file) as database:
        return database.execute(f"SELECT * FROM {table} ORDER BY event_id").fetchall()
