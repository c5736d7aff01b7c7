"""Whether an event costs more when many are stored already; minutes long, so only run when it is named."""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Iterator

from benchmarks.installation import Opened, installation
from benchmarks.row import Row
from benchmarks.traffic import introduction, visits
from registry.model.compartment import Compartment
from registry.model.ids import EventId, MessageKey, SourceId
from registry.model.stored import StoredEvent
from registry.store import events, identities

EARLY = 100_000
EACH = 50
"""Events that a person has."""

SAMPLE = 2_000
ROUNDS = 15
STEP = 20_000
BODY_BYTES = 1_100


def measure() -> Iterator[tuple[str, Row]]:
    """Microseconds an event where 100,000 are stored, and where N are (five million unless set), in process.

    As many different people come to either; in the larger store they stand far apart. The two take turns, so
    that what else the machine does falls on both.
    """
    late, chance = int(os.environ.get("N", "5000000")), random.Random(19)
    with installation() as young, installation() as old, young.opened() as few, old.opened() as many:
        sizes = {EARLY: few, late: many}
        for size, opened in sizes.items():
            _fill(opened, chance, size)
        os.sync()  # what was laid down is on the disk before anybody waits for it
        taken: dict[int, list[float]] = {size: [] for size in sizes}
        for _ in range(ROUNDS):
            for size, opened in sizes.items():
                calls = list(visits(chance, SAMPLE, EARLY // EACH, apart=max(1, size // EARLY - 1)))
                start = time.perf_counter()
                opened.take(calls)
                taken[size].append((time.perf_counter() - start) / SAMPLE * 1e6)
    early, now = (statistics.median(taken[size]) for size in (EARLY, late))
    what = f"cost of an event at {late:,} stored ones, against that at {EARLY:,}; flat is 1"
    yield "growth", Row(now, early, "µs", SAMPLE * ROUNDS, what, "≤ 1.3")


def _fill(opened: Opened, chance: random.Random, size: int) -> None:
    """Everybody introduces themselves; the rest of their events are laid down as rows, which nobody opens."""
    people, deployment, workspace_id = size // EACH, opened.registry.deployment, opened.workspace.workspace_id
    for first in range(0, people, STEP):
        opened.take(introduction(chance, person) for person in range(first, min(first + STEP, people)))
    after, source = b"", SourceId(opened.source.row.source_id)
    compartment = Compartment("service")
    while True:
        with deployment.data.read(workspace_id) as transaction:
            page = identities.fragments_after(transaction, workspace_id, after, STEP // EACH)
        if not page:
            break
        after, now = page[-1].fragment_id, deployment.clock()
        homes = [fragment.fragment_id for fragment in page if fragment.kind == "user_id"]
        rows = [
            StoredEvent(
                workspace_id, home, EventId(deployment.new_id()), MessageKey(chance.randbytes(16)), "page", "page",
                opened.source.plan.identity, source, now, now, compartment, 0, "", os.urandom(BODY_BYTES),
            )
            for home in homes
            for _ in range(EACH - 1)
        ]  # fmt: skip
        with deployment.data.owner(writes=True) as transaction:
            events.append(transaction, rows)
