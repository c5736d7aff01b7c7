"""Consent in bulk over HTTP: a batch of checks, and all of a store filtered and listed; N people."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from time import sleep

from benchmarks.client import http_rate, post, streamed, until_in_memory
from benchmarks.crowd import lay_down
from benchmarks.installation import Installation, Opened, installation
from benchmarks.row import Row, in_turn
from registry.flows.consent.boards import Boards

CHECKS = 10_000
ROUNDS = 5
MILLION = 1e6
BYTES_A_PERSON = 150


def measure() -> Iterator[tuple[str, Row]]:
    """Milliseconds a batch, subjects a second of filtering and listing everybody, and what holding them costs."""
    people = int(os.environ.get("N", "100000"))
    with installation() as made:
        with made.opened() as opened:
            lay_down(opened, people)
        yield from rows(made, people)


def rows(made: Installation, people: int) -> Iterator[tuple[str, Row]]:
    """The same of an installation in which so many people have been laid down."""
    chance = random.Random(31)
    auth, admin = ({"Authorization": f"Bearer {key}"} for key in (made.made.app_key, made.made.admin_key))
    with made.served() as port:
        checks = [
            {"subject": {"kind": "user_id", "value": f"user-{chance.randrange(people)}"}, "purpose": "marketing"}
            for _ in range(CHECKS)
        ]
        request = post("/v1/consent/check/batch", {"checks": checks}, **auth)
        loaded = until_in_memory(port, people, post("/v1/consent/check", checks[0], **auth))
        everybody = b"".join(b'{"kind":"user_id","value":"user-%d"}\n' % number for number in range(people))
        listing = b'{"purpose":"service"}'
        _, profiles = streamed(port, "/v1/consent/list", listing, admin)

        def through(body: bytes) -> float:
            spent, lines = streamed(port, "/v1/consent/filter?purpose=marketing", body, auth)
            if not 0.5 * people < lines.count(b"\n") < 0.7 * people:
                raise RuntimeError("so many people are permitted as cannot be")
            return people / spent

        batch, by_reference, by_profile, listed = in_turn(
            ROUNDS,
            lambda: 1000 / http_rate(port, [request], 1),
            lambda: through(everybody),
            lambda: through(profiles),
            lambda: people / streamed(port, "/v1/consent/list", listing, admin)[0],
        )
    with made.opened() as opened:
        held = _bytes_a_person(opened, people)
    what = f"{CHECKS:,} checks in one request over HTTP, {people:,} people; against the target"
    yield "consent-batch", Row(batch, 50.0, "ms", CHECKS, what, "≤ 1")
    what = "everybody filtered by kind and value in one request over HTTP; against a million a second"
    yield "consent-filter-all", Row(by_reference, MILLION, "subjects/s", people, what, "≥ 1")
    what = "everybody filtered by the profile references that a list gives out, over HTTP; the same target"
    yield "consent-filter-profiles", Row(by_profile, MILLION, "subjects/s", people, what, "≥ 1")
    what = "everybody listed over HTTP; the same target"
    yield "consent-list-all", Row(listed, MILLION, "subjects/s", people, what, "≥ 1")
    what = f"memory of one person held, as a process grew by loading; a server took {loaded:.1f} s"
    yield "consent-memory", Row(held, BYTES_A_PERSON, "bytes", people, what, "≤ 1")


def _bytes_a_person(opened: Opened, people: int) -> float:
    import_module("registry.flows.consent.board")  # and NumPy with it
    boards, before = Boards(opened.registry.deployment, people * 2), _resident()
    while not boards.ready(opened.workspace):
        sleep(0.05)
    grown = _resident() - before
    boards.close()
    return grown / people


def _resident() -> int:
    """Bytes of memory that this process has now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
