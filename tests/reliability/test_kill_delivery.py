"""What goes out is told at least once: a real server is killed while it sends, and started again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry import bootstrap
from registry.settings import Settings
from tests.receiver import Receiver, receiving
from tests.reliability.server import ServerProcess

CHANGES = 12


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[ServerProcess, httpx.Client]]:
    """A server on each engine, not started yet, and the admin's client."""
    given: dict[str, Any] = {}
    if request.param == "postgresql":
        names = {"database_url": "postgres_url", "keystore_url": "second_postgres_url"}
        given = {setting: str(request.getfixturevalue(fixture)) for setting, fixture in names.items()}
    settings = Settings(data_dir=tmp_path / "data", **given)
    made = bootstrap.initialise(settings)
    environment = {f"REGISTRY_{name.upper()}": url for name, url in given.items()}
    process = ServerProcess(settings.data_dir, tmp_path / "log", environment)
    headers = {"authorization": f"Bearer {made.admin_key}"}
    with httpx.Client(base_url=process.url, headers=headers, timeout=30) as admin:
        admin.params = admin.params.set("writeKey", made.write_key)  # for the tracking endpoints; others pass it over
        yield process, admin
    process.stop()


def say(admin: httpx.Client, number: int, status: str) -> str:
    body = {"subject": {"kind": "user_id", "value": f"u-{number}"}, "purpose": "marketing", "status": status}
    answer = admin.post("/v1/consent/records", json=body)
    assert answer.status_code == 201
    return str(answer.json()["record_id"])


def order(admin: httpx.Client, number: int) -> str:
    properties = {"order_id": f"o-{number}", "products": []}
    call = {"type": "track", "userId": f"u-{number}", "event": "Order Completed", "properties": properties}
    assert admin.post("/v1/batch", json={"batch": [call]}).json()["accepted"] == 1
    return f"o-{number}"


def told(receiver: Receiver) -> list[str]:
    return [got.json["data"]["record_id"] for got in receiver.received]


def test_every_change_is_told_although_the_server_is_killed_in_the_middle_of_a_delivery(
    server: tuple[ServerProcess, httpx.Client],
) -> None:
    process, admin = server
    with receiving() as receiver:
        process.start()
        body = {"name": "mailing", "url": f"{receiver.url}/hook", "topics": ["consent.changed"]}
        assert admin.post("/v1/webhooks", json=body).status_code == 201
        receiver.hold_s = 0.3
        records = [say(admin, number, "withdrawn") for number in range(CHANGES)]
        receiver.wait_for(2)
        process.kill()  # the receiver holds one; whether it was taken, the server does not know
        came = len(receiver.received)
        assert came < CHANGES
        receiver.hold_s = 0
        process.start()
        receiver.wait_for(CHANGES + 1)
        [webhook] = admin.get("/v1/webhooks").json()["webhooks"]
        assert (webhook["waiting"], webhook["dead"]) == (0, 0)
    assert sorted(set(told(receiver))) == sorted(records)
    ids = [got.headers["webhook-id"] for got in receiver.received]
    assert len(set(ids)) == CHANGES, "what was told twice has the same id"
    assert len(ids) <= CHANGES + 1


def test_every_event_reaches_a_destination_although_the_server_is_killed_in_the_middle(
    server: tuple[ServerProcess, httpx.Client],
) -> None:
    process, admin = server
    with receiving() as receiver:
        process.start()
        body = {"name": "shipping", "kind": "webhook", "purpose": "service", "url": f"{receiver.url}/events"}
        made = admin.post("/v1/destinations", json=body)
        assert made.status_code == 201
        receiver.hold_s = 0.3
        orders = [order(admin, number) for number in range(CHANGES)]
        receiver.wait_for(2)
        process.kill()
        assert len(receiver.received) < CHANGES
        receiver.hold_s = 0
        process.start()
        path = f"/v1/destinations/{made.json()['destination_id']}"
        until = time.monotonic() + 20
        while admin.get(path).json()["backlog"]:
            assert time.monotonic() < until
            time.sleep(0.05)
    by_id: dict[str, str] = {}
    for got in receiver.received:
        placed = by_id.setdefault(got.headers["webhook-id"], got.json["data"]["properties"]["order_id"])
        assert placed == got.json["data"]["properties"]["order_id"]
    assert list(by_id.values()) == orders, "each at least once, in the order in which they came"
