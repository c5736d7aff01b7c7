"""Reads that many wait for at the same time, done once for all of them: in a thread, or in a turn of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar, cast

from starlette.concurrency import run_in_threadpool

_T = TypeVar("_T")


class Looks:
    """Reads under way, by what they ask for. For one event loop."""

    def __init__(self) -> None:
        self._next: dict[Hashable, asyncio.Task[Any]] = {}
        self._running: dict[Hashable, asyncio.Task[Any]] = {}

    async def shared(self, key: Hashable, read: Callable[..., _T], *arguments: Any) -> _T:
        """What `read` gives, in a thread. Whoever asks for the same before it has begun waits for the same answer;
        it begins when the one before it has ended, so that everybody sees what was there when they asked.

        Raises:
            Whatever `read` raises, for everybody who waits.
        """
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.ensure_future(self._read(key, read, *arguments))
        return cast(_T, await asyncio.shield(task))

    async def _read(self, key: Hashable, read: Callable[..., _T], *arguments: Any) -> _T:
        before = self._running.get(key)
        await (asyncio.wait([before]) if before is not None else asyncio.sleep(0))
        task = self._running[key] = self._next.pop(key)
        try:
            return await run_in_threadpool(read, *arguments)
        finally:
            if self._running.get(key) is task:
                del self._running[key]


class Turn(Generic[_T]):
    """One look for all who are answered in one turn of the event loop, whose sockets were read before the turn began:
    everybody sees what was there after they asked. For one event loop, and one kind of look.
    """

    def __init__(self) -> None:
        self._seen: list[_T] = []

    def once(self, look: Callable[[], _T]) -> _T:
        """What `look` gives now, or gave to another in this turn.

        Raises:
            Whatever `look` raises; the next looks again.
        """
        if not self._seen:
            self._seen.append(look())
            # Whatever is read from a socket after this comes to its turn after this, too.
            asyncio.get_running_loop().call_soon(self._seen.clear)
        return self._seen[0]
