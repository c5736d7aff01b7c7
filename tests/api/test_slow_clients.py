"""Clients that send nothing, a little now and then, or a head without end hold no connection and no memory."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest
import uvicorn
from uvicorn.server import ServerState

from registry.api.connections import HEAD_BYTES, Connection, close_overdue
from tests.live import Live

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
EMPTY = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Client:
    """One connection to a server whose application reads what it is sent, and answers when it is let."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop, self.now, self.seen = loop, 1000.0, list[Any]()
        self.answering, self.ending = asyncio.Event(), asyncio.Event()
        config = uvicorn.Config(self._app, log_config=None, lifespan="off", ws="none", interface="asgi3")
        self.state = ServerState()
        self.state.default_headers = []
        clock = Mock(wraps=loop)
        clock.time = lambda: self.now
        self.connection = Connection(config, self.state, {}, clock)
        self.transport = Mock(spec=asyncio.Transport)
        self.transport.is_closing.side_effect = lambda: self.transport.close.called
        self.transport.get_extra_info.return_value = None
        self.connection.connection_made(self.transport)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive()).get("more_body"):
            self.seen.append(message["body"])
            if self.answering.is_set():
                break
        await self.answering.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await self.ending.wait()
        self.headers = scope["headers"]
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def send(self, data: bytes, *, after: float = 0.0) -> None:
        """Let time pass, with looks for slow clients every other second, and send something."""
        for _ in range(int(after // 2)):
            self.now += 2
            self.loop.run_until_complete(asyncio.sleep(0))
            close_overdue(self.state.connections, self.now)
        if data and not self.is_closed:
            self.connection.data_received(data)
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(asyncio.sleep(0))

    @property
    def is_closed(self) -> bool:
        return bool(self.transport.close.called)


@pytest.fixture
def client() -> Iterator[Client]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    opened = Client(loop)
    yield opened
    opened.answering.set()
    opened.ending.set()
    opened.connection.connection_lost(None)
    loop.run_until_complete(asyncio.sleep(0.01))
    asyncio.set_event_loop(None)
    loop.close()


def test_who_sends_nothing_is_let_go(client: Client) -> None:
    client.send(b"", after=20)
    assert not client.is_closed
    client.send(b"", after=4)
    assert client.is_closed


def test_who_drips_a_head_is_let_go_however_steadily(client: Client) -> None:
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
    for _ in range(9):
        client.send(b"X-A: " + b"a" * 2_000 + b"\r\n", after=4)
    assert not client.is_closed
    client.send(b"", after=8)
    assert client.is_closed


def test_who_drips_a_body_is_let_go_and_who_sends_it_at_a_fair_pace_is_not(client: Client) -> None:
    client.send(HEAD)
    for _ in range(50):
        client.send(b"a" * 1_500, after=2)
    assert not client.is_closed
    for _ in range(100):
        client.send(b"a", after=2)
    assert client.is_closed
    assert sum(map(len, client.seen)) > 70_000


def test_who_waits_for_an_answer_may_wait(client: Client) -> None:
    client.send(EMPTY, after=10)
    client.send(b"", after=600)
    assert not client.is_closed


def test_who_is_answered_while_they_send_may_take_their_time(client: Client) -> None:
    client.send(HEAD, after=10)
    client.answering.set()
    client.send(b"a")
    client.send(b"a", after=600)
    assert not client.is_closed


def test_who_sends_empty_lines_after_an_answer_is_let_go(client: Client) -> None:
    client.answering.set()
    client.ending.set()
    client.send(EMPTY)
    client.send(b"\r\n", after=2)
    assert not client.is_closed
    client.send(b"", after=40)
    assert client.is_closed


def test_what_follows_a_body_is_no_header(client: Client) -> None:
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Late: 1\r\n\r\n")
    client.answering.set()
    client.ending.set()
    client.send(b"")
    assert [name for name, _ in client.headers] == [b"host", b"transfer-encoding"]


@pytest.mark.parametrize("more", [b"a", b"a\r\nX-A: "])
def test_a_head_without_end_is_refused(server: Live, more: bytes) -> None:
    place = urlsplit(server.url)
    with socket.create_connection((str(place.hostname), place.port or 0), timeout=20) as opened:
        opened.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ")
        with pytest.raises(ConnectionError):
            for _ in range(64):
                opened.sendall(more * HEAD_BYTES)


def test_whoever_asks_for_a_websocket_is_answered_over_http(server: Live) -> None:
    with server.client() as client:
        asked = client.get("/healthz", headers={"Connection": "upgrade", "Upgrade": "websocket"})
        assert asked.json() == {"status": "ok"}
