"""Whether an event costs more when many are stored already; minutes long, so only run when it is named."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator

from benchmarks.installation import installation
from benchmarks.row import Row
from benchmarks.traffic import visits

EARLY = 100_000
SAMPLE = 20_000
STEP = 10_000


def measure() -> Iterator[tuple[str, Row]]:
    """Microseconds an event around 100,000 stored events, and around N (a million unless set), in process."""
    late, chance = int(os.environ.get("N", "1000000")), random.Random(19)
    taken: dict[int, float] = {}
    with installation() as made, made.opened() as opened:
        stored, since, spent = 0, 0, 0.0
        while stored < late:
            calls = list(visits(chance, STEP, max(10_000, stored // 50)))
            start = time.perf_counter()
            opened.take(calls)
            spent += time.perf_counter() - start
            stored, since = stored + STEP, since + STEP
            if since == SAMPLE:
                taken[stored] = spent / SAMPLE * 1e6
                since, spent = 0, 0.0
    what = f"cost of an event at {late:,} stored ones, against that at {EARLY:,}; flat is 1"
    yield "growth", Row(taken[max(taken)], taken[EARLY], "µs", SAMPLE, what, "≤ 1.3")
