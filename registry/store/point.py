"""Point reads on SQLite: single statements on one connection that only ever reads.

Each statement is a look at one moment by itself, so no transaction is begun around it. That saves most of what
a point read costs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any

Rows = list[Any]

CHECKED_FOR_S = 0.05
"""How long a file that was looked at is taken for the one that was opened."""


class PointReader:
    """Reads from an embedded database. Safe to share between threads.

    Args:
        connect: opens the connection, when it is first needed.
        check: raises where the file is no longer the one that was opened.
    """

    def __init__(self, connect: Callable[[], Any], check: Callable[[], None]) -> None:
        self._connect = connect
        self._check = check
        self._lock = Lock()
        self._held: Any = None
        self._cursor: sqlite3.Cursor | None = None
        self._checked_at = 0.0

    def query(self, sql: str, *parameters: object) -> Rows:
        """Every row of a statement, as it stood at one moment.

        Raises:
            sqlite3.Error: the database cannot be read.
        """
        with self._lock:
            return self._opened().execute(sql, parameters).fetchall()

    def version(self) -> int:
        """A number that changes with every commit of any other connection, in this process or another.

        Raises:
            sqlite3.Error: the database cannot be read.
        """
        with self._lock:
            return int(self._opened().execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the connection; the next read opens another."""
        with self._lock:
            if self._held is not None:
                self._held.close()
            self._held = self._cursor = None

    def _opened(self) -> sqlite3.Cursor:
        now = monotonic()
        if now > self._checked_at + CHECKED_FOR_S:
            self._check()
            self._checked_at = now
        if self._cursor is None:
            self._held = self._connect()
            self._cursor = self._held.driver_connection.cursor()
        return self._cursor
