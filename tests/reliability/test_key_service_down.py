"""A key service that does not answer: what is open stays open for seconds, all else is refused, and it mends itself."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry import bootstrap
from registry.flows.opened_keys import CACHE_FOR
from registry.model.clock import SECOND
from registry.settings import Settings
from tests.factories import identify, ordered
from tests.reliability.server import ServerProcess
from tests.unit.keys.conftest import Bao, start_bao, stop_bao

NOT_CACHED_AFTER_S = CACHE_FOR / SECOND + 1
ADA = {"kind": "user_id", "value": "augusta"}


@pytest.fixture
def bao(tmp_path: Path) -> Iterator[Bao]:
    """A real OpenBao server that the test may stop."""
    server = start_bao(tmp_path)
    yield server
    server.process.send_signal(signal.SIGCONT)
    stop_bao(server)


class _Caller:
    """Asks a server over HTTP, as its users do."""

    def __init__(self, url: str, made: bootstrap.Initialised) -> None:
        self._http = httpx.Client(base_url=url, timeout=30)
        self._made = made

    def send(self, *calls: dict[str, Any]) -> httpx.Response:
        return self._http.post("/v1/batch", json={"batch": calls}, auth=(self._made.write_key, ""))

    def read(self, subject: dict[str, str]) -> httpx.Response:
        return self._ask("/v1/profiles/lookup", {"subject": subject, "purpose": "service"})

    def may(self, subject: dict[str, str]) -> httpx.Response:
        return self._ask("/v1/consent/check", {"subject": subject, "purpose": "service"})

    def ready(self) -> int:
        return self._http.get("/readyz").status_code

    def _ask(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return self._http.post(path, json=body, headers={"Authorization": f"Bearer {self._made.app_key}"})

    def close(self) -> None:
        self._http.close()


def _is_unavailable(answer: httpx.Response) -> bool:
    """Refused for now, with when to come again, and without a word of anybody."""
    assert answer.status_code == 503, answer.text
    problem = answer.json()
    assert problem["type"].endswith("kms-unavailable") and answer.headers["retry-after"]
    return "augusta" not in answer.text and "matilda" not in answer.text


def test_a_key_service_that_hangs_shuts_what_is_not_open_and_opens_it_again(bao: Bao, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", kms_url=bao.url)
    made = bootstrap.initialise(settings)
    server = ServerProcess(settings.data_dir, tmp_path / "server.log", {"REGISTRY_KMS_URL": bao.url})
    server.start()
    caller = _Caller(server.url, made)
    try:
        assert caller.send(identify("augusta", first_name="Augusta"), ordered("augusta")).json()["accepted"] == 2
        assert caller.read(ADA).status_code == 200
        opened = time.monotonic()
        bao.process.send_signal(signal.SIGSTOP)
        view = caller.read(ADA)
        assert view.status_code == 200 and view.json()["traits"]  # opened just now: it goes on for seconds
        assert caller.send(ordered("augusta")).status_code == 200
        assert _is_unavailable(caller.send(ordered("matilda")))  # a new person needs a new key
        time.sleep(max(0.0, opened + NOT_CACHED_AFTER_S - time.monotonic()))
        assert _is_unavailable(caller.read(ADA))
        assert _is_unavailable(caller.send(ordered("augusta")))
        assert caller.may(ADA).json()["allowed"]  # a decision opens nothing
        assert caller.ready() == 503
        bao.process.send_signal(signal.SIGCONT)
        until = time.monotonic() + 20
        while caller.ready() != 200 and time.monotonic() < until:
            time.sleep(0.1)
        assert caller.read(ADA).json()["traits"]
        assert caller.send(ordered("augusta"), ordered("matilda")).json()["accepted"] == 2
    finally:
        caller.close()
        server.stop()
