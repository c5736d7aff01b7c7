"""Many requests at once, sent to two servers each: each is run once, and events are taken in meanwhile.

The benchmark row `many-requests` does the same with a thousand, and says what it costs.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import orjson
import pytest

from registry.dsr.requests import Kind
from registry.flows.accountability import verify
from registry.flows.dsr import lifecycle
from registry.model.ids import text_id
from tests.conftest import SetClock
from tests.factories import identify, ordered
from tests.reliability.server import ServerProcess
from tests.simulator import RegistrySimulator

REQUESTS = 20
BATCHES = 6


@pytest.mark.timeout(240)
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_many_requests_at_once_on_two_servers_are_each_run_once_and_events_are_taken_in(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    urls: dict[str, str] = {}
    if engine == "postgresql":
        urls = {
            "database_url": request.getfixturevalue("postgres_url"),
            "keystore_url": request.getfixturevalue("second_postgres_url"),
        }
    registry = RegistrySimulator(tmp_path / "data", SetClock(), **urls)
    tenant = registry.tenant()
    people = [f"person-{number}" for number in range(REQUESTS)]
    for start in range(0, REQUESTS, 20):
        tenant.send(*[call for name in people[start : start + 20] for call in (identify(name), ordered(name))])
    kinds = [Kind.ERASURE if number % 2 else Kind.ACCESS for number in range(REQUESTS)]
    asked = [tenant.request(kind, "user_id", name) for kind, name in zip(kinds, people, strict=True)]
    environment = {f"REGISTRY_{name.upper()}": url for name, url in urls.items()}
    servers = [ServerProcess(tmp_path / "data", tmp_path / f"{n}.log", environment) for n in range(2)]
    headers = tenant.bearer(tenant.keys.admin)

    def run(order: tuple[int, str]) -> int:
        with httpx.Client(base_url=servers[order[0]].url, headers=headers, timeout=120) as client:
            return client.post(f"/v1/dsr/requests/{order[1]}/run").status_code

    def send(number: int) -> int:
        calls = [ordered(f"other-{number}-{one}") for one in range(10)]
        with httpx.Client(base_url=servers[number % 2].url, headers=tenant.basic(), timeout=120) as client:
            answer = client.post("/v1/batch", json={"batch": calls})
            return int(answer.json()["accepted"]) if answer.status_code == 200 else 0

    orders = [(server, text_id(row.request_id)) for row in asked for server in (0, 1)]
    try:
        for server in servers:
            server.start()
        with ThreadPoolExecutor(2 * REQUESTS + BATCHES) as pool:
            answers, taken = pool.map(run, orders), pool.map(send, range(BATCHES))
            assert set(answers) <= {200, 409}
            assert sum(taken) == 10 * BATCHES
    finally:
        for server in servers:
            server.stop()
    rows = [lifecycle.get(registry.deployment, tenant.workspace, row.request_id)[0] for row in asked]
    assert {row.state for row in rows} == {"completed"}
    log = registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", tenant.workspace_id)
    entries = [orjson.loads(bytes(entry)) for (entry,) in log]
    done = Counter(e["fields"]["request"] for e in entries if e["action"] == "dsr:certificate:issued")
    ended = Counter(e["fields"]["request"] for e in entries if e["fields"].get("move") == "complete")
    assert done == ended == dict.fromkeys([text_id(row.request_id) for row in asked], 1)
    assert verify.log(registry.deployment, tenant.workspace, []) == []
    left = [name for name, kind in zip(people, kinds, strict=True) if tenant.profile("user_id", name) is not None]
    assert left == people[::2], "whoever asked for access is still there, and nobody else"
    assert list((tmp_path / "data").glob("*.request-*.lock")) == []
    registry.close()
