"""What one look at a profile costs over HTTP: decided, opened, and logged durably before it is given out."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator

from benchmarks.client import exchange, get, post
from benchmarks.installation import installation
from benchmarks.row import Row, quantile
from benchmarks.traffic import visits

PEOPLE = 500
EVENTS = 10_000
REQUESTS = 400
CONNECTIONS = 2
ROUNDS = 5


def measure() -> Iterator[tuple[str, Row]]:
    """Look-ups of random known people for `service`, against /healthz of the same server."""
    chance = random.Random(17)
    with installation() as made:
        with made.opened() as opened:
            opened.take(visits(chance, EVENTS, PEOPLE, new=0))
        auth = {"Authorization": f"Bearer {made.made.app_key}"}
        subjects = [{"kind": "user_id", "value": f"user-{chance.randrange(PEOPLE)}"} for _ in range(REQUESTS)]
        views = [post("/v1/profiles/lookup", {"subject": who, "purpose": "service"}, **auth) for who in subjects]
        empty = [get("/healthz")] * REQUESTS
        with made.served() as port:
            exchange(port, views[:100], CONNECTIONS)
            taken = [[exchange(port, kind, CONNECTIONS)[1] for kind in (views, empty)] for _ in range(ROUNDS)]
    for name, share in (("view", 0.5), ("view-p99", 0.99)):
        ours, reference = (statistics.median(quantile(r[n], share) * 1e3 for r in taken) for n in (0, 1))
        what = f"profile look-up, {share:.0%} of answers are at least as quick, against /healthz"
        yield name, Row(ours, reference, "ms", REQUESTS, what)
