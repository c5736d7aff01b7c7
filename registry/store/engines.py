"""The engines by which a database is reached: a SQLite file, or a PostgreSQL server.

Each begins its transactions itself, in the words that it is given: no driver begins one of its own.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from registry.store.row_security import Scope

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for another process's write before the answer is 503."""

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",  # sorting spills into memory, never into a file of plaintext order
    "PRAGMA cache_size=-65536",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
)
WRITERS_PRAGMA = f"PRAGMA mmap_size={2**31}"
"""A writer looks up rows all over the file: mapped, they are read without a copy, as quickly among a million people as
among ten thousand. What is mapped is the system's cache of the file, which it takes back when it needs the memory."""


class Place:
    """Where a SQLite file stands. One that was moved away or replaced still opens for whoever holds it open:
    what is written there would be acknowledged, and be gone after the next start.
    """

    def __init__(self, path: Path | None) -> None:
        named = path is not None and not str(path).startswith(("file:", ":memory:"))
        self._path = str(path) if named else None
        self._first: tuple[int, int] | None = None

    def check(self, *_event: object) -> None:
        """Go on only if the file is the one that was opened first; nothing is opened yet before `note`."""
        if self._first is not None and self._found() != self._first:
            raise sqlite3.OperationalError("the database file was moved away or replaced")

    def note(self) -> None:
        """Remember the file that has just been opened."""
        if self._path is not None and self._first is None:
            self._first = self._found()

    def _found(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path or "")
        except OSError:
            return None
        return found.st_dev, found.st_ino


def server_engine(url: URL, begin: str) -> Engine:
    """An engine of a PostgreSQL database, whose transactions see what their scope allows.

    Args:
        begin: the statement that begins a transaction.
    """
    engine = create_engine(url, pool_size=8, max_overflow=8, pool_pre_ping=True, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.autocommit = True  # the driver must not begin transactions of its own

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        # One message: role and workspace are set for this transaction at no cost of a round trip.
        raw: Any = connection.connection.driver_connection
        scope: Scope = connection.get_execution_options()["registry_scope"]
        try:
            raw.execute(f"{begin}; {scope.settings}", prepare=False)
        except connection.dialect.loaded_dbapi.Error as error:
            raise OperationalError("BEGIN", None, error) from error

    return engine


def file_engine(url: URL, begin: str, place: Place, pragmas: Sequence[str]) -> Engine:
    """An engine of a SQLite file; it reaches no other than the one that was opened first.

    Args:
        begin: the statement that begins a transaction.
        place: where the file stands, for every engine of it.
        pragmas: how every connection is set up.
    """
    engine = create_engine(
        url,
        poolclass=QueuePool,
        hide_parameters=True,
        pool_size=4,
        max_overflow=12,
        connect_args={
            "check_same_thread": False,
            "timeout": BUSY_TIMEOUT_MS / 1000,
            "cached_statements": 512,
        },
    )
    event.listen(engine, "do_connect", place.check)  # SQLite would make an empty file of one that is gone

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()
        place.note()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        place.check()
        raw: Any = connection.connection.driver_connection
        raw.execute(begin)

    return engine
