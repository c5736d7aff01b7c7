"""Invariants 1, 5, 6 and 12 at once: what is of a person is given out whole, and nobody else's, and erased for good.

Two servers of one registry are killed with SIGKILL by turns while people send events through both, choose, and have
requests answered; others send in their name at the same moments. In CI some seconds; `make kill` runs for minutes.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from registry import bootstrap
from registry.settings import Settings
from tests.reliability.lives import Neighbours, Servers
from tests.reliability.server import ServerProcess

KILLS = min(int(os.environ.get("REGISTRY_TEST_KILLS", "3")), 60)
APART_S = 3.0


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """A registry's settings on each engine."""
    if request.param == "sqlite":
        yield Settings(data_dir=tmp_path / "data")
    else:
        urls = [str(request.getfixturevalue(name)) for name in ("postgres_url", "second_postgres_url")]
        yield Settings(data_dir=tmp_path / "data", database_url=urls[0], keystore_url=urls[1])


@pytest.mark.timeout(300 + 30 * KILLS)
def test_people_are_kept_apart_whole_and_erased_for_good_whoever_is_killed(settings: Settings, tmp_path: Path) -> None:
    made = bootstrap.initialise(settings)
    given = {"REGISTRY_DATABASE_URL": settings.database_url, "REGISTRY_KEYSTORE_URL": settings.keystore_url}
    environment = {name: url for name, url in given.items() if url}
    both = [ServerProcess(settings.data_dir, tmp_path / f"log-{number}", environment) for number in range(2)]
    for server in both:
        server.start()
    chance = random.Random(seed := time.time_ns() % 1_000_000)
    print(f"seed {seed}")  # what each does hangs on it; who comes first does not
    body, headers = {"kind": "person", "role": "admin", "name": "second"}, {"authorization": f"Bearer {made.admin_key}"}
    officer = httpx.post(f"{both[0].url}/v1/keys", json=body, headers=headers, timeout=30).json()["secret"]
    urls, until = [server.url for server in both], time.monotonic() + KILLS * APART_S
    clients = [Servers(urls, made, officer, seed + number) for number in range(4)]
    streets = [Neighbours(clients[2 * n], clients[2 * n + 1], seed + n, until) for n in range(2)]
    for street in streets:
        street.start()
    while time.monotonic() < until:
        time.sleep(chance.uniform(0.2, APART_S))
        server = chance.choice(both)
        server.kill()
        server.start()
    for street in streets:
        street.join(240)
        assert not street.is_alive(), "a request was never answered"
    for server in both:
        server.stop()
    for client in clients:
        client.close()
    assert [fault for street in streets for fault in street.faults] == []
    done = sum((Counter(street.done) for street in streets), Counter())
    assert done["packages"] > 0 and done["checks"] > 0
    assert sum(client.asked_again for client in clients) > 0, "a kill was noticed"
