"""What the rows work on: registries in temporary folders, synthetic events, a real server, a quick client."""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from registry import bootstrap
from registry.bootstrap import Initialised, Registry
from registry.settings import Settings


@contextmanager
def registry() -> Iterator[tuple[Registry, Initialised, Path]]:
    """A new registry on SQLite."""
    with tempfile.TemporaryDirectory(prefix="registry-bench-") as folder:
        settings = Settings(data_dir=Path(folder) / "data")
        made = bootstrap.initialise(settings)
        opened = bootstrap.connect(settings)
        try:
            yield opened, made, settings.data_dir
        finally:
            opened.close()


def order(chance: random.Random, people: int) -> dict[str, Any]:
    """A synthetic order of about 1 KB, of one of so many people."""
    person = chance.randrange(people)
    product = {"product_id": "p1", "sku": "s1", "name": "Sample", "price": 5.0, "quantity": 1, "category": "samples"}
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": str(uuid.UUID(int=chance.getrandbits(128))),
        "userId": f"user-{person}",
        "anonymousId": f"browser-{person}",
        "timestamp": "2026-01-01T12:00:00.000Z",
        "properties": {
            "order_id": f"o-{person}", "checkout_id": "c1", "affiliation": "web", "subtotal": 10.0, "total": 12.5,
            "revenue": 10, "shipping": 1, "tax": 1.5, "discount": 0, "coupon": "SAMPLE", "currency": "EUR",
            "products": [product, product, product],
        },
        "context": {
            "ip": "203.0.113.7", "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Sample/1.0", "locale": "en-GB",
            "library": {"name": "analytics-python", "version": "2.4.0"},
            "page": {"url": "https://shop.example/", "path": "/", "title": "Sample shop"},
        },
    }  # fmt: skip


@contextmanager
def server(data_dir: Path) -> Iterator[int]:
    """`registry serve` in a process of its own; its port."""
    command = [sys.executable, "-m", "registry", "serve", "--data-dir", str(data_dir), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        found = None
        while found is None:
            found = re.search(r"http://[^:]+:(\d+)", process.stdout.readline())
        time.sleep(0.5)
        yield int(found.group(1))
    finally:
        process.terminate()
        process.wait(timeout=20)


def http_rate(port: int, requests: list[bytes], connections: int) -> float:
    """Requests a second over so many kept connections, each sending its share one after the other."""

    async def send(share: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in share:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.split(b"\r\n")[0].decode())
            length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE).group(1))  # type: ignore[union-attr]
            await reader.readexactly(length)
        writer.close()

    async def all_of_them() -> None:
        await asyncio.gather(*(send(requests[start::connections]) for start in range(connections)))

    start = time.perf_counter()
    asyncio.run(all_of_them())
    return len(requests) / (time.perf_counter() - start)


def post(path: str, body: object, **headers: str) -> bytes:
    """The bytes of a POST request, made before the clock starts."""
    content = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()] + [f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(lines).encode() + content


def get(path: str) -> bytes:
    """The bytes of a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
