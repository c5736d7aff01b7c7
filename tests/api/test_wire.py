"""What shipped SDKs put on the wire is taken as they mean it."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import httpx
import pytest

from registry.keys.envelope import open_sealed, record_aad
from registry.model.clock import rfc3339
from registry.model.compartment import QUARANTINE
from registry.model.grants import OpenGrant
from tests.api.house import Desk
from tests.conftest import START
from tests.factories import consent, identify, message_id, ordered, track, viewed
from tests.simulator import ALL_YES

SECOND = 1_000_000


def posted(desk: Desk, path: str, body: object, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return desk.nobody.post(path, content=content, headers=headers)


def at(desk: Desk, seconds: float) -> str:
    return rfc3339(desk.house.clock() + int(seconds * SECOND))


@pytest.mark.parametrize("way", ["basic", "basic with password", "body", "bearer and body", "query"])
def test_the_write_key_comes_in_each_way_that_sdks_send_it(desk: Desk, way: str) -> None:
    key = desk.tenant.keys.write
    body: dict[str, Any] = {"batch": [ordered("u-1")]}
    headers, path = {}, "/v1/batch"
    match way:
        case "basic" | "basic with password":
            user = f"{key}:" + ("anything" if "password" in way else "")
            headers["authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
        case "body" | "bearer and body":
            body["writeKey"] = key
            if way != "body":
                headers["authorization"] = "Bearer some-oauth-token"
        case "query":
            path += f"?writeKey={key}"
    answer = posted(desk, path, body, **headers)
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "accepted": 1, "rejected": 0, "duplicate": 0, "results": []}


def test_rudder_s_gzip_under_a_form_s_content_type_is_read(desk: Desk) -> None:
    body = gzip.compress(json.dumps({"batch": [ordered("u-1")]}).encode())
    headers = desk.tenant.basic() | {"content-type": "application/x-www-form-urlencoded"}
    assert posted(desk, "/v1/batch", body, **headers).json()["accepted"] == 1


def test_a_body_that_says_gzip_and_is_plain_json_is_read(desk: Desk) -> None:
    headers = desk.tenant.basic() | {"content-encoding": "gzip"}
    assert posted(desk, "/v1/batch", {"batch": [ordered("u-1")]}, **headers).json()["accepted"] == 1


def test_a_body_sent_in_chunks_is_read(desk: Desk) -> None:
    content = json.dumps({"batch": [ordered("u-1")]}).encode()
    chunks = (content[i : i + 7] for i in range(0, len(content), 7))
    assert desk.sdk.post("/v1/batch", content=chunks).json()["accepted"] == 1


def test_ids_that_are_null_are_no_ids(desk: Desk) -> None:
    call = ordered("u-1") | {
        "anonymousId": None,
        "context": None,
        "integrations": {},
        "_metadata": {"nodeVersion": "22"},
    }
    assert desk.send(call)["accepted"] == 1


@pytest.mark.parametrize("path", ["/v1/track", "/v1/t"])
def test_a_call_by_itself_does_not_keep_its_write_key(desk: Desk, path: str) -> None:
    call = track("Nothing Planned", "u-1") | {"writeKey": desk.tenant.keys.write}
    assert posted(desk, path, call).json()["rejected"] == 1
    registry, workspace = desk.house.registry, desk.tenant.workspace_id
    sql = "SELECT quarantine_id, message_key, sealed FROM quarantine WHERE workspace_id = ?"
    [(quarantine_id, key, sealed)] = registry.rows(sql, workspace)
    grant = OpenGrant(workspace, frozenset({QUARANTINE}), "test")
    bundle = registry.deployment.keyring.for_opening(grant, {quarantine_id: (QUARANTINE,)})[quarantine_id]
    aad = record_aad(b"quarantine", workspace, quarantine_id, key, b"body")
    kept = json.loads(open_sealed(bundle.key(QUARANTINE), sealed, aad, grant, QUARANTINE))["call"]
    assert kept == {name: value for name, value in call.items() if name != "writeKey"}


def test_times_are_corrected_by_what_the_sender_s_clock_is_off(desk: Desk) -> None:
    # The sender's clock is an hour ahead: it happened ten seconds before it was sent.
    call = ordered("u-1", timestamp=at(desk, 3590))
    desk.send(call, sentAt=at(desk, 3600))
    assert desk.trace(call["messageId"])["observed_at"] == at(desk, -10)


@pytest.mark.parametrize(
    ("timestamp", "sent", "observed"),
    [
        (-60, None, -60),  # without sentAt it is taken as it is
        (60, None, 0),  # but nothing happens in the future
        (100, 50, 0),
        (-20 * 365 * 86_400, 0, 0),  # a clock that is off by decades
        (None, 0, 0),
    ],
)
def test_no_clock_puts_an_event_into_the_future_or_another_age(
    desk: Desk, timestamp: float | None, sent: float | None, observed: float
) -> None:
    call = ordered("u-1") | ({"timestamp": at(desk, timestamp)} if timestamp is not None else {})
    desk.send(call, **({"sentAt": at(desk, sent)} if sent is not None else {}))
    assert desk.trace(call["messageId"])["observed_at"] == at(desk, observed)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T00:00:00.000Z", "2025-12-31T23:59:59.999999+00:00", "2026-01-01T01:00:00+01:00",
        "2026-01-01T00:00:00", "2026-01-01 00:00", "20260101T000000Z",
    ],
)  # fmt: skip
def test_times_in_every_spelling_of_sdks_are_read(desk: Desk, text: str) -> None:
    call = ordered("u-1", timestamp=text)
    desk.send(call)
    observed = desk.trace(call["messageId"])["observed_at"]
    assert observed in {"2026-01-01T00:00:00Z", "2025-12-31T23:59:59.999999Z"}
    assert desk.house.clock() >= START


@pytest.mark.parametrize(
    "junk", ["yesterday", "", 7, None, {}, "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"]
)
def test_a_time_that_is_none_does_not_cost_the_event(desk: Desk, junk: object) -> None:
    call = ordered("u-1") | {"timestamp": junk}
    assert desk.send(call, sentAt=junk)["accepted"] == 1
    assert desk.trace(call["messageId"])["observed_at"] == at(desk, 0)


def test_what_the_batch_says_holds_for_each_call_that_says_nothing_else(desk: Desk) -> None:
    silent, own = identify("u-1"), identify("u-2", context=consent(Analytics=False))
    desk.send(silent, own, context=consent(**ALL_YES))
    for user, allowed in (("u-1", True), ("u-2", False)):
        subject = {"kind": "user_id", "value": user}
        answer = desk.app.post("/v1/consent/check", json={"subject": subject, "purpose": "analytics"}).json()
        assert answer["allowed"] is allowed


def test_results_list_only_what_was_not_plainly_accepted(desk: Desk) -> None:
    good, twice, bad = ordered("u-1"), ordered("u-1"), track("Nothing Planned", "u-1")
    trimmed = ordered("u-1") | {"properties": {"order_id": "o", "products": [], "unplanned": 1}}
    answer = desk.send(good, twice, twice, bad, trimmed, 7)
    assert (answer["accepted"], answer["rejected"], answer["duplicate"]) == (3, 2, 1)
    assert [row["status"] for row in answer["results"]] == ["duplicate", "rejected", "accepted", "rejected"]
    assert [row["messageId"] for row in answer["results"][:3]] == [
        twice["messageId"],
        bad["messageId"],
        trimmed["messageId"],
    ]
    assert [v["code"] for v in answer["results"][2]["violations"]] == ["unplanned_property"]
    assert desk.send(good, bad)["duplicate"] == 2


def test_a_rejected_message_is_not_taken_in_when_it_is_sent_again(desk: Desk) -> None:
    bad = track("Nothing Planned", "u-1")
    assert desk.send(bad)["rejected"] == 1
    again = desk.send(bad)
    assert (again["rejected"], again["duplicate"]) == (0, 1)


def test_an_import_may_be_larger_than_a_batch(desk: Desk) -> None:
    calls = [viewed("u-1", category="x" * 200, name="y" * 200) for _ in range(1000)]
    assert desk.sdk.post("/v1/batch", json={"batch": calls}).status_code == 413
    answer = desk.sdk.post("/v1/import", json={"batch": calls})
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1000)
    assert desk.sdk.post("/v1/import", content=b" " * (4 * 1024 * 1024 + 1)).status_code == 413


def test_an_empty_batch_is_acknowledged(desk: Desk) -> None:
    assert desk.send() == {"success": True, "accepted": 0, "rejected": 0, "duplicate": 0, "results": []}


def test_a_browser_sdk_gets_its_settings_and_its_preflight(desk: Desk) -> None:
    settings = desk.nobody.get(f"/v1/projects/{desk.tenant.keys.write}/settings").json()["integrations"]["Segment.io"]
    assert settings["apiKey"] == desk.tenant.keys.write
    assert desk.house.url == f"{settings['protocol']}://{settings['apiHost'].removesuffix('/v1')}"
    assert desk.nobody.get("/v1/projects/rg_write_nobody/settings").status_code == 401
    assert desk.nobody.post("/v1/m", json={"series": []}).json() == {"success": True}
    for path in ("/v1/t", "/v1/b", "/v1/m", "/v1/batch"):
        answer = desk.nobody.options(path, headers={
            "origin": "https://shop.example", "access-control-request-method": "POST",
            "access-control-request-headers": "authorization, content-type, x-retry-count",
        })  # fmt: skip
        allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
        assert answer.status_code == 200
        assert {"authorization", "content-type", "x-retry-count"} <= allowed
        assert "access-control-allow-credentials" not in answer.headers
    sent = desk.sdk.post("/v1/t", content=json.dumps(ordered("u-1")), headers={
        "content-type": "text/plain", "origin": "https://shop.example", "x-retry-count": "3",
    })  # fmt: skip
    assert (sent.status_code, sent.headers["access-control-allow-origin"]) == (200, "*")


def test_a_browser_learns_why_it_was_refused(desk: Desk) -> None:
    answer = posted(desk, "/v1/t", ordered("u-1"), origin="https://shop.example")
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("signal", [("1", True), ("0", False), ("true", False), ("", False)])
def test_only_the_opt_out_signal_itself_opts_out(desk: Desk, signal: tuple[str, bool]) -> None:
    text, opts_out = signal
    call = identify("u-1", loyalty_tier="gold", context=consent(**ALL_YES), messageId=message_id())
    answer = desk.sdk.post("/v1/batch", json={"batch": [call]}, headers={"sec-gpc": text})
    assert answer.json()["accepted"] == 1
    assert ("marketing" in desk.trace(call["messageId"])["without_lawful_ground"]) is opts_out
