"""Bad input gets a clear error, never a 5xx, and costs nobody else their data; the same on both engines."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import Any

import httpx
import pytest

from tests.api.house import Desk
from tests.factories import consent, identify, ordered, track, viewed
from tests.simulator import ALL_YES

ADA = {"kind": "user_id", "value": "ada"}
QUESTION = {"subject": ADA, "purpose": "service"}


OBJECT = '{"a":'


def nested(levels: int, opening: str = "[") -> str:
    return opening * levels + ("]" * levels if opening == "[" else "1" + "}" * levels)


NOT_JSON = {
    "nothing": b"",
    "blank": b"  \n ",
    "cut short": b'{"batch": [',
    "a word": b"hello",
    "two values": b"{} {}",
    "a comment": b'{"batch": [] /* none */}',
    "single quotes": b"{'batch': []}",
    "a trailing comma": b'{"batch": [],}',
    "NaN": b'{"batch": [NaN]}',
    "Infinity": b'{"batch": [-Infinity]}',
    "a number beyond doubles": b'{"batch": [1e999]}',
    "four hundred digits": b'{"batch": [' + b"1" * 400 + b"]}",
    "a lone surrogate": b'{"batch": ["\\ud800"]}',
    "a raw control character": b'{"batch": ["\x00"]}',
    "bytes that are no UTF-8": b'{"batch": ["\xff\xfe"]}',
    "UTF-16": '{"batch": []}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"batch": []}',
    "10,000 lists": b'{"batch": ' + nested(10_000).encode() + b"}",
    "10,000 objects": b'{"batch": [' + nested(10_000, OBJECT).encode() + b"]}",
    "a list": b"[]",
    "a text": b'"batch"',
    "null": b"null",
    "a number": b"7",
}


@pytest.mark.parametrize("what", NOT_JSON)
def test_what_is_no_json_object_is_refused_on_every_route(desk: Desk, what: str) -> None:
    answer = desk.sdk.post("/v1/batch", content=NOT_JSON[what])
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-json")
    for path in ("/v1/consent/check", "/v1/consent/check/batch", "/v1/consent/records", "/v1/profiles/lookup",
                 "/v1/dsr/requests", "/v1/keys", "/v1/sources", "/v1/traces", "/v1/quarantine/replay"):  # fmt: skip
        answer = desk.admin.post(path, content=NOT_JSON[what])
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed-json"), path
    if what not in ("nothing", "blank"):
        assert desk.app.post("/v1/consent/filter?purpose=service", content=NOT_JSON[what]).status_code == 400


def zipped(body: bytes) -> bytes:
    return gzip.compress(body)


BODIES: dict[str, tuple[bytes, int, str]] = {
    "600 KB": (b'{"batch": ["' + b"x" * 600_000 + b'"]}', 413, "too-large"),
    "600 KB of gzip that is noise": (b"\x1f\x8b" + bytes(range(256)) * 2400, 413, "too-large"),
    "50 MB in 50 KB": (zipped(b"0" * 50_000_000), 413, "too-large"),
    "a bomb in a bomb": (zipped(zipped(b"0" * 50_000_000)), 400, "malformed-json"),
    "gzip cut short": (zipped(b'{"batch": []}')[:-6], 400, "invalid-input"),
    "gzip of nothing but its head": (b"\x1f\x8b\x08", 400, "invalid-input"),
    "gzip with a wrong checksum": (zipped(b'{"batch": []}')[:-8] + b"\0" * 8, 400, "invalid-input"),
    "gzip that goes on": (zipped(b'{"batch": []}') + b"more", 400, "invalid-input"),
    "two gzips": (zipped(b'{"batch": []') + zipped(b"}"), 400, "invalid-input"),
    "zlib": (zlib.compress(b'{"batch": []}'), 400, "malformed-json"),
}


@pytest.mark.parametrize("what", BODIES)
def test_oversized_and_overcompressed_bodies_are_refused_unread(desk: Desk, what: str) -> None:
    body, status, code = BODIES[what]
    answer = desk.sdk.post("/v1/batch", content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_body_over_its_limit_is_refused_on_every_route(desk: Desk) -> None:
    large = b'{"subject": {"kind": "user_id", "value": "' + b"x" * 300_000 + b'"}}'
    for path in ("/v1/consent/check", "/v1/consent/records", "/v1/consent/history", "/v1/profiles/lookup",
                 "/v1/dsr/requests", "/v1/keys", "/v1/sources", "/v1/traces", "/v1/quarantine/replay"):  # fmt: skip
        assert desk.admin.post(path, content=large).status_code == 413, path
    chunks = (b" " * 65_536 for _ in range(200))
    for path in ("/v1/consent/check/batch", "/v1/consent/filter?purpose=service", "/v1/plans", "/v1/batch"):
        chunks = (b" " * 65_536 for _ in range(200))
        assert desk.chunked("POST", path, chunks).status_code == 413, path


@pytest.mark.parametrize("length", ["-1", "x", "9" * 5000, "²"])
def test_a_content_length_that_is_none_is_no_500(desk: Desk, length: str) -> None:
    # No HTTP server lets such headers through, but the application does not rely on it.
    headers = [(b"content-length", length.encode("latin-1"))]
    scope = {
        "type": "http", "method": "POST", "path": "/v1/batch", "raw_path": b"/v1/batch", "query_string": b"",
        "headers": headers, "http_version": "1.1", "scheme": "http", "server": ("h", 1), "client": ("c", 1),
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(desk.house.app(scope, receive, send))
    assert sent[0]["status"] in (400, 413)


# Events


def test_batches_over_their_count_are_refused_whole(desk: Desk) -> None:
    answer = desk.sdk.post("/v1/batch", json={"batch": [{}] * 2501})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    call = ordered("u-1")
    answer = desk.sdk.post("/v1/batch", json={"batch": [call] * 2500})
    assert (answer.json()["accepted"], answer.json()["duplicate"]) == (1, 2499)


WRONG_CALLS: dict[str, tuple[object, str]] = {
    "null": (None, "call_not_object"),
    "a list": ([], "call_not_object"),
    "no type": ({"userId": "u"}, "type_unknown"),
    "a type that is no text": ({"type": {}, "userId": "u"}, "type_unknown"),
    "a foreign type": ({"type": "purchase", "userId": "u"}, "type_unknown"),
    "no event": (ordered("u") | {"event": None}, "event_not_defined"),
    "an event that is no text": (ordered("u") | {"event": ["x"]}, "event_not_string"),
    "a long event": (ordered("u") | {"event": "x" * 256}, "event_too_long"),
    "an unplanned event": (track("Nothing Planned", "u"), "unplanned_event"),
    "an event with NUL": (track("Nothing\0Planned", "u"), "unplanned_event"),
    "a number for an id": (ordered("u") | {"userId": 7}, "id_not_string"),
    "an object for an id": (ordered("u") | {"anonymousId": {}}, "id_not_string"),
    "a long id": (ordered("x" * 513), "id_too_long"),
    "a long message id": (ordered("u") | {"messageId": "x" * 101}, "message_id_too_long"),
    "a number for a message id": (ordered("u") | {"messageId": 7}, "message_id_not_string"),
    "nobody": (ordered(), "no_user_anon_id"),
    "an id that points at nobody": (ordered("null"), "no_usable_identifier"),
    "properties that are a list": (ordered("u") | {"properties": []}, "properties_not_object"),
    "traits that are text": (identify("u") | {"traits": "x"}, "traits_not_object"),
    "a context that is a number": (ordered("u") | {"context": 7}, "context_not_object"),
    "a consent that is text": (ordered("u", context={"consent": "yes"}), "consent_fields_should_be_object"),
    "a preference that is text": (
        ordered("u", context=consent(Analytics="yes")), "consent_categorypreferences_fields_should_be_bool"
    ),
    "65 levels": (ordered("u") | {"properties": json.loads(nested(65, OBJECT))}, "nested_too_deep"),
    "300 levels": (ordered("u") | {"properties": json.loads(nested(300, OBJECT))}, "nested_too_deep"),
    "33 KB": (viewed("u", name="x" * 33_000), "event_too_large"),
    "a missing property": (track("Order Completed", "u"), "required_missing"),
    "a property of another type": (ordered("u", order_id=7), "type_mismatch"),
    "an alias of nobody": ({"type": "alias", "userId": "u"}, "id_required"),
    "a group without an id": ({"type": "group", "userId": "u"}, "id_required"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG_CALLS)
def test_a_wrong_call_is_rejected_with_its_reason_and_its_neighbours_are_not(either_desk: Desk, what: str) -> None:
    call, code = WRONG_CALLS[what]
    before, after = ordered("u-before"), ordered("u-after")
    answer = either_desk.send(before, call, after)
    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    [result] = answer["results"]
    assert code in {violation["code"] for violation in result["violations"]}
    assert either_desk.send(before, after)["duplicate"] == 2


ODD = {
    "NUL": "a\0b",
    "only NUL inside quotes": "x\0",
    "right-to-left": "\u202eevil",
    "combining": "e\u0301",
    "astral": "🦊" * 10,
    "line breaks": "a\r\nb: c",
    "SQL": "'; DROP TABLE event; --",
    "a format string": "%s %(x)s {0} {x}",
    "not characters": "\ufdd0\uffff",
    "a hundred characters": "名" * 100,
}


@pytest.mark.parametrize("what", ODD)
def test_odd_text_is_taken_as_it_is_wherever_it_is_sealed(either_desk: Desk, what: str) -> None:
    desk, text = either_desk, ODD[what]
    calls = [
        identify(text, text, email=f"{what.replace(' ', '')}@example.com", first_name=text, context=consent(**ALL_YES)),
        ordered(text, order_id=text, messageId=text),
    ]
    assert desk.send(*calls)["accepted"] == 2
    subject = {"kind": "user_id", "value": text}
    view = desk.admin.post("/v1/profiles/lookup", json={"subject": subject, "purpose": "service"}).json()
    assert {trait["trait"]: trait["value"] for trait in view["traits"]}["first_name"] == text
    assert desk.trace(text)["outcome"] == "accepted"
    record = {"subject": subject, "purpose": "marketing", "status": "granted", "evidence": text}
    assert desk.app.post("/v1/consent/records", json=record).status_code == 201
    opened = desk.admin.post("/v1/dsr/requests", json={
        "kind": "rectification", "subject": subject, "details": {"traits": {"first_name": text + "!"}},
    })  # fmt: skip
    assert opened.status_code == 201
    path = f"/v1/dsr/requests/{opened.json()['request_id']}"
    assert [desk.officer.post(f"{path}/{by}").status_code for by in ("verify", "approve", "run")] == [200] * 3


NAMES: list[tuple[str, dict[str, Any], str]] = [
    ("/v1/consent/records", {"subject": ADA, "purpose": "marketing", "status": "granted"}, "channel"),
    ("/v1/consent/records", {"subject": ADA, "purpose": "marketing", "status": "granted"}, "language"),
    ("/v1/consent/records", {"subject": ADA, "purpose": "marketing", "status": "granted"}, "notice_version"),
    ("/v1/consent/records", {"subject": ADA, "purpose": "marketing", "status": "granted"}, "jurisdiction"),
    ("/v1/consent/records", {"subject": ADA, "purpose": "marketing", "status": "granted"}, "purpose"),
    ("/v1/consent/records", {"subject": ADA, "purpose": "marketing", "status": "granted"}, "status"),
    ("/v1/consent/records", {"subject": ADA, "purpose": "marketing", "status": "granted"}, "acted_at"),
    ("/v1/profiles/lookup", QUESTION, "purpose"),
    ("/v1/dsr/requests", {"kind": "access", "subject": ADA}, "jurisdiction"),
    ("/v1/dsr/requests", {"kind": "access", "subject": ADA}, "kind"),
    ("/v1/keys", {"kind": "app", "role": "app", "name": "x"}, "name"),
    ("/v1/keys", {"kind": "app", "role": "app", "name": "x"}, "role"),
    ("/v1/sources", {"name": "x", "plan": "ecommerce", "version": "1.0.0"}, "name"),
    ("/v1/sources", {"name": "x", "plan": "ecommerce", "version": "1.0.0"}, "plan"),
    ("/v1/sources", {"name": "x", "plan": "ecommerce", "version": "1.0.0"}, "version"),
]


@pytest.mark.parametrize(("path", "body", "member"), NAMES, ids=[f"{p} {m}" for p, _, m in NAMES])
def test_text_that_is_kept_in_the_clear_takes_no_control_characters(
    either_desk: Desk, path: str, body: dict[str, Any], member: str
) -> None:
    for text in ("x\0", "\x1b[2J", "a\nb", "\x7f"):
        answer = either_desk.admin.post(path, json=body | {member: text})
        assert answer.status_code == 400, (member, text, answer.text)


@pytest.mark.parametrize("text", ["ada@example.com", "called by Ada, +43 1 234", "<b>", "x" * 101])
def test_the_words_around_consent_take_nothing_that_could_be_personal(desk: Desk, text: str) -> None:
    body = {"subject": ADA, "purpose": "marketing", "status": "granted"}
    for member in ("channel", "notice_version", "language", "jurisdiction"):
        assert desk.app.post("/v1/consent/records", json=body | {member: text}).status_code == 400, member


ODD_PATHS = (
    "/v1/plans/a%00b/1.0.0", "/v1/plans/ecommerce/1.0.0%00", "/v1/plans/%ff/1", "/v1/keys/%00", "/v1/profiles/%00",
    "/v1/dsr/requests/%00", "/v1/dsr/requests/" + "%D9%A1" * 32,
)  # fmt: skip


@pytest.mark.parametrize("path", ODD_PATHS)
def test_odd_paths_lead_nowhere(either_desk: Desk, path: str) -> None:
    method = "DELETE" if path.startswith("/v1/keys") else "GET"
    answer = either_desk.admin.request(method, path, headers={"registry-purpose": "service"})
    assert answer.status_code in (400, 404)


@pytest.mark.parametrize(
    "query", ["start=-1", f"start={2**63}", f"start={10**400}", "limit=0", "limit=501", "limit=1e2"]
)
def test_numbers_out_of_bounds_are_refused(either_desk: Desk, query: str) -> None:
    assert either_desk.admin.get(f"/v1/audit/entries?{query}").status_code == 400


def test_the_last_position_there_could_be_is_an_empty_page(either_desk: Desk) -> None:
    assert either_desk.admin.get(f"/v1/audit/entries?start={2**63 - 1}").json() == {"entries": [], "next": None}


@pytest.mark.parametrize(
    "cursor", ["x", "1", "-", "1-zz", "1-0-0", "99999999999999999999-", "-1-00", "١-", "1-" + "00" * 17]
)
def test_a_cursor_that_is_not_ours_is_refused(either_desk: Desk, cursor: str) -> None:
    answer = either_desk.app.get("/v1/consent/changes", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-input")


@pytest.mark.parametrize(
    "at", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "2026-02-30T00:00:00Z", "now", ""]
)
def test_a_time_that_cannot_be_written_again_is_not_taken(either_desk: Desk, at: str) -> None:
    record = {"subject": ADA, "purpose": "marketing", "status": "granted"}
    for member in ("acted_at", "expires_at"):
        answer = either_desk.app.post("/v1/consent/records", json=record | {member: at})
        assert (answer.status_code, answer.json()["pointer"]) == (400, f"/{member}")
    assert either_desk.app.post("/v1/consent/check", json=QUESTION | {"at": at}).status_code == 400


@pytest.mark.parametrize(
    "check",
    [
        {}, {"subject": ADA}, {"subject": None, "purpose": "service"}, {"subject": [], "purpose": "service"},
        {"subject": {"kind": "user_id"}, "purpose": "service"}, {"subject": ADA, "purpose": None},
        {"subject": {"kind": "user_id", "value": 7}, "purpose": "service"},
        {"subject": {"kind": "user_id\0", "value": "x"}, "purpose": "service"},
        {"subject": {"kind": "email", "value": "nobody"}, "purpose": "service"},
        {"subject": {"kind": "user_id", "value": ""}, "purpose": "service"},
        QUESTION | {"categories": "user"}, QUESTION | {"categories": [7]},
        QUESTION | {"categories": ""}, QUESTION | {"categories": {}}, QUESTION | {"at": 7},
    ],
)  # fmt: skip
def test_a_check_that_is_none_is_refused(desk: Desk, check: dict[str, Any]) -> None:
    assert desk.app.post("/v1/consent/check", json=check).status_code == 400
    assert desk.app.post("/v1/consent/check/batch", json={"checks": [check]}).status_code == 400


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("objection", None), ("objection", {}), ("objection", {"purposes": []}), ("objection", {"purposes": "service"}),
        ("objection", {"purposes": [{}]}), ("objection", {"purposes": [[]]}), ("withdrawal", {"purposes": ["nothing"]}),
        ("withdrawal", {"purposes": [None, "marketing"]}), ("rectification", None), ("rectification", {"traits": []}),
        ("rectification", {"traits": {}}), ("rectification", {"traits": {str(n): n for n in range(101)}}),
        ("rectification", {"traits": {"x": json.loads(nested(70, OBJECT))}}),
        ("rectification", {"traits": {"no_such_trait": "zzz"}}), ("correct", {"traits": {"age": "not a number"}}),
        ("correct", {"traits": {"": ""}}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("known", [True, False])
def test_a_request_whose_details_are_wrong_is_refused_whoever_it_is_about(
    desk: Desk, kind: str, details: Any, known: bool
) -> None:
    if known:
        desk.send(identify("ada"))
    answer = desk.admin.post("/v1/dsr/requests", json={"kind": kind, "subject": ADA, "details": details})
    assert answer.status_code == 400, answer.text


def test_an_unknown_purpose_is_a_no_in_a_check_and_an_error_elsewhere(desk: Desk) -> None:
    desk.send(identify("ada"))
    decision = desk.app.post("/v1/consent/check", json=QUESTION | {"purpose": "curiosity"}).json()
    assert (decision["allowed"], decision["reason"]) == (False, "unknown_purpose")
    lookup = desk.app.post("/v1/profiles/lookup", json=QUESTION | {"purpose": "curiosity"})
    assert (lookup.status_code, lookup.json()["code"]) == (400, "unknown-purpose")
    record = {"subject": ADA, "purpose": "curiosity", "status": "granted"}
    assert desk.app.post("/v1/consent/records", json=record).json()["code"] == "unknown-purpose"
    key = {"kind": "app", "role": "app", "name": "x", "purposes": ["curiosity"]}
    assert desk.admin.post("/v1/keys", json=key).json()["pointer"] == "/purposes"


# What a batch says for all of its calls


def test_a_context_of_the_batch_is_bounded_as_if_written_out(desk: Desk) -> None:
    for large in ({"page": "x" * 33_000}, {"page": "x" * 10_000}):
        calls = [ordered("u-1") for _ in range(1 if len(large["page"]) > 32_000 else 500)]
        answer = desk.sdk.post("/v1/batch", json={"batch": calls, "context": large})
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert desk.send(*(ordered("u-1") for _ in range(50)), context={"unplanned": "x" * 10_000})["accepted"] == 50


@pytest.mark.parametrize("member", ["context", "integrations"])
def test_a_context_of_the_batch_that_is_too_deep_is_refused(desk: Desk, member: str) -> None:
    for levels in (65, 250, 900):
        content = json.dumps({"batch": [ordered("u-1")]})[:-1] + f', "{member}": {nested(levels, OBJECT)}}}'
        assert desk.sdk.post("/v1/batch", content=content).status_code == 400


@pytest.mark.parametrize("junk", [None, 7, "x", []])
def test_a_context_of_the_batch_that_is_none_is_passed_over(desk: Desk, junk: object) -> None:
    assert desk.send(ordered("u-1"), context=junk, integrations=junk, sentAt=junk)["accepted"] == 1


# Plans


LONE_SURROGATE = 'plan: x\nversion: 1.0.0\npurposes: [service]\nevents: [{type: track, name: "\\uD800"}]'
DEEP_YAML = "plan: x\nversion: 1.0.0\npurposes: [service]\nevents: " + "[" * 10_000 + "]" * 10_000


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\xff\xfe", b"[]", b"7", b"plan: x\0", b"plan: x\nplan: y", b"&a [*a]", b"!!python/object:os.system {}",
        DEEP_YAML.encode(), b'{"plan": "\\ud800"}', LONE_SURROGATE.encode(),
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]",
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_read_is_refused(desk: Desk, text: bytes) -> None:
    answer = desk.admin.post("/v1/plans", content=text)
    assert answer.status_code in (400, 422), answer.text


def test_sdks_are_never_told_to_retry_what_cannot_succeed(desk: Desk) -> None:
    """Every refusal of a batch has `code` and `message`, and a status that shipped SDKs do not retry."""
    answers: list[httpx.Response] = [
        desk.sdk.post("/v1/batch", content=b"{"),
        desk.sdk.post("/v1/batch", json={}),
        desk.nobody.post("/v1/batch", json={"batch": []}),
        desk.sdk.post("/v1/batch", content=b" " * 600_000),
        desk.sdk.get("/v1/batch"),
    ]
    assert [answer.status_code for answer in answers] == [400, 400, 401, 413, 405]
    for answer in answers:
        assert isinstance(answer.json()["code"], str) and isinstance(answer.json()["message"], str)
