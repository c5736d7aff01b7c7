"""A thousand requests at once, half of them erasures, while events come in: what that does to who sends events."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator

from benchmarks.client import exchange, post
from benchmarks.installation import Installation, installation
from benchmarks.row import Row, quantile
from benchmarks.traffic import order, visits
from registry.dsr.requests import Kind, Move
from registry.flows.dsr import lifecycle
from registry.flows.identity.subjects import subject
from registry.model.ids import text_id

BATCH, CONNECTIONS, ROUND = 100, 8, 40
EVENTS_EACH = 5
SENDERS = 3_000


def measure() -> Iterator[tuple[str, Row]]:
    """Ingest alone, ingest beside all requests at once over as many connections, ingest alone again."""
    count, chance = int(os.environ.get("N", "1000")), random.Random(17)
    with installation() as made:
        ids = _approved(made, count, chance)
        auth = {"Authorization": f"Bearer {made.made.admin_key}"}
        runs = [post(f"/v1/dsr/requests/{one}/run", {}, **auth) for one in ids]
        with made.served() as port:
            _send(port, made, chance)
            alone = [_send(port, made, chance) for _ in range(3)]
            took: list[float] = []
            running = threading.Thread(target=lambda: took.append(exchange(port, runs, len(runs))[0]))
            running.start()
            beside = []
            while running.is_alive():
                beside.append(_send(port, made, chance))
            running.join()
            alone += [_send(port, made, chance) for _ in range(3)]
        if not took:
            raise RuntimeError("a request was not answered with 200")
        _require_completed(made, ids)
    slow, slow_alone = (
        quantile([second for _, seconds in rounds for second in seconds], 0.99) * 1e3 for rounds in (beside, alone)
    )
    rate, rate_alone = (sum(rate for rate, _ in rounds) / len(rounds) for rounds in (beside, alone))
    what = f"ingest over HTTP beside {count:,} requests at once (half erasures), against ingest alone"
    yield "many-requests", Row(rate, rate_alone, "events/s", count, f"{what}; {count / took[0]:.1f} requests/s", "")
    what = "the slowest answer but one in a hundred to a batch, beside the requests and alone; less is better"
    yield "many-requests-p99", Row(slow, slow_alone, "ms", count, what)


def _approved(made: Installation, count: int, chance: random.Random) -> list[str]:
    """People with some events each, and an approved request of each: their ids."""
    ids: list[str] = []
    with made.opened() as opened:
        opened.take(order(chance, person) for person in range(count) for _ in range(EVENTS_EACH))
        deployment, workspace = opened.registry.deployment, opened.workspace
        for person in range(count):
            kind = (Kind.ACCESS, Kind.ERASURE)[person % 2]
            who = subject(deployment.policies.identity, "user_id", f"user-{person}")
            request = lifecycle.open_request(deployment, workspace, kind=kind, person=who, actor="person:a")
            for by in (Move.VERIFY, Move.APPROVE):
                lifecycle.move_request(deployment, workspace, request.request_id, by, actor="person:b")
            ids.append(text_id(request.request_id))
    return ids


def _send(port: int, made: Installation, chance: random.Random) -> tuple[float, list[float]]:
    """One round of batches: events a second, and the seconds of each answer."""
    batches = [
        post("/v1/batch", {"batch": list(visits(chance, BATCH, SENDERS)), "writeKey": made.made.write_key})
        for _ in range(ROUND)
    ]
    spent, seconds = exchange(port, batches, CONNECTIONS)
    return ROUND * BATCH / spent, seconds


def _require_completed(made: Installation, ids: list[str]) -> None:
    with made.opened() as opened:
        rows = lifecycle.listed(opened.registry.deployment, opened.workspace, len(ids) + 1, None)
    if {row.state for row in rows} != {"completed"} or len(rows) != len(ids):
        raise RuntimeError("not every request was completed")
