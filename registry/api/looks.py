"""Reads that many wait for at the same time, done once for all of them: one after the other, or in a turn of the
event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


class _Asked:
    """A read that has not begun, and who waits for it."""

    __slots__ = ("read", "waiting")

    def __init__(self, read: Callable[[], Awaitable[Any]]) -> None:
        self.read = read
        self.waiting: list[asyncio.Future[Any]] = []


class Looks:
    """Reads under way, by what they ask for. For one event loop."""

    def __init__(self) -> None:
        self._next: dict[Hashable, _Asked | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def shared(self, key: Hashable, read: Callable[[], Awaitable[_T]]) -> _T:
        """What `read` gives. Whoever asks for the same before it has begun waits for the same answer; it begins when
        the one before it has ended, so that everybody sees what was there when they asked.

        Raises:
            Whatever `read` raises, for everybody who waits.
        """
        is_read = key in self._next
        asked = self._next.get(key)
        if asked is None:
            asked = self._next[key] = _Asked(read)
        answer: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        asked.waiting.append(answer)
        if not is_read:
            task = asyncio.create_task(self._read(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await answer

    async def _read(self, key: Hashable) -> None:
        """Read for as long as somebody asks."""
        try:
            while (asked := self._next[key]) is not None:
                await asyncio.sleep(0)  # who asks in this turn is answered, too
                self._next[key] = None
                try:
                    found = await asked.read()
                except Exception as error:  # noqa: BLE001 - it is theirs who asked
                    for answer in asked.waiting:
                        if not answer.done():
                            answer.set_exception(error)
                else:
                    for answer in asked.waiting:
                        if not answer.done():
                            answer.set_result(found)
        finally:
            del self._next[key]


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
