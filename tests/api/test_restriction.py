"""Article 18: while a person is restricted, no way of reading gives their data out for what must stand still."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from registry.model.ids import text_id
from tests.api.house import Desk
from tests.factories import consent, identify, ordered, viewed
from tests.receiver import Receiver, receiving
from tests.simulator import ALL_YES

ADA, EVE = {"kind": "user_id", "value": "ada"}, {"kind": "user_id", "value": "eve"}
MARK = "ada.restricted@example.com"
PURPOSE = "analytics"
FOR = {"registry-purpose": PURPOSE}

Way = Callable[[Desk, str], httpx.Response]
"""A read of ADA's data, whose profile is named, and of EVE's where it is a read of many."""


def _space(part: str) -> Way:
    def read(desk: Desk, _profile: str) -> httpx.Response:
        space = f"/v1/spaces/{text_id(desk.tenant.workspace_id)}/collections/users/profiles/user_id:ada/{part}"
        return desk.admin.get(space, headers=FOR)

    return read


def _profile(part: str) -> Way:
    return lambda desk, profile: desk.admin.get(f"/v1/profiles/{profile}{part}", headers=FOR)


ONE: dict[str, list[Way]] = {
    "lookup_profile": [
        lambda desk, _: desk.admin.post("/v1/profiles/lookup", json={"subject": ADA, "purpose": PURPOSE})
    ],
    "get_profile": [_profile("")],
    "profile_timeline": [_profile("/timeline")],
    "profile_identifiers": [_profile("/identifiers")],
    "explain_profile": [_profile("/explain")],
    "space_profile": [_space(part) for part in ("traits", "external_ids", "events", "metadata")],
}
"""Reads of one person: refused."""

ASKED = {"check_consent", "check_consents", "decision_token", "explain_decision", "filter_subjects", "list_permitted"}
"""Questions whether a person's data may be used, held below."""

OTHERS = {
    "record_consent": "writes a choice",
    "list_outdated": "references to people whose choice is old, none of their data",
    "read_retained": "what a legal duty keeps, for that duty alone",
    "list_suggestions": "held below: a restricted person is compared with nobody",
    "place_hold": "writes a hold", "open_request": "writes a request",
    "create_key": "writes a key", "create_destination": "held below", "create_webhook": "writes an address",
    "publish_plan": "a plan", "lint_plan": "a plan", "compare_plan": "a plan",
    "check_plan_against_traffic": "counts of messages", "infer_plan": "a plan", "data_inventory": "counts of values",
}  # fmt: skip
"""What names a purpose too, and why it is not among the reads."""


@pytest.fixture
def people(desk: Desk) -> Iterator[Desk]:
    """Two people who agreed to everything, in a workspace whose Profile API in Segment's shape is switched on."""
    state = desk.house.app.state
    before = state.registry
    state.registry = replace(before, spaces=True)
    for name, mail in (("ada", MARK), ("eve", "eve@example.com")):
        said = identify(name, f"{name}-phone", email=mail, first_name="Ada", context=consent(**ALL_YES))
        desk.send(said, viewed(name), *(ordered(name, order_id=f"{name}-{n}") for n in range(4)))
    yield desk
    state.registry = before


def restrict(desk: Desk) -> None:
    opened = desk.officer.post("/v1/dsr/requests", json={"kind": "restriction", "subject": ADA}).json()
    path = f"/v1/dsr/requests/{opened['request_id']}"
    assert desk.officer.post(f"{path}/verify").status_code == 200
    assert desk.officer.post(f"{path}/run").json()["state"] == "completed"


def profile_of(desk: Desk) -> str:
    found = desk.tenant.profile("user_id", "ada")
    assert found is not None
    return text_id(found)


def _names_a_purpose(document: dict[str, Any], part: Any, seen: frozenset[str] = frozenset()) -> bool:
    if isinstance(part, list):
        return any(one in ("purpose", "purposes") or _names_a_purpose(document, one, seen) for one in part)
    if not isinstance(part, dict):
        return False
    if "$ref" in part:
        *_, kind, name = part["$ref"].split("/")
        return name not in seen and _names_a_purpose(document, document["components"][kind][name], seen | {name})
    if str(part.get("name", "")).lower() in ("purpose", "registry-purpose"):
        return True
    return any(key in ("purpose", "purposes") or _names_a_purpose(document, one, seen) for key, one in part.items())


def test_every_operation_that_names_a_purpose_is_walked_here_or_reads_nothing(desk: Desk) -> None:
    document = desk.house.conformity.document
    named = {
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict)
        and _names_a_purpose(document, [operation.get("parameters", []), operation.get("requestBody", {})])
    }
    assert named == {*ONE, *ASKED, *OTHERS}


