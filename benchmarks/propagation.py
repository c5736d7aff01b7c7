"""How long a withdrawal takes to reach clients that follow the changes of consent."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Iterator

from benchmarks.client import post
from benchmarks.consent_http import fill
from benchmarks.installation import Installation, installation
from benchmarks.row import Row

CLIENTS = 100
WITHDRAWALS = 20
TARGET_MS = 100.0


def measure() -> Iterator[tuple[str, Row]]:
    """From before a withdrawal is sent until each of the clients, all in another process, has read that it happened."""
    with installation() as made:
        yield from rows(made)


def rows(made: Installation) -> Iterator[tuple[str, Row]]:
    """The same of an installation in which nobody is known by these names."""
    fill(made, WITHDRAWALS)
    with made.served() as port:
        seconds = asyncio.run(_follow(port, made.made.app_key))
    median = statistics.median(seconds) * 1000
    what = f"a withdrawal over HTTP until {CLIENTS} streams have told of it, median; against the target"
    yield "propagation", Row(median, TARGET_MS, "ms", len(seconds), what, "≤ 1")


async def _follow(port: int, key: str) -> list[float]:
    auth = {"Authorization": f"Bearer {key}"}
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CLIENTS)]
    for _, writer in streams:
        lines = ["GET /v1/consent/changes HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {key}", "", ""]
        writer.write("\r\n".join(lines).encode())
    for reader, _ in streams:
        await reader.readuntil(b"retry: 1000\n\n")
    seconds: list[float] = []
    for person in range(WITHDRAWALS):
        await asyncio.sleep(0.2)
        act = {
            "subject": {"kind": "user_id", "value": f"user-{person}"}, "purpose": "marketing", "status": "withdrawn",
        }  # fmt: skip
        sender = await asyncio.open_connection("127.0.0.1", port)
        start = time.perf_counter()
        sender[1].write(post("/v1/consent/records", act, **auth))
        seconds += await asyncio.gather(*[_told(reader, start) for reader, _ in streams])
        sender[1].close()
    for _, writer in streams:
        writer.close()
    return seconds


async def _told(reader: asyncio.StreamReader, start: float) -> float:
    while True:
        line = await reader.readuntil(b"\n")
        if line.startswith(b"data: ") and json.loads(line[6:]).get("status") == "withdrawn":
            return time.perf_counter() - start
