"""The compatibility face of Segment's Profile API: off by default, for a purpose, and with Segment's shapes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from registry.model.ids import text_id
from tests.api.house import Desk
from tests.factories import identify, ordered


def path(desk: Desk, reference: str, part: str) -> str:
    return f"/v1/spaces/{text_id(desk.tenant.workspace_id)}/collections/users/profiles/{reference}/{part}"


@pytest.fixture
def switched_on(desk: Desk) -> Iterator[Desk]:
    state = desk.house.app.state
    before = state.registry
    state.registry = replace(before, spaces=True)
    yield desk
    state.registry = before


def test_it_is_off_unless_switched_on(desk: Desk) -> None:
    desk.send(ordered("ada"))
    answer = desk.app.get(path(desk, "user_id:ada", "traits"))
    assert answer.status_code == 404
    assert "REGISTRY_SPACES_API" in answer.json()["hint"]


def test_a_segment_client_reads_traits_ids_events_and_metadata(switched_on: Desk) -> None:
    desk = switched_on
    desk.send(identify("ada", "b1", email="ada@example.com", first_name="Ada", last_name="L"), ordered("ada"))
    token = base64.b64encode(f"{desk.tenant.keys.app}:".encode()).decode()
    with desk.house.caller(authorization=f"Basic {token}") as client:
        traits = client.get(path(desk, "email:ada@example.com", "traits"), params={"limit": 2}).json()
        assert traits["cursor"] == {"url": "", "has_more": True, "next": "2", "limit": 2}
        more = client.get(path(desk, "user_id:ada", "traits"), params={"limit": 2, "next": "2"}).json()
        everything = traits["traits"] | more["traits"]
        assert (everything["first_name"], everything["last_name"]) == ("Ada", "L")
        one = client.get(path(desk, "user_id:ada", "traits"), params={"include": "first_name"}).json()
        assert one["traits"] == {"first_name": "Ada"}
        ids = client.get(path(desk, "anonymous_id:b1", "external_ids")).json()["data"]
        assert {(row["type"], row["id"]) for row in ids} >= {("user_id", "ada"), ("anonymous_id", "b1")}
        events = client.get(path(desk, "user_id:ada", "events"), params={"limit": 1}).json()
        assert [row["event"] for row in events["data"]] == ["Order Completed"]
        rest = client.get(path(desk, "user_id:ada", "events"), params={"next": events["cursor"]["next"]}).json()
        assert [row["type"] for row in rest["data"]] == ["identify"]
        assert "created_at" in client.get(path(desk, "user_id:ada", "metadata")).json()["metadata"]


def test_it_reads_for_a_purpose_and_shows_no_more_than_that(switched_on: Desk) -> None:
    desk = switched_on
    desk.send(identify("ada", first_name="Ada"))
    several = desk.admin.get(path(desk, "user_id:ada", "traits"))
    assert several.status_code == 400, "a key with several purposes has to name one"
    refused = desk.admin.get(path(desk, "user_id:ada", "traits"), headers={"Registry-Purpose": "marketing"})
    assert (refused.status_code, refused.json()["code"]) == (403, "purpose-denied")
    assert desk.app.get(path(desk, "user_id:ada", "traits")).json()["registry"]["purpose"] == "service"


@pytest.mark.parametrize(
    ("reference", "status"), [("ada", 400), ("user_id:", 400), ("nothing:ada", 400), ("user_id:nobody", 404)]
)
def test_a_reference_that_names_nobody_is_refused(switched_on: Desk, reference: str, status: int) -> None:
    assert switched_on.app.get(path(switched_on, reference, "traits")).status_code == status


def test_another_workspace_s_space_is_not_there(switched_on: Desk) -> None:
    url = "/v1/spaces/0195e7a0-0000-7000-8000-000000000001/collections/users/profiles/user_id:ada/traits"
    assert switched_on.app.get(url).status_code == 404
    with httpx.Client(base_url=switched_on.house.url, trust_env=False) as nobody:
        assert nobody.get(path(switched_on, "user_id:ada", "traits")).status_code == 401
