"""The client for coroutines (asyncio)."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Iterable, Mapping, Sequence
from secrets import token_hex
from typing import Any, TypeVar

import httpx

from registry.client.answers import Decision, Receipt
from registry.client.asking import Asking, process_id
from registry.client.following import Following, listen_async
from registry.client.subject import SubjectReference, to_subject
from registry.client.wire import (
    CHECK_PATH,
    PROFILE_BYTES,
    PROFILE_PATH,
    RECORD_PATH,
    SMALL_ANSWER_BYTES,
    TOKEN_PATH,
    Answer,
    NoAnswer,
    read_profile,
    read_receipt,
    read_signed,
    request_body,
)

_Home = tuple[int, asyncio.AbstractEventLoop]
_T = TypeVar("_T")
_Homes = dict[_Home, _T]
"""What belongs to one event loop of one process."""


class AsyncRegistry(Asking):
    """A registry's answers, awaited; one for a whole process. Connections are kept per event loop."""

    @functools.cached_property
    def _connections(self) -> _Homes[httpx.AsyncClient]:
        return {}

    @functools.cached_property
    def _listeners(self) -> _Homes[asyncio.Task[None]]:
        return {}

    async def __aenter__(self) -> AsyncRegistry:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; the next question opens new ones."""
        # Those of another loop, or of a parent process, are not ours to close.
        with self._starting:
            connection, listener = self._connections.pop(_home(), None), self._listeners.pop(_home(), None)
        if connection is not None:
            await connection.aclose()
        if listener is not None:
            listener.cancel()
            await asyncio.wait([listener])

    async def allows(
        self,
        subject: SubjectReference,
        purpose: str,
        categories: Iterable[str] = (),
        *,
        jurisdiction: str | None = None,
    ) -> bool:
        """As `Registry.allows`. A coroutine that is not awaited is true in a condition: await it."""
        return (await self.check(subject, purpose, categories, jurisdiction=jurisdiction)).allowed

    async def check(
        self,
        subject: SubjectReference,
        purpose: str,
        categories: Iterable[str] = (),
        *,
        jurisdiction: str | None = None,
    ) -> Decision:
        """As `Registry.check`."""
        person, listed, key = self._question(subject, purpose, categories, jurisdiction)
        if self._follow and _home() not in self._listeners:
            self._listen()
        known = self._cache.fresh(key)
        if known is not None:
            return known
        epoch = self._cache.epoch
        body = request_body(person, purpose, categories=listed or None, jurisdiction=jurisdiction)
        return self._judge(key, epoch, await self._post(CHECK_PATH, body, SMALL_ANSWER_BYTES))

    async def record(
        self,
        subject: SubjectReference,
        purpose: str,
        status: str,
        *,
        acted_at: str | None = None,
        expires_at: str | None = None,
        notice_version: str | None = None,
        language: str | None = None,
        jurisdiction: str | None = None,
        channel: str | None = None,
        evidence: str | None = None,
        age_at_least: int | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """As `Registry.record`.

        Raises:
            Refused, Unavailable.
        """
        person, _, key = self._question(subject, purpose, ())
        body = request_body(
            person, purpose, status=status, acted_at=acted_at, expires_at=expires_at, notice_version=notice_version,
            language=language, jurisdiction=jurisdiction, channel=channel, evidence=evidence,
            age_at_least=age_at_least,
        )  # fmt: skip
        once = {"Idempotency-Key": idempotency_key or token_hex(16)}
        try:
            return read_receipt(await self._post(RECORD_PATH, body, SMALL_ANSWER_BYTES, once))
        finally:
            self._recorded(key, status)

    async def token(
        self,
        subject: SubjectReference,
        purpose: str,
        categories: Iterable[str] = (),
        *,
        lifetime_s: int = 60,
        audience: str | None = None,
        jurisdiction: str | None = None,
    ) -> str:
        """As `Registry.token`.

        Raises:
            Refused, Unavailable.
        """
        person, listed, _ = self._question(subject, purpose, categories)
        body = request_body(
            person, purpose, categories=listed or None, lifetime_s=lifetime_s, audience=audience,
            jurisdiction=jurisdiction,
        )  # fmt: skip
        return read_signed(await self._post(TOKEN_PATH, body, SMALL_ANSWER_BYTES))

    async def profile(
        self, subject: SubjectReference, purpose: str, include: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """As `Registry.profile`.

        Raises:
            Refused, Unavailable.
        """
        members = list(include) if include is not None else None
        body = request_body(to_subject(subject), purpose, include=members)
        return read_profile(await self._post(PROFILE_PATH, body, PROFILE_BYTES))

    async def _post(
        self, path: str, body: bytes, limit: int, headers: Mapping[str, str] | None = None
    ) -> Answer | NoAnswer:
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
        deadline = time.monotonic() + self._timeout
        read = bytearray()
        async with self._connected().stream("POST", path, content=body, headers=headers) as response:
            async for chunk in response.aiter_bytes():
                read += chunk
                if len(read) > limit:
                    return NoAnswer("bad-answer")
                if time.monotonic() > deadline:
                    return NoAnswer("timeout")
            return Answer(response.status_code, bytes(read))

    def _listen(self) -> None:
        following = Following(self._cache)
        with self._starting:
            _leave_ended(self._listeners)
            self._listeners[_home()] = asyncio.create_task(self._heard(following))

    async def _heard(self, following: Following) -> None:
        async with self._client() as client:
            await listen_async(following, client)

    def _connected(self) -> httpx.AsyncClient:
        home = _home()
        with self._starting:
            if home not in self._connections:
                _leave_ended(self._connections)
                self._connections[home] = self._client()
            return self._connections[home]

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self._url, headers=self._headers, timeout=self._timeout)


def _home() -> _Home:
    return process_id(), asyncio.get_running_loop()


def _leave_ended(homes: _Homes[Any]) -> None:
    """Let go of what belonged to loops that have ended, and to a parent process."""
    for own, loop in [home for home in homes if home[0] != process_id() or home[1].is_closed()]:
        del homes[own, loop]
