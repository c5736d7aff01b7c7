"""Invariant 10: nothing of one workspace is reachable with another's credentials, keys or ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from registry.dsr.requests import Kind
from registry.flows.accountability import verify
from registry.keys.bundle import unwrap_bundles
from registry.model.compartment import IDENTITY
from registry.model.errors import SealBroken, SignatureInvalid
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, text_id
from tests.factories import consent, identify, ordered, track
from tests.simulator import ALL_YES, RegistrySimulator, Tenant

if TYPE_CHECKING:
    from starlette.testclient import TestClient

MARK = "zq-only-in-one"
ADA = {"kind": "email", "value": "ada@example.com"}


@pytest.fixture
def both(shared: RegistrySimulator) -> tuple[Tenant, Tenant]:
    """Two workspaces; only the first knows Ada."""
    one, other = shared.tenant("one"), shared.tenant("other")
    one.send(identify("ada", "browser", email="ada@example.com", first_name=MARK, context=consent(**ALL_YES)))
    one.send(ordered("ada", messageId=MARK), track(MARK, "ada"))
    other.send(ordered("somebody"))
    return one, other


@pytest.fixture
def client(shared: RegistrySimulator) -> Iterator[TestClient]:
    with shared.http() as opened:
        yield opened


def test_the_same_identifier_is_another_person_in_another_workspace(both: tuple[Tenant, Tenant]) -> None:
    one, other = both
    other.send(identify("ada", email="ada@example.com", first_name="Other"))
    assert one.traits("user_id", "ada")["first_name"] == MARK
    assert other.traits("user_id", "ada")["first_name"] == "Other"
    indexes = [tenant.workspace.indexer.index("user_id", "ada") for tenant in both]
    assert indexes[0] != indexes[1]


def test_a_subject_of_one_workspace_is_nobody_to_another(both: tuple[Tenant, Tenant], client: TestClient) -> None:
    _, other = both
    admin = other.bearer(other.keys.admin)
    asked: list[tuple[str, dict[str, Any]]] = [
        ("/v1/profiles/lookup", {"subject": ADA, "purpose": "service"}),
        ("/v1/consent/history", {"subject": ADA}),
        ("/v1/traces", {"message_id": MARK}),
    ]
    for path, body in asked:
        answer = client.post(path, json=body, headers=admin)
        assert answer.status_code == 404, path
        assert MARK not in answer.text
    decision = client.post("/v1/consent/check", json={"subject": ADA, "purpose": "marketing"}, headers=admin).json()
    assert (decision["allowed"], decision["reason"]) == (False, "unknown_subject")


def test_no_id_of_one_workspace_leads_anywhere_with_the_credentials_of_another(
    both: tuple[Tenant, Tenant], client: TestClient
) -> None:
    one, other = both
    profile = text_id(one.profile("user_id", "ada") or b"")
    access = text_id(one.run(one.request(Kind.ACCESS, "user_id", "ada")).request_id)
    waiting = text_id(one.request(Kind.ERASURE, "user_id", "ada").request_id)
    keys = client.get("/v1/keys", headers=one.bearer(one.keys.admin)).json()["keys"]
    admin = other.bearer(other.keys.admin)
    reads = [
        *[f"/v1/profiles/{profile}{part}" for part in ("", "/timeline", "/identifiers", "/merges")],
        *[f"/v1/dsr/requests/{access}{part}" for part in ("", "/events", "/package", "/certificate")],
    ]
    for path in reads:
        answer = client.get(path, headers=admin | {"Registry-Purpose": "service"})
        assert answer.status_code == 404, path
        assert MARK not in answer.text
    for move in ("verify", "approve", "cancel", "refuse", "run"):
        assert client.post(f"/v1/dsr/requests/{waiting}/{move}", headers=admin).status_code == 404, move
    for key in keys:
        assert client.delete(f"/v1/keys/{key['key_id']}", headers=admin).status_code == 404
    assert one.traits("user_id", "ada")["first_name"] == MARK
    assert client.get("/v1/sources", headers=one.bearer(one.keys.admin)).status_code == 200


def test_no_list_of_one_workspace_shows_anything_of_another(both: tuple[Tenant, Tenant], client: TestClient) -> None:
    one, other = both
    request = text_id(one.request(Kind.ACCESS, "user_id", "ada").request_id)
    admin = other.bearer(other.keys.admin)
    mine = {text_id(row.source_id) for row in (other.source.row,)}
    assert {s["source_id"] for s in client.get("/v1/sources", headers=admin).json()["sources"]} == mine
    assert client.get("/v1/violations", headers=admin).json()["violations"] == []
    assert client.get("/v1/dsr/requests", headers=admin).json()["requests"] == []
    assert request not in client.get("/v1/audit/entries?limit=500", headers=admin).text
    assert len(client.get("/v1/keys", headers=admin).json()["keys"]) == 3
    replayed = client.post("/v1/quarantine/replay", json={}, headers=admin).json()
    assert replayed["looked_at"] == 0


def test_a_change_of_consent_is_streamed_only_to_its_own_workspace(both: tuple[Tenant, Tenant]) -> None:
    from registry.flows.consent import changes as flow

    one, other = both
    one.say("user_id", "ada", "marketing", "withdrawn")
    deployment = one.registry.deployment
    assert flow.following(deployment, one.workspace, flow.BEGINNING, 100)
    assert flow.following(deployment, other.workspace, flow.BEGINNING, 100) == []


def test_a_write_key_feeds_its_own_workspace_only(both: tuple[Tenant, Tenant], client: TestClient) -> None:
    one, other = both
    call = ordered("visitor-of-other")
    answer = client.post("/v1/batch", json={"batch": [call]}, headers=other.basic())
    assert answer.json()["accepted"] == 1
    assert one.profile("user_id", "visitor-of-other") is None
    assert other.profile("user_id", "visitor-of-other") is not None
    assert one.send(call).counts == {"accepted": 1}, "a message id is one workspace's own"


def test_no_kind_of_key_does_the_work_of_another_kind(both: tuple[Tenant, Tenant], client: TestClient) -> None:
    one, _ = both
    lookup = {"subject": ADA, "purpose": "service"}
    assert client.post("/v1/profiles/lookup", json=lookup, headers=one.bearer(one.keys.write)).status_code == 401
    for secret in (one.keys.admin, one.keys.app):
        answer = client.post("/v1/batch", json={"batch": [ordered("x")], "writeKey": secret})
        assert answer.status_code == 401
    assert client.get("/v1/keys", headers=one.bearer(one.keys.app)).status_code == 403
    assert client.get("/v1/audit/entries", headers=one.bearer(one.keys.app)).status_code == 403


def test_the_keys_of_one_workspace_open_nothing_under_the_name_of_another(both: tuple[Tenant, Tenant]) -> None:
    one, other = both
    deployment = one.registry.deployment
    sql = "SELECT fragment_id, wrapped FROM key_bundle WHERE workspace_id = ?"
    theirs = [(FragmentId(bytes(f)), bytes(w)) for f, w in one.registry.key_rows(sql, one.workspace_id)]
    assert theirs
    with pytest.raises(SealBroken):
        unwrap_bundles(deployment.kms, other.workspace_id, theirs)
    grant = OpenGrant(other.workspace_id, frozenset({IDENTITY}), "test")
    assert deployment.keyring.for_opening(grant, {fragment: () for fragment, _ in theirs}) == {}


def test_a_checkpoint_of_one_workspace_is_no_checkpoint_of_another(both: tuple[Tenant, Tenant]) -> None:
    one, other = both
    kept = verify.checkpoint(one.registry.deployment, one.workspace)
    with pytest.raises(SignatureInvalid):
        verify.log(other.registry.deployment, other.workspace, [kept])
