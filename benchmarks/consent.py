"""What a consent check costs: over HTTP beside an empty route, and warm inside an app."""

from __future__ import annotations

import os
import random
import time

from benchmarks.row import Row, in_turn
from benchmarks.world import get, http_rate, order, post, registry, server
from registry.client import Registry, user_id
from registry.flows.admission import Delivery
from registry.flows.credentials import source_of
from registry.flows.ingest import ingest

REQUESTS = 4_000
CONNECTIONS = 8
WARM = 100_000


def over_http() -> Row:
    """One check a request, of random people; how many people there are is set by N."""
    people = int(os.environ.get("N", "10000"))
    chance = random.Random(3)
    with registry() as (opened, made, data_dir):
        _fill(opened, made.write_key, people)
        opened.close()
        auth = {"Authorization": f"Bearer {made.app_key}"}
        checks = [
            post("/v1/consent/check", {"subject": {"kind": "user_id", "value": f"user-{chance.randrange(people)}"},
                 "purpose": "marketing"}, **auth)
            for _ in range(REQUESTS)
        ]  # fmt: skip
        empty = [get("/healthz")] * REQUESTS
        with server(data_dir) as port:
            http_rate(port, checks[:500], CONNECTIONS)
            a, b = in_turn(3, lambda: http_rate(port, checks, CONNECTIONS), lambda: http_rate(port, empty, CONNECTIONS))
    return Row(a, b, "requests/s", REQUESTS, f"one check a request at {people:,} people, against /healthz")


def in_client() -> Row:
    """A warm check in `registry.client`, in microseconds, against the target of 5 (less is better)."""
    with registry() as (opened, made, data_dir):
        _fill(opened, made.write_key, 100)
        opened.close()
        with server(data_dir) as port, Registry(f"http://127.0.0.1:{port}", made.app_key, cache_ttl=60) as client:
            who = user_id("user-1")
            client.check(who, "marketing")
            start = time.perf_counter()
            for _ in range(WARM):
                client.check(who, "marketing")
            each = (time.perf_counter() - start) / WARM * 1e6
    return Row(each, 5.0, "µs", WARM, "warm check in registry.client, against the target; less is better")


def _fill(opened, write_key: str, people: int) -> None:  # type: ignore[no-untyped-def]
    chance = random.Random(5)
    source, workspace = source_of(opened.deployment, write_key), opened.workspaces.only()
    for start in range(0, people, 1_000):
        calls = []
        for person in range(start, min(start + 1_000, people)):
            call = order(chance, people)
            calls.append({**call, "userId": f"user-{person}", "anonymousId": None})
        ingest(opened.deployment, workspace, [Delivery(source, calls, opened.deployment.clock())])