@pytest.mark.parametrize("operation", ONE)
def test_a_read_of_the_person_is_refused_until_the_restriction_ends(people: Desk, operation: str) -> None:
    profile = profile_of(people)
    for way in ONE[operation]:
        assert way(people, profile).status_code == 200
    restrict(people)
    for way in ONE[operation]:
        answer = way(people, profile)
        assert (answer.status_code, answer.json()["code"]) == (403, "purpose-denied")
        assert answer.json()["reason"] == "restricted", answer.text
        assert MARK not in answer.text
    people.house.clock.pass_by(seconds=1)
    assert people.officer.post("/v1/consent/unrestrict", json={"subject": ADA}).status_code == 200
    for way in ONE[operation]:
        assert way(people, profile).status_code == 200


def test_every_question_about_the_person_is_answered_with_no(people: Desk) -> None:
    app, profile = people.app, profile_of(people)
    query = {"subject": ADA, "purpose": PURPOSE}

    def permitted(body: bytes) -> list[bytes]:
        return app.post(f"/v1/consent/filter?purpose={PURPOSE}", content=body).content.splitlines()

    def listed() -> list[str]:
        lines = people.admin.post("/v1/consent/list", json={"purpose": PURPOSE}).text.splitlines()
        return [json.loads(line)["profile_id"] for line in lines]

    subjects = b"\n".join(json.dumps(one).encode() for one in (ADA, EVE, {"profile_id": profile}))
    assert (len(permitted(subjects)), profile in listed()) == (3, True)
    restrict(people)
    assert app.post("/v1/consent/check", json=query).json()["reason"] == "restricted"
    checks = [{"subject": one, "purpose": PURPOSE} for one in (ADA, EVE)]
    many = app.post("/v1/consent/check/batch", json={"checks": checks}).json()["decisions"]
    assert [one["allowed"] for one in many] == [False, True]
    assert permitted(subjects) == [json.dumps(EVE).encode()]
    assert (len(listed()), profile in listed()) == (1, False)
    assert app.post("/v1/consent/token", json=query).json()["allowed"] is False
    assert app.post("/v1/consent/explain", json=query).json()["decision"]["allowed"] is False
    states = app.post("/v1/consent/google", json={"subject": ADA}).json()["states"]
    assert set(states.values()) == {"denied"}


def test_audiences_and_suggestions_leave_the_person_out(people: Desk) -> None:
    def members() -> list[str]:
        found = people.admin.get("/v1/audiences/recent_regulars").json()
        return [one["profile_id"] for one in found["members"]]

    def compared() -> int:
        """How many the audit log says were compared."""
        assert people.admin.get("/v1/merges/suggestions", headers=FOR).status_code == 200
        last = people.admin.get("/v1/audit/entries", params={"limit": 200}).json()["entries"][-1]
        return int(last["entry"]["fields"]["people"])

    before, profile = compared(), profile_of(people)
    assert (len(members()), profile in members()) == (2, True)
    restrict(people)
    assert (len(members()), profile in members()) == (1, False)
    assert compared() == before - 1


def test_nothing_of_the_person_is_passed_on(people: Desk) -> None:
    from registry.flows.outgoing import forwarding

    with receiving() as receiver:
        made = people.admin.post(
            "/v1/destinations", json={"name": "a", "kind": "webhook", "purpose": "service", "url": receiver.url}
        )
        assert made.status_code == 201, made.text
        people.send(ordered("ada", order_id="last-1"), ordered("eve", order_id="last-2"))
        restrict(people)
        deployment, workspace = people.house.registry.deployment, people.tenant.workspace
        for one in forwarding.due(deployment, workspace):
            forwarding.forward(deployment, workspace, one)
        assert _users(receiver) == ["eve"]


def _users(receiver: Receiver) -> list[str]:
    return [got.json["data"]["userId"] for got in receiver.received]


def test_the_person_sees_what_is_held_of_them_all_the_same(people: Desk) -> None:
    restrict(people)
    opened = people.officer.post("/v1/dsr/requests", json={"kind": "access", "subject": ADA}).json()
    path = f"/v1/dsr/requests/{opened['request_id']}"
    assert people.officer.post(f"{path}/verify").status_code == 200
    assert people.admin.post(f"{path}/approve").status_code == 200
    ran = people.officer.post(f"{path}/run")
    assert ran.status_code == 200, ran.text
    package = people.officer.get(f"{path}/package")
    assert package.status_code == 200, package.text
    with zipfile.ZipFile(io.BytesIO(package.content)) as files:
        assert any(MARK.encode() in files.read(name) for name in files.namelist())
