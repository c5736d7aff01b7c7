"""A database: its engines, and what a transaction is on SQLite and on PostgreSQL.

Two engines look at one database: writes begin IMMEDIATE on SQLite, so that two writers queue at
the door instead of failing at commit; reads never wait for them (WAL).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from registry.model.errors import Conflict, SettingInvalid, StoreUnavailable
from registry.store.awaited import AwaitedPoints
from registry.store.engines import BUSY_TIMEOUT_MS, SQLITE_PRAGMAS, WRITERS_PRAGMA, Place, file_engine, server_engine
from registry.store.file_lock import held_file
from registry.store.point import FilePoints, Rows, ServerPoints
from registry.store.row_security import DIRECTORY, Scope, by_key, of_workspace
from registry.store.server_lock import held_on_server
from registry.store.troubles import hint, reason
from registry.store.turns import Turns

Transaction = Connection
"""An open transaction: what every query of this room takes first."""


class Database:
    """One database of the registry: the data, or the keystore.

    Args:
        url: a SQLAlchemy URL; `sqlite:///path` or `postgresql+psycopg://…`.

    Raises:
        SettingInvalid: the URL cannot be read or names an engine that is not supported.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url = make_url(url)
        except SQLAlchemyError as error:
            raise SettingInvalid("the database URL cannot be read", pointer="database_url") from error
        if self.url.get_backend_name() not in {"sqlite", "postgresql"}:
            raise SettingInvalid(
                f"the engine {self.url.get_backend_name()!r} is not supported",
                hint="use sqlite:///path or postgresql+psycopg://user@host/name",
                pointer="database_url",
            )
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        place = Place(self.file)
        if self.is_sqlite:
            self._writer = file_engine(self.url, "BEGIN IMMEDIATE", place, (*SQLITE_PRAGMAS, WRITERS_PRAGMA))
            self._reader = file_engine(self.url, "BEGIN", place, SQLITE_PRAGMAS)
        else:
            self._writer = server_engine(self.url, "BEGIN")
            self._reader = server_engine(self.url, "BEGIN ISOLATION LEVEL REPEATABLE READ")  # one state, as there
        self._turns = Turns()
        self._file_points = FilePoints(self._reader.raw_connection, place.check) if self.is_sqlite else None
        self._points = self._file_points or ServerPoints(self.url)
        self._awaited = AwaitedPoints(self.url)  # PostgreSQL's only
        self._own = create_engine(self.url, poolclass=NullPool, hide_parameters=True)  # PostgreSQL's only

    @property
    def file(self) -> Path | None:
        """The SQLite file, None on PostgreSQL."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    @contextmanager
    def write(self, workspace_id: bytes) -> Iterator[Transaction]:
        """One transaction that writes rows of a workspace; committed, durably, when the block ends without an error.

        On PostgreSQL it sees and touches no row of another workspace, whatever its statements say.

        Raises:
            Conflict: a uniqueness rule of the database refused a row.
            StoreUnavailable: the database is locked, read-only, full, missing or gone.
        """
        scope = of_workspace(workspace_id)
        with self._turn(), self._translated(), _scoped(self._writer, scope) as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self, workspace_id: bytes) -> Iterator[Transaction]:
        """One consistent look at the rows of a workspace; on PostgreSQL it sees no others.

        Raises:
            StoreUnavailable: the database cannot be read.
        """
        with self._translated(), _scoped(self._reader, of_workspace(workspace_id)) as connection:
            yield connection

    def point_read(self, workspace_id: bytes, sql: str, *parameters: object) -> Rows:
        """The rows of one statement of our own text, with `?` marks, at one moment; on PostgreSQL it sees no other
        workspace.

        Raises:
            StoreUnavailable: the database cannot be read.
        """
        with self._translated():
            return self._points.query(workspace_id, sql, *parameters)

    async def awaited_read(self, workspace_id: bytes, sql: str, *parameters: object) -> Rows:
        """As `point_read`, on PostgreSQL, without holding up the event loop.

        Raises: as `point_read`.
        """
        with self._translated():
            return await self._awaited.query(workspace_id, sql, *parameters)

    def commits(self) -> int | None:
        """A number that changes with every commit to this database, whoever made it; None on PostgreSQL.

        Raises:
            StoreUnavailable: the database cannot be read.
        """
        if self._file_points is None:
            return None
        try:
            return self._file_points.version()
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        where = self.url.render_as_string(hide_password=True)
        return StoreUnavailable(f"{where}: {reason(error)}", hint=hint(error))

    @contextmanager
    def directory(self) -> Iterator[Transaction]:
        """A look at which workspaces there are, and at nothing that they hold.

        Raises: as `read`.
        """
        with self._translated(), _scoped(self._reader, DIRECTORY) as connection:
            yield connection

    @contextmanager
    def presenting(self, key_hash: bytes) -> Iterator[Transaction]:
        """A look at the one row whose key or token, hashed, a caller presents: its workspace is not known yet.

        Raises: as `read`.
        """
        with self._translated(), _scoped(self._reader, by_key(key_hash)) as connection:
            yield connection

    @contextmanager
    def owner(self, *, writes: bool = False) -> Iterator[Transaction]:
        """A transaction of the role in the URL itself: the schema's, never on the way of a request.

        Only one that `writes` is committed.

        Raises: as `write`.
        """
        engine = (self._writer if writes else self._reader) if self.is_sqlite else self._own
        turn = self._turn() if writes else nullcontext()
        with turn, self._translated(), engine.connect() as connection:
            yield connection
            if writes:
                connection.commit()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of the driver, whether SQLAlchemy was asked or the driver itself, as the registry's own."""
        driver = self._writer.dialect.loaded_dbapi
        try:
            yield
        except (IntegrityError, driver.IntegrityError) as error:
            raise Conflict("a row with this key exists already") from error
        except (DBAPIError, driver.Error) as error:
            raise self._unavailable(error) from error
        except SQLAlchemyError as error:
            where = self.url.render_as_string(hide_password=True)
            raise StoreUnavailable(f"{where}: no connection could be had in time") from error

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """This thread's turn to write a SQLite file; PostgreSQL's writers need none."""
        if not self.is_sqlite:
            yield
            return
        if not self._turns.take(BUSY_TIMEOUT_MS / 1000):
            raise StoreUnavailable("other writers of this process hold the database", hint="try again")
        try:
            yield
        finally:
            self._turns.leave()

    @contextmanager
    def sole(self, name: str, *, within_s: float = 0) -> Iterator[bool]:
        """Whether this is the only process, and thread, that is inside a block of this name on this database.

        Whoever comes second is told no. A process that is killed is out at once: PostgreSQL drops its advisory lock
        with the connection, the system that of the file beside a SQLite database.

        Args:
            within_s: for how long whoever is inside is waited for.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        if self.file is not None:
            with held_file(self.file.with_name(f"{self.file.name}.{name}.lock"), within_s) as held:
                yield held
            return
        with self._translated(), held_on_server(self._own, name, within_s) as held:
            yield held

    def checkpoint(self) -> bool:
        """Fold SQLite's WAL into the file and truncate it, so that overwritten pages are gone.

        Returns whether it was complete: an open reader keeps old pages alive. True on PostgreSQL,
        where the operator's WAL retention decides.
        """
        if not self.is_sqlite:
            return True
        with self._translated():
            raw = self._reader.raw_connection()
            try:
                busy = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                raw.close()
        return bool(busy == 0)

    def back_up(self, target: Path) -> None:
        """Copy a SQLite database, page by page, while it is being written to (SQLite's backup API).

        Raises:
            StoreUnavailable: the copy could not be made.
            Conflict: the target exists already, or this is PostgreSQL, which has tools of its own.
        """
        if self.file is None:
            raise Conflict("PostgreSQL is backed up with its own tools", hint="pg_basebackup, or continuous archiving")
        if target.exists():
            raise Conflict(f"{target} exists already", hint="name another folder")
        with self._translated():
            raw = self._reader.raw_connection()
            copy = sqlite3.connect(target)
            try:
                target.chmod(0o600)
                raw.driver_connection.backup(copy)  # type: ignore[union-attr]
            finally:
                copy.close()
                raw.close()

    def close(self) -> None:
        """Close every connection."""
        self._points.close()
        self._awaited.close()
        self._writer.dispose()
        self._reader.dispose()
        self._own.dispose()


@contextmanager
def _scoped(engine: Engine, scope: Scope) -> Iterator[Connection]:
    with engine.connect() as connection:
        # SQLite has no roles: its statements name the workspace, and nothing else stands guard there.
        yield connection if engine.dialect.name == "sqlite" else connection.execution_options(registry_scope=scope)
