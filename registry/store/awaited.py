"""Point reads of PostgreSQL that an event loop waits for by itself: a thread that waited for it would wait for its own
turn afterwards, which takes longer than the read.

Statements are prepared once and sent by libpq itself, as psycopg wraps it (libpq's documentation, "Asynchronous Command
Processing"): an `AsyncCursor` takes three times as long for each, which a consent check would notice (decision 0017).
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import URL

from registry.store.point import Rows
from registry.store.row_security import session_role, session_workspace

if TYPE_CHECKING:  # only a server on PostgreSQL needs it
    from psycopg import AsyncConnection
    from psycopg.pq.abc import PGresult

AGAIN_S = 0.2
"""When a connection is looked at unasked: uvloop tells but once that it broke off, even if something came before."""


class AwaitedPoints:
    """Reads on one connection, one after the other, as `ServerPoints` reads. For one event loop at a time."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = asyncio.Lock()
        self._session: _Session | None = None

    async def query(self, workspace_id: bytes, sql: str, *parameters: object) -> Rows:
        """Every row of a statement written with `?` marks, as it stood at one moment; none but the workspace's.

        A connection that broke off, as all do when the server starts anew, is made again once.

        Raises:
            psycopg.Error: the database cannot be read.
        """
        from psycopg import OperationalError

        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self.close()
            self._loop, self._turn = loop, asyncio.Lock()
        async with self._turn:
            try:
                return await self._queried(workspace_id, sql, parameters)
            except OperationalError:
                return await self._queried(workspace_id, sql, parameters)

    def close(self) -> None:
        """Close the connection; the next read opens another."""
        if self._session is not None:
            self._session.close()
        self._session = None

    async def _queried(self, workspace_id: bytes, sql: str, parameters: tuple[object, ...]) -> Rows:
        try:
            if self._session is None:
                self._session = await self._connected()
                await self._session.say(session_role())
            return await self._session.rows(workspace_id, sql, parameters)
        except BaseException:  # also where nobody waits any more: what is under way would be taken for the next answer
            self.close()
            raise

    async def _connected(self) -> _Session:
        from psycopg import AsyncConnection

        arguments, named = self._url.get_dialect()().create_connect_args(self._url)
        return _Session(await AsyncConnection.connect(*arguments, **named, autocommit=True))


class _Session:
    """A connection that has been opened, in the event loop that runs; one statement at a time."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        from psycopg.adapt import Transformer

        self._connection, self._link = connection, connection.pgconn
        self._adapt = Transformer(connection)
        self._workspace: bytes | None = None
        self._prepared: dict[tuple[str, Sequence[int]], bytes] = {}
        self._answer: asyncio.Future[PGresult] | None = None
        self._last: PGresult | None = None
        self._is_closed = False
        self._loop = asyncio.get_running_loop()
        self._socket = os.dup(self._link.socket)  # libpq closes its own once it breaks off, and the number is another's
        self._link.nonblocking = 1
        self._loop.add_reader(self._socket, self._read)
        self._loop.call_later(AGAIN_S, self._read_again)

    async def say(self, sql: str) -> None:
        """Run a statement of our own text that gives nothing back."""
        self._link.send_query(sql.encode())
        await self._result()

    async def rows(self, workspace_id: bytes, sql: str, parameters: Sequence[object]) -> Rows:
        """As `AwaitedPoints.query`."""
        from psycopg.adapt import PyFormat

        if self._workspace != workspace_id:
            await self.say(session_workspace(workspace_id))
            self._workspace = workspace_id
        values = self._adapt.dump_sequence(parameters, [PyFormat.AUTO] * len(parameters))
        name = await self._name(sql, self._adapt.types or ())
        self._link.send_query_prepared(name, values, self._adapt.formats)
        result = await self._result()
        self._adapt.set_pgresult(result)
        return self._adapt.load_rows(0, result.ntuples, tuple)

    async def _name(self, sql: str, types: Sequence[int]) -> bytes:
        """Under which name the statement is prepared for parameters of these types."""
        name = self._prepared.get((sql, types))
        if name is None:
            name, number = b"awaited_%d" % len(self._prepared), count(1)
            marked = re.sub(r"\?", lambda _: f"${next(number)}", sql)
            self._link.send_prepare(name, marked.encode(), types)
            await self._result()
            self._prepared[sql, types] = name
        return name

    async def _result(self) -> PGresult:
        from psycopg.errors import OperationalError, error_from_result
        from psycopg.pq import ExecStatus

        answer: asyncio.Future[PGresult] = self._loop.create_future()
        self._answer, self._last = answer, None
        while self._link.flush():  # noqa: ASYNC110 - a statement is shorter than what a socket takes at once
            await asyncio.sleep(0)
        result = await answer
        if result.status not in {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}:
            raise OperationalError(result.get_error_message()) if self._is_broken() else error_from_result(result)
        return result

    def _is_broken(self) -> bool:
        from psycopg.pq import ConnStatus

        return self._link.status == ConnStatus.BAD

    def _read(self) -> None:
        """Take what has come; the last result, once the statement is at its end. libpq waits in here for nothing."""
        from psycopg import OperationalError

        try:
            self._link.consume_input()
            while not self._link.is_busy():
                result = self._link.get_result()
                if result is None:
                    break
                self._last = result
            else:
                return  # there is more to come
        except OperationalError as error:
            self._loop.remove_reader(self._socket)
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(error)
            return
        if self._last is not None and self._answer is not None and not self._answer.done():
            self._answer.set_result(self._last)

    def _read_again(self) -> None:
        if not self._is_closed:
            self._read()
            self._loop.call_later(AGAIN_S, self._read_again)

    def close(self) -> None:
        """Close the connection."""
        self._is_closed = True
        if not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
        os.close(self._socket)
        self._link.finish()
