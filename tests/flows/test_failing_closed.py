"""Invariant 9: what cannot be decided or opened is denied, and nothing is acknowledged that is not stored."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry.access.policy import PrincipalKind
from registry.dsr.requests import Kind
from registry.flows.access import credentials
from registry.flows.dsr import export
from registry.model.errors import KeyFileInsecure, KmsUnavailable, NotInitialised, RegistryError, SealBroken
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered
from tests.simulator import ALL_YES, RegistrySimulator, Tenant

if TYPE_CHECKING:
    from starlette.testclient import TestClient

ADA = {"kind": "user_id", "value": "ada"}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistrySimulator]:
    made = RegistrySimulator(tmp_path, SetClock())
    yield made
    made.close()


@pytest.fixture
def tenant(registry: RegistrySimulator) -> Tenant:
    made = registry.tenant()
    made.send(identify("ada", first_name="Ada", email="ada@example.com", context=consent(**ALL_YES)))
    return made


@pytest.fixture
def client(registry: RegistrySimulator, tenant: Tenant) -> Iterator[TestClient]:
    with registry.http() as opened:
        yield opened


def _later(tenant: Tenant, seconds: float = 120) -> None:
    """Let every cache run out."""
    clock = tenant.registry.clock
    assert isinstance(clock, SetClock)
    clock.pass_by(seconds=seconds)


def _is_shut(tenant: Tenant, client: TestClient, status: int = 503) -> None:
    """Nothing is read, nothing is taken in, nothing is acknowledged, and the server says that it is not ready."""
    lookup = {"subject": ADA, "purpose": "service"}
    assert (
        client.post("/v1/profiles/lookup", json=lookup, headers=tenant.bearer(tenant.keys.admin)).status_code == status
    )
    answer = client.post("/v1/batch", json={"batch": [ordered("ada"), ordered("new")]}, headers=tenant.basic())
    assert answer.status_code == status
    assert client.get("/readyz").status_code == 503
    checked = client.post(
        "/v1/consent/check", json={"subject": ADA, "purpose": "marketing"}, headers=tenant.bearer(tenant.keys.app)
    )
    assert checked.status_code == status or not checked.json()["allowed"]


def test_a_key_file_that_is_gone_shuts_everything_until_it_is_back(
    tenant: Tenant, client: TestClient, tmp_path: Path
) -> None:
    (tmp_path / "kek.json").rename(tmp_path / "elsewhere.json")
    _later(tenant)
    _is_shut(tenant, client)
    (tmp_path / "elsewhere.json").rename(tmp_path / "kek.json")
    assert client.get("/readyz").status_code == 200
    assert tenant.traits("user_id", "ada")["first_name"] == "Ada"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
def test_a_key_file_that_others_can_read_shuts_everything(
    tenant: Tenant, client: TestClient, tmp_path: Path, mode: int
) -> None:
    (tmp_path / "kek.json").chmod(mode)
    _later(tenant)
    _is_shut(tenant, client)
    with pytest.raises(KeyFileInsecure):
        tenant.registry.deployment.kms.check()


def test_a_key_file_of_another_registry_opens_nothing(tenant: Tenant, client: TestClient, tmp_path: Path) -> None:
    stranger = RegistrySimulator(tmp_path / "stranger", SetClock())
    stranger.tenant()
    stranger.close()
    (tmp_path / "kek.json").write_bytes((tmp_path / "stranger/kek.json").read_bytes())
    _later(tenant)
    lookup = {"subject": ADA, "purpose": "service"}
    answer = client.post("/v1/profiles/lookup", json=lookup, headers=tenant.bearer(tenant.keys.admin))
    assert answer.status_code == 503
    assert client.post("/v1/batch", json={"batch": [ordered("ada")]}, headers=tenant.basic()).status_code == 503


def test_a_keystore_that_is_gone_shuts_everything(tenant: Tenant, client: TestClient, tmp_path: Path) -> None:
    tenant.registry.deployment.keystore.close()
    for file in tmp_path.glob("keys.db*"):
        file.unlink()
    _later(tenant)
    _is_shut(tenant, client)


def test_without_a_keystore_no_server_starts(tenant: Tenant, tmp_path: Path) -> None:
    tenant.registry.close()
    (tmp_path / "keys.db").unlink()
    with pytest.raises(NotInitialised):
        tenant.registry.connect()


def test_an_empty_keystore_makes_no_new_keys_for_what_is_there(tenant: Tenant, client: TestClient) -> None:
    with tenant.registry.deployment.keystore.owner(writes=True) as transaction:
        transaction.exec_driver_sql("DELETE FROM key_bundle")
        transaction.exec_driver_sql("DELETE FROM workspace_secret")
    _later(tenant)
    lookup = {"subject": ADA, "purpose": "service"}
    answer = client.post("/v1/profiles/lookup", json=lookup, headers=tenant.bearer(tenant.keys.admin))
    assert answer.status_code == 503
    assert client.post("/v1/batch", json={"batch": [ordered("ada")]}, headers=tenant.basic()).status_code == 503


def test_a_store_that_cannot_commit_acknowledges_nothing(tenant: Tenant, client: TestClient) -> None:
    with tenant.registry.deployment.data.owner(writes=True) as transaction:
        transaction.exec_driver_sql("ALTER TABLE event RENAME TO event_away")
    answer = client.post("/v1/batch", json={"batch": [ordered("ada")]}, headers=tenant.basic())
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    with tenant.registry.deployment.data.owner(writes=True) as transaction:
        transaction.exec_driver_sql("ALTER TABLE event_away RENAME TO event")
    assert tenant.timeline("user_id", "ada")


@pytest.mark.parametrize(
    ("table", "column"), [("trait_assertion", "sealed"), ("identifier", "sealed"), ("event", "body")]
)
@pytest.mark.parametrize("damage", [lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]), lambda sealed: sealed[:20]])
def test_a_damaged_value_opens_nothing_is_counted_and_leaves_the_rest_readable(
    tenant: Tenant, table: str, column: str, damage: Callable[[bytes], bytes]
) -> None:
    tenant.send(ordered("ada"), ordered("ada", order_id="order-2"))
    rows = tenant.registry.rows(f"SELECT rowid, {column} FROM {table} ORDER BY rowid")
    row, sealed = rows[0 if table == "trait_assertion" else -1]  # the last of those is a computed one
    with tenant.registry.deployment.data.owner(writes=True) as transaction:
        transaction.exec_driver_sql(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (damage(sealed), row))
    view, events = tenant.lookup("user_id", "ada", "service"), tenant.timeline("user_id", "ada")
    if table == "event":
        told = [[one["reason"] for one in event["withheld"]["reasons"]] for event in events]
        assert ["damaged" in reasons for reasons in told] == [True, False, False]
        assert [event["content"] == {} for event in events] == [True, False, False]
    else:
        told = {reason["reason"]: reason["count"] for reason in view["withheld"]["reasons"]}
        assert told["damaged"] == 1
    assert view["traits"] and view["identifiers"] and len(events) == 3


@pytest.mark.parametrize("place", [-1, 1, 4], ids=["what is wrapped", "generation, high", "generation, low"])
def test_a_damaged_bundle_is_not_taken_for_a_shredded_one(tenant: Tenant, place: int) -> None:
    tenant.send(identify("eve", first_name="Eve"))
    own = "SELECT fragment_id FROM fragment WHERE profile_id = ? ORDER BY created_at, fragment_id"
    ada = tenant.registry.rows(own, tenant.profile("user_id", "ada"))[-1][0]  # the first keeps the trail of reads
    wrapped = tenant.registry.key_rows("SELECT wrapped FROM key_bundle WHERE fragment_id = ?", ada)[0][0]
    with tenant.registry.deployment.keystore.owner(writes=True) as transaction:
        changed, damaged = "UPDATE key_bundle SET wrapped = ? WHERE fragment_id = ?", bytearray(wrapped)
        damaged[place] ^= 1
        transaction.exec_driver_sql(changed, (bytes(damaged), ada))
    tenant.registry.restart()
    told = {row["reason"]: row["count"] for row in tenant.lookup("user_id", "ada", "service")["withheld"]["reasons"]}
    assert told["damaged"] > 0 and "shredded" not in told
    assert tenant.traits("user_id", "eve") == {"first_name": "Eve"}
    with pytest.raises(SealBroken):  # not suppressed, so not erased: the person would come back
        tenant.erase("user_id", "ada")


def test_an_access_package_says_how_much_of_it_is_damaged(tenant: Tenant) -> None:
    row, sealed = tenant.registry.rows("SELECT rowid, sealed FROM trait_assertion WHERE trait = 'first_name'")[0]
    with tenant.registry.deployment.data.owner(writes=True) as transaction:
        transaction.exec_driver_sql("UPDATE trait_assertion SET sealed = ? WHERE rowid = ?", (sealed[:-1], row))
    request = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    stream = io.BytesIO()
    export.write_package(tenant.registry.deployment, tenant.workspace, request, stream, actor="test")
    with zipfile.ZipFile(stream) as archive:
        assert json.loads(archive.read("manifest.json"))["damaged"] == 1
        assert [row["trait"] for row in json.loads(archive.read("traits.json"))] == ["email"]


def test_a_ciphertext_moved_to_another_person_s_row_does_not_open(tenant: Tenant) -> None:
    tenant.send(identify("eve", first_name="Eve"))
    rows = tenant.registry.rows("SELECT rowid, sealed FROM trait_assertion WHERE trait = 'first_name' ORDER BY rowid")
    (first, one), (second, other) = rows
    with tenant.registry.deployment.data.owner(writes=True) as transaction:
        for row, sealed in ((first, other), (second, one)):
            transaction.exec_driver_sql("UPDATE trait_assertion SET sealed = ? WHERE rowid = ?", (sealed, row))
    assert tenant.traits("user_id", "ada") == {"email": "ada@example.com"}
    assert tenant.traits("user_id", "eve") == {}


@pytest.mark.parametrize("purpose", ["", "unheard-of", "Service", "service ", "*", "marketing,service", "@identity"])
def test_an_unknown_purpose_is_denied_everywhere(tenant: Tenant, client: TestClient, purpose: str) -> None:
    admin = tenant.bearer(tenant.keys.admin)
    decision = client.post("/v1/consent/check", json={"subject": ADA, "purpose": purpose}, headers=admin)
    assert decision.json()["allowed"] is False
    lookup = {"subject": ADA, "purpose": purpose}
    assert client.post("/v1/profiles/lookup", json=lookup, headers=admin).status_code in (400, 403)
    record = {"subject": ADA, "purpose": purpose, "status": "granted"}
    assert client.post("/v1/consent/records", json=record, headers=admin).status_code == 400


def test_an_expired_key_stops_working_at_its_hour(tenant: Tenant, client: TestClient) -> None:
    until = tenant.registry.clock() + 60_000_000
    secret = credentials.create_key(
        tenant.registry.deployment, tenant.workspace_id, kind=PrincipalKind.APP, role="app", name="short",
        purposes=frozenset({"service"}), expires_at=until, actor="operator",
    ).secret  # fmt: skip
    question = {"subject": ADA, "purpose": "service"}
    assert client.post("/v1/consent/check", json=question, headers=tenant.bearer(secret)).status_code == 200
    _later(tenant, 58)
    assert client.post("/v1/consent/check", json=question, headers=tenant.bearer(secret)).status_code == 200
    _later(tenant, 2)
    assert client.post("/v1/consent/check", json=question, headers=tenant.bearer(secret)).status_code == 401


def test_a_revoked_key_stops_working_within_seconds(tenant: Tenant, client: TestClient) -> None:
    admin = tenant.bearer(tenant.keys.admin)
    made = client.post(
        "/v1/keys", json={"kind": "app", "role": "app", "name": "n", "purposes": ["service"]}, headers=admin
    )
    question, own = {"subject": ADA, "purpose": "service"}, tenant.bearer(made.json()["secret"])
    assert client.post("/v1/consent/check", json=question, headers=own).status_code == 200
    assert client.delete(f"/v1/keys/{made.json()['key_id']}", headers=admin).status_code == 204
    _later(tenant, 2)
    assert client.post("/v1/consent/check", json=question, headers=own).status_code == 401


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer "}, {"authorization": "Bearer nonsense"}])
def test_without_a_valid_key_nothing_is_answered(tenant: Tenant, client: TestClient, header: dict[str, str]) -> None:
    question = {"subject": ADA, "purpose": "service"}
    for path in ("/v1/consent/check", "/v1/profiles/lookup", "/v1/consent/filter?purpose=service", "/v1/traces"):
        assert client.post(path, json=question, headers=header).status_code == 401, path
    for path in ("/v1/keys", "/v1/audit/entries", "/v1/violations", "/v1/policies", "/v1/consent/changes"):
        assert client.get(path, headers=header).status_code == 401, path


def test_a_role_that_the_policy_no_longer_has_may_do_nothing(tenant: Tenant) -> None:
    who = dataclasses.replace(tenant.principal(), role="retired")
    with pytest.raises(RegistryError):
        from registry.flows.profiles import read

        deployment = tenant.registry.deployment
        read.lookup(deployment, tenant.workspace, who, tenant.person("user_id", "ada"), "service")


def test_a_key_file_that_cannot_be_parsed_is_said_to_be_so_without_its_content(tenant: Tenant, tmp_path: Path) -> None:
    content = (tmp_path / "kek.json").read_bytes()
    (tmp_path / "kek.json").write_bytes(content[:-20])
    _later(tenant)
    with pytest.raises(KmsUnavailable) as raised:
        tenant.traits("user_id", "ada")
    assert content[60:90].decode() not in str(raised.value)
