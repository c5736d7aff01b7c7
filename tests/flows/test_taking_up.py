"""Invariant 12: a request that its process did not bring to an end is taken up by whichever server looks next."""

from __future__ import annotations

import pytest

from registry.api.dsr import request_json
from registry.dsr.requests import Kind
from registry.flows.dsr import lifecycle
from registry.flows.upkeep import reindexing
from registry.flows.workspace import STORED_BEFORE_MOVE
from registry.model.clock import SECOND
from registry.model.errors import Conflict, SealBroken
from registry.model.stored import StoredRequest
from tests.conftest import SetClock
from tests.factories import identify
from tests.simulator import RegistrySimulator, Tenant


def _wrapped(tenant: Tenant, wrapped: bytes | None = None) -> bytes:
    """The only person's wrapped keys; replaced, where others are given."""
    holder = tenant.fragment(tenant.person("user_id", "ada"))
    [(found,)] = tenant.registry.key_rows("SELECT wrapped FROM key_bundle WHERE fragment_id = ?", holder)
    if wrapped is not None:
        with tenant.registry.deployment.keystore.owner(writes=True) as transaction:
            mark = "?" if tenant.registry.deployment.keystore.is_sqlite else "%s"
            changed = f"UPDATE key_bundle SET wrapped = {mark} WHERE fragment_id = {mark}"
            transaction.exec_driver_sql(changed, (wrapped, holder))
    return bytes(found)


def _due(tenant: Tenant) -> list[StoredRequest]:
    return lifecycle.due(tenant.registry.deployment, tenant.workspace)


def _go_on(tenant: Tenant, request: StoredRequest) -> StoredRequest:
    return lifecycle.go_on(tenant.registry.deployment, tenant.workspace, request)


def test_a_request_that_an_error_stopped_is_run_again_until_it_is_done(registry: RegistrySimulator) -> None:
    tenant, clock = registry.tenant(), registry.clock
    assert isinstance(clock, SetClock)
    tenant.send(identify("ada", first_name="Ada"))
    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    whole = _wrapped(tenant)
    _wrapped(tenant, whole[:-1] + bytes([whole[-1] ^ 1]))
    registry.restart()
    with pytest.raises(SealBroken):
        tenant.run(request)
    stopped, _ = lifecycle.get(registry.deployment, tenant.workspace, request.request_id)
    assert (stopped.state, request_json(stopped)["allowed"]) == ("waiting", ["run"])
    assert _due(tenant) == [], "it is left alone for a while"
    clock.pass_by(seconds=301)
    with pytest.raises(SealBroken):
        _go_on(tenant, *_due(tenant))
    assert _due(tenant) == []
    _wrapped(tenant, whole)
    registry.restart()
    clock.pass_by(seconds=301)
    [due] = _due(tenant)
    assert _go_on(tenant, due).state == "completed"
    assert tenant.profile("user_id", "ada") is None
    assert _due(tenant) == []


def test_a_request_that_is_being_run_is_left_to_whoever_runs_it(tenant: Tenant) -> None:
    request = tenant.request(Kind.ACCESS, "user_id", "ada")
    with tenant.registry.deployment.data.sole(f"request-{request.request_id.hex()}") as alone:
        assert alone
        assert _go_on(tenant, request) == request
        with pytest.raises(Conflict, match="at this moment"):
            tenant.run(request)
    assert _go_on(tenant, request).state == "completed"


@pytest.mark.parametrize("kind", [Kind.OBJECTION, Kind.RECTIFICATION, Kind.ERASURE])
def test_a_request_that_was_killed_after_its_key_was_destroyed_ends_whatever_keys_were_rotated_before(
    tenant: Tenant, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, deployment = tenant.registry.clock, tenant.registry.deployment
    assert isinstance(clock, SetClock)
    tenant.send(identify("ada", first_name="Ada"))
    reindexing.begin(deployment, tenant.workspace, actor="person:admin")
    clock.pass_by(seconds=STORED_BEFORE_MOVE / SECOND)
    reindexing.go_on(deployment, tenant.workspace_id, actor="person:admin")
    asked = {Kind.OBJECTION: {"purposes": ["security"]}, Kind.RECTIFICATION: {"traits": {"first_name": "Adah"}}}
    request = tenant.request(kind, "user_id", "ada", **asked.get(kind, {}))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(lifecycle, "_completed", die)
        tenant.run(request)
    clock.pass_by(seconds=301)
    [due] = _due(tenant)
    assert _go_on(tenant, due).state == "completed"
