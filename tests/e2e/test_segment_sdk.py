"""The vendor's own Python SDK works by changing its host: with and without gzip, through refusals and restarts."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from segment.analytics.client import Client

from tests.live import Live, live, start

VIEWED = {"product_id": "p-1"}


def sent(server: Live, calls: list[dict[str, Any]], **options: Any) -> list[Exception]:
    """Send calls with the SDK; the errors that it reported."""
    errors: list[Exception] = []
    options.setdefault("host", server.url)
    sdk = Client(
        options.pop("write_key", server.keys.write_key),
        upload_interval=0.05, on_error=lambda error, _batch: errors.append(error), **options,
    )  # fmt: skip
    for call in calls:
        sdk.track(**call)
    sdk.shutdown()
    return errors


def count(server: Live, user: str) -> int:
    subject = {"kind": "user_id", "value": user}
    with server.client(server.keys.app_key) as client:
        found = client.post("/v1/profiles/lookup", json={"subject": subject, "purpose": "service"})
        if found.status_code == 404:
            return 0
        profile = found.json()["profile_id"]
        page = client.get(f"/v1/profiles/{profile}/timeline?limit=200", headers={"Registry-Purpose": "service"})
        return len(page.json()["events"])


@pytest.mark.parametrize("zipped", [False, True])
def test_everything_that_the_sdk_sends_arrives_once(server: Live, zipped: bool) -> None:
    user = f"sdk-{uuid4()}"
    calls = [{"user_id": user, "event": "Product Viewed", "properties": VIEWED} for _ in range(25)]
    assert sent(server, calls, gzip=zipped) == []
    assert count(server, user) == 25


def test_a_nonconforming_event_does_not_stop_the_sdk(server: Live) -> None:
    user = f"sdk-{uuid4()}"
    good = {"user_id": user, "event": "Product Viewed", "properties": VIEWED}
    bad = {"user_id": user, "event": "Nothing Planned", "properties": {}}
    assert sent(server, [good, bad, good]) == []
    assert count(server, user) == 2


def test_a_wrong_write_key_is_reported_and_not_retried(server: Live) -> None:
    errors = sent(server, [{"user_id": "x", "event": "Product Viewed"}], write_key="rg_write_nobody", max_retries=10)
    assert len(errors) == 1
    assert "401" in str(errors[0])


def test_a_server_that_is_killed_and_restarted_gets_everything_once(tmp_path: Path) -> None:
    user = f"sdk-{uuid4()}"
    errors: list[Exception] = []
    with live(tmp_path / "data") as server:
        sdk = Client(
            server.keys.write_key, host=server.url, upload_interval=0.02, upload_size=5, max_retries=10,
            on_error=lambda error, _batch: errors.append(error),
        )  # fmt: skip
        for _ in range(40):
            sdk.track(user_id=user, event="Product Viewed", properties=VIEWED)
        server.process.kill()
        done = threading.Thread(target=sdk.shutdown)
        done.start()
        _, second = start(server.data_dir, int(server.url.rsplit(":", 1)[1]))
        try:
            done.join(timeout=60)
            assert not done.is_alive()
            assert errors == []
            assert count(server, user) == 40
        finally:
            second.terminate()
            second.wait(20)
