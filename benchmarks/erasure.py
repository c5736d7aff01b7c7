"""How long until a person is unreadable, and until the certificate: the first must not depend on their events."""

from __future__ import annotations

import random
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.installation import Installation, installation
from benchmarks.row import Row
from benchmarks.traffic import order
from registry.dsr.requests import Kind, Move
from registry.flows.dsr import lifecycle
from registry.flows.identity.subjects import subject
from registry.flows.keyring import Keyring

SIZES = (100, 1_000, 10_000, 100_000)
ROUNDS = 5


class _Timed(Keyring):
    """A keyring that remembers when its file first held nothing more of destroyed keys: the person's go first."""

    shredded_at: float | None = None

    def checkpoint(self) -> None:
        super().checkpoint()
        if self.shredded_at is None:
            self.shredded_at = time.perf_counter()


def measure() -> Iterator[tuple[str, Row]]:
    """One person of each size is erased in each round, from a copy of the same data, in random order."""
    chance = random.Random(11)
    unreadable: dict[int, list[float]] = defaultdict(list)
    completed: dict[int, list[float]] = defaultdict(list)
    with installation() as made:
        with made.opened() as opened:
            for person, size in enumerate(SIZES):
                opened.take(order(chance, person) for _ in range(size))
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory(prefix="registry-bench-") as folder:
                copy = Path(folder) / "data"
                shutil.copytree(made.settings.data_dir, copy)
                copied = Installation(made.settings.model_copy(update={"data_dir": copy}), made.made)
                people = list(enumerate(SIZES))
                chance.shuffle(people)
                for person, size in people:
                    first, last = _erase(copied, person)
                    unreadable[size].append(first)
                    completed[size].append(last)
    few, many = SIZES[0], SIZES[-1]
    for name, times, target in (("erasure", unreadable, "≤ 1.5"), ("erasure-completed", completed, "")):
        middle = {size: statistics.median(taken) for size, taken in times.items()}
        word = "unreadable" if times is unreadable else "the certificate"
        each = ", ".join(f"{size:,} events {middle[size]:.1f} ms" for size in SIZES)
        what = f"from the order to {word}, {many:,} events against {few}; flat is 1 ({each})"
        yield name, Row(middle[many], middle[few], "ms", many, what, target)


def _erase(made: Installation, person: int) -> tuple[float, float]:
    with made.opened() as opened:
        base = opened.registry.deployment
        keyring = _Timed(base.keystore, base.kms, base.clock)
        deployment, workspace = replace(base, keyring=keyring), opened.workspace
        who = subject(deployment.policies.identity, "user_id", f"user-{person}")
        request = lifecycle.open_request(deployment, workspace, kind=Kind.ERASURE, person=who, actor="person:a")
        for by in (Move.VERIFY, Move.APPROVE):
            lifecycle.move_request(deployment, workspace, request.request_id, by, actor="person:b")
        start = time.perf_counter()
        lifecycle.run(deployment, workspace, request.request_id, actor="person:b")
        end = time.perf_counter()
    if keyring.shredded_at is None:
        raise RuntimeError("an erasure destroyed no keys")
    return (keyring.shredded_at - start) * 1e3, (end - start) * 1e3
