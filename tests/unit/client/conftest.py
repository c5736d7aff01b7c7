"""A real, tiny HTTP server on loopback that answers as a test tells it to."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

ALLOWED: dict[str, Any] = {
    "allowed": True,
    "reason": "granted",
    "sentence": "The person granted consent for this purpose.",
    "purpose": "marketing",
    "lawful_basis": "consent",
    "record_id": "0198c0de-0000-7000-8000-000000000001",
    "valid_until": None,
    "policy_version": "1",
}
DENIED = ALLOWED | {"allowed": False, "reason": "withdrawn"}
RECEIPT = {
    "record_id": "0198c0de-0000-7000-8000-000000000001",
    "purpose": "marketing",
    "status": "withdrawn",
    "acted_at": "2026-01-01T00:00:00Z",
    "recorded_at": "2026-01-01T00:00:01Z",
    "receipt": "header.claims.signature",
}


class Loopback:
    """What the server does next, and what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.status = 200
        self.body: bytes = b""
        self.delay = 0.0
        self.drip = False
        self.hang_up = False
        self.before_answer: Callable[[], None] = lambda: None
        self.events: queue.Queue[bytes | None] = queue.Queue()
        self.followed: list[str] = []
        self.answers(ALLOWED)

    def answers(self, value: object, status: int = 200) -> None:
        """Answer with this JSON from now on."""
        self.status, self.body = status, json.dumps(value).encode()

    def tells(self, name: str, cursor: str = "", **data: str) -> None:
        """Send an event to whoever follows; nothing but a comment without a name."""
        text = f"id: {cursor}\nevent: {name}\ndata: {json.dumps(data)}\n\n" if name else ": still here\n\n"
        self.events.put(text.encode())

    def fails(self, status: int, body: bytes = b"") -> None:
        """Answer with this status and body from now on."""
        self.status, self.body = status, body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    loopback: Loopback

    def do_POST(self) -> None:
        script = self.loopback
        sent = self.rfile.read(int(self.headers["content-length"]))
        script.asked.append((self.path, dict(self.headers), json.loads(sent)))
        time.sleep(script.delay)
        script.before_answer()
        if script.hang_up:
            self.close_connection = True
            return
        try:
            self.send_response(script.status)
            self.send_header("content-length", str(len(script.body)))
            self.end_headers()
            for part in [script.body[i : i + 1] for i in range(len(script.body))] if script.drip else [script.body]:
                self.wfile.write(part)
                self.wfile.flush()
                time.sleep(0.02 if script.drip else 0)
        except OSError:
            self.close_connection = True  # the client gave up: that is what some tests are about

    def do_GET(self) -> None:
        script = self.loopback
        script.followed.append(self.headers.get("last-event-id") or "")
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.close_connection = True
        try:
            while (chunk := script.events.get()) is not None:
                self.wfile.write(chunk)
                self.wfile.flush()
        except OSError:
            pass  # the client let go

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 1000  # whoever connects is not kept waiting


def serve(port: int = 0) -> tuple[ThreadingHTTPServer, Loopback]:
    """Start a server; a free port if none is named."""

    class Handler(_Handler):
        pass

    server = _Server(("127.0.0.1", port), Handler)
    Handler.loopback = Loopback(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server, Handler.loopback


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    server, script = serve()
    yield script
    script.events.put(None)
    server.shutdown()
    server.server_close()


class Ticks:
    """A monotonic clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()
