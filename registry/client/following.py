"""Hearing of changes of consent as they are made, so that what is cached of them is dropped at once.

The stream is `GET /v1/consent/changes`, server-sent events (WHATWG HTML section 9.2). It only ever takes decisions
away: as long as it is not heard, what is cached counts for the shorter time that it counts without it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading

import httpx
from httpx_sse import ServerSentEvent, SSEError, aconnect_sse, connect_sse

from registry.client.cache import DecisionCache

CHANGES_PATH = "/v1/consent/changes"
QUIET_S = 20.0
"""A stream that is silent for longer is dead: the server says every 15 s that it is still there."""
UNHEARD_TTL_S = 5.0
"""How long at most a decision is used again while changes are not heard."""
LONGEST_PAUSE_S = 30.0
_BROKEN = (httpx.HTTPError, httpx.StreamError, SSEError, OSError, RuntimeError, ValueError)


class Following:
    """Where a client stands in the stream of changes, and what follows for its cache.

    Args:
        cache: of the client; `ttl` is set while changes are heard, and shortened while they are not.
    """

    def __init__(self, cache: DecisionCache) -> None:
        self._cache = cache
        self._heard_ttl = cache.ttl
        self._cursor = ""
        self._failures = 0
        cache.ttl = min(self._heard_ttl, UNHEARD_TTL_S)

    def headers(self) -> dict[str, str]:
        """Those of a request that goes on where the last stream ended."""
        return {"Last-Event-ID": self._cursor} if self._cursor else {}

    def began(self, status: int) -> bool:
        """Take note of the answer to a request; whether a stream follows."""
        if status == 200:
            if not self._cursor:
                self._cache.clear()  # nobody told what has changed before
            self._failures = 0
            self._cache.ttl = self._heard_ttl
            return True
        if status in {400, 401, 403, 404}:  # a cursor of another time, or we may not know any more
            self._cursor = ""
            self._cache.clear()
        return False

    def heard(self, event: ServerSentEvent) -> None:
        """Drop what an event ends: the decisions for its purpose, of everybody.

        Of everybody, because people are joined and parted: only the server knows who a profile is by now.
        """
        self._cursor = event.id or self._cursor
        try:
            purpose = json.loads(event.data)["purpose"]
        except (ValueError, TypeError, KeyError):
            purpose = None
        if isinstance(purpose, str):
            self._cache.forget_purpose(purpose)
        else:
            self._cache.clear()

    def ended(self) -> float:
        """Take note that the stream is not heard any more; seconds until it is tried again."""
        self._cache.ttl = min(self._heard_ttl, UNHEARD_TTL_S)
        pause = min(LONGEST_PAUSE_S, 0.5 * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return pause * (0.5 + secrets.randbelow(1000) / 1000)  # so that not all come back at once


def listen(following: Following, client: httpx.Client, closed: threading.Event) -> None:
    """Follow the changes in a thread of its own until the client is closed."""
    while not closed.is_set():
        try:
            with connect_sse(client, "GET", CHANGES_PATH, headers=following.headers(), timeout=QUIET_S) as source:
                if following.began(source.response.status_code):
                    for event in source.iter_sse():
                        following.heard(event)
        except _BROKEN:  # the registry restarts, lags, or is gone: it is asked again
            pass
        closed.wait(following.ended())


async def listen_async(following: Following, client: httpx.AsyncClient) -> None:
    """Follow the changes in a task of its own until it is cancelled."""
    while True:
        try:
            async with aconnect_sse(
                client, "GET", CHANGES_PATH, headers=following.headers(), timeout=QUIET_S
            ) as source:
                if following.began(source.response.status_code):
                    async for event in source.aiter_sse():
                        following.heard(event)
        except _BROKEN:
            pass
        await asyncio.sleep(following.ended())
