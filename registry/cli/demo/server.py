"""A real server in a process of its own, and the calls that the demo makes to it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

READY_WITHIN_S = 60.0
"""A busy machine of two cores takes half a minute; a server that fails to start says so at once, by ending."""


class Server:
    """A running server: its address, and requests to it."""

    def __init__(self, url: str, keys: dict[str, str]) -> None:
        self.url = url
        self.keys = keys

    def call(
        self, method: str, path: str, body: object = None, *, key: str = "admin_key", **headers: str
    ) -> tuple[int, Any]:
        """Make a request; the status and the answer, parsed where it is JSON, else as bytes."""
        request = urllib.request.Request(  # noqa: S310 - the address is our own server's
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.keys[key]}", "Content-Type": "application/json", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                return response.status, _parsed(response.headers.get_content_type(), response.read())
        except urllib.error.HTTPError as error:
            return error.code, _parsed(error.headers.get_content_type(), error.read())


@contextmanager
def running(data_dir: Path, keys: dict[str, str]) -> Iterator[Server]:
    """Run `registry serve` on a free port until the block ends."""
    command = [sys.executable, "-m", "registry", "serve", "--data-dir", str(data_dir), "--port", "0"]
    with (data_dir / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield Server(_address(process), keys)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _address(process: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.stdout is not None:
        found = re.search(r"http://\S+", process.stdout.readline())
        if found:
            _wait(found.group(), deadline)
            return found.group()
        if process.poll() is not None:
            break
    raise RuntimeError("the server did not start; see server.log in the demo's folder")


def _wait(url: str, deadline: float) -> None:
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=1):  # noqa: S310
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("the server did not answer")


def _parsed(kind: str, body: bytes) -> Any:
    return json.loads(body) if kind.endswith("json") else body
