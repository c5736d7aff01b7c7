"""Clients' connections: how long, and with how much, a client may take to say what it asks for.

A connection that sends nothing, or a little now and then, costs a server next to nothing, and ten thousand of them all
that it may open. So a request has to come on at a least pace (as with Apache's `mod_reqtimeout`), its head to an end.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
GRACE_S, LEAST_PACE = 20, 500
"""Seconds that may pass in any case, and bytes that are good for one more."""
LONGEST_HEAD_S = 40

_log = structlog.get_logger("registry.api")


class Trailers(list[Any]):
    """What comes after a body and looks like headers: it is none of the request's, however much there is."""

    def append(self, _: object) -> None:
        """Keep nothing."""


class Connection(HttpToolsProtocol):
    """uvicorn's, which reads a head of any length, and waits for the rest of a request for ever."""

    _in_head = True
    _since = 0.0
    _taken = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        self._since = self.loop.time()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Take some bytes of a request."""
        self._taken += len(data)
        super().data_received(data)
        if self._in_head and self._taken > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Begin to read a head."""
        self._in_head, self._since, self._taken = True, self.loop.time(), 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to read a body."""
        super().on_headers_complete()
        self.headers = Trailers()
        self._in_head, self._since, self._taken = False, self.loop.time(), 0

    def is_overdue(self, now: float) -> bool:
        """Whether the client is too slow with what it asks; while it waits for an answer, it is not."""
        if not self._is_awaited():
            self._since, self._taken = now, 0
            return False
        allowed = GRACE_S + self._taken / LEAST_PACE
        return now - self._since > (min(allowed, LONGEST_HEAD_S) if self._in_head else allowed)

    def _is_awaited(self) -> bool:
        cycle = self.cycle
        if self._in_head or cycle.response_complete:  # between requests, uvicorn waits for nothing but a few seconds
            return self.timeout_keep_alive_task is None
        # An answer that has begun goes along with what is still sent: lines in, lines out.
        return cycle.more_body and not cycle.response_started and not self.flow.read_paused


def close_overdue(connections: set[Any], now: float) -> None:
    """Close those whose clients are too slow."""
    overdue = [one for one in connections if isinstance(one, Connection) and one.is_overdue(now)]
    for one in overdue:
        one.transport.close()
    if overdue:
        _log.info("clients too slow", connections=len(overdue))
