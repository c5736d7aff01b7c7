"""Holds, what they keep, deadlines, retention and the end of a restriction over HTTP."""

from __future__ import annotations

from typing import Any

from tests.api.house import Desk
from tests.factories import identify, ordered

ADA = {"kind": "user_id", "value": "ada"}


def _run(desk: Desk, kind: str, **more: Any) -> dict[str, Any]:
    opened = desk.officer.post("/v1/dsr/requests", json={"kind": kind, "subject": ADA} | more).json()
    path = f"/v1/dsr/requests/{opened['request_id']}"
    desk.officer.post(f"{path}/verify")
    if kind == "erasure":
        plan = desk.officer.get(f"{path}/plan").json()
        assert [one["because"] for one in plan["retained"]] == ["hold"]
        assert desk.admin.post(f"{path}/approve").status_code == 200
    answer = desk.officer.post(f"{path}/run")
    assert answer.status_code == 200, answer.text
    done: dict[str, Any] = answer.json()
    return done


def test_a_hold_is_placed_keeps_what_it_names_and_is_released(desk: Desk) -> None:
    desk.send(identify("ada", email="ada@example.com", first_name="Ada"), ordered("ada"))
    body = {"subject": ADA, "ground": "claim 7", "purpose": "legal", "categories": ["user.name"]}
    placed = desk.officer.post("/v1/holds", json=body)
    assert placed.status_code == 201, placed.text
    _run(desk, "erasure")
    [case] = desk.officer.get("/v1/retained").json()["cases"]
    path = f"/v1/retained/{case['case_id']}"
    pages = [desk.admin.get(path, headers={"Registry-Purpose": "legal"}, params={"limit": 1}).json()]
    while pages[-1]["cursor"]:
        query = {"limit": 1, "cursor": pages[-1]["cursor"]}
        pages.append(desk.admin.get(path, headers={"Registry-Purpose": "legal"}, params=query).json())
    items = [item for page in pages for item in page["items"]]
    assert sorted(item["what"] for item in items) == ["event", "trait"]
    assert desk.admin.get(path, headers={"Registry-Purpose": "service"}).status_code == 403
    hold = f"/v1/holds/{placed.json()['hold_id']}"
    assert desk.officer.post(f"{hold}/release").json()["state"] == "released"
    assert desk.officer.post(f"{hold}/release").status_code == 409
    assert [one["state"] for one in desk.officer.get("/v1/holds").json()["holds"]] == ["released"]


def test_deadlines_and_retention_are_told_and_a_restriction_is_ended(desk: Desk) -> None:
    desk.send(identify("ada", first_name="Ada"))
    _run(desk, "restriction")
    told = desk.officer.get("/v1/dsr/deadlines").json()
    assert told["by_kind"]["restriction"]["completed"] == told["all"]["in_time"] == 1
    assert desk.officer.get("/v1/retention").json()["sweeps"] == []
    ended = desk.officer.post("/v1/consent/unrestrict", json={"subject": ADA})
    assert ended.json() == {"fragments": 1}


def test_what_is_set_aside_is_listed_a_page_at_a_time(desk: Desk) -> None:
    for claim in ("claim 7", "claim 8", "claim 9"):
        body = {"subject": ADA, "ground": claim, "purpose": "legal"}
        assert desk.officer.post("/v1/holds", json=body).status_code == 201
    desk.send(identify("ada", email="ada@example.com"))
    opened = desk.officer.post("/v1/dsr/requests", json={"kind": "erasure", "subject": ADA}).json()
    path = f"/v1/dsr/requests/{opened['request_id']}"
    desk.officer.post(f"{path}/verify")
    desk.admin.post(f"{path}/approve")
    assert desk.officer.post(f"{path}/run").status_code == 200
    every = [one["case_id"] for one in desk.officer.get("/v1/retained").json()["cases"]]
    assert (len(every), every) == (3, sorted(every, reverse=True))
    first = desk.officer.get("/v1/retained", params={"limit": 2}).json()
    last = desk.officer.get("/v1/retained", params={"limit": 2, "cursor": first["cursor"]}).json()
    assert [one["case_id"] for page in (first, last) for one in page["cases"]] == every
    assert (first["cursor"], last["cursor"]) == (every[1], None)
