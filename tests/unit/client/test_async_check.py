"""The awaited client answers as the blocking one does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from registry.client import AsyncRegistry, Decision, Refused, Unavailable, email
from tests.unit.client.conftest import ALLOWED, DENIED, RECEIPT, Loopback, Ticks

PERSON = email("shopper@example.com")


def run(
    loopback: Loopback,
    story: Callable[[AsyncRegistry], Awaitable[None]],
    clock: Ticks | None = None,
    timeout: float = 20,
) -> None:
    async def told() -> None:
        async with AsyncRegistry(loopback.url, "app-key", timeout=timeout, clock=clock or Ticks()) as registry:
            await story(registry)

    asyncio.run(told())


def test_an_answer_is_asked_for_once(loopback: Loopback) -> None:
    async def story(registry: AsyncRegistry) -> None:
        assert (await registry.check(PERSON, "marketing")).source == "server"
        assert (await registry.check(PERSON, "marketing")).source == "cache"
        assert await registry.allows(PERSON, "marketing")
        assert len(loopback.asked) == 1

    run(loopback, story)


def test_every_failure_is_a_no(loopback: Loopback) -> None:
    async def story(registry: AsyncRegistry) -> None:
        loopback.fails(503)
        assert (await registry.check(PERSON, "marketing")).problem == "status-503"
        loopback.fails(200, b"<html>")
        assert (await registry.check(PERSON, "marketing")).problem == "bad-answer"
        loopback.answers(ALLOWED | {"padding": "x" * 300_000})
        assert (await registry.check(PERSON, "marketing")).problem == "bad-answer"
        loopback.answers({"code": "unauthenticated", "detail": "no"}, 401)
        assert (await registry.check(PERSON, "marketing")).problem == "unauthenticated"
        loopback.hang_up = True
        assert (await registry.check(PERSON, "marketing")).problem == "unreachable"

    run(loopback, story)


def test_a_server_that_lags_or_drips_is_a_no(loopback: Loopback) -> None:
    async def story(registry: AsyncRegistry) -> None:
        loopback.delay = 0.6
        assert (await registry.check(PERSON, "marketing")).problem == "timeout"
        loopback.delay, loopback.drip = 0, True
        assert (await registry.check(PERSON, "marketing")).problem == "timeout"

    run(loopback, story, timeout=0.3)


def test_a_young_answer_stands_in_for_a_server_that_is_gone(loopback: Loopback, ticks: Ticks) -> None:
    async def story(registry: AsyncRegistry) -> None:
        await registry.check(PERSON, "marketing")
        loopback.fails(503)
        ticks.now += 29
        assert (await registry.check(PERSON, "marketing")).source == "cache"
        ticks.now += 1
        assert await registry.check(PERSON, "marketing") == Decision(
            False, "unavailable", "marketing", source="fail_closed", problem="status-503"
        )

    run(loopback, story, ticks)


def test_recording_a_withdrawal_drops_the_cached_yes(loopback: Loopback) -> None:
    async def story(registry: AsyncRegistry) -> None:
        assert await registry.allows(PERSON, "marketing")
        loopback.answers(RECEIPT, 201)
        assert (await registry.record(PERSON, "marketing", "withdrawn")).status == "withdrawn"
        loopback.answers(DENIED)
        assert not await registry.allows(PERSON, "marketing")

    run(loopback, story)


def test_a_cancelled_withdrawal_drops_the_cached_yes(loopback: Loopback) -> None:
    async def story(registry: AsyncRegistry) -> None:
        await registry.check(PERSON, "marketing")
        loopback.delay = 0.2
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(registry.record(PERSON, "marketing", "withdrawn"), 0.05)
        loopback.delay = 0
        loopback.answers(DENIED)
        assert not await registry.allows(PERSON, "marketing")

    run(loopback, story)


def test_reads_and_records_raise_when_there_is_no_answer(loopback: Loopback) -> None:
    async def story(registry: AsyncRegistry) -> None:
        loopback.answers({"profile_id": "p"})
        assert await registry.profile(PERSON, "service", ["traits"]) == {"profile_id": "p"}
        loopback.answers({"code": "purpose-denied", "detail": "not permitted"}, 403)
        with pytest.raises(Refused):
            await registry.profile(PERSON, "marketing")
        loopback.fails(503)
        with pytest.raises(Unavailable):
            await registry.record(PERSON, "marketing", "granted")

    run(loopback, story)


def test_one_client_serves_one_event_loop_after_another(loopback: Loopback) -> None:
    registry = AsyncRegistry(loopback.url, "app-key", cache_ttl=0)
    for _ in range(2):
        assert asyncio.run(registry.allows(PERSON, "marketing"))
    asyncio.run(registry.close())
    assert len(loopback.asked) == 2


def test_loops_that_take_turns_keep_their_connections_and_ended_ones_are_let_go(loopback: Loopback) -> None:
    registry = AsyncRegistry(loopback.url, "app-key", timeout=10, cache_ttl=0)
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()

    async def connection() -> object:
        await registry.check(PERSON, "marketing")
        return registry._connected()

    kept = first.run_until_complete(connection()), second.run_until_complete(connection())
    again = first.run_until_complete(connection()), second.run_until_complete(connection())
    assert (kept[0] is again[0], kept[1] is again[1], kept[0] is kept[1]) == (True, True, False)
    first.run_until_complete(registry.close())
    first.close()
    second.run_until_complete(connection())
    third = asyncio.new_event_loop()
    second.run_until_complete(registry.close())
    second.close()
    third.run_until_complete(connection())
    assert len(registry._connections) == 1
    third.run_until_complete(registry.close())
    third.close()
