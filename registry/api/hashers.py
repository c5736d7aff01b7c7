"""Hashing subjects in processes beside this one: in bulk it is most of the work, and would hold up everybody else's.

1. start    with the first long body, which takes half a second; until then, and where one is gone, it is done here
2. hash     block by block, as many at once as there are processes; each block brings the keys along
3. forget   what a process was told last it keeps until it is told something else: whoever is done tells it nothing

They end with this process, however it ends.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from anyio import BrokenWorkerProcess, CapacityLimiter, create_memory_object_stream, to_process
from starlette.concurrency import run_in_threadpool

from registry.api import subject_lines
from registry.identity.rules import IdentityRules
from registry.keys.blind_index import KindKeys

MOST = 8
"""Processes, of some 40 MB each; no more than there are processors."""

_UnderWay = tuple[bytes, asyncio.Task[bytes | None]]


class Hashers:
    """The processes of one server. For use in its event loop."""

    def __init__(self) -> None:
        self._count = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1, MOST)
        self._limiter: CapacityLimiter | None = None
        self._started: asyncio.Task[bool] | None = None

    async def ahead(
        self, blocks: AsyncIterator[bytes], rules: IdentityRules, keys_now: Callable[[], KindKeys | None]
    ) -> AsyncGenerator[tuple[bytes, bytes | None]]:
        """Each block, in their order, with the indexes of its subjects; None where they are still to be hashed.

        A body of one block is not worth the way to another process.

        Args:
            keys_now: what to hash under, asked in a thread; None while nobody has a use for indexes.
        """
        first = await anext(blocks, None)
        if first is None:
            return
        yield first, None
        send, receive = create_memory_object_stream[_UnderWay](self._count)

        async def read() -> None:
            async with send:
                async for block in blocks:
                    keys = await run_in_threadpool(keys_now)
                    hashing = asyncio.create_task(self._indexes(block, rules, keys))
                    hashing.add_done_callback(_heard)
                    await send.send((block, hashing))

        reading = asyncio.create_task(read())
        try:
            async with receive:
                async for block, hashing in receive:
                    yield block, await hashing
                await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            if self._are_there():
                await self._forget(rules)

    async def _indexes(self, block: bytes, rules: IdentityRules, keys: KindKeys | None) -> bytes | None:
        if keys is None or not subject_lines.are_subjects(block):
            return None
        if self._started is None:
            self._limiter = CapacityLimiter(self._count)
            self._started = asyncio.create_task(self._forget(rules))
        if not self._are_there():
            return None
        try:
            return await self._told(block, rules, keys)
        except (BrokenWorkerProcess, OSError):  # gone while it worked, or while it started
            return None

    def _are_there(self) -> bool:
        started = self._started
        return started is not None and started.done() and not started.cancelled() and started.result()

    async def _forget(self, rules: IdentityRules) -> bool:
        """Tell nothing to each process that is not at work; whether all of them heard it."""
        told = (self._told(b"", rules, KindKeys({})) for _ in range(self._count))
        return not any(await asyncio.gather(*told, return_exceptions=True))

    async def _told(self, block: bytes, rules: IdentityRules, keys: KindKeys) -> bytes | None:
        return await to_process.run_sync(subject_lines.hashed, block, rules, keys, limiter=self._limiter)


def _heard(hashing: asyncio.Task[bytes | None]) -> None:
    """An error that nobody waits for any more, since the body broke off, is written into no log."""
    if not hashing.cancelled():
        hashing.exception()
