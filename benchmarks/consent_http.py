"""What a consent check costs over HTTP, beside an empty route of the same server."""

from __future__ import annotations

import os
import random
import statistics
from collections.abc import Iterator

from benchmarks.client import exchange, get, http_rate, post, until_in_memory
from benchmarks.crowd import lay_down
from benchmarks.installation import Installation, installation
from benchmarks.row import Row, in_turn, quantile
from benchmarks.traffic import order

REQUESTS = 3_000
CONNECTIONS = 8
ROUNDS = 5
FILTERED = 5_000


def measure() -> Iterator[tuple[str, Row]]:
    """Checks of random people; how many people the store holds is set by N in the environment."""
    people = int(os.environ.get("N", "10000"))
    with installation() as made:
        with made.opened() as opened:
            lay_down(opened, people)
        yield from rows(made, people)


def rows(made: Installation, people: int) -> Iterator[tuple[str, Row]]:
    """The same of an installation in which so many people have been laid down."""
    chance = random.Random(3)
    auth = {"Authorization": f"Bearer {made.made.app_key}"}
    checks = [
        post("/v1/consent/check", {"subject": _subject(chance.randrange(people)), "purpose": "marketing"}, **auth)
        for _ in range(REQUESTS)
    ]
    lines = [f'{{"kind":"user_id","value":"user-{chance.randrange(people)}"}}' for _ in range(FILTERED)]
    listed = "\n".join(lines).encode()
    bulk = post("/v1/consent/filter?purpose=marketing", {}, **auth).split(b"Content-Length")[0]
    bulk += b"Content-Length: %d\r\n\r\n%s" % (len(listed), listed)
    empty = [get("/healthz")] * REQUESTS
    with made.served() as port, made.opened() as beside:

        def first() -> float:
            beside.take([order(chance, people + 1)])  # a commit: whatever the server remembered is forgotten
            return timed("first", checks)

        slow: dict[str, list[float]] = {"first": [], "again": [], "empty": []}

        def timed(name: str, requests: list[bytes]) -> float:
            spent, seconds = exchange(port, requests, CONNECTIONS)
            slow[name].append(quantile(seconds, 0.99) * 1000)
            return len(requests) / spent

        until_in_memory(port, people, checks[0])
        http_rate(port, checks[:500], CONNECTIONS)
        asked, ours, reference, filtered = in_turn(
            ROUNDS,
            first,
            lambda: timed("again", checks),
            lambda: timed("empty", empty),
            lambda: http_rate(port, [bulk], 1) * FILTERED,
        )
    yield (
        "consent-http",
        Row(
            ours,
            reference,
            "requests/s",
            REQUESTS,
            f"one check a request, asked before, {people:,} people, against /healthz",
            "≥ 0.8",
        ),
    )
    what = "the same, right after a commit, when nothing is remembered"
    yield "consent-http-first", Row(asked, reference, "requests/s", REQUESTS, what, "≥ 0.8")
    again, first_p99, empty_p99 = (statistics.median(slow[name]) for name in ("again", "first", "empty"))
    what = "99 of 100 answers are at least as quick, asked before, against /healthz"
    yield "consent-http-p99", Row(again, empty_p99, "ms", REQUESTS, what, "≤ 2")
    what = "the same, right after a commit"
    yield "consent-http-first-p99", Row(first_p99, empty_p99, "ms", REQUESTS, what, "≤ 2")
    yield (
        "consent-filter",
        Row(
            filtered,
            1e6,
            "subjects/s",
            FILTERED,
            "bulk filter by reference in one request, against a million a second",
            "≥ 1",
        ),
    )


def fill(made: Installation, people: int) -> None:
    """One order of each person."""
    chance = random.Random(5)
    with made.opened() as opened:
        for start in range(0, people, 2_000):
            opened.take(order(chance, person) for person in range(start, min(start + 2_000, people)))


def _subject(person: int) -> dict[str, str]:
    return {"kind": "user_id", "value": f"user-{person}"}
