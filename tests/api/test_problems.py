"""Errors are problem documents everywhere, and never say back what the request held."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from registry.model.ids import text_id
from tests.api.house import Desk
from tests.factories import ordered

MARK = "zq7-planted-3f9a"
PERSONAL = "zq7-planted@example.com"


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v1/batch/", "/v2/batch", f"/v1/{MARK}", f"/{MARK}/x", "/v1/keys/"]
)
def test_what_is_not_there_is_a_problem(desk: Desk, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "PUT"):
        answer = desk.admin.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "no-such-path")
        assert MARK not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/batch", "POST"),
        ("PUT", "/v1/sources", "GET, POST"),
        ("DELETE", "/v1/plans", "GET, POST"),
        ("POST", "/v1/violations", "GET"),
        ("PATCH", "/v1/keys/00000000-0000-7000-8000-000000000001", "DELETE"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
def test_a_method_that_a_path_does_not_take_is_a_problem_that_names_those_it_takes(
    desk: Desk, method: str, path: str, allow: str
) -> None:
    answer = desk.admin.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
    assert answer.headers["allow"] == allow


def test_a_wrong_body_names_each_fault_and_the_rule(desk: Desk) -> None:
    answer = desk.admin.post("/v1/keys", json={"kind": "dog", "name": "x" * 101, "colour": "red"})
    problem = answer.json()
    assert answer.status_code == 400
    faults = {fault["pointer"]: fault for fault in problem["faults"]}
    assert faults["/kind"]["rule"] == "expected: 'app' or 'person'"
    assert faults["/name"] == {"pointer": "/name", "reason": "string_too_long", "rule": "max_length: 100"}
    assert faults["/role"]["reason"] == "missing"
    assert faults["/*"]["rule"].startswith("allowed: kind, role, name")
    assert "colour" not in answer.text


@pytest.mark.parametrize(
    ("member", "place", "allowed"),
    [
        ("agent", "/agent/*", "name, organisation, email, mandate, evidence, sha256, mandate_until, deliver_to"),
        ("details", "/details/*", "purposes, traits"),
        ("subject", "/subject/*", "kind, value"),
    ],
)
def test_a_member_that_is_not_known_is_answered_with_those_that_are(
    desk: Desk, member: str, place: str, allowed: str
) -> None:
    body = {"kind": "access", "subject": {"kind": "user_id", "value": "ada"}, member: {MARK: PERSONAL}}
    problem = (answer := desk.admin.post("/v1/dsr/requests", json=body)).json()
    assert answer.status_code == 400
    told = {fault["pointer"]: fault for fault in problem["faults"]}
    assert told[place] == {"pointer": place, "reason": "extra_forbidden", "rule": f"allowed: {allowed}"}
    assert MARK not in answer.text and PERSONAL not in answer.text


@pytest.mark.parametrize(
    "names", [("mandate_until", "evidence", "sha256"), ("until", "mandate_evidence", "mandate_sha256")]
)
def test_an_agents_members_are_taken_by_their_names_in_files_of_requests_too(
    desk: Desk, names: tuple[str, ...]
) -> None:
    told = dict(zip(names, ("2999-01-01T00:00:00Z", "folder 7", "a" * 64), strict=True))
    body = {"kind": "know", "subject": {"kind": "user_id", "value": "ada"}}
    agent = {"name": "An Agent", "mandate": "power_of_attorney"}
    opened = desk.admin.post("/v1/dsr/requests", json=body | {"agent": agent | told})
    assert (opened.status_code, opened.json()["mandate_until"]) == (201, "2999-01-01T00:00:00Z")
    shown = desk.admin.get(f"/v1/dsr/requests/{opened.json()['request_id']}/verification").json()["agent"]
    assert (shown["evidence"], shown["sha256"]) == ("folder 7", "a" * 64)
    for wrong, place in ((7, names[0]), ("soon", "mandate_until")):
        refused = desk.admin.post("/v1/dsr/requests", json=body | {"agent": agent | {names[0]: wrong}})
        assert (refused.status_code, refused.json()["pointer"]) == (400, f"/agent/{place}")


def test_a_wrong_parameter_is_named_and_a_wrong_name_of_a_purpose_is_not(desk: Desk) -> None:
    assert desk.admin.get("/v1/violations", params={"limit": "many"}).json()["pointer"] == "/query/limit"
    made = desk.app.post("/v1/preferences/links", json={"subject": {"kind": "user_id", "value": "zq7"}}).json()
    path = f"/v1/preferences/{text_id(desk.tenant.workspace_id)}/choices"
    answer = desk.nobody.post(
        path, json={"choices": {PERSONAL: 1}}, headers={"authorization": f"Bearer {made['token']}"}
    )
    assert (answer.status_code, answer.json()["pointer"]) == (400, "/choices/*")


def test_a_wrong_plan_names_file_line_and_column(desk: Desk) -> None:
    text = "plan: x\nversion: 1.0.0\npurposes: [service]\nevents:\n  - type: trck\n    name: A\n"
    answer = desk.admin.post("/v1/plans", content=text)
    assert answer.status_code == 422
    assert answer.json()["faults"][0].items() >= {"file": "plan", "line": 5, "pointer": "/events/0/type"}.items()


def test_who_is_not_known_learns_nothing_of_what_is_wrong_with_a_body(desk: Desk) -> None:
    for path in ("/v1/keys", "/v1/sources", "/v1/consent/records", "/v1/profiles/lookup", "/v1/dsr/requests"):
        answer = desk.nobody.post(path, content=b"not json")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), path


@pytest.mark.parametrize("header", ["Bearer", "Basic %", "Basic ÿÿÿ", "Basic gICA", "Digest x", "Bearer ÿ", "x" * 9000])
@pytest.mark.parametrize("path", ["/v1/batch", "/v1/consent/check", "/v1/keys"])
def test_a_strange_authorization_header_is_no_authorization(desk: Desk, path: str, header: str) -> None:
    content = json.dumps({"batch": []}).encode()
    answer = desk.nobody.post(path, content=content, headers={b"authorization": header.encode("latin-1")})
    assert answer.status_code == 401


# What the request held


def marked(value: Any) -> Iterator[Any]:
    """The body with one member after the other planted with the marker: as its value, as its name, as its type."""

    def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        yield path
        if isinstance(node, dict | list):
            for key, inner in node.items() if isinstance(node, dict) else enumerate(node):
                yield from places(inner, (*path, key))

    for path in places(value):
        for planted in (MARK, PERSONAL, {MARK: MARK}, [MARK], MARK + "\0", MARK * 200):
            planted_in = copy.deepcopy(value)
            target = planted_in
            for key in path[:-1]:
                target = target[key]
            if path:
                target[path[-1]] = planted
                yield planted_in
        target = planted_in = copy.deepcopy(value)
        for key in path:
            target = target[key]
        if isinstance(target, dict):
            target[MARK] = MARK
            yield planted_in


def operations(desk: Desk) -> list[tuple[str, str, dict[str, Any]]]:
    document = desk.house.app.openapi()
    return [(path, method, one) for path, item in document["paths"].items() for method, one in item.items()]


def example(desk: Desk, operation: dict[str, Any]) -> Any:
    """The example of what an operation takes; None if it takes no JSON."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    name = content["schema"].get("$ref", "").rpartition("/")[2]
    return content.get("example") or desk.house.app.openapi()["components"]["schemas"][name]["example"]


