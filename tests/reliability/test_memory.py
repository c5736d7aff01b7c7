"""Which keys can be found in the memory of a running server: only of people whom it has just worked on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from registry import bootstrap
from registry.bootstrap import Initialised
from registry.cli.schedule import EXPIRY_EVERY_S
from registry.flows.opened_keys import CACHE_FOR
from registry.model.clock import SECOND
from registry.model.grants import OpenGrant
from registry.settings import Settings
from registry.store import administration, identities
from tests.factories import consent, identify
from tests.reliability.memory import copies
from tests.reliability.server import ServerProcess
from tests.simulator import ALL_YES

GONE_AFTER_S = CACHE_FOR / SECOND + EXPIRY_EVERY_S
REUSED_WITHIN_S = 60.0
"""How long to wait until freed memory has been used again, which Python cannot overwrite: keys that are held stay."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[ServerProcess, Initialised, Settings]]:
    settings = Settings(data_dir=tmp_path / "data")
    made = bootstrap.initialise(settings)
    process = ServerProcess(settings.data_dir, tmp_path / "server.log")
    process.start()
    yield process, made, settings
    process.stop()


def keys_of_everybody(settings: Settings) -> dict[str, bytes]:
    """Every data key, by its fragment and compartment, opened by this process for itself."""
    with closing(bootstrap.connect(settings)) as registry:
        deployment = registry.deployment
        with deployment.data.directory() as transaction:
            [workspace] = administration.workspaces(transaction)
        with deployment.data.read(workspace.workspace_id) as transaction:
            found = identities.fragments_after(transaction, workspace.workspace_id, b"", 100)
        bundles = deployment.keyring.for_opening(
            OpenGrant(workspace.workspace_id, frozenset(), "a test"), {one.fragment_id: () for one in found}
        )
        return {f"{f.hex()} {name}": bundle[name].reveal() for f, bundle in bundles.items() for name in bundle}


def left_of(keys: dict[str, bytes], pid: int, client: httpx.Client, within: float) -> dict[str, int]:
    """What is left of some keys in the memory, once other work that opens none has used freed memory again."""
    until = time.monotonic() + within
    while (left := copies(pid, keys)) and time.monotonic() < until:
        for _ in range(100):
            client.get("/healthz").raise_for_status()
    return left


def test_keys_leave_memory_when_they_are_destroyed_and_when_they_are_not_used(
    server: tuple[ServerProcess, Initialised, Settings],
) -> None:
    process, made, settings = server
    pid = process.pid
    assert pid is not None
    admin = {"authorization": f"Bearer {made.admin_key}"}
    with httpx.Client(base_url=process.url, timeout=30) as client:

        def send(*names: str) -> None:
            calls = [identify(name, email=f"{name}@example.com", context=consent(**ALL_YES)) for name in names]
            client.post("/v1/batch", json={"batch": calls}, auth=(made.write_key, "")).raise_for_status()

        send("ada")
        of_ada = keys_of_everybody(settings)
        send("eve")
        of_eve = {name: key for name, key in keys_of_everybody(settings).items() if name not in of_ada}
        used = time.monotonic()
        assert copies(pid, of_ada) and copies(pid, of_eve)  # the search finds what is there

        second = client.post(
            "/v1/keys", json={"kind": "person", "role": "compliance_officer", "name": "second"}, headers=admin
        ).json()["secret"]
        officer = {"authorization": f"Bearer {second}"}
        subject = {"kind": "user_id", "value": "ada"}
        opened = client.post("/v1/dsr/requests", json={"kind": "erasure", "subject": subject}, headers=admin).json()
        path = f"/v1/dsr/requests/{opened['request_id']}"
        for step, who in (("verify", admin), ("approve", officer), ("run", officer)):
            client.post(f"{path}/{step}", headers=who).raise_for_status()
        assert left_of(of_ada, pid, client, CACHE_FOR / SECOND / 2) == {}  # sooner than by their age

        time.sleep(max(0.0, used + GONE_AFTER_S + 1 - time.monotonic()))
        assert left_of(of_eve, pid, client, REUSED_WITHIN_S) == {}  # although nobody else's keys came in
