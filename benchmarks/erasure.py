"""How long until a person is unreadable: it must not depend on how many events there are."""

from __future__ import annotations

import random
import statistics
import time

from benchmarks.row import Row
from benchmarks.world import order, registry
from registry.flows.admission import Delivery
from registry.flows.credentials import source_of
from registry.flows.ingest import ingest
from registry.flows.subjects import fragments_of, subject
from registry.model.grants import ShredGrant
from registry.model.ids import RequestId

FEW, MANY = 100, 100_000
PEOPLE = 3


def flatness() -> Row:
    """From the order to shred until no key is left, for a person with 100,000 events against one with 100."""
    with registry() as (opened, made, _):
        deployment, workspace = opened.deployment, opened.workspaces.only()
        source = source_of(deployment, made.write_key)
        chance = random.Random(11)
        times: dict[int, list[float]] = {FEW: [], MANY: []}
        for count in (FEW, MANY):
            for person in range(PEOPLE if count == FEW else 1):
                name = f"user-{count}-{person}"
                for start in range(0, count, 1_000):
                    calls = [
                        {**order(chance, 1), "userId": name, "anonymousId": f"b-{name}"}
                        for _ in range(min(1_000, count - start))
                    ]
                    ingest(deployment, workspace, [Delivery(source, calls, deployment.clock())])
                with deployment.data.read() as transaction:
                    who = subject(deployment.policies.identity, "user_id", name)
                    fragments = [f.fragment_id for f in fragments_of(workspace, transaction, who)]
                grant = ShredGrant(workspace.workspace_id, RequestId(deployment.new_id()), "benchmark")
                begin = time.perf_counter()
                deployment.keyring.shred(grant, fragments)
                times[count].append((time.perf_counter() - begin) * 1e3)
    many, few = statistics.median(times[MANY]), statistics.median(times[FEW])
    return Row(many, few, "ms", MANY, f"to unreadable with {MANY:,} events, against {FEW}; flat is 1")
