"""The awaited client answers as the blocking one does."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from registry.client import AsyncRegistry, Decision, Refused, Unavailable, email, user_id
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


def test_callers_who_go_away_take_no_connection_along() -> None:
    answer = json.dumps(ALLOWED).encode()

    async def lags(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
                await asyncio.sleep(0.2)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(answer), answer))
        writer.close()

    async def story() -> None:
        server = await asyncio.start_server(lags, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with AsyncRegistry(address, "app-key", cache_ttl=0) as registry:
            for wave in range(25):  # more than have a turn, who go while they connect, wait and are answered
                asked = [asyncio.ensure_future(registry.check(user_id(str(n)), "marketing")) for n in range(150)]
                await asyncio.sleep(0.01 + 0.05 * (wave % 5))
                for one in asked:
                    one.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
            async with asyncio.timeout(20):
                while not await registry.allows(PERSON, "marketing"):
                    pass
        server.close()

    asyncio.run(story())


def test_a_withdrawal_whose_caller_went_away_arrives_and_ends_what_was_cached_meanwhile(loopback: Loopback) -> None:
    async def story(registry: AsyncRegistry) -> None:
        begun, may_end = threading.Event(), threading.Event()

        def held() -> None:
            begun.set()
            may_end.wait(20)

        loopback.before_answer = held
        recording = asyncio.ensure_future(registry.record(PERSON, "marketing", "withdrawn"))
        assert await asyncio.to_thread(begun.wait, 20)
        recording.cancel()
        loopback.before_answer = lambda: None
        assert await registry.allows(PERSON, "marketing")  # the withdrawal is not there yet
        may_end.set()
        await asyncio.wait(set(registry._under_way))
        loopback.answers(DENIED)
        assert not await registry.allows(PERSON, "marketing")

    run(loopback, story)


def test_recording_a_yes_that_lacks_an_age_drops_what_others_of_the_person_have(loopback: Loopback) -> None:
    async def story(registry: AsyncRegistry) -> None:
        assert await registry.allows(PERSON, "marketing")
        loopback.answers(RECEIPT | {"status": "unattested"}, 201)
        await registry.record(user_id("the same person"), "marketing", "granted")
        loopback.answers(DENIED)
        assert not await registry.allows(PERSON, "marketing")

    run(loopback, story)


def test_a_server_whose_headers_drip_is_a_no_in_time() -> None:
    async def drips(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"x-more: yes\r\n")
            await asyncio.sleep(0.02)

    async def story() -> None:
        server = await asyncio.start_server(drips, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with asyncio.timeout(20), AsyncRegistry(address, "app-key", timeout=0.2) as registry:
            assert (await registry.check(PERSON, "marketing")).problem == "timeout"
        server.close()

    asyncio.run(story())
