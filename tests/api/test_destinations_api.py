"""Destinations over HTTP: made, shown without their secrets, moved, removed, and nobody else's."""

from __future__ import annotations

from uuid import uuid4

from tests.api.house import Desk

SYSTEM = {
    "name": "mailing", "kind": "webhook", "purpose": "marketing", "url": "https://mailing.example/events/secret-path",
    "traits": ["email"],
}  # fmt: skip


def test_a_destination_is_made_shown_moved_and_removed(desk: Desk) -> None:
    made = desk.admin.post("/v1/destinations", json=SYSTEM)
    assert made.status_code == 201
    path = f"/v1/destinations/{made.json()['destination_id']}"
    shown = desk.admin.get(path).json()
    assert (shown["origin"], shown["state"], shown["backlog"]) == ("https://mailing.example", "active", 0)
    assert (shown["events"], shown["traits"]) == (["*"], ["email"])
    assert "secret" not in desk.admin.get("/v1/destinations").text
    assert desk.admin.post(f"{path}/pause").json()["state"] == "paused"
    desk.send({"type": "track", "userId": "ada", "event": "Order Completed",
               "properties": {"order_id": "o", "products": []}})  # fmt: skip
    assert desk.admin.get(path).json()["backlog"] == 1
    assert desk.admin.get(f"{path}/refused").json() == {"events": []}
    assert desk.admin.post(f"{path}/replay").status_code == 200
    assert desk.admin.post(f"{path}/nonsense").status_code == 404
    assert desk.admin.post(f"{path}/resume").json()["state"] == "active"
    assert desk.admin.get(f"/v1/destinations/erasures?request_id={uuid4()}").json() == {"erasures": []}
    assert desk.admin.delete(path).status_code == 204
    assert desk.admin.get(path).status_code == 404


def test_what_cannot_be_a_destination_is_refused_without_being_repeated(desk: Desk) -> None:
    for more in ({"url": "http://elsewhere.example/planted"}, {"events": []}, {"events": ["planted@example.com"]},
                 {"purpose": "planted"}, {"kind": "planted"}, {"write_key": "planted"}):  # fmt: skip
        answer = desk.admin.post("/v1/destinations", json=SYSTEM | more)
        assert answer.status_code == 400
        assert "planted" not in answer.text


def test_a_destination_of_another_workspace_is_not_there(desk: Desk) -> None:
    made = desk.admin.post("/v1/destinations", json=SYSTEM).json()["destination_id"]
    other = Desk(desk.house, desk._stack)
    assert other.admin.get(f"/v1/destinations/{made}").status_code == 404
    assert other.admin.delete(f"/v1/destinations/{made}").status_code == 404
    assert other.admin.post(f"/v1/destinations/{made}/pause").status_code == 404
    assert other.admin.get("/v1/destinations").json() == {"destinations": []}
