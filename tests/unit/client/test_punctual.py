"""Whoever drips is no answer: an exchange ends in time, however often something of it comes."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import typer

from registry.cli import verify
from registry.client import AsyncRegistry, Registry, email
from registry.client.punctual import punctual
from registry.connectors import outgoing
from registry.connectors.outgoing import Outgoing, Verdict
from registry.keys import kms_transit
from registry.model.errors import KmsUnavailable
from tests.unit.client.conftest import Loopback

PERSON = email("shopper@example.com")
SOON_S = 5.0

HEAD = (b"HTTP/1.1 200 OK\r\n", b"x-more: yes\r\n")
NOT_YET = (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n")
BODY = (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", b" ")


@pytest.fixture(params=[HEAD, NOT_YET, BODY], ids=["head", "not-yet", "body"])
def dripping(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that always sends a little more; its address."""
    first, more = request.param
    listener = socket.create_server(("127.0.0.1", 0))

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(first)
            while True:
                connection.sendall(more)
                time.sleep(0.02)

    def take() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=take, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_a_server_that_drips_is_a_no_in_time(dripping: str) -> None:
    with Registry(dripping, "app-key", timeout=0.2) as registry:
        before = time.monotonic()
        assert registry.check(PERSON, "marketing").problem == "timeout"
        assert time.monotonic() - before < SOON_S


def test_no_turn_is_kept_by_what_drips(dripping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.client.loops.AT_ONCE", 2)

    async def story() -> None:
        async with AsyncRegistry(dripping, "app-key", timeout=0.2) as registry, asyncio.timeout(SOON_S):
            decisions = [await registry.check(PERSON, "marketing") for _ in range(5)]
            assert {one.problem for one in decisions} == {"timeout"}
            if registry._under_way:
                await asyncio.wait(set(registry._under_way))

    asyncio.run(story())


def test_a_receiver_that_drips_is_one_that_does_not_answer(dripping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "TIMEOUT_S", 0.2)
    sent, before = Outgoing(), time.monotonic()
    answer = sent.post(dripping, b"{}", {})
    sent.close()
    assert time.monotonic() - before < SOON_S
    if answer.status is None:
        assert answer == (Verdict.DOWN, None, "timeout", 0)
    else:  # what comes after the head of an answer is not read
        assert answer.verdict is Verdict.DELIVERED


def test_a_key_service_that_drips_is_one_that_does_not_answer(dripping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kms_transit, "_TIMEOUT_S", 0.2)
    service, before = (
        kms_transit.TransitKeyProvider(dripping, "transit", token=lambda: "t", scheme="x"),
        time.monotonic(),
    )
    with pytest.raises(KmsUnavailable):
        service.check()
    assert time.monotonic() - before < SOON_S


def test_a_key_set_that_drips_is_not_waited_for(
    dripping: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify, "FETCH_WITHIN_S", 0.2)
    (tmp_path / "certificate.jwt").write_text("x")
    before = time.monotonic()
    with pytest.raises(typer.Exit):
        verify.verify(tmp_path / "certificate.jwt", keys=dripping)
    assert time.monotonic() - before < SOON_S
    assert "cannot be fetched: ReadTimeout" in capsys.readouterr().err.replace("\n", " ")


def test_each_exchange_of_a_connection_has_its_own_time(loopback: Loopback) -> None:
    with punctual(httpx.Client(base_url=loopback.url), 0.5) as client:
        for _ in range(4):
            loopback.delay = 0.2
            assert client.post("/v1/consent/check", json={}).status_code == 200
        loopback.delay = 1
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/consent/check", json={})
