"""What a client that follows changes keeps, drops and does not believe; the server's part is a script."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from registry.client import AsyncRegistry, Registry, email
from registry.client.cache import UNHEARD_TTL_S, DecisionCache
from registry.client.following import HEARD_S, LATE_S, MOST_OF_AN_EVENT, Following, _Bounded
from tests.unit.client.conftest import Loopback, Ticks

ADA = email("ada@example.com")
LONG_S = 3600.0


def until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def client(loopback: Loopback, ticks: Ticks) -> Iterator[Registry]:
    """A client that has come up to the present, with one decision in its cache."""
    with Registry(
        loopback.url, "app-key", timeout=10, cache_ttl=LONG_S, max_stale=0, follow=True, clock=ticks
    ) as registry:
        registry.check(ADA, "marketing")
        loopback.tells("current", "7-0", policy_version="1")
        assert until(lambda: registry._cache.is_heard)
        registry.check(ADA, "marketing")
        assert kept(registry)
        yield registry


def kept(registry: Registry) -> bool:
    return registry.check(ADA, "marketing").source == "cache"


def comes_through(loopback: Loopback, registry: Registry) -> None:
    """Wait until everything that was sent has been read: the last of it is a change of another purpose."""
    registry.check(ADA, "analytics")
    loopback.tells("consent", "8-0", purpose="analytics", status="granted")
    assert until(lambda: registry.check(ADA, "analytics").source == "server")


def test_signs_of_life_and_what_is_not_known_drop_nothing(loopback: Loopback, client: Registry) -> None:
    loopback.answers({"allowed": True, "reason": "granted", "purpose": "analytics"})
    loopback.tells("")
    loopback.tells("news of a later version", "7-1", purpose="marketing")
    comes_through(loopback, client)
    assert kept(client)


@pytest.mark.parametrize("data", [{"purpose": "*", "status": "restricted"}, {"purpose": "*", "status": "erased"}, {}])
def test_what_is_of_the_whole_person_drops_everything(
    loopback: Loopback, client: Registry, data: dict[str, str]
) -> None:
    loopback.tells("consent", "8-0", **data)
    assert until(lambda: not kept(client))


def test_a_stream_that_goes_on_keeps_what_it_knew_until_it_has_told_what_it_missed(
    loopback: Loopback, client: Registry, ticks: Ticks
) -> None:
    ticks.now += UNHEARD_TTL_S + 1
    loopback.events.put(None)
    assert until(lambda: loopback.followed == ["", "7-0"])
    assert not client._cache.is_heard, "it is connected, and has not heard yet what happened meanwhile"
    assert not kept(client)
    ticks.now += 1
    assert kept(client)
    loopback.tells("current", "7-0", policy_version="1")
    assert until(lambda: client._cache.is_heard)
    ticks.now += UNHEARD_TTL_S + 1
    loopback.tells("")
    assert until(lambda: client._cache.is_heard and kept(client))


def test_under_another_policy_nothing_that_was_decided_counts(loopback: Loopback, client: Registry) -> None:
    loopback.events.put(None)
    assert until(lambda: len(loopback.followed) == 2)
    loopback.tells("current", "7-0", policy_version="2")
    assert until(lambda: client._cache.is_heard)
    assert not kept(client)


def test_a_stream_that_went_silent_is_believed_for_seconds(loopback: Loopback, client: Registry, ticks: Ticks) -> None:
    ticks.now += HEARD_S + UNHEARD_TTL_S
    assert not kept(client), "the connection stands, and nothing has come over it"
    loopback.tells("")
    assert until(lambda: client._cache.is_heard)


def test_what_was_known_before_a_silence_does_not_count_when_something_comes_again(
    loopback: Loopback, client: Registry, ticks: Ticks
) -> None:
    ticks.now += HEARD_S + 1
    loopback.tells("")  # a process that was stopped, or a line that was held up: a withdrawal may be right behind it
    assert until(lambda: client._cache.is_heard)
    assert not kept(client)
    assert kept(client)


def test_what_comes_late_by_the_server_s_clock_is_not_believed_and_the_stream_begun_anew(
    loopback: Loopback, client: Registry, ticks: Ticks
) -> None:
    loopback.answers({"allowed": True, "reason": "granted", "purpose": "analytics"})
    loopback.events.put(b": still here\n: at 1000.000\n\n")
    comes_through(loopback, client)
    ticks.now += LATE_S - 1
    loopback.events.put(b": still here\n: at 1000.000\n\n")
    comes_through(loopback, client)
    assert client._cache.is_heard
    ticks.now += 2  # what was sent six seconds ago: a withdrawal may be behind it, however steadily it drips

    def dripped() -> bool:
        loopback.events.put(b": still here\n: at 1000.000\n\n")
        return len(loopback.followed) == 2

    assert until(dripped)
    assert not client._cache.is_heard


def test_a_part_of_an_event_is_no_sign_of_life() -> None:
    signs: list[float | None] = []

    class Noted(Following):
        def alive(self, sent: float | None = None) -> None:
            signs.append(sent)

    cache = DecisionCache(5, 0, 10, time.monotonic)
    parts = (
        b"id: 8-0\nevent: con",
        b"sent\nda",
        b"ta: {}\n\n",
        b": still here\n: at 5.000\n\n: at 6.000\nid",
        b": 8-1",
    )
    stream = _Bounded(httpx.ByteStream(b""), Noted(cache))
    assert [list(signs) for part in parts if stream._take(part) is None] == [[], [], [None], [None, 5.0], [None, 5.0]]


def test_a_client_that_can_have_no_thread_now_answers_all_the_same(loopback: Loopback) -> None:
    with Registry(loopback.url, "app-key", timeout=10, follow=True) as registry:
        before = threading.stack_size(1 << 46)
        try:
            registry.check(ADA, "marketing")
        finally:
            threading.stack_size(before)
        assert registry.allows(ADA, "marketing")
        assert not registry._cache.is_heard


def test_a_task_that_follows_and_was_cancelled_is_begun_again(loopback: Loopback, ticks: Ticks) -> None:
    async def story() -> None:
        async with AsyncRegistry(loopback.url, "app-key", timeout=10, follow=True, clock=ticks) as registry:
            await registry.check(ADA, "marketing")
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
                await asyncio.wait([task])
            await registry.check(ADA, "marketing")
            assert [task.done() for task in registry._listeners.values()] == [False]

    asyncio.run(story())


def test_an_event_that_never_ends_is_not_listened_to(loopback: Loopback, client: Registry) -> None:
    for _ in range(5):
        loopback.events.put(b"data: " + b"x" * (MOST_OF_AN_EVENT // 4))
    assert until(lambda: len(loopback.followed) == 2)
    assert loopback.followed[1] == "7-0"


def test_many_events_are_not_one_long_one(loopback: Loopback, client: Registry) -> None:
    loopback.answers({"allowed": True, "reason": "granted", "purpose": "analytics"})
    loopback.events.put(b": still here\n\n" * MOST_OF_AN_EVENT)
    comes_through(loopback, client)
    assert loopback.followed == [""]
