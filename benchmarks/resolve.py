"""Whether finding out whose a message is costs more among many people; long, so only run when it is named."""

from __future__ import annotations

import os
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.installation import Opened, installation
from benchmarks.row import Row
from benchmarks.traffic import introduction
from registry.flows.identity.joining import Claim, join
from registry.model.ids import BlindIndex, MessageKey, SourceId
from registry.model.stored import Fragment, StoredIdentifier, StoredLink
from registry.store import identities
from registry.store.rows import query

SIZES = (10_000, 100_000, 1_000_000)
BATCH = 100
ROUNDS = 30
STEP = 20_000


def measure() -> Iterator[tuple[str, Row]]:
    """Microseconds a message in `join`, half of which link a known person's new browser, half name nobody new.

    People are laid down by the store's own statements, two identifiers each, their sealed values as long as those
    of a message that came by ingest: what resolving reads does not depend on the values. N caps the largest number.
    The registries take turns, so that other work on the machine falls on all alike.
    """
    sizes = [size for size in SIZES if size <= int(os.environ.get("N", str(SIZES[-1])))]
    chance, rounds = random.Random(23), defaultdict[int, list[float]](list)
    with ExitStack() as stack:
        registries = {size: stack.enter_context(stack.enter_context(installation()).opened()) for size in sizes}
        for size, opened in registries.items():
            opened.take([introduction(chance, 0)])
            [(length,)] = _rows(opened, "SELECT max(length(sealed)) FROM identifier")
            _lay_down(opened, 0, size, length)
        for _ in range(ROUNDS):
            for size in chance.sample(sizes, len(sizes)):
                rounds[size].append(_resolve(registries[size], chance, size))
    taken = {size: statistics.median(rounds[size]) for size in sizes}
    each = ", ".join(f"{size:,} people {cost:.0f} µs" for size, cost in taken.items())
    what = f"cost of resolving a message among {sizes[-1]:,} people, against {sizes[0]:,}; flat is 1 ({each})"
    yield "resolve", Row(taken[sizes[-1]], taken[sizes[0]], "µs", BATCH * ROUNDS, what, "≤ 1.3")


def _index(kind: str, number: int) -> BlindIndex:
    """A hash such as the blind index is: evenly spread, and the same for the same person."""
    return BlindIndex(random.Random(f"{kind}{number}").randbytes(16))


def _rows(opened: Opened, sql: str) -> list[tuple[int]]:
    with opened.registry.deployment.data.owner() as transaction:
        return [tuple(row) for row in query(transaction, sql)]


def _lay_down(opened: Opened, first: int, last: int, length: int) -> None:
    workspace_id, deployment = opened.workspace.workspace_id, opened.registry.deployment
    source, key = SourceId(opened.source.row.source_id), MessageKey(bytes(16))
    for start in range(first, last, STEP):
        fragments, known, links = [], [], []
        for number in range(start, min(start + STEP, last)):
            ends = [(_index(kind, number), kind) for kind in ("user_id", "anonymous_id")]
            profile = deployment.new_id()
            for position, (index, kind) in enumerate(ends):
                own = profile if position == 0 else deployment.new_id()
                fragments.append(Fragment(workspace_id, own, profile, profile, index, kind, 0, 1, 0))  # type: ignore[arg-type]
                sealed = random.Random(number).randbytes(length)
                known.append(StoredIdentifier(workspace_id, index, kind, own, sealed, source, key, 0))  # type: ignore[arg-type]
            low, high = sorted(index for index, _ in ends)
            links.append(StoredLink(workspace_id, low, high, source, key, 0, 0))
        with deployment.data.owner(writes=True) as transaction:
            identities.add_fragments(transaction, fragments)
            identities.add_identifiers(transaction, known)
            identities.add_links(transaction, links)


def _resolve(opened: Opened, chance: random.Random, people: int) -> float:
    deployment, workspace_id = opened.registry.deployment, opened.workspace.workspace_id
    source, now = SourceId(opened.source.row.source_id), deployment.clock()
    claims = []
    for position in range(BATCH):
        number = chance.randrange(people)
        user = (_index("user_id", number), "user_id")
        browser = BlindIndex(chance.randbytes(16)) if position % 2 else _index("anonymous_id", number)
        key = MessageKey(chance.randbytes(16))
        claims.append(Claim((user, (browser, "anonymous_id")), source, key, now, now))
    with deployment.data.owner(writes=True) as transaction:
        start = time.perf_counter()
        joined = join(
            transaction, workspace_id, deployment.policies.identity, claims,
            new_id=deployment.new_id, now=now, index_version=1,
        )  # fmt: skip
        spent = time.perf_counter() - start
        made = [
            StoredIdentifier(
                workspace_id, row.anchor, row.kind, row.fragment_id, b"", source, MessageKey(bytes(16)), now
            )
            for row in joined.new.values()
        ]
        identities.add_identifiers(transaction, made)
    return spent / BATCH * 1e6
