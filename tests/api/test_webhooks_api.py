"""Webhooks over HTTP: made, shown without their secrets, moved, removed, and nobody else's."""

from __future__ import annotations

from uuid import uuid4

from tests.api.house import Desk

HOOK = {"name": "mailing", "url": "https://mailing.example/hooks/secret-path", "topics": ["consent.changed"]}


def test_a_webhook_is_made_shown_moved_and_removed(desk: Desk) -> None:
    made = desk.admin.post("/v1/webhooks", json=HOOK)
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    path = f"/v1/webhooks/{made.json()['webhook_id']}"
    shown = desk.admin.get(path).json()
    assert (shown["origin"], shown["state"], shown["waiting"]) == ("https://mailing.example", "active", 0)
    assert "secret" not in desk.admin.get("/v1/webhooks").text
    assert desk.admin.post(f"{path}/pause").json()["state"] == "paused"
    assert desk.admin.post(f"{path}/test").json()["waiting"] == 1
    assert desk.admin.get(f"{path}/dead").json() == {"messages": []}
    assert desk.admin.post(f"{path}/replay").status_code == 200
    assert desk.admin.post(f"{path}/nonsense").status_code == 404
    assert desk.admin.post(f"{path}/resume").json()["state"] == "active"
    assert desk.admin.delete(path).status_code == 204
    assert desk.admin.get(path).status_code == 404


def test_what_cannot_be_subscribed_is_refused_without_being_repeated(desk: Desk) -> None:
    for more in ({"url": "http://elsewhere.example/planted"}, {"topics": []}, {"topics": ["nonsense"]},
                 {"purpose": "planted"}):  # fmt: skip
        answer = desk.admin.post("/v1/webhooks", json=HOOK | more)
        assert answer.status_code == 400
        assert "planted" not in answer.text


def test_a_webhook_of_another_workspace_is_not_there(desk: Desk) -> None:
    made = desk.admin.post("/v1/webhooks", json=HOOK).json()["webhook_id"]
    other = Desk(desk.house, desk._stack)
    for identity in (made, str(uuid4())):
        assert other.admin.get(f"/v1/webhooks/{identity}").status_code == 404
        assert other.admin.delete(f"/v1/webhooks/{identity}").status_code == 404
        assert other.admin.post(f"/v1/webhooks/{identity}/test").status_code == 404
    assert other.admin.get("/v1/webhooks").json() == {"webhooks": []}
