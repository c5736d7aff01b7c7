"""Point reads: single statements, each of them a look at one moment by itself, so that no transaction is begun around
it. That saves most of what a point read costs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.engine import URL

from registry.store.row_security import session_role, session_workspace

Rows = list[Any]

CHECKED_FOR_S = 0.05
"""How long a file that was looked at is taken for the one that was opened."""


class FilePoints:
    """Reads from an embedded database, on one connection that only ever reads. Safe to share between threads.

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

    def query(self, _workspace_id: bytes, sql: str, *parameters: object) -> Rows:
        """Every row of a statement written with `?` marks, as it stood at one moment.

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


class ServerPoints:
    """Reads from PostgreSQL, on connections that stay in the application's role and only change the workspace, so that
    most reads are one message. Safe to share between threads.
    """

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(
            url, pool_size=8, max_overflow=0, pool_use_lifo=True, pool_reset_on_return=None, hide_parameters=True
        )

    def query(self, workspace_id: bytes, sql: str, *parameters: object) -> Rows:
        """As `FilePoints.query`, with none but the rows of the workspace.

        A connection that broke off, as all do when the server starts anew, is made again once.

        Raises:
            psycopg.Error, sqlalchemy.exc.SQLAlchemyError: the database cannot be read.
        """
        broken = self._engine.dialect.loaded_dbapi.OperationalError
        try:
            return self._queried(workspace_id, sql, parameters)
        except broken:
            self._engine.dispose()
            return self._queried(workspace_id, sql, parameters)

    def close(self) -> None:
        """Close the connections; the next read opens others."""
        self._engine.dispose()

    def _queried(self, workspace_id: bytes, sql: str, parameters: tuple[object, ...]) -> Rows:
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        try:
            if not pooled.info:
                connection.autocommit = True
                connection.execute(session_role(), prepare=False)
            if pooled.info.get("workspace") != workspace_id:
                pooled.info["workspace"] = None
                connection.execute(session_workspace(workspace_id), prepare=False)
                pooled.info["workspace"] = workspace_id
            rows: Rows = connection.execute(sql.replace("?", "%s"), parameters).fetchall()
        except BaseException:
            pooled.invalidate()
            raise
        pooled.close()
        return rows
