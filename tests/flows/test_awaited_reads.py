"""Reads of PostgreSQL that an event loop waits for give what a thread's would, whatever becomes of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from registry.model.errors import StoreUnavailable
from registry.store.database import Database
from tests.factories import identify
from tests.simulator import RegistrySimulator, Tenant

OWN = "SELECT pg_backend_pid()"
FRAGMENTS = "SELECT fragment_id FROM fragment WHERE created_at > ? ORDER BY fragment_id"


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
