"""A real HTTP receiver in a thread, which keeps what it was sent and answers as it is told."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """What came, and what is answered: a status, or a function of the request that gives one."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    decide: Callable[[Received], int] | None = None
    hold_s: float = 0.0
    until: Callable[[], bool] = lambda: True
    """What is waited for, without an answer, besides."""
    received: list[Received] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        """Keep a request, and answer."""
        got = Received(request.url.path, dict(request.headers), await request.body())
        self.received.append(got)
        hold_s = self.hold_s
        while not self.until():  # noqa: ASYNC110 - it comes about in other threads
            await asyncio.sleep(0.02)
        await asyncio.sleep(hold_s)
        return Response(status_code=self.decide(got) if self.decide else self.status, headers=self.headers)

    def wait_for(self, count: int, within_s: float = 20) -> list[Received]:
        """What came, once it is at least so many."""
        until = time.monotonic() + within_s
        while len(self.received) < count:
            assert time.monotonic() < until, f"{len(self.received)} of {count} came"
            time.sleep(0.02)
        return list(self.received)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on loopback, until the block ends."""
    receiver = Receiver()
    app = Starlette(routes=[Route("/{path:path}", receiver.take, methods=["POST"])])
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until
        time.sleep(0.005)
    receiver.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield receiver
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()
