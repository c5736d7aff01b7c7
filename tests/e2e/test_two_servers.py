"""What one server process commits, the next answer of another says: no cache of any process outlives a withdrawal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import _database
from tests.live import live, start

ADA = {"kind": "user_id", "value": "ada"}
QUESTION = {"subject": ADA, "purpose": "marketing"}
Pair = tuple[httpx.Client, httpx.Client]


@pytest.fixture(params=["sqlite", "postgresql"])
def servers(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: str
) -> Iterator[Pair]:
    """Two server processes of one registry, as its first app sees them."""
    with ExitStack() as stack:
        if request.param == "postgresql":
            for name in ("REGISTRY_DATABASE_URL", "REGISTRY_KEYSTORE_URL"):
                monkeypatch.setenv(name, stack.enter_context(contextmanager(_database)(postgres_server)))
        first = stack.enter_context(live(tmp_path / "data"))
        url, process = start(first.data_dir)
        stack.callback(lambda: (process.terminate(), process.wait(20)))
        bearer = {"Authorization": f"Bearer {first.keys.app_key}"}
        one, other = (
            stack.enter_context(httpx.Client(base_url=at, headers=bearer, timeout=60)) for at in (first.url, url)
        )
        yield one, other


def said(server: httpx.Client) -> set[bool]:
    """What every way of asking a server says."""
    check = server.post("/v1/consent/check", json=QUESTION).json()["allowed"]
    [batch] = server.post("/v1/consent/check/batch", json={"checks": [QUESTION]}).json()["decisions"]
    passed = server.post("/v1/consent/filter", params={"purpose": "marketing"}, content=json.dumps(ADA)).text
    google = server.post("/v1/consent/google", json={"subject": ADA}).json()["states"]["ad_storage"]
    token = server.post("/v1/consent/token", json=QUESTION).json()["allowed"]
    return {check, batch["allowed"], bool(passed.strip()), google == "granted", token}


def test_each_answer_is_by_what_any_process_has_committed(servers: Pair) -> None:
    for turn in range(2):
        writer, reader = servers if turn % 2 else servers[::-1]
        for status, allowed in (("granted", True), ("withdrawn", False)):
            written = writer.post("/v1/consent/records", json=QUESTION | {"status": status})
            assert written.status_code == 201, written.text
            assert said(reader) == {allowed}
            assert said(writer) == {allowed}
