"""What an asynchronous client keeps for each event loop: its connections, whose turn it is, and who follows changes."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

import httpx

from registry.client.asking import AT_ONCE, POOL, Asking, process_id
from registry.client.following import Following, listen_async
from registry.client.punctual import punctual
from registry.client.wire import Answer, NoAnswer

_Home = tuple[int, asyncio.AbstractEventLoop]
_T = TypeVar("_T")
_Homes = dict[_Home, _T]
"""What belongs to one event loop of one process."""


class Loops(Asking):
    """Base of `AsyncRegistry`: how a question gets to the server and its answer back."""

    @functools.cached_property
    def _connections(self) -> _Homes[httpx.AsyncClient]:
        return {}

    @functools.cached_property
    def _under_way(self) -> set[asyncio.Task[Answer | NoAnswer]]:
        return set()

    @functools.cached_property
    def _turns_of(self) -> _Homes[asyncio.Semaphore]:
        return {}

    @functools.cached_property
    def _listeners(self) -> _Homes[asyncio.Task[None]]:
        return {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; the next question opens new ones."""
        # Those of another loop, or of a parent process, are not ours to close.
        with self._starting:
            connection, listener = self._connections.pop(home(), None), self._listeners.pop(home(), None)
        if connection is not None:
            await connection.aclose()
        if listener is not None:
            listener.cancel()
            await asyncio.wait([listener])

    async def _post(
        self,
        path: str,
        body: bytes,
        limit: int,
        headers: Mapping[str, str] | None = None,
        ended: Callable[[], None] = lambda: None,
    ) -> Answer | NoAnswer:
        """The answer. Whoever is cancelled leaves the question to its end: httpcore never gets back a connection whose
        question was torn away.

        Args:
            ended: called when the question has ended, also after its caller has gone.
        """
        turns = self._turn()
        try:
            async with asyncio.timeout(self._timeout):
                await turns.acquire()
        except TimeoutError:
            return NoAnswer("timeout")
        asking = asyncio.create_task(self._answer(path, body, limit, headers))
        self._under_way.add(asking)

        def over(_asking: object) -> None:
            self._under_way.discard(asking)
            turns.release()
            ended()

        asking.add_done_callback(over)
        done, _ = await asyncio.wait({asking}, timeout=self._timeout)
        return asking.result() if done else NoAnswer("timeout")

    async def _answer(self, path: str, body: bytes, limit: int, headers: Mapping[str, str] | None) -> Answer | NoAnswer:
        for attempt in (1, 2):
            try:
                return await self._exchange(path, body, limit, headers)
            except httpx.TimeoutException:
                return NoAnswer("timeout")
            except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
                # A kept connection that a restarted server has dropped fails once.
                if attempt == 2 or isinstance(error, httpx.ConnectError):
                    break
            except (httpx.HTTPError, OSError):
                break
        return NoAnswer("unreachable")

    async def _exchange(
        self, path: str, body: bytes, limit: int, headers: Mapping[str, str] | None
    ) -> Answer | NoAnswer:
        read = bytearray()
        async with self._connected().stream("POST", path, content=body, headers=headers) as response:
            async for chunk in response.aiter_bytes():
                read += chunk
                if len(read) > limit:
                    return NoAnswer("bad-answer")
            return Answer(response.status_code, bytes(read))

    def _listen(self) -> None:
        following, here = Following(self._cache), home()
        with self._starting:
            _leave_ended(self._listeners)
            listener = self._listeners[here] = asyncio.create_task(self._heard(following))
        listener.add_done_callback(functools.partial(self._not_heard, here))

    def _not_heard(self, here: _Home, ended: asyncio.Task[None]) -> None:
        """Somebody cancelled every task, perhaps: the next check begins another."""
        if self._listeners.get(here) is ended:
            del self._listeners[here]

    async def _heard(self, following: Following) -> None:
        async with self._client() as client:
            await listen_async(following, client)

    def _connected(self) -> httpx.AsyncClient:
        here = home()
        with self._starting:
            if here not in self._connections:
                _leave_ended(self._connections)
                self._connections[here] = punctual(self._client(), self._timeout)
            return self._connections[here]

    def _turn(self) -> asyncio.Semaphore:
        here = home()
        with self._starting:
            if here not in self._turns_of:
                _leave_ended(self._turns_of)
                self._turns_of[here] = asyncio.Semaphore(AT_ONCE)
            return self._turns_of[here]

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self._url, headers=self._headers, timeout=self._timeout, limits=POOL)


def home() -> _Home:
    """The event loop that runs, and its process."""
    return process_id(), asyncio.get_running_loop()


def _leave_ended(homes: _Homes[Any]) -> None:
    """Let go of what belonged to loops that have ended, and to a parent process."""
    for own, loop in [one for one in homes if one[0] != process_id() or one[1].is_closed()]:
        del homes[own, loop]
