"""Invariant 1: acknowledged means durable, once, whenever the server is killed.

A real server is killed with SIGKILL at random moments while the vendor's own SDK and a client with an
SDK's retry rules send. Afterwards every message that was acknowledged is there exactly once.

In CI a few kills; `make kill` (`REGISTRY_TEST_KILLS=200`) runs for minutes.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from segment.analytics.client import Client

from registry import bootstrap
from registry.flows.accountability import verify
from registry.flows.opening import open_events, open_identifiers
from registry.model.compartment import IDENTITY, Compartment
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, MessageKey
from registry.settings import Settings
from registry.store import events, identities
from registry.store.rows import query
from tests.factories import consent, identify, ordered, track
from tests.reliability.server import ServerProcess

KILLS = int(os.environ.get("REGISTRY_TEST_KILLS", "3"))
RETRIED = frozenset({408, 429, 500, 502, 503, 504})


class Sender(Thread):
    """Sends batches one after the other; a batch is retried until it is acknowledged, as SDKs do."""

    def __init__(self, url: str, write_key: str, seed: int) -> None:
        super().__init__(daemon=True)
        self._url, self._write_key, self._random = f"{url}/v1/batch", write_key, random.Random(seed)
        self._name = f"s{seed}"
        self._done = Event()
        self.acknowledged: dict[str, str] = {}
        self.retries = 0
        self.refused: list[int] = []

    def run(self) -> None:
        with httpx.Client(auth=(self._write_key, ""), timeout=5) as client:
            while not self._done.is_set():
                self._deliver(client, [self._call(n) for n in range(self._random.randrange(1, 40))])
                time.sleep(0.01)  # else most of the test's time goes into looking at what was sent

    def finish(self) -> None:
        """Let the batch that is on its way be acknowledged, then stop."""
        self._done.set()
        self.join(30)
        assert not self.is_alive(), "the last batch was never acknowledged"

    def _deliver(self, client: httpx.Client, batch: list[dict[str, Any]]) -> None:
        while True:
            try:
                answer = client.post(self._url, json={"batch": batch})
            except httpx.TransportError:
                status = 503
            else:
                status = answer.status_code
            if status == 200:
                told = {result["messageId"]: result["status"] for result in answer.json()["results"]}
                for call in batch:
                    self.acknowledged[call["messageId"]] = told.get(call["messageId"], "accepted")
                return
            if status not in RETRIED:
                self.refused.append(status)
                return
            self.retries += 1
            time.sleep(0.02)

    def _call(self, number: int) -> dict[str, Any]:
        user, browser = f"user-{self._random.randrange(40)}", f"browser-{self._random.randrange(60)}"
        unique = f"{self._name}-{time.monotonic_ns()}-{number}"
        kind = self._random.randrange(8)
        if kind == 0:
            return identify(user, browser, email=f"{user}@example.com", messageId=unique)
        if kind == 1:
            return track("Nonsense", user, messageId=unique)
        if kind == 2:
            return ordered(user, messageId=unique, context=consent(Analytics=self._random.random() < 0.7))
        return ordered(user, browser, messageId=unique)


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """A registry's settings on each engine."""
    if request.param == "sqlite":
        yield Settings(data_dir=tmp_path / "data")
    else:
        urls = [str(request.getfixturevalue(name)) for name in ("postgres_url", "second_postgres_url")]
        yield Settings(data_dir=tmp_path / "data", database_url=urls[0], keystore_url=urls[1])


@pytest.mark.timeout(max(120, 30 * KILLS))
def test_whatever_was_acknowledged_is_there_exactly_once_after_every_kill(settings: Settings, tmp_path: Path) -> None:
    made = bootstrap.initialise(settings)
    given = {"REGISTRY_DATABASE_URL": settings.database_url, "REGISTRY_KEYSTORE_URL": settings.keystore_url}
    server = ServerProcess(settings.data_dir, tmp_path / "log", {name: url for name, url in given.items() if url})
    server.start()
    senders = [Sender(server.url, made.write_key, seed) for seed in range(2)]
    failed: list[str] = []
    sdk = Client(
        made.write_key, host=server.url, upload_size=20, upload_interval=0.02, max_retries=30, timeout=5,
        max_queue_size=1_000_000,  # what finds no room in its own queue the SDK drops, and calls nobody
        on_error=lambda _, batch: failed.extend(item["messageId"] for item in batch),
    )  # fmt: skip
    by_sdk: list[str] = []
    for sender in senders:
        sender.start()
    moments = random.Random(time.time_ns())
    for _ in range(KILLS if settings.database_url is None else KILLS // 2):
        until = time.monotonic() + moments.uniform(0.05, 0.6)
        while time.monotonic() < until:
            number = len(by_sdk)
            by_sdk.append(f"sdk-{number}")
            sdk.track(f"user-{number % 40}", "Order Completed", {"order_id": f"o-{number}", "products": []},
                      message_id=by_sdk[-1])  # fmt: skip
            time.sleep(0.002)
        server.kill()
        server.start()
    for sender in senders:
        sender.finish()
    sdk.flush()
    sdk.join()
    server.stop()
    acknowledged = {message: "accepted" for message in by_sdk if message not in failed}
    for sender in senders:
        acknowledged |= sender.acknowledged
        assert sender.refused == []
    assert failed == []
    assert sum(sender.retries for sender in senders) > 0, "a kill was noticed"
    _all_is_there(settings, acknowledged)


def _all_is_there(settings: Settings, acknowledged: dict[str, str]) -> None:
    registry = bootstrap.connect(settings)
    try:
        workspace, deployment = registry.workspaces.only(), registry.deployment
        keys = {MessageKey(workspace.indexer.message_key(message)): message for message in acknowledged}
        with deployment.data.owner() as transaction:
            stored = [bytes(row[0]) for row in query(transaction, "SELECT message_key FROM event")]
            shut = [bytes(row[0]) for row in query(transaction, "SELECT message_key FROM quarantine")]
            known = events.known_messages(transaction, workspace.workspace_id, keys)
            fragments = [FragmentId(bytes(row[0])) for row in query(transaction, "SELECT fragment_id FROM fragment")]
            identifiers = identities.identifiers_of(transaction, workspace.workspace_id, fragments)
            rows = list(events.stream(transaction, workspace.workspace_id, fragments))
        lost = [message for key, message in keys.items() if key not in known]
        assert lost == []
        assert set(Counter(stored + shut).values()) == {1}, "nothing is there twice"
        told = {message: known[key] for key, message in keys.items()}
        rejected = {message for message, status in acknowledged.items() if status == "rejected"}
        assert {message for message, outcome in told.items() if outcome == "quarantined"} >= rejected
        compartments = {name for row in rows for name in row.compartments.split(",") if name}
        grant = OpenGrant(workspace.workspace_id, frozenset({*map(Compartment, compartments), IDENTITY}), "test")
        assert all(content for _, content, _ in open_events(deployment, grant, rows)), (
            "every key was there before its data"
        )
        assert len(open_identifiers(deployment, grant, identifiers)[0]) == len(identifiers) == len(fragments)
        assert verify.log(deployment, workspace, []) == []
    finally:
        registry.close()
