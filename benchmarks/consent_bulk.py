"""Consent in bulk: a batch of checks over HTTP, and all of a store filtered and listed; N people."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator

from benchmarks.client import http_rate, post
from benchmarks.crowd import lay_down
from benchmarks.installation import Opened, installation
from benchmarks.row import Row, in_turn
from registry.flows.consent import permitted
from registry.model.message import Identifier

CHECKS = 10_000
ROUNDS = 5
MILLION = 1e6


def measure() -> Iterator[tuple[str, Row]]:
    """Milliseconds a batch, and subjects a second of filtering and listing everybody, which are of one process."""
    people, chance = int(os.environ.get("N", "100000")), random.Random(31)
    with installation() as made, made.opened() as opened:
        lay_down(opened, people)
        auth = {"Authorization": f"Bearer {made.made.app_key}"}
        with made.served() as port:
            checks = [
                {"subject": {"kind": "user_id", "value": f"user-{chance.randrange(people)}"}, "purpose": "marketing"}
                for _ in range(CHECKS)
            ]
            request = post("/v1/consent/check/batch", {"checks": checks}, **auth)
            [batch] = in_turn(ROUNDS, lambda: 1000 / http_rate(port, [request], 1))
        everybody = [Identifier("user_id", f"user-{number}") for number in range(people)]
        filtered, listed = in_turn(
            3, lambda: _rate(people, lambda: _filter(opened, everybody)), lambda: _rate(people, lambda: _list(opened))
        )
    what = f"{CHECKS:,} checks in one request over HTTP, {people:,} people; against the target"
    yield "consent-batch", Row(batch, 50.0, "ms", CHECKS, what, "≤ 1")
    what = "who of everybody may be used for a purpose, by reference, without HTTP; against a million a second"
    yield "consent-filter-all", Row(filtered, MILLION, "subjects/s", people, what, "≥ 1")
    yield (
        "consent-list-all",
        Row(listed, MILLION, "subjects/s", people, "everybody who may be contacted, listed", "≥ 1"),
    )


def _rate(count: int, work: Callable[[], int]) -> float:
    start = time.perf_counter()
    permitted_ones = work()
    spent = time.perf_counter() - start
    if not 0.5 * count < permitted_ones < 0.7 * count:
        raise RuntimeError(f"{permitted_ones} of {count} are permitted, which cannot be")
    return count / spent


def _filter(opened: Opened, everybody: list[Identifier]) -> int:
    return sum(permitted.filter_people(opened.registry.deployment, opened.workspace, everybody, "marketing"))


def _list(opened: Opened) -> int:
    pages = permitted.list_people(opened.registry.deployment, opened.workspace, "marketing")
    return sum(len(page) for page in pages)
