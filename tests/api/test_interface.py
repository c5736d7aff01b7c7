"""The rest of the interface: consent, profiles, requests, administration, operations, problems."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any
from uuid import uuid4

import httpx
import jsonschema
import pytest

from registry.audit.checkpoint import parse_checkpoint
from registry.audit.tree import leaf_hash, verify_inclusion
from registry.flows.accountability.verify import document
from tests.live import Live

MARK = "planted-7f3a91"


@pytest.fixture
def admin(server: Live) -> httpx.Client:
    return server.client()


@pytest.fixture
def app(server: Live) -> httpx.Client:
    return server.client(server.keys.app_key)


@pytest.fixture
def officer(admin: httpx.Client, server: Live) -> httpx.Client:
    body = {"kind": "person", "role": "compliance_officer", "name": f"officer {uuid4()}"}
    return server.client(admin.post("/v1/keys", json=body).json()["secret"])


@pytest.fixture
def person(server: Live) -> dict[str, str]:
    """A person with an order and an e-mail address."""
    user = f"user-{uuid4()}"
    email = f"{user}@example.com"
    order = {"order_id": "o-1", "products": [{"product_id": "p"}]}
    calls = [
        {"type": "identify", "userId": user, "traits": {"email": email, "first_name": "Robin"}},
        {"type": "track", "userId": user, "event": "Order Completed", "properties": order},
    ]
    body = {"batch": calls, "writeKey": server.keys.write_key}
    assert httpx.post(server.url + "/v1/batch", json=body).json()["accepted"] == 2
    return {"kind": "email", "value": email}


def ask(client: httpx.Client, subject: dict[str, str], purpose: str) -> dict[str, Any]:
    return dict(client.post("/v1/consent/check", json={"subject": subject, "purpose": purpose}).json())


def test_consent_is_recorded_with_a_receipt_and_answers_the_next_check(
    app: httpx.Client, person: dict[str, str], server: Live
) -> None:
    assert ask(app, person, "marketing")["reason"] == "no_record"
    for status, allowed in (("granted", True), ("withdrawn", False)):
        record = app.post("/v1/consent/records", json={"subject": person, "purpose": "marketing", "status": status})
        assert record.status_code == 201
        answer = ask(app, person, "marketing")
        assert (answer["allowed"], answer["reason"], answer["record_id"]) == (
            allowed,
            status,
            record.json()["record_id"],
        )
        jwks = httpx.get(server.url + "/.well-known/jwks.json").json()
        kind, claims = document(record.json()["receipt"], jwks)
        assert kind == "consent-receipt+jwt"
        assert claims["record_id"] == record.json()["record_id"]
    history = app.post("/v1/consent/history", json={"subject": person}).json()["records"]
    assert [row["status"] for row in history] == ["granted", "withdrawn"]


def test_many_checks_come_back_in_the_order_of_the_questions(app: httpx.Client, person: dict[str, str]) -> None:
    nobody = {"kind": "user_id", "value": "nobody-at-all"}
    checks = [{"subject": who, "purpose": p} for who in (person, nobody) for p in ("service", "marketing", "nonsense")]
    answers = app.post("/v1/consent/check/batch", json={"checks": checks}).json()["decisions"]
    assert [row["reason"] for row in answers] == [
        "basis_without_consent",
        "no_record",
        "unknown_purpose",
        "unknown_subject",
        "unknown_subject",
        "unknown_purpose",
    ]


def test_a_filter_lets_through_only_who_allows_it(app: httpx.Client, person: dict[str, str]) -> None:
    lines = "\n".join(json.dumps(who) for who in (person, {"kind": "user_id", "value": "nobody-at-all"}))
    through = app.post("/v1/consent/filter?purpose=service", content=lines).text.splitlines()
    assert [json.loads(line) for line in through] == [person]


def test_changes_are_streamed_from_a_cursor_on(app: httpx.Client, person: dict[str, str]) -> None:
    app.post("/v1/consent/records", json={"subject": person, "purpose": "analytics", "status": "denied"})
    with app.stream("GET", "/v1/consent/changes?cursor=0-0") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data:") and json.loads(line[5:])["purpose"] == "analytics":
                return
    pytest.fail("the record did not come")


def test_a_view_names_its_purpose_and_counts_what_it_withholds(
    app: httpx.Client, admin: httpx.Client, person: dict[str, str]
) -> None:
    view = app.post("/v1/profiles/lookup", json={"subject": person, "purpose": "service"}).json()
    assert {row["trait"]: row["value"] for row in view["traits"]}["first_name"] == "Robin"
    assert app.post("/v1/profiles/lookup", json={"subject": person, "purpose": "marketing"}).status_code == 403
    denied = admin.post("/v1/profiles/lookup", json={"subject": person, "purpose": "marketing"})
    assert denied.json()["code"] == "purpose-denied"
    security = admin.post("/v1/profiles/lookup", json={"subject": person, "purpose": "security"}).json()
    assert security["traits"] == []
    assert security["withheld"]["count"] >= 2


def test_a_profile_is_addressed_by_an_opaque_id_and_a_purpose(app: httpx.Client, person: dict[str, str]) -> None:
    profile = app.post("/v1/profiles/lookup", json={"subject": person, "purpose": "service"}).json()["profile_id"]
    purpose = {"Registry-Purpose": "service"}
    assert app.get(f"/v1/profiles/{profile}", headers=purpose).json()["profile_id"] == profile
    first = app.get(f"/v1/profiles/{profile}/timeline?limit=1", headers=purpose).json()
    assert first["events"][0]["event"] == "order_completed"
    second = app.get(f"/v1/profiles/{profile}/timeline?limit=1&cursor={first['cursor']}", headers=purpose).json()
    assert second["events"][0]["event"] == "identify"
    assert second["cursor"] is None
    assert app.get(f"/v1/profiles/{profile}").status_code == 400
    assert app.get(f"/v1/profiles/{uuid4()}", headers=purpose).status_code == 404


def move(client: httpx.Client, request: str, by: str) -> httpx.Response:
    return client.post(f"/v1/dsr/requests/{request}/{by}")


def test_an_access_request_ends_in_a_package_whose_hashes_hold(
    admin: httpx.Client, officer: httpx.Client, person: dict[str, str]
) -> None:
    opened = admin.post("/v1/dsr/requests", json={"kind": "access", "subject": person})
    request = opened.json()["request_id"]
    assert move(officer, request, "run").status_code == 409
    assert [move(officer, request, by).status_code for by in ("verify", "approve", "run")] == [200, 200, 200]
    package = officer.get(f"/v1/dsr/requests/{request}/package")
    with zipfile.ZipFile(io.BytesIO(package.content)) as archive:
        from hashlib import sha256

        manifest = json.loads(archive.read("manifest.json"))
        for entry in manifest["files"]:
            assert sha256(archive.read(entry["name"])).hexdigest() == entry["sha256"]
        assert person["value"] in archive.read("index.html").decode()
        assert len(archive.read("events.jsonl").splitlines()) == manifest["events"] == 2


def test_an_erasure_needs_two_people_and_ends_in_a_certificate(
    admin: httpx.Client, officer: httpx.Client, app: httpx.Client, person: dict[str, str], server: Live
) -> None:
    request = admin.post("/v1/dsr/requests", json={"kind": "erasure", "subject": person}).json()["request_id"]
    assert move(admin, request, "verify").status_code == 200
    alone = move(admin, request, "approve")
    assert (alone.status_code, alone.json()["code"]) == (403, "forbidden")
    assert move(officer, request, "approve").status_code == 200
    assert move(officer, request, "run").json()["state"] == "completed"
    token = admin.get(f"/v1/dsr/requests/{request}/certificate").text
    _, claims = document(token, httpx.get(server.url + "/.well-known/jwks.json").json())
    assert claims["verification"] == {"rows_found_by_second_look": 0, "passed": True}
    assert app.post("/v1/profiles/lookup", json={"subject": person, "purpose": "service"}).status_code == 404
    again = {"type": "identify", "userId": f"new-{uuid4()}", "traits": {"email": person["value"]}}
    body = {"batch": [again], "writeKey": server.keys.write_key}
    assert httpx.post(server.url + "/v1/batch", json=body).json()["results"][0]["status"] == "suppressed"
    assert app.post("/v1/consent/records", json={"subject": person, "purpose": "marketing", "status": "granted"}
                    ).status_code == 403  # fmt: skip
    events = admin.get(f"/v1/dsr/requests/{request}/events").json()["events"]
    told = [
        row["action"] for row in events if row["action"] != "notify"
    ]  # its letter goes whenever the server sends it
    assert told == ["open", "verify", "approve", "start", "complete"]


def test_a_plan_is_published_once_and_a_wrong_one_names_its_line(admin: httpx.Client) -> None:
    name = f"p{uuid4().hex[:8]}"
    plan = (
        f"plan: {name}\nversion: 1.0.0\npurposes: [service]\nevents:\n  - {{type: track, name: A Thing, id: a_thing}}\n"
    )
    assert admin.post("/v1/plans", content=plan).status_code == 201
    assert admin.post("/v1/plans", content=plan).status_code == 201
    other = admin.post("/v1/plans", content=plan + "description: changed\n")
    assert (other.status_code, other.json()["code"]) == (409, "plan-immutable")
    assert admin.get(f"/v1/plans/{name}/1.0.0").text == plan
    wrong = admin.post("/v1/plans", content="plan: x\nversion: 1.0.0\npurposes: [nonsense]\nevents: []\n")
    assert wrong.status_code == 422
    assert wrong.json()["faults"][0]["line"] == 3


def test_a_key_is_shown_once_and_stops_working_when_revoked(admin: httpx.Client, server: Live) -> None:
    made = admin.post("/v1/keys", json={"kind": "app", "role": "app", "name": "short", "purposes": []}).json()
    assert made["secret"] not in admin.get("/v1/keys").text
    with server.client(made["secret"]) as client:
        question = {"subject": {"kind": "user_id", "value": "x"}, "purpose": "service"}
        assert client.post("/v1/consent/check", json=question).status_code == 200
        assert admin.delete(f"/v1/keys/{made['key_id']}").status_code == 204
        deadline = time.monotonic() + 5
        while client.post("/v1/consent/check", json=question).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert client.post("/v1/consent/check", json=question).status_code == 401


def test_the_audit_log_proves_its_entries(admin: httpx.Client) -> None:
    note = admin.get("/v1/audit/checkpoint").text
    stated = parse_checkpoint(note)
    import base64

    entries = admin.get("/v1/audit/entries?limit=3").json()["entries"]
    for entry in entries:
        proof = admin.get(f"/v1/audit/proof?size={stated.size}&position={entry['position']}").json()
        path = [bytes.fromhex(step) for step in proof["path"]]
        leaf = leaf_hash(base64.b64decode(entry["leaf"]))
        assert verify_inclusion(leaf, entry["position"], stated.size, path, stated.root)


def test_operations_answer_without_a_key(server: Live) -> None:
    assert httpx.get(server.url + "/healthz").json() == {"status": "ok"}
    assert httpx.get(server.url + "/readyz").json()["status"] == "ready"
    assert "registry_events_total" in httpx.get(server.url + "/metrics").text
    assert "Contact:" in httpx.get(server.url + "/.well-known/security.txt").text


def test_the_openapi_document_describes_every_route_with_an_example_or_a_schema(server: Live) -> None:
    described = httpx.get(server.url + "/openapi.json").json()
    paths = described["paths"]
    listed = (
        "batch track import consent/check consent/filter consent/records profiles/lookup dsr/requests sources plans"
    )
    for path in ("/healthz", *(f"/v1/{name}" for name in listed.split())):
        assert path in paths
    for item in paths.values():
        for operation in item.values():
            assert operation["summary"]
            assert "default" in operation["responses"]
    jsonschema.Draft202012Validator.check_schema(described["components"]["schemas"]["Problem"])


BODIES: list[tuple[str, Any]] = [
    ("/v1/consent/check", {"subject": {"kind": MARK, "value": MARK}, "purpose": "service"}),
    ("/v1/consent/check", {"subject": {"kind": "email", "value": MARK}, "purpose": "service"}),
    ("/v1/consent/check", {"subject": MARK, "purpose": MARK}),
    ("/v1/consent/records", {"subject": {"kind": "email", "value": MARK}, "purpose": MARK, "status": MARK}),
    ("/v1/consent/records", {MARK: MARK}),
    ("/v1/consent/history", {"subject": {"kind": "email", "value": f"{MARK}@example.com"}}),
    ("/v1/profiles/lookup", {"subject": {"kind": "email", "value": f"{MARK}@example.com"}, "purpose": "service"}),
    ("/v1/profiles/lookup", {"subject": {"kind": MARK, "value": MARK, MARK: 1}, "purpose": MARK}),
    ("/v1/dsr/requests", {"kind": MARK, "subject": {"kind": "email", "value": MARK}}),
    ("/v1/sources", {"name": "x", "plan": MARK, "version": MARK}),
    ("/v1/keys", {"kind": MARK, "role": MARK, "name": "x"}),
    ("/v1/traces", {"message_id": MARK}),
    ("/v1/quarantine/replay", {"source": MARK}),
]


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_no_error_echoes_what_it_was_sent(admin: httpx.Client, path: str, body: Any) -> None:
    answer = admin.post(path, json=body)
    assert 400 <= answer.status_code < 500
    assert MARK not in answer.text
    assert {"type", "title", "status", "code", "message"} <= answer.json().keys()


@pytest.mark.parametrize("path", ["/v1/consent/check", "/v1/profiles/lookup", "/v1/dsr/requests", "/v1/keys"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"x"', b"\xff\xfe", b'{"subject": ' + b"[" * 5000])
def test_what_is_not_the_json_expected_is_a_client_error(admin: httpx.Client, path: str, body: bytes) -> None:
    answer = admin.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("malformed-json", "invalid-input")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer rg_app_nobody", "Basic xyz", "Digest a"])
def test_without_a_valid_key_the_answer_is_401_and_says_how(server: Live, authorization: str) -> None:
    answer = httpx.get(server.url + "/v1/sources", headers={"Authorization": authorization} if authorization else {})
    assert answer.status_code == 401
    assert "Bearer" in answer.headers["www-authenticate"]


def test_a_role_may_do_only_what_the_policy_says(app: httpx.Client) -> None:
    answer = app.get("/v1/keys")
    assert answer.status_code == 403
    assert "access.yaml" in answer.json()["rule"]


def test_unknown_paths_and_methods_are_problems_too(admin: httpx.Client) -> None:
    assert admin.get("/v1/nowhere").json()["code"] == "no-such-path"
    assert admin.get("/v1/batch").json()["code"] == "method-not-allowed"
