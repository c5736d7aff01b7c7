"""A damaged bundle holds up no other: what can be moved under the new KEK is, and the old one stays for what cannot."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from registry.access.key_ages import AgeRule, KeyKind, KeyPolicy
from registry.flows.upkeep import ageing, rotation
from registry.model.clock import DAY
from registry.model.errors import Conflict, SealBroken
from registry.model.ids import text_id
from registry.store.rows import execute
from tests.conftest import SetClock
from tests.factories import identify
from tests.flows.test_key_policy import under_policy
from tests.simulator import Tenant

PEOPLE = ("ada", "bob", "eve")


def flipped(place: int) -> Callable[[bytes], bytes]:
    return lambda wrapped: bytes(byte ^ 1 if at == place % len(wrapped) else byte for at, byte in enumerate(wrapped))


DAMAGES = {"what is wrapped": flipped(-1), "its generation": flipped(4), "cut short": lambda wrapped: wrapped[:3]}


def damage(tenant: Tenant, user: str, how: Callable[[bytes], bytes]) -> tuple[bytes, bytes]:
    """Damage the bundle of a user; whose it is, and how it was."""
    holder = tenant.fragment(tenant.person("user_id", user))
    [(wrapped,)] = tenant.registry.key_rows("SELECT wrapped FROM key_bundle WHERE fragment_id = ?", holder)
    put(tenant, holder, how(wrapped))
    return holder, wrapped


def put(tenant: Tenant, holder: bytes, wrapped: bytes) -> None:
    with tenant.registry.deployment.keystore.owner(writes=True) as transaction:
        execute(transaction, "UPDATE key_bundle SET wrapped = ? WHERE fragment_id = ?", wrapped, holder)


@pytest.mark.parametrize("how", DAMAGES.values(), ids=DAMAGES)
def test_all_others_are_moved_and_what_is_damaged_is_named(tenant: Tenant, how: Callable[[bytes], bytes]) -> None:
    tenant.send(*[identify(user, first_name=user) for user in PEOPLE])
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    holder, whole = damage(tenant, "bob", how)
    with pytest.raises(SealBroken) as raised:
        rotation.rotate(deployment, workspace)
    assert raised.value.extra["bundles"] == [text_id(holder)]
    left = tenant.registry.key_rows(
        "SELECT fragment_id FROM key_bundle WHERE workspace_id = ? AND generation = 1", tenant.workspace_id
    )
    assert [bytes(one) for (one,) in left] == [holder]
    with pytest.raises(Conflict, match="1 bundles and 0 secrets"):
        rotation.destroy(deployment, tenant.workspace_id, 1)
    put(tenant, holder, whole)
    assert rotation.rotate(deployment, workspace, start=False) == 2
    rotation.destroy(deployment, tenant.workspace_id, 1)
    tenant.registry.restart()
    assert [tenant.traits("user_id", user)["first_name"] for user in PEOPLE] == list(PEOPLE)


def test_what_is_damaged_keeps_the_server_from_nothing_else(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(*[identify(user, first_name=user) for user in PEOPLE])
    deployment = tenant.registry.deployment
    damage(tenant, "bob", flipped(-1))
    deployment.kms.create_generation(tenant.workspace_id)
    clock.pass_by(days=91)
    policy = KeyPolicy({KeyKind.SIGNING: AgeRule(90 * DAY, True)}, AgeRule(30 * DAY, True))
    with under_policy(tenant, policy), pytest.raises(SealBroken):
        ageing.keep(tenant.registry.deployment, tenant.workspace, actor="registry")
    found = rotation.status(deployment, tenant.workspace_id)
    assert next(one.bundles for one in found.generations) == 1
    assert [key.state for key in found.own if key.name == "signing"] == ["current", "coming"]
