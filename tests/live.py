"""A real server in a process of its own, for tests that speak HTTP to it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from registry import bootstrap
from registry.bootstrap import Initialised
from registry.settings import Settings


@dataclass(frozen=True, slots=True)
class Live:
    """A running server, its keys, and its process."""

    url: str
    keys: Initialised
    data_dir: Path
    process: subprocess.Popen[str]

    def client(self, secret: str | None = None) -> httpx.Client:
        """A client that sends a bearer key with each request; the admin's, unless another is given."""
        bearer = f"Bearer {secret or self.keys.admin_key}"
        return httpx.Client(base_url=self.url, headers={"Authorization": bearer}, timeout=30)


def start(data_dir: Path, port: int = 0) -> tuple[str, subprocess.Popen[str]]:
    """Start `registry serve`, on a free port if none is named; its address once it answers, and its process."""
    command = [sys.executable, "-m", "registry", "serve", "--data-dir", str(data_dir), "--port", str(port)]
    log = (data_dir.parent / f"{data_dir.name}-server.log").open("ab")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    log.close()
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"http://\S+", line)
        if found:
            with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
                client.get(f"{found.group()}/healthz").raise_for_status()
            return found.group(), process
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
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()
