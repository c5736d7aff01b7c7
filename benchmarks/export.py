"""What an export costs in memory: it must not grow with the events."""

from __future__ import annotations

import io
import random
import resource

from benchmarks.row import Row
from benchmarks.world import order, registry
from registry.dsr.requests import Kind, Move
from registry.flows import dsr, export
from registry.flows.admission import Delivery
from registry.flows.credentials import source_of
from registry.flows.ingest import ingest
from registry.flows.subjects import subject

EVENTS = 50_000


class _Counted(io.RawIOBase):
    """A stream that keeps nothing."""

    written = 0

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        self.written += len(data)
        return len(data)


def memory() -> Row:
    """Megabytes that the process grows by while it writes the package of 50,000 events, against the target."""
    with registry() as (opened, made, _):
        deployment, workspace = opened.deployment, opened.workspaces.only()
        source, chance = source_of(deployment, made.write_key), random.Random(13)
        for _ in range(0, EVENTS, 1_000):
            calls = [order(chance, 1) for _ in range(1_000)]
            ingest(deployment, workspace, [Delivery(source, calls, deployment.clock())])
        who = subject(deployment.policies.identity, "user_id", "user-0")
        request = dsr.open_request(deployment, workspace, kind=Kind.ACCESS, person=who, actor="person:a")
        for by in (Move.VERIFY, Move.APPROVE):
            dsr.move_request(deployment, workspace, request.request_id, by, actor="person:b")
        request = dsr.run(deployment, workspace, request.request_id, actor="person:b")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        export.write_package(deployment, workspace, request, _Counted(), actor="person:b")
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return Row(
        max(grown, 0.1), 100.0, "MiB", EVENTS, "peak memory above that before, against the target; less is better"
    )
