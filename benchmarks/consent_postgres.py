"""Consent over HTTP on PostgreSQL, where nothing is held in memory: every answer is read from the database."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

from benchmarks.client import get, http_rate, post, streamed
from benchmarks.consent_http import fill
from benchmarks.ingest_postgres import databases
from benchmarks.installation import installation
from benchmarks.row import Row, in_turn

REQUESTS = 2_000
CONNECTIONS = 8
CHECKS = 10_000
ROUNDS = 4


def measure() -> Iterator[tuple[str, Row]]:
    """Checks of random people beside an empty route, a batch, and everybody filtered; N people, without statistics."""
    people, chance = int(os.environ.get("N", "5000")), random.Random(3)

    def check() -> dict[str, object]:
        return {"subject": {"kind": "user_id", "value": f"user-{chance.randrange(people)}"}, "purpose": "marketing"}

    with databases() as (data, keystore), installation(database_url=data, keystore_url=keystore) as made:
        fill(made, people)
        auth = {"Authorization": f"Bearer {made.made.app_key}"}
        checks = [post("/v1/consent/check", check(), **auth) for _ in range(REQUESTS)]
        batch = post("/v1/consent/check/batch", {"checks": [check() for _ in range(CHECKS)]}, **auth)
        lines = b"".join(b'{"kind":"user_id","value":"user-%d"}\n' % number for number in range(people))
        with made.served() as port:
            asked, empty, many, filtered = in_turn(
                ROUNDS,
                lambda: http_rate(port, checks, CONNECTIONS),
                lambda: http_rate(port, [get("/healthz")] * REQUESTS, CONNECTIONS),
                lambda: 1000 / http_rate(port, [batch], 1),
                lambda: people / streamed(port, "/v1/consent/filter?purpose=marketing", lines, auth)[0],
            )
    what = f"one check a request on PostgreSQL, {people:,} people, against /healthz"
    yield "consent-postgres", Row(asked, empty, "requests/s", REQUESTS, what)
    what = f"{CHECKS:,} checks in one request there, against what SQLite is to take"
    yield "consent-postgres-batch", Row(many, 50.0, "ms", CHECKS, what)
    what = "everybody filtered by kind and value there, against a million a second"
    yield "consent-postgres-filter", Row(filtered, 1e6, "subjects/s", people, what)
