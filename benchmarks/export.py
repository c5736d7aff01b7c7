"""What a person's package costs: events a second, and memory, which must not grow with the events."""

from __future__ import annotations

import gc
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.installation import Installation, installation
from benchmarks.row import Row
from benchmarks.traffic import order
from registry.dsr.requests import Kind, Move
from registry.flows.dsr import lifecycle
from registry.flows.dsr.export import write_package
from registry.flows.identity.subjects import subject
from registry.model.ids import RequestId
from registry.settings import Settings

SMALL, LARGE = 100, int(os.environ.get("N", "50000"))
TARGET_MIB = 100.0
SAMPLE = 50_000
"""Lines that are zipped beside, of somebody else with as many events, for the reference."""


class _Sink(io.BytesIO):
    """A stream that forgets what is written to it."""

    def seekable(self) -> bool:
        return False

    def write(self, data: Any) -> int:
        return memoryview(data).nbytes


def measure() -> Iterator[tuple[str, Row]]:
    """A new process writes a small package, which makes it as large as it is idle, then a large one."""
    chance = random.Random(13)
    with installation() as made:
        with made.opened() as opened:
            for person, size in enumerate((SMALL, LARGE, min(LARGE, SAMPLE))):
                for first in range(0, size, SAMPLE):
                    opened.take(order(chance, person) for _ in range(min(SAMPLE, size - first)))
        small, large, sample = (_completed(made, person) for person in (0, 1, 2))
        command = [sys.executable, "-m", "benchmarks.export", str(made.settings.data_dir), small, large]
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        with made.opened() as opened:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
            request = lifecycle.get(opened.registry.deployment, opened.workspace, RequestId(bytes.fromhex(sample)))[0]
            write_package(opened.registry.deployment, opened.workspace, request, file, actor="person:b")
    with file, zipfile.ZipFile(file).open("events.jsonl") as written:
        lines = list(islice(written, SAMPLE))
    start = time.perf_counter()
    with zipfile.ZipFile(_Sink(), "w", zipfile.ZIP_DEFLATED) as archive, archive.open("events.jsonl", "w") as stream:
        for line in lines:
            stream.write(line)
    deflating = len(lines) / (time.perf_counter() - start)
    what = f"package of {LARGE:,} events: opened, laid out, hashed and zipped, against zipping the ready text"
    yield "export", Row(LARGE / told["seconds"], deflating, "events/s", LARGE, what)
    what = f"peak memory above idle for {LARGE:,} events, against the target; less is better"
    yield "export-memory", Row(told["mib"], TARGET_MIB, "MiB", LARGE, what, "≤ 1")


def _completed(made: Installation, person: int) -> str:
    with made.opened() as opened:
        deployment, workspace = opened.registry.deployment, opened.workspace
        who = subject(deployment.policies.identity, "user_id", f"user-{person}")
        request = lifecycle.open_request(deployment, workspace, kind=Kind.ACCESS, person=who, actor="person:a")
        for by in (Move.VERIFY, Move.APPROVE):
            lifecycle.move_request(deployment, workspace, request.request_id, by, actor="person:b")
        lifecycle.run(deployment, workspace, request.request_id, actor="person:b")
    return request.request_id.hex()


def _write(data_dir: str, small: str, large: str) -> dict[str, float]:
    from registry import bootstrap

    gc.freeze()
    gc.set_threshold(*bootstrap.GC_THRESHOLDS)  # as a server has them
    registry = bootstrap.connect(Settings(data_dir=data_dir))
    workspace = registry.workspaces.only()
    peaks: list[int] = []
    start = 0.0
    for text in (small, large):
        request = lifecycle.get(registry.deployment, workspace, RequestId(bytes.fromhex(text)))[0]
        start = time.perf_counter()
        write_package(registry.deployment, workspace, request, _Sink(), actor="person:b")
        peaks.append(_peak_kib())
    seconds = time.perf_counter() - start
    registry.close()
    return {"seconds": seconds, "mib": (peaks[1] - peaks[0]) / 1024}


def _peak_kib() -> int:
    """The most memory that this process has held; getrusage would count its parent's before exec, too."""
    return int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0])


if __name__ == "__main__":
    print(json.dumps(_write(*sys.argv[1:])))