def test_no_error_says_back_what_the_request_held(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    refused = 0

    def clean(answer: httpx.Response) -> None:
        nonlocal refused
        if answer.status_code >= 400:
            refused += 1
            shown = answer.text + str(answer.headers)
            assert MARK not in shown and PERSONAL not in shown, answer.request.url
            assert answer.status_code < 500, answer.text

    for path, method, operation in operations(desk):
        client = desk.sdk if "tracking" in operation["tags"] else desk.admin
        if path == "/v1/consent/changes":
            clean(client.get(path, params={"cursor": MARK}))
            continue
        plain = path.replace("{by}", "verify")
        for parameter in ("request_id", "profile_id", "key_id", "name", "version", "write_key"):
            plain = plain.replace(f"{{{parameter}}}", str(uuid4()) if parameter.endswith("_id") else "x")
        body = example(desk, operation)
        # in each part of the path, in a query, in headers
        for parameter in ("request_id", "profile_id", "key_id", "name", "version", "write_key", "by"):
            if f"{{{parameter}}}" in path:
                planted = path.replace(f"{{{parameter}}}", MARK)
                for other in ("request_id", "profile_id", "key_id", "name", "version", "write_key", "by"):
                    planted = planted.replace(f"{{{other}}}", str(uuid4()))
                clean(client.request(method, planted, json=body, headers={"registry-purpose": "service"}))
        query = dict.fromkeys(("limit", "cursor", "start", "size", "position", "purpose", MARK), MARK)
        clean(client.request(method, plain, params=query, json=body))
        clean(client.request(method, plain, headers={"registry-purpose": MARK, "x-other": MARK}, json=body))
        clean(client.request(method, plain, content=MARK.encode(), headers={"authorization": f"Bearer {MARK}"}))
        if operation.get("requestBody"):
            clean(client.request(method, plain, content=MARK.encode()))
            clean(client.request(method, plain, content=b'{"a": ' + MARK.encode()))
        for planted_in in marked(body) if body is not None else ():
            clean(client.request(method, plain, json=planted_in))
    assert refused > 300
    logged = "".join(capfd.readouterr())
    assert MARK not in logged
    assert PERSONAL not in logged
    metrics = desk.nobody.get("/metrics").text
    assert MARK not in metrics
    assert PERSONAL not in metrics


def test_a_plan_that_is_wrong_is_refused_without_its_examples(desk: Desk) -> None:
    for text in (f"plan: {MARK} x", f"{MARK}: 1", f"plan: x\nversion: {MARK}", f"- {MARK}\n- [", f'{{"plan": "{MARK}"'):
        answer = desk.admin.post("/v1/plans", content=text)
        assert answer.status_code == 422
        assert answer.json()["faults"]


# What nothing foresaw


def spoilt(desk: Desk, sql: str, *parameters: object) -> None:
    """Change what lies in the database behind the program's back."""
    with desk.house.registry.deployment.data.owner(writes=True) as transaction:
        transaction.exec_driver_sql(f"{sql} WHERE workspace_id = ?", (*parameters, desk.tenant.workspace_id))


def test_an_unforeseen_error_says_and_logs_nothing_of_what_it_is_about(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    subject = {"kind": "user_id", "value": "ada"}
    desk.app.post("/v1/consent/records", json={"subject": subject, "purpose": "marketing", "status": "granted"})
    spoilt(desk, "UPDATE consent_state SET status = ?", MARK)  # no such status: a KeyError that names it
    for path in ("/v1/consent/check", "/v1/profiles/lookup"):
        answer = desk.admin.post(path, json={"subject": subject, "purpose": "marketing"})
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")
        assert MARK not in answer.text
    logged = "".join(capfd.readouterr())
    assert "unforeseen error" in logged
    assert "KeyError" in logged
    assert MARK not in logged


def test_a_package_that_breaks_off_does_not_look_whole(desk: Desk) -> None:
    desk.send(ordered("ada"))
    subject = {"kind": "user_id", "value": "ada"}
    request = desk.admin.post("/v1/dsr/requests", json={"kind": "access", "subject": subject}).json()["request_id"]
    for by in ("verify", "approve", "run"):
        desk.officer.post(f"/v1/dsr/requests/{request}/{by}")
    assert desk.officer.get(f"/v1/dsr/requests/{request}/package").status_code == 200
    spoilt(desk, "UPDATE event SET body = body || x'00'")
    with pytest.raises(httpx.RemoteProtocolError):
        desk.officer.get(f"/v1/dsr/requests/{request}/package")
