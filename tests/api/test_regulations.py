"""Segment's deletion-and-suppression shapes: off by default, an erasure behind each, approved as any other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.api.house import Desk
from tests.factories import identify

PATH = "/v1/regulations"
BODY = {"regulationType": "SUPPRESS_WITH_DELETE", "subjectType": "USER_ID", "subjectIds": ["r-1"]}


@pytest.fixture
def switched_on(desk: Desk) -> Iterator[Desk]:
    state = desk.house.app.state
    before = state.registry
    state.registry = replace(before, spaces=True)
    yield desk
    state.registry = before


def test_the_face_is_off_unless_switched_on(desk: Desk) -> None:
    answer = desk.officer.post(PATH, json=BODY)
    assert answer.status_code == 404
    assert "REGISTRY_SPACES_API" in answer.json()["hint"]


def test_a_regulation_is_an_erasure_that_is_approved_run_and_finished(switched_on: Desk) -> None:
    desk = switched_on
    desk.send(identify("r-1"))
    made = desk.admin.post(PATH, json=BODY).json()["data"]["regulateId"]
    assert desk.admin.get(f"{PATH}/{made}").json()["data"]["regulation"]["overallStatus"] == "INITIALIZED"
    for move in ("approve", "run"):
        assert desk.officer.post(f"/v1/dsr/requests/{made}/{move}").status_code == 200
    found = desk.admin.get(f"{PATH}/{made}").json()["data"]["regulation"]
    assert (found["overallStatus"], found["finishedAt"] is not None) == ("FINISHED", True)
    assert desk.send(identify("r-1"))["rejected"] == 1
    assert desk.admin.delete(f"{PATH}/{made}").status_code == 409


def test_one_that_nobody_began_is_deleted_and_lists_name_no_person(switched_on: Desk) -> None:
    desk = switched_on
    ids = [desk.admin.post(PATH, json=BODY | {"subjectIds": [f"r-{n}"]}).json()["data"]["regulateId"] for n in range(3)]
    desk.officer.post("/v1/dsr/requests", json={"kind": "access", "subject": {"kind": "user_id", "value": "r-9"}})
    gone = desk.admin.delete(f"{PATH}/{ids[0]}")
    assert gone.json() == {"data": {"status": "SUCCESS"}}
    first = desk.admin.get(PATH, params={"pagination[count]": 2}).json()["data"]
    more = {"pagination[count]": 10, "pagination[cursor]": first["pagination"]["next"]}
    second = desk.admin.get(PATH, params=more).json()["data"]
    listed = first["regulations"] + second["regulations"]
    assert [one["id"] for one in listed] == ids[::-1]
    assert [one["status"] for one in listed] == ["INITIALIZED", "INITIALIZED", "FAILED"]
    assert all(one["subjects"] == [] for one in listed)
    failed = desk.admin.get(PATH, params={"status": "FAILED"}).json()["data"]["regulations"]
    assert [one["id"] for one in failed] == [ids[0]]


def test_one_of_several_people_is_an_erasure_of_each_and_stands_where_all_of_them_do(switched_on: Desk) -> None:
    desk = switched_on
    desk.send(identify("r-1"), identify("r-2"))

    def standing(regulation: str) -> tuple[str, bool]:
        found = desk.admin.get(f"{PATH}/{regulation}").json()["data"]["regulation"]
        return found["overallStatus"], found["finishedAt"] is not None

    made = desk.admin.post(PATH, json=BODY | {"subjectIds": ["r-1", "r-2", "r-1"]}).json()["data"]["regulateId"]
    requests = [one["request_id"] for one in desk.officer.get("/v1/dsr/requests").json()["requests"]]
    assert len(requests) == 2
    assert made in requests
    assert standing(made) == ("INITIALIZED", False)
    first, second = sorted(requests, key=lambda one: one != made)
    for move in ("approve", "run"):
        assert desk.officer.post(f"/v1/dsr/requests/{second}/{move}").status_code == 200
    assert standing(made) == ("RUNNING", False)
    assert desk.admin.delete(f"{PATH}/{made}").status_code == 409
    assert desk.send(identify("r-2"))["rejected"] == 1
    assert desk.send(identify("r-1"))["accepted"] == 1
    assert desk.officer.post(f"/v1/dsr/requests/{first}/refuse").status_code == 200
    assert standing(made)[0] == "PARTIAL_SUCCESS"
    gone = desk.admin.post(PATH, json=BODY | {"subjectIds": ["r-3", "r-4"]}).json()["data"]["regulateId"]
    assert desk.admin.delete(f"{PATH}/{gone}").status_code == 200
    assert standing(gone)[0] == "FAILED"
    half = desk.admin.post(PATH, json=BODY | {"subjectIds": ["r-6", "r-7"]}).json()["data"]["regulateId"]
    assert desk.officer.post(f"/v1/dsr/requests/{half}/cancel").status_code == 200  # as if stopped after the first
    assert desk.admin.delete(f"{PATH}/{half}").status_code == 200
    assert standing(half)[0] == "FAILED"


@pytest.mark.parametrize(
    ("asked", "subject"),
    [
        ("SUPPRESS_WITH_DELETE_INTERNAL", "USER_ID"), ("DELETE_INTERNAL", "USER_ID"), ("DELETE_ONLY", "ANONYMOUS_ID"),
    ],
)  # fmt: skip
def test_every_type_that_deletes_is_an_erasure(switched_on: Desk, asked: str, subject: str) -> None:
    desk = switched_on
    desk.send(identify("r-5") if subject == "USER_ID" else identify(anonymous="r-5"))
    body = {"regulationType": asked, "subjectType": subject, "subjectIds": ["r-5"]}
    made = desk.admin.post(PATH, json=body).json()["data"]["regulateId"]
    for move in ("approve", "run"):
        assert desk.officer.post(f"/v1/dsr/requests/{made}/{move}").status_code == 200
    assert desk.admin.get(f"{PATH}/{made}").json()["data"]["regulation"]["overallStatus"] == "FINISHED"
    again = identify("r-5") if subject == "USER_ID" else identify(anonymous="r-5")
    assert desk.send(again)["rejected"] == 1


def test_what_is_not_offered_is_refused_and_an_access_is_no_regulation(switched_on: Desk) -> None:
    desk = switched_on
    for wrong in (
        {"regulationType": "SUPPRESS_ALL"},
        {"subjectType": "OBJECT_ID"},
        {"subjectIds": []},
        {"subjectIds": ["x"] * 101},
    ):
        assert desk.admin.post(PATH, json=BODY | wrong).status_code == 400
    for name, instead in (("SUPPRESS_ONLY", "objection"), ("UNSUPPRESS", "unrestrict")):
        answer = desk.admin.post(PATH, json=BODY | {"regulationType": name})
        assert answer.status_code == 400
        assert instead in answer.json()["hint"]
    assert desk.officer.get("/v1/dsr/requests").json()["requests"] == []
    asked = {"kind": "access", "subject": {"kind": "user_id", "value": "r-9"}}
    access = desk.officer.post("/v1/dsr/requests", json=asked).json()["request_id"]
    assert desk.admin.get(f"{PATH}/{access}").status_code == 404
    assert desk.app.post(PATH, json=BODY).status_code == 403


def test_an_id_that_can_point_at_nobody_is_told_by_its_place_and_nothing_is_opened(switched_on: Desk) -> None:
    desk = switched_on
    before = desk.officer.get("/v1/dsr/requests").json()["requests"]
    answer = desk.admin.post(PATH, json=BODY | {"subjectIds": ["r-1", "r-2", "undefined"]})
    assert (answer.status_code, answer.json()["pointer"]) == (400, "/subjectIds/2")
    assert desk.officer.get("/v1/dsr/requests").json()["requests"] == before
