"""A real server in a process of its own, for tests that speak HTTP to it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from registry import bootstrap
from registry.bootstrap import Initialised
from registry.settings import Settings
from tests.forked import Command, logged

STARTED_WITHIN_S = 90.0


@dataclass(frozen=True, slots=True)
class Live:
    """A running server, its keys, and its process."""

    url: str
    keys: Initialised
    data_dir: Path
    process: Command

    def client(self, secret: str | None = None) -> httpx.Client:
        """A client that sends a bearer key with each request; the admin's, unless another is given."""
        bearer = f"Bearer {secret or self.keys.admin_key}"
        return httpx.Client(base_url=self.url, headers={"Authorization": bearer}, timeout=30)


def start(data_dir: Path, port: int = 0) -> tuple[str, Command]:
    """Start `registry serve`, on a free port if none is named; its address once it answers, and its process."""
    words = ["serve", "--data-dir", str(data_dir), "--port", str(port)]
    log = data_dir.parent / f"{data_dir.name}-server.log"
    before = log.stat().st_size if log.exists() else 0
    process, until = logged(words, os.environ, log), time.monotonic() + STARTED_WITHIN_S
    while process.poll() is None and time.monotonic() < until:
        found = re.search(r"http://\S+", log.read_bytes()[before:].decode())
        if found:
            with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
                client.get(f"{found.group()}/healthz").raise_for_status()
            return found.group(), process
        time.sleep(0.01)
    raise AssertionError("the server did not start")


@contextmanager
def live(data_dir: Path) -> Iterator[Live]:
    """A new registry and its server, until the block ends."""
    made = bootstrap.initialise(Settings(data_dir=data_dir))
    url, process = start(data_dir)
    try:
        yield Live(url, made, data_dir, process)
    finally:
        process.terminate()
        process.wait(20)
