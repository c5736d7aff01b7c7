"""An erasure of somebody whose identifiers do not open: it waits for them to be restored, or for a decision."""

from __future__ import annotations

import pytest

from registry.dsr.requests import Kind
from registry.flows.accountability import verify
from registry.flows.dsr import going_without, holds, lifecycle
from registry.flows.upkeep import rotation
from registry.model.errors import Conflict, SealBroken
from registry.model.stored import StoredRequest
from registry.store.rows import execute, query
from tests.factories import identify, ordered
from tests.simulator import Tenant

ADA, HER_ID, BOB = ("email", "ada@example.com"), ("user_id", "ada"), ("user_id", "bob")


@pytest.fixture(autouse=True)
def _known(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com"), ordered("ada"), identify("bob"), ordered("bob"))


def _damage_bundle(tenant: Tenant) -> None:
    """Change the last byte of the key bundle that holds her user id and events."""
    holder = tenant.fragment(tenant.person(*HER_ID))
    with tenant.registry.deployment.keystore.owner(writes=True) as transaction:
        [(wrapped,)] = query(transaction, "SELECT wrapped FROM key_bundle WHERE fragment_id = ?", holder)
        changed = bytes(wrapped)[:-1] + bytes([bytes(wrapped)[-1] ^ 1])
        execute(transaction, "UPDATE key_bundle SET wrapped = ? WHERE fragment_id = ?", changed, holder)
    tenant.registry.deployment.keyring.forget()


def _damage_identifier(tenant: Tenant) -> None:
    """Cut off the last byte of her user id, where it is sealed."""
    holder = tenant.fragment(tenant.person(*HER_ID))
    with tenant.registry.deployment.data.owner(writes=True) as transaction:
        [(sealed,)] = query(transaction, "SELECT sealed FROM identifier WHERE fragment_id = ?", holder)
        execute(transaction, "UPDATE identifier SET sealed = ? WHERE fragment_id = ?", bytes(sealed)[:-1], holder)
    tenant.registry.deployment.keyring.forget()


def _now(tenant: Tenant, request: StoredRequest) -> StoredRequest:
    return lifecycle.get(tenant.registry.deployment, tenant.workspace, request.request_id)[0]


@pytest.mark.parametrize("damage", [_damage_bundle, _damage_identifier])
@pytest.mark.parametrize("is_held", [False, True])
def test_it_is_decided_to_erase_them_unread_and_the_certificate_says_so(
    tenant: Tenant, damage: object, is_held: bool
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    if is_held:
        holds.place(deployment, workspace, tenant.person(*ADA), ground="claim 1", purpose="legal", actor="person:first")
    damage(tenant)  # type: ignore[operator]
    request = tenant.request(Kind.ERASURE, *ADA)
    with pytest.raises(SealBroken, match="does not open") as raised:
        tenant.run(request)
    assert "override --system registry" in (raised.value.hint or "")
    assert going_without.dispensable(deployment, _now(tenant, request)) == ["registry"]
    given = deployment, workspace, request.request_id
    going_without.override(*given, "registry", reason="no backup has it", actor="person:first")
    with pytest.raises(Conflict, match="decided before"):
        going_without.override(*given, "registry", reason="no backup has it", actor="person:first")
    done = lifecycle.go_on(deployment, workspace, _now(tenant, request))
    assert done.state == "completed"
    assert tenant.profile(*HER_ID) is None
    assert tenant.people() == {frozenset({BOB})}
    _, claims = verify.document(done.certificate or "", workspace.jwks())
    [told] = [one for one in claims["fields"] if one["field"] == "what does not open"]  # type: ignore[attr-defined]
    assert (told["system"], told["table"], told["disposition"], told["rows"]) == ("registry", "identifier", "erased", 1)
    assert told["ground"].endswith("decided by person:first: no backup has it")
    # What could be read is suppressed; the other comes in again as somebody whom nobody knows.
    assert tenant.send(identify("anna", email="ada@example.com")).counts == {"suppressed": 1}
    assert tenant.send(identify("ada")).counts == {"accepted": 1}
    assert ("email", "ada@example.com") not in {one for person in tenant.people() for one in person}


def test_the_generation_of_its_key_can_be_destroyed_then(tenant: Tenant) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    _damage_bundle(tenant)
    request = tenant.request(Kind.ERASURE, *ADA)
    with pytest.raises(SealBroken):
        tenant.run(request)
    with pytest.raises(SealBroken):
        rotation.rotate(deployment, workspace)
    given = deployment, workspace, request.request_id
    going_without.override(*given, "registry", reason="no backup has it", actor="person:first")
    assert lifecycle.go_on(deployment, workspace, _now(tenant, request)).state == "completed"
    rotation.rotate(deployment, workspace, start=False)
    rotation.destroy(deployment, workspace.workspace_id, 1)


def test_nobody_decides_so_of_what_opens_or_of_what_gives_out(tenant: Tenant) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    whole = tenant.request(Kind.ERASURE, *BOB)
    with pytest.raises(Conflict, match="waits for no system"):
        going_without.override(
            deployment, workspace, whole.request_id, "registry", reason="a slip", actor="person:first"
        )
    _damage_identifier(tenant)
    given = tenant.run(tenant.request(Kind.ACCESS, *ADA))
    assert given.state == "completed"  # and its package says that something is damaged


def test_what_was_restored_meanwhile_is_suppressed_as_ever(tenant: Tenant) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    _damage_bundle(tenant)
    request = tenant.request(Kind.ERASURE, *ADA)
    with pytest.raises(SealBroken):
        tenant.run(request)
    given = deployment, workspace, request.request_id
    going_without.override(*given, "registry", reason="no backup has it", actor="person:first")
    _damage_bundle(tenant)  # the same byte once more
    done = lifecycle.go_on(deployment, workspace, _now(tenant, request))
    _, claims = verify.document(done.certificate or "", workspace.jwks())
    assert not [one for one in claims["fields"] if one["field"] == "what does not open"]  # type: ignore[attr-defined]
    assert tenant.send(identify("ada")).counts == {"suppressed": 1}
