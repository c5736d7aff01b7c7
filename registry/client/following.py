"""Hearing of changes of consent as they are made, so that what is cached of them is dropped at once.

The stream is `GET /v1/consent/changes`, server-sent events (WHATWG HTML section 9.2). It only ever takes decisions
away: as long as it is not heard, what is cached counts for the shorter time that it counts without it.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import secrets
import threading
from collections.abc import AsyncIterator, Iterator
from typing import cast

import httpx
from httpx_sse import ServerSentEvent, SSEError, aconnect_sse, connect_sse

from registry.client.cache import DecisionCache

CHANGES_PATH = "/v1/consent/changes"
HEARD_S = 5.0
"""For how long a sign of life counts: the server gives one every two seconds."""
LATE_S = 5.0
"""What comes so much later than the quickest came is of a line that holds back more: the stream is begun anew."""
QUIET_S = 10.0
"""A stream that is silent for longer is dead, and opened anew."""
LONGEST_PAUSE_S = 30.0
MOST_OF_AN_EVENT = 64 * 1024
"""Bytes of one event that are read: a server that never ends one is not listened to."""
EVERY_PURPOSE = "*"
_SENT = re.compile(rb"^: at ([0-9]{1,12}\.[0-9]{3})$", re.MULTILINE)
"""When something was sent, in seconds of a clock of the server's process."""
_BROKEN = (httpx.HTTPError, httpx.StreamError, SSEError, OSError, RuntimeError, ValueError)


class Following:
    """Where a client stands in the stream of changes, and what follows for its cache.

    Args:
        cache: of the client; it is told while changes are heard.
    """

    def __init__(self, cache: DecisionCache) -> None:
        self._cache = cache
        self._cursor = ""
        self._policy: str | None = None
        self._current = False
        self._failures = 0
        self._quickest = math.inf
        cache.unheard()
        cache.clear()  # nobody told what has changed before

    def headers(self) -> dict[str, str]:
        """Those of a request that goes on where the last stream ended."""
        return {"Last-Event-ID": self._cursor} if self._cursor else {}

    def began(self, response: httpx.Response) -> bool:
        """Take note of the answer to a request; whether a stream follows, each event of which is bounded."""
        self._quickest = math.inf
        if response.status_code == 200 and "content-encoding" not in response.headers:
            if not self._cursor:
                self._cache.clear()
            response.stream = _Bounded(response.stream, self)
            return True
        if response.status_code in {400, 401, 403, 404}:  # a cursor of another time, or we may not know any more
            self._cursor = ""
            self._cache.clear()
        return False

    def alive(self, sent: float | None = None) -> None:
        """Take note that something came whole: what has not come is not there.

        After a silence it may be the first of much that was held up, and nobody knows what follows.

        Args:
            sent: when, by the server's clock; None where it does not say.

        Raises:
            ValueError: it was held up on the way, and so is what follows.
        """
        if sent is not None:
            took = self._cache.now() - sent
            self._quickest = min(self._quickest, took)
            if took - self._quickest > LATE_S:
                raise ValueError("what comes was held up")
        if self._current:
            if not self._cache.is_heard:
                self._cache.clear()
            self._cache.hears(HEARD_S)

    def heard(self, event: ServerSentEvent) -> None:
        """Drop what an event ends.

        A record ends the decisions for its purpose, of everybody, because people are joined and parted: only the
        server knows who a profile is by now.
        """
        self._cursor = event.id or self._cursor
        if event.event == "current":
            self._failures = 0
            self._current = True
            self._under(_member(event, "policy_version"))
            self._cache.hears(HEARD_S)
        elif event.event == "consent":
            purpose = _member(event, "purpose")
            if purpose is None or purpose == EVERY_PURPOSE:
                self._cache.forget_all()
            else:
                self._cache.forget_purpose(purpose)

    def ended(self) -> float:
        """Take note that the stream is not heard any more; seconds until it is tried again."""
        self._current = False
        self._cache.unheard()
        pause = min(LONGEST_PAUSE_S, 0.5 * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return pause * (0.5 + secrets.randbelow(1000) / 1000)  # so that not all come back at once

    def _under(self, policy: str | None) -> None:
        """Under another policy than before nothing that was decided counts."""
        if policy is None or policy != self._policy:
            self._cache.clear()
        self._policy = policy


class _Bounded(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The bytes of a stream of events, as long as every event ends; each that has come whole is a sign of life."""

    def __init__(self, stream: httpx.SyncByteStream | httpx.AsyncByteStream, following: Following) -> None:
        self._stream = stream
        self._following = following
        self._unended = b""

    def __iter__(self) -> Iterator[bytes]:
        for chunk in cast(httpx.SyncByteStream, self._stream):
            self._take(chunk)
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in cast(httpx.AsyncByteStream, self._stream):
            self._take(chunk)
            yield chunk

    def close(self) -> None:
        cast(httpx.SyncByteStream, self._stream).close()

    async def aclose(self) -> None:
        await cast(httpx.AsyncByteStream, self._stream).aclose()

    def _take(self, chunk: bytes) -> None:
        whole, ends, self._unended = (self._unended + chunk).rpartition(b"\n\n")
        if len(self._unended) > MOST_OF_AN_EVENT:
            raise ValueError("an event of the stream does not end")
        if ends:
            sent = _SENT.findall(whole)
            self._following.alive(float(sent[0]) if sent else None)


def listen(following: Following, client: httpx.Client, closed: threading.Event) -> None:
    """Follow the changes in a thread of its own until the client is closed."""
    while not closed.is_set():
        try:
            with connect_sse(client, "GET", CHANGES_PATH, headers=following.headers(), timeout=QUIET_S) as source:
                if following.began(source.response):
                    for event in source.iter_sse():
                        following.heard(event)
        except _BROKEN:  # the registry restarts, lags, or is gone: it is asked again
            pass
        finally:
            pause = following.ended()
        closed.wait(pause)


async def listen_async(following: Following, client: httpx.AsyncClient) -> None:
    """Follow the changes in a task of its own until it is cancelled."""
    while True:
        try:
            async with aconnect_sse(
                client, "GET", CHANGES_PATH, headers=following.headers(), timeout=QUIET_S
            ) as source:
                if following.began(source.response):
                    async for event in source.aiter_sse():
                        following.heard(event)
        except _BROKEN:
            pass
        finally:
            pause = following.ended()
        await asyncio.sleep(pause)


def _member(event: ServerSentEvent, name: str) -> str | None:
    """A member of an event's data, where it is text."""
    try:
        found = json.loads(event.data)[name]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if isinstance(found, str) else None
