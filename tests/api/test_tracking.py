"""The tracking endpoints speak Segment's protocol, and one bad event never fails its batch."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.live import Live

VIEW = "Product Viewed"


def view(who: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": VIEW, "anonymousId": who, "messageId": str(uuid4()),
        "properties": {"product_id": "p-1"}, **more,
    }  # fmt: skip


def send(server: Live, body: object, path: str = "/v1/batch", **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(server.url + path, content=content, headers=headers, timeout=30)


def batch(server: Live, *calls: dict[str, Any]) -> dict[str, Any]:
    return {"batch": list(calls), "writeKey": server.keys.write_key}


def basic(key: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def test_success_is_exactly_200_with_success_true(server: Live) -> None:
    answer = send(server, batch(server, view("a1")))
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "accepted": 1, "rejected": 0, "duplicate": 0, "results": []}


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", None])
@pytest.mark.parametrize("zipped", [False, True])
def test_json_is_taken_under_any_content_type_gzipped_or_not(server: Live, kind: str | None, zipped: bool) -> None:
    body = json.dumps(batch(server, view("a2"))).encode()
    headers = {"Content-Type": kind} if kind else {}
    answer = send(server, gzip.compress(body) if zipped else body, **headers)
    assert answer.json()["accepted"] == 1


def test_the_write_key_is_taken_from_basic_authentication(server: Live) -> None:
    answer = send(server, {"batch": [view("a3")]}, **basic(server.keys.write_key))
    assert answer.json()["accepted"] == 1


@pytest.mark.parametrize(
    "call", ["track", "identify", "page", "screen", "group", "alias", "t", "i", "p", "s", "g", "a"]
)
def test_each_call_has_a_path_of_its_own(server: Live, call: str) -> None:
    body = {"userId": f"u-{call}", "anonymousId": f"a-{call}", "event": VIEW, "properties": {"product_id": "p"}}
    if call in ("page", "p", "screen", "s"):
        body = {"anonymousId": f"a-{call}", "name": "Home", "properties": {"path": "/"}}
    if call in ("identify", "i", "group", "g"):
        body = {"userId": f"u-{call}", "traits": {}, "groupId": "g-1"}
    if call in ("alias", "a"):
        body = {"userId": "u-alias", "previousId": f"a-{call}-before"}
    answer = send(server, body, f"/v1/{call}", **basic(server.keys.write_key))
    assert (answer.status_code, answer.json()["accepted"], answer.json()["results"]) == (200, 1, [])


def test_one_bad_event_never_fails_its_batch(server: Live) -> None:
    bad = view("a4") | {"event": "Order Completed", "properties": {"products": []}}
    answer = send(server, batch(server, view("a4"), bad, view("a4"))).json()
    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    [result] = answer["results"]
    assert (result["messageId"], result["status"]) == (bad["messageId"], "rejected")
    assert [v["code"] for v in result["violations"]] == ["required_missing"]


@pytest.mark.parametrize("bad", [None, 7, "text", [], {}, {"type": "nothing"}, {"type": "track"}, {"type": ["track"]}])
def test_what_is_no_call_at_all_is_rejected_alone(server: Live, bad: Any) -> None:
    answer = send(server, {"batch": [bad, view("a5")], "writeKey": server.keys.write_key}).json()
    assert (answer["accepted"], answer["rejected"]) == (1, 1)


def test_the_same_message_is_stored_once_within_a_batch_and_across(server: Live) -> None:
    call = view("a6")
    assert send(server, batch(server, call, call)).json()["duplicate"] == 1
    assert send(server, batch(server, call)).json()["duplicate"] == 1


def test_context_of_the_batch_holds_for_each_call(server: Live) -> None:
    body = batch(server, view("a7")) | {"context": {"consent": {"categoryPreferences": {"Analytics": True}}}}
    assert send(server, body).json()["accepted"] == 1
    with server.client(server.keys.app_key) as client:
        question = {"subject": {"kind": "anonymous_id", "value": "a7"}, "purpose": "analytics"}
        assert client.post("/v1/consent/check", json=question).json()["allowed"] is True


def test_an_opt_out_signal_is_respected(server: Live) -> None:
    yes = {"consent": {"categoryPreferences": {"Analytics": True, "Advertising": True, "Functional": True}}}
    identify = {"type": "identify", "userId": "gpc-1", "messageId": str(uuid4()), "context": yes}
    call = identify | {"traits": {"loyalty_tier": "gold"}}
    assert send(server, batch(server, call), **{"Sec-GPC": "1"}).json()["accepted"] == 1
    with server.client() as client:
        trace = client.post("/v1/traces", json={"message_id": call["messageId"]}).json()
    assert "marketing" in trace["without_lawful_ground"]


def test_a_browser_page_may_send(server: Live) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization,content-type"}  # fmt: skip
    answer = httpx.options(server.url + "/v1/t", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"


REFUSALS: list[tuple[str, bytes | None, int, str]] = [
    ("malformed", b"{", 400, "malformed-json"),
    ("no object", b"[]", 400, "malformed-json"),
    ("empty", b"", 400, "malformed-json"),
    ("not UTF-8", b'{"a": "\xff"}', 400, "malformed-json"),
    ("no batch", b'{"batch": {}}', 400, "invalid-input"),
    ("unknown key", b'{"batch": [], "writeKey": "rg_write_nobody"}', 401, "unauthenticated"),
    ("no key", b'{"batch": []}', 401, "unauthenticated"),
    ("too large", b'{"batch": ["' + b"x" * 600_000 + b'"]}', 413, "too-large"),
    ("gzip bomb", gzip.compress(b"0" * 50_000_000), 413, "too-large"),
    ("cut gzip", gzip.compress(b'{"batch": []}')[:-6], 400, "invalid-input"),
    ("broken gzip", b"\x1f\x8b" + b"nonsense" * 4, 400, "invalid-input"),
]


@pytest.mark.parametrize(("what", "body", "status", "code"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_a_bad_request_is_refused_in_words_that_sdks_understand(
    server: Live, what: str, body: bytes, status: int, code: str
) -> None:
    answer = send(server, body)
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"].endswith(code)
    assert isinstance(problem["message"], str)
    assert "nobody" not in answer.text


def test_more_events_than_a_batch_may_hold_are_refused_whole(server: Live) -> None:
    assert send(server, {"batch": [{}] * 2501, "writeKey": server.keys.write_key}).status_code == 413


def test_an_event_over_its_limit_is_rejected_alone(server: Live) -> None:
    large = view("a8") | {"properties": {"product_id": "p", "name": "x" * 33_000}}
    answer = send(server, batch(server, large, view("a8"))).json()
    assert (answer["accepted"], answer["rejected"]) == (1, 1)
    assert answer["results"][0]["violations"][0]["code"] == "event_too_large"


def test_nesting_beyond_any_parser_is_refused_and_shallower_is_rejected_alone(server: Live) -> None:
    hopeless = b'{"batch":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    assert send(server, hopeless).status_code == 400
    deep: Any = {}
    for _ in range(300):
        deep = {"a": deep}
    answer = send(server, batch(server, view("a9") | {"properties": deep}, view("a9"))).json()
    assert (answer["accepted"], answer["rejected"]) == (1, 1)


@pytest.mark.parametrize(
    "value", ["null", "undefined", "00000000-0000-0000-0000-000000000000", "[object Object]", "  "]
)
def test_an_id_that_points_at_nobody_makes_no_profile(server: Live, value: str) -> None:
    call = view(value)
    answer = send(server, batch(server, call)).json()
    assert answer["rejected"] == 1
    assert answer["results"][0]["violations"][0]["code"] == "no_usable_identifier"


@pytest.mark.parametrize("value", ["a\x00b", "\u202eevil", "x" * 512, "名前", "e\u0301"])
def test_strange_ids_are_taken_or_rejected_but_never_break(server: Live, value: str) -> None:
    answer = send(server, batch(server, view(value)))
    assert answer.status_code == 200
