"""Stewards' work over HTTP: explain, unmerge, the lists, and decisions."""

from __future__ import annotations

from typing import Any

from tests.api.house import Desk
from tests.factories import alias, consent, identify, ordered

SERVICE = {"Registry-Purpose": "service"}


def look_up(desk: Desk, kind: str, value: str) -> dict[str, Any]:
    answer = desk.admin.post(
        "/v1/profiles/lookup", json={"subject": {"kind": kind, "value": value}, "purpose": "service"}
    )
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    return view


def fragments(view: dict[str, Any]) -> dict[str, str]:
    return {row["kind"]: row["fragment_id"] for row in view["identifiers"]}


def test_a_wrong_merge_is_explained_undone_and_not_made_again(desk: Desk) -> None:
    desk.send(ordered("ada"), ordered(anonymous="kiosk"), alias("kiosk", "ada"))
    view = look_up(desk, "user_id", "ada")
    path = f"/v1/profiles/{view['profile_id']}"
    own = fragments(view)
    ends = {"one": own["user_id"], "other": own["anonymous_id"]}
    told = desk.admin.get(f"{path}/explain", headers=SERVICE, params=ends).json()
    [link] = told["paths"][0]["links"]
    assert (link["claims"][0]["source"], link["claims"][0]["type"]) == ("shop", "alias")
    done = desk.admin.post(f"{path}/unmerge", json={"apart": list(own.values())})
    assert done.status_code == 200, done.text
    assert len(done.json()["profiles"]) == 2
    desk.send(alias("kiosk", "ada"))
    assert fragments(look_up(desk, "user_id", "ada")).keys() == {"user_id"}
    kinds = [row["kind"] for row in desk.admin.get("/v1/merges").json()["merges"]]
    assert kinds[0] == "split"
    assert desk.admin.get("/v1/merges/refused").json()["refused"] == []
    assert len(desk.admin.get("/v1/merges/refused", params={"state": "all"}).json()["refused"]) == 1


def test_the_inbox_is_decided_on_by_fragment_and_a_merge_by_hand_is_reversible(desk: Desk) -> None:
    desk.send(identify("ada", email="family@example.com"), identify("bob", email="family@example.com"))
    waiting = desk.admin.get("/v1/merges/refused").json()["refused"]
    assert [row["reason"] for row in waiting] == ["merge_protection"] * 2
    order = {end: waiting[0][end]["fragment_id"] for end in ("one", "other")}
    done = desk.admin.post("/v1/merges/refused", json=order | {"decision": "merge"})
    assert done.status_code == 200, done.text
    people = {end: {"kind": "user_id", "value": who} for end, who in (("one", "ada"), ("other", "bob"))}
    assert desk.admin.post("/v1/merges", json=people).status_code == 200
    assert desk.admin.post("/v1/merges", json=people).status_code == 409
    view = look_up(desk, "user_id", "bob")
    own = [row["fragment_id"] for row in view["identifiers"] if row["kind"] == "user_id"]
    undone = desk.admin.post(f"/v1/profiles/{view['profile_id']}/unmerge", json={"apart": own})
    assert undone.status_code == 200, undone.text
    decided = desk.admin.get("/v1/merges/decisions").json()["decisions"]
    assert sorted(row["verdict"] for row in decided) == ["apart", "same"]
    assert all(row["actor"].startswith("person:") for row in decided)
    assert desk.admin.get("/v1/merges/decisions", params={"cursor": "none"}).status_code == 400


def test_data_quality_is_told_by_source(desk: Desk) -> None:
    desk.send(identify("ada", email="family@example.com"), identify("bob", email="family@example.com"))
    desk.send(identify(None, "nobody"))
    [shop] = desk.admin.get("/v1/quality", params={"days": 30}).json()["sources"]
    found = {name: (one["found"], one["of"]) for name, one in shop["obstacles"].items()}
    assert found["duplicated"] == (2, 2)
    assert found["disconnected"] == (1, 1)
    assert desk.admin.get("/v1/quality", params={"days": 0}).status_code == 400


def test_suggestions_come_with_what_speaks_for_and_against_and_are_decided_on(desk: Desk) -> None:
    own = {"first_name": "Ada", "last_name": "Lovelace", "birthday": "1990-01-02"}
    desk.send(identify("ada", **own), identify("ada-2", **own))
    found = desk.admin.get("/v1/merges/suggestions", headers=SERVICE).json()
    [only] = found["suggestions"]
    assert (only["certain"], only["household"], only["group"]) == (False, False, 0), "a namesake may share a birthday"
    assert {row["agreement"] for row in only["because"]} == {"same"}
    order = {end: only[end]["fragment_id"] for end in ("one", "other")}
    assert desk.admin.post("/v1/merges/suggestions", json=order | {"decision": "reject"}).status_code == 200
    assert desk.admin.get("/v1/merges/suggestions", headers=SERVICE).json()["suggestions"] == []


def test_what_is_asked_wrongly_is_answered_with_what_is_wrong(desk: Desk) -> None:
    desk.send(ordered("ada"))
    view = look_up(desk, "user_id", "ada")
    path = f"/v1/profiles/{view['profile_id']}"
    own = fragments(view)["user_id"]
    for body in ({}, {"apart": [own]}, {"apart": [own, own], "merge_id": own}, {"apart": [own, own]}):
        assert desk.admin.post(f"{path}/unmerge", json=body).status_code == 400, body
    assert desk.admin.post(f"{path}/unmerge", json={"merge_id": own}).status_code == 404
    assert desk.admin.get(f"{path}/explain", headers=SERVICE, params={"one": own}).status_code == 400
    assert desk.admin.get(f"{path}/explain").status_code == 400
    assert desk.admin.get("/v1/merges/refused", params={"cursor": "zz"}).status_code == 400
    nobody = {end: {"kind": "user_id", "value": who} for end, who in (("one", "ada"), ("other", "nobody"))}
    assert desk.admin.post("/v1/merges", json=nobody).status_code == 404


def test_an_app_key_neither_explains_nor_merges(desk: Desk) -> None:
    desk.send(ordered("ada"))
    path = f"/v1/profiles/{look_up(desk, 'user_id', 'ada')['profile_id']}"
    assert desk.app.get(f"{path}/explain", headers=SERVICE).status_code == 403
    assert desk.app.get("/v1/merges").status_code == 403
    assert desk.app.get("/v1/merges/refused").status_code == 403
    assert desk.officer.post(f"{path}/unmerge", json={"merge_id": path[-36:]}).status_code == 403


def test_audiences_are_listed_with_their_members(desk: Desk) -> None:
    desk.send(*[ordered("ada", context=consent(Analytics=True)) for _ in range(3)], ordered("bob"))
    [one] = desk.admin.get("/v1/audiences").json()["audiences"]
    page = desk.admin.get(f"/v1/audiences/{one['audience']}").json()
    assert [row["profile_id"] for row in page["members"]] == [look_up(desk, "user_id", "ada")["profile_id"]]
    assert desk.admin.get("/v1/audiences/nobody").status_code == 404
    assert desk.app.get(f"/v1/audiences/{one['audience']}").status_code == 403
