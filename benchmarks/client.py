"""A client that is not the limit: requests are bytes before the clock starts, connections are kept."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast

import uvloop

PATIENCE_S = 900.0
BEGINS_WITHIN_S = 8.0
"""After which a server has begun whatever it does in the background."""


class _Connection(asyncio.Protocol):
    """Sends its share of the requests one after the other, each when the one before was answered."""

    def __init__(self, requests: Sequence[bytes], done: asyncio.Future[None], took: Callable[[float], None]) -> None:
        self._requests = iter(requests)
        self._done = done
        self._took = took
        self._read = bytearray()
        self._expected: int | None = None
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by descent
        self._next()

    def data_received(self, data: bytes) -> None:
        self._read += data
        if self._expected is None:
            head_end = self._read.find(b"\r\n\r\n")
            if head_end < 0:
                return
            head = self._read[:head_end].lower()
            self._expected = head_end + 4 + int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self._read) < self._expected:
            return
        if not self._read.startswith(b"HTTP/1.1 200"):
            self._done.set_exception(RuntimeError(self._read.decode(errors="replace")))
            self._transport.close()
            return
        self._took(time.perf_counter() - self._sent_at)
        self._read, self._expected = bytearray(), None
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionError("the server closed the connection"))

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            if not self._done.done():
                self._done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)


def exchange(port: int, requests: Sequence[bytes], connections: int) -> tuple[float, list[float]]:
    """Send all requests over so many connections: the seconds that it took, and those of each answer.

    Raises:
        RuntimeError: an answer was not 200.
    """
    seconds: list[float] = []

    async def run() -> float:
        loop = asyncio.get_running_loop()
        shares = [requests[start::connections] for start in range(connections)]
        ended: list[asyncio.Future[None]] = [loop.create_future() for _ in shares]
        start = time.perf_counter()
        for share, done in zip(shares, ended, strict=True):
            await loop.create_connection(partial(_Connection, share, done, seconds.append), "127.0.0.1", port)
        await asyncio.gather(*ended)
        return time.perf_counter() - start

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run()), seconds


def streamed(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[float, bytes]:
    """Send a long body and read the answer at the same time: the seconds until its end, and its content.

    Raises:
        RuntimeError: the answer was not 200, or broke off.
    """
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", f"Content-Length: {len(body)}"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        start = time.perf_counter()
        sender = threading.Thread(target=connection.sendall, args=(head + body,))
        sender.start()
        parts = list(iter(lambda: connection.recv(1 << 20), b""))
        spent = time.perf_counter() - start
        sender.join()
    answer = http.client.HTTPResponse(_Read(b"".join(parts)))  # type: ignore[arg-type]
    answer.begin()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(content.decode(errors="replace"))
    return spent, content


class _Read:
    """What was read from a socket, as the standard library's parser takes it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._content)


def until_in_memory(port: int, people: int, check: bytes) -> float:
    """Ask once, and wait until the server holds so many people in memory; the seconds that it took.

    What else it begins with, such as the first sweep of everybody, is waited for after that.
    """
    start = time.perf_counter()
    http_rate(port, [check], 1)
    while _metric(port, "registry_people_in_memory") < people:
        if time.perf_counter() - start > PATIENCE_S:
            raise RuntimeError("the server does not take the people into memory")
        time.sleep(0.2)
        http_rate(port, [check], 1)
    took = time.perf_counter() - start
    time.sleep(max(0.0, BEGINS_WITHIN_S - took))
    worked = _metric(port, "process_cpu_seconds_total")
    while True:
        time.sleep(1)
        before, worked = worked, _metric(port, "process_cpu_seconds_total")
        if worked - before < 0.05:
            return took
        if time.perf_counter() - start > PATIENCE_S:
            raise RuntimeError("the server does not come to rest")


def _metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        found = re.search(rb"^%s (\S+)" % name.encode(), answer.read(), re.MULTILINE)
    return float(found[1]) if found is not None else 0.0


def http_rate(port: int, requests: Sequence[bytes], connections: int) -> float:
    """Requests a second."""
    return len(requests) / exchange(port, requests, connections)[0]


def post(path: str, body: object, **headers: str) -> bytes:
    """The bytes of a POST request."""
    content = json.dumps(body, separators=(",", ":")).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()] + [f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(lines).encode() + content


def get(path: str) -> bytes:
    """The bytes of a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
