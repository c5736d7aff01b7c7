"""Whether joining two people, and taking them apart, costs more when they have done more: it must not."""

from __future__ import annotations

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator

from benchmarks.installation import Opened, installation
from benchmarks.row import Row
from benchmarks.traffic import order
from registry.flows.identity.subjects import subject
from registry.flows.stewards import deciding
from registry.identity.links import Verdict
from registry.model.ids import FragmentId, ProfileId
from registry.store import identities

SIZES = (100, 1_000, 10_000)
ROUNDS = 40
ACTOR = "person:steward"


def measure() -> Iterator[tuple[str, Row]]:
    """Two accounts of each size are joined and taken apart by turns, in random order."""
    chance = random.Random(29)
    joining: dict[int, list[float]] = defaultdict(list)
    parting: dict[int, list[float]] = defaultdict(list)
    with installation() as made, made.opened() as opened:
        pairs = {}
        for position, size in enumerate(SIZES):
            pairs[size] = (2 * position, 2 * position + 1)
            for person in pairs[size]:
                opened.take(order(chance, person) for _ in range(size))
        for _ in range(ROUNDS):
            for size in chance.sample(SIZES, len(SIZES)):
                together, apart = _both(opened, *pairs[size])
                joining[size].append(together)
                parting[size].append(apart)
    few, many = SIZES[0], SIZES[-1]
    for name, times, word in (("merge", joining, "joining two people"), ("unmerge", parting, "taking them apart")):
        middle = {size: statistics.median(taken) for size, taken in times.items()}
        each = ", ".join(f"{size:,} events each {middle[size]:.1f} ms" for size in SIZES)
        what = f"{word} who have {many:,} events each, against {few}; flat is 1 ({each})"
        yield name, Row(middle[many], middle[few], "ms", ROUNDS, what, "≤ 1.3")


def _both(opened: Opened, one: int, other: int) -> tuple[float, float]:
    deployment, workspace = opened.registry.deployment, opened.workspace
    rules = deployment.policies.identity
    people = [subject(rules, "user_id", f"user-{number}") for number in (one, other)]
    indexes = [workspace.indexer.index(person.kind, person.value) for person in people]
    start = time.perf_counter()
    deciding.merge(deployment, workspace, people[0], people[1], actor=ACTOR)
    middle = time.perf_counter()
    with deployment.data.owner() as transaction:
        found = identities.fragments_by_index(transaction, workspace.workspace_id, indexes)
    ends: tuple[FragmentId, FragmentId] = (found[indexes[0]].fragment_id, found[indexes[1]].fragment_id)
    profile: ProfileId = found[indexes[0]].profile_id
    again = time.perf_counter()
    deciding.unmerge(deployment, workspace, profile, ends, Verdict.APART, actor=ACTOR)
    end = time.perf_counter()
    return (middle - start) * 1e3, (end - again) * 1e3
