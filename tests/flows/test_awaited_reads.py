"""Reads of PostgreSQL that an event loop waits for give what a thread's would, whatever becomes of the connection."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from select import select
from typing import Any

import pytest
import uvloop

from registry.model.errors import StoreUnavailable
from registry.store.database import Database
from tests.factories import identify
from tests.forked import started
from tests.simulator import RegistrySimulator, Tenant

WORKSPACE = b"w" * 16
OWN = "SELECT pg_backend_pid()"
FRAGMENTS = "SELECT fragment_id FROM fragment WHERE created_at > ? ORDER BY fragment_id"


NOTICE = b"N\0\0\0\x0eSWARNING\0\0"
READY = b"Z\0\0\0\x05I"


def relay(place: str, words: Connection) -> None:
    """What stands between connections and a server, and does to them what it is told; in a process of its own."""
    listener, is_late = socket.create_server(("127.0.0.1", 0)), False
    words.send(listener.getsockname()[1])
    while True:
        asking, server = listener.accept()[0], socket.socket(socket.AF_UNIX)
        server.connect(place)
        passed = b"-"
        while passed:
            ready = select([asking, server, words], [], [])[0]
            if words in ready:
                if words.recv() == "break off":
                    asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    asking.sendall(NOTICE)
                    break
                is_late = True
            elif asking in ready:
                server.sendall(passed := asking.recv(65536))
            else:
                passed = server.recv(65536)
                if is_late and passed.endswith(READY):
                    asking.sendall(passed.removesuffix(READY))
                    words.send(words.poll(3) and words.recv())
                    is_late, passed = False, READY
                asking.sendall(passed)
        asking.close()
        server.close()


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"there\n")
    await reader.read()
    writer.close()


@pytest.fixture
def data(postgres_registry: RegistrySimulator) -> Database:
    return postgres_registry.deployment.data


@pytest.fixture
def tenants(postgres_registry: RegistrySimulator) -> Iterator[tuple[Tenant, Tenant]]:
    made = postgres_registry.tenant(), postgres_registry.tenant()
    made[0].send(identify("ada"), identify("bob"))
    made[1].send(identify("eve"))
    yield made


def test_they_give_what_point_reads_give_and_no_other_workspaces_rows(
    data: Database, tenants: tuple[Tenant, Tenant]
) -> None:
    first, second = (tenant.workspace_id for tenant in tenants)
    typed = "SELECT fragment_id, created_at, kind, ? + 1, ?::bigint[], ?::text, NULL FROM fragment WHERE created_at > ?"

    async def asked() -> list[Any]:
        given = []
        for number in (1, 70_000, 2**40):
            for workspace in (first, second, first):
                given.append(await data.awaited_read(workspace, FRAGMENTS, number))
            given.append(await data.awaited_read(first, typed, number, [number, 1], "é?", number))
            given.append(await data.awaited_read(first, typed, number, [], None, 0))
        return given

    expected = []
    for number in (1, 70_000, 2**40):
        expected += [data.point_read(workspace, FRAGMENTS, number) for workspace in (first, second, first)]
        expected.append(data.point_read(first, typed, number, [number, 1], "é?", number))
        expected.append(data.point_read(first, typed, number, [], None, 0))
    for _ in range(2):  # in another event loop, too
        assert asyncio.run(asked()) == expected
    assert [len(rows) for rows in expected[:3]] == [2, 1, 2]


def test_many_at_once_each_get_their_own(data: Database, tenants: tuple[Tenant, Tenant]) -> None:
    async def asked() -> list[Any]:
        reads = (data.awaited_read(tenants[n % 2].workspace_id, "SELECT ?::int", n) for n in range(100))
        return await asyncio.gather(*reads)

    assert asyncio.run(asked()) == [[(n,)] for n in range(100)]


@pytest.mark.parametrize("idle", [0, 0.1])
def test_a_connection_that_broke_off_is_made_again(data: Database, tenants: tuple[Tenant, Tenant], idle: float) -> None:
    workspace = tenants[0].workspace_id

    async def asked() -> tuple[Any, Any, Any]:
        [[before]] = await data.awaited_read(workspace, OWN)
        server = await asyncio.start_server(_greet, "127.0.0.1", 0)
        place = server.sockets[0].getsockname()
        with data.owner(writes=True) as transaction:
            transaction.exec_driver_sql(f"SELECT pg_terminate_backend({before})")
        await asyncio.sleep(idle)
        streams = [await asyncio.open_connection(*place) for _ in range(5)]  # one has the number of the one that broke
        between = await data.awaited_read(workspace, FRAGMENTS, 0)
        [[after]] = await data.awaited_read(workspace, OWN)
        assert [await reader.readline() for reader, _ in streams] == [b"there\n"] * 5
        for _, writer in streams:
            writer.close()
            await writer.wait_closed()
        server.close()
        await asyncio.sleep(0.05)
        return before, between, after

    before, between, after = asyncio.run(asked())
    assert len(between) == 2
    assert before != after


def relayed(data: Database, ask: Callable[[Database, Connection], Awaitable[Any]]) -> Any:
    """What somebody is told who asks through a relay, in the event loop that a server has."""
    words, heard = Pipe()
    process = started(relay, f"{data.url.query['host']}/.s.PGSQL.5432", heard)
    there = Database(data.url.set(host="127.0.0.1", port=words.recv(), query={}).render_as_string())

    async def asked() -> Any:
        await there.awaited_read(WORKSPACE, OWN)
        try:
            return await asyncio.wait_for(ask(there, words), 5)
        finally:
            there.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(asked())
        finally:
            process.kill()


def test_one_that_breaks_off_after_a_last_word_is_made_again(data: Database) -> None:
    """As where a server stops at once: uvloop tells but once of what came and of the end."""

    async def ask(there: Database, words: Connection) -> Any:
        read = asyncio.create_task(there.awaited_read(WORKSPACE, "SELECT 'there' FROM pg_sleep(?)", 0.2))
        await asyncio.sleep(0.1)
        words.send("break off")
        time.sleep(0.1)  # noqa: ASYNC251 - both have come when the event loop looks
        return await read

    assert relayed(data, ask) == [("there",)]


def test_a_process_goes_on_while_the_end_of_an_answer_is_under_way(data: Database) -> None:
    async def ask(there: Database, words: Connection) -> Any:
        words.send("be late")
        asyncio.get_running_loop().call_later(0.1, words.send, "go on")
        found = await there.awaited_read(WORKSPACE, "SELECT 'there'")
        assert words.recv() == "go on"
        return found

    assert relayed(data, ask) == [("there",)]


def test_one_that_is_given_up_is_no_answer_to_the_next(data: Database, tenants: tuple[Tenant, Tenant]) -> None:
    workspace = tenants[0].workspace_id

    async def asked() -> Any:
        await data.awaited_read(workspace, OWN)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(data.awaited_read(workspace, "SELECT 'late' FROM pg_sleep(?)", 0.3), 0.05)
        return await data.awaited_read(workspace, "SELECT 'next'"), await data.awaited_read(workspace, "SELECT 'last'")

    assert asyncio.run(asked()) == ([("next",)], [("last",)])


@pytest.mark.parametrize("statement", ["SELECT nothing", "DELETE FROM fragment", "SELECT 1 / 0"])
def test_an_error_is_of_the_store_and_of_no_other_read(
    data: Database, tenants: tuple[Tenant, Tenant], statement: str
) -> None:
    workspace = tenants[0].workspace_id

    async def asked() -> Any:
        with pytest.raises(StoreUnavailable):
            await data.awaited_read(workspace, statement)
        return await data.awaited_read(workspace, FRAGMENTS, 0)

    assert len(asyncio.run(asked())) == 2


def test_a_server_that_is_not_there_is_no_answer(postgres_url: str) -> None:
    nowhere = Database(f"{postgres_url}_that_is_not_there")
    with pytest.raises(StoreUnavailable):
        asyncio.run(nowhere.awaited_read(b"w" * 16, OWN))
    nowhere.close()
