"""Signing keys change while servers run: nobody meets a signature whose key they cannot find."""

from __future__ import annotations

import pytest

from registry.access.key_ages import KeyKind
from registry.flows.accountability import verify
from registry.flows.upkeep import rotation
from registry.flows.workspace import PUBLISHED_BEFORE_USE, open_workspace
from registry.keys.notes import verify_note
from registry.model.clock import DAY, SECOND
from registry.model.errors import Conflict, KmsUnavailable, SignatureInvalid
from tests.conftest import SetClock
from tests.factories import ordered
from tests.simulator import Tenant


def _states(tenant: Tenant) -> dict[int, str]:
    own = rotation.status(tenant.registry.deployment, tenant.workspace_id).own
    return {key.version: key.state for key in own if key.name == "signing"}


def test_a_new_signing_key_is_published_before_it_signs_and_the_old_one_stays(tenant: Tenant, clock: SetClock) -> None:
    deployment = tenant.registry.deployment
    tenant.send(ordered("ada"))
    before = open_workspace(deployment, tenant.workspace_id)
    kept = verify.checkpoint(deployment, before)
    assert rotation.rotate_signing(deployment, before, actor="person:admin") == 2
    announced = open_workspace(deployment, tenant.workspace_id)
    assert announced.signing.public == before.signing.public
    assert announced.published[0] == before.published[0]
    assert len(announced.published) == 2
    assert _states(tenant) == {1: "current", 2: "coming"}
    clock.pass_by(seconds=PUBLISHED_BEFORE_USE / SECOND)
    after = open_workspace(deployment, tenant.workspace_id)
    assert after.signing.public == announced.verifying[1] != before.signing.public
    assert after.jwks() == announced.jwks()
    assert _states(tenant) == {1: "retired", 2: "current"}
    assert verify.log(deployment, after, [kept]) == [], "a checkpoint of the old key still counts"
    note = verify.checkpoint(deployment, after)
    assert any(_verifies(note, public) for public in announced.verifying), "a server of before knows the new key"


def _verifies(note: str, public: bytes) -> bool:
    try:
        return bool(verify_note(note, note.splitlines()[0], public))
    except SignatureInvalid:
        return False


def test_signing_keys_are_not_rotated_faster_than_they_are_published(tenant: Tenant) -> None:
    deployment = tenant.registry.deployment
    rotation.rotate_signing(deployment, tenant.workspace, actor="person:admin")
    with pytest.raises(Conflict, match="does not sign yet"):
        rotation.rotate_signing(deployment, tenant.workspace, actor="person:admin")


def test_a_rotation_without_the_key_service_changes_nothing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = tenant.registry.deployment

    def down(*_: object) -> list[bytes]:
        raise KmsUnavailable("the key service did not answer")

    monkeypatch.setattr(deployment.kms, "wrap_many", down)
    with pytest.raises(KmsUnavailable):
        rotation.rotate_signing(deployment, tenant.workspace, actor="person:admin")
    assert _states(tenant) == {1: "current"}


def test_a_rotation_is_due_when_the_present_key_is_old(tenant: Tenant, clock: SetClock) -> None:
    deployment = tenant.registry.deployment
    for kind in KeyKind:
        assert not rotation.is_due(deployment, tenant.workspace_id, kind, older_than=90 * DAY)
    clock.pass_by(days=91)
    assert rotation.is_due(deployment, tenant.workspace_id, KeyKind.SIGNING, older_than=90 * DAY)
    rotation.rotate_signing(deployment, tenant.workspace, actor="person:admin")
    assert not rotation.is_due(deployment, tenant.workspace_id, KeyKind.SIGNING, older_than=90 * DAY)
