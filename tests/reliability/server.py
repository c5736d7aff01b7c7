"""`registry serve` as a process that a test may kill and start again on the same port."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import httpx

from tests.forked import Command, logged

STARTED_WITHIN_S = 90.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """A server of one data folder.

    Args:
        environment: settings beside the folder and the port, as `REGISTRY_…`.
        log: the file that gets what the server writes.
    """

    def __init__(self, data_dir: Path, log: Path, environment: dict[str, str] | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._words = ["serve", "--data-dir", str(data_dir), "--port", str(self.port)]
        self._environment = os.environ | (environment or {})
        self._log = log
        self._process: Command | None = None

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process is not None else None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self._process = logged(self._words, self._environment, self._log)
        until = time.monotonic() + STARTED_WITHIN_S
        while time.monotonic() < until and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
        raise AssertionError(f"the server did not start: {self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """Kill it with SIGKILL: nothing of it runs any more, nothing is flushed."""
        assert self._process is not None
        self._process.kill()

    def stop(self) -> None:
        """Stop it as an operator does."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)
