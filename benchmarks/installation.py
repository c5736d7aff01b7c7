"""Registries to measure: new ones in temporary folders, on either engine, in this process or as a server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry import bootstrap
from registry.bootstrap import Initialised, Registry
from registry.flows.access.credentials import source_of
from registry.flows.ingest.admission import BoundSource, Delivery
from registry.flows.ingest.pipeline import ingest
from registry.flows.workspace import OpenWorkspace
from registry.settings import Settings

READY_WITHIN_S = 20.0
DELIVERY = 500


@dataclass(frozen=True, slots=True)
class Installation:
    """A new registry: its settings and the keys that were shown once."""

    settings: Settings
    made: Initialised

    @property
    def data_file(self) -> Path:
        """The embedded data database."""
        return self.settings.data_dir / "registry.db"

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        """The registry, opened in this process."""
        registry = bootstrap.connect(self.settings)
        try:
            source = source_of(registry.deployment, self.made.write_key)
            yield Opened(registry, registry.workspaces.only(), source)
        finally:
            registry.close()

    @contextmanager
    def served(self) -> Iterator[int]:
        """`registry serve` in a process of its own; its port."""
        command = [sys.executable, "-m", "registry", "serve", "--data-dir", str(self.settings.data_dir), "--port", "0"]
        urls = {"DATABASE_URL": self.settings.database_url, "KEYSTORE_URL": self.settings.keystore_url}
        environment = os.environ | {f"REGISTRY_{name}": url for name, url in urls.items() if url is not None}
        with (self.settings.data_dir / "server.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
            try:
                yield _port(process)
            finally:
                process.terminate()
                process.wait(timeout=30)


@dataclass(frozen=True, slots=True)
class Opened:
    """An open registry with its one workspace and its first source."""

    registry: Registry
    workspace: OpenWorkspace
    source: BoundSource

    def take(self, calls: Iterable[dict[str, Any]]) -> None:
        """Take calls in, without HTTP."""
        listed, deployment = list(calls), self.registry.deployment
        for start in range(0, len(listed), DELIVERY):
            part: list[object] = list(listed[start : start + DELIVERY])
            ingest(deployment, self.workspace, [Delivery(self.source, part, deployment.clock())])


@contextmanager
def installation(*, database_url: str | None = None, keystore_url: str | None = None) -> Iterator[Installation]:
    """A new registry: on SQLite unless the URLs of two empty databases are given."""
    with tempfile.TemporaryDirectory(prefix="registry-bench-") as folder:
        settings = Settings(data_dir=Path(folder) / "data", database_url=database_url, keystore_url=keystore_url)
        yield Installation(settings, bootstrap.initialise(settings))


def _port(process: subprocess.Popen[str]) -> int:
    if process.stdout is None:
        raise RuntimeError("the server has no output to read")
    found = re.search(r"http://[^:]+:(\d+)", process.stdout.readline())
    if found is None:
        raise RuntimeError("the server did not start")
    port, deadline = int(found.group(1)), time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return port
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server did not get ready")
