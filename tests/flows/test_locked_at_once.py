"""What somebody refuses is locked at once, although its key was made only just then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry.dsr.requests import Kind
from registry.flows.consent import locking
from registry.flows.ingest import recounting
from registry.flows.keyring import Keyring
from registry.flows.stewards import deciding
from registry.model.compartment import purposes_of
from registry.store import identities
from registry.store import retention as locks
from registry.store.rows import query
from tests.conftest import SetClock
from tests.factories import alias, consent, identify, ordered, viewed
from tests.simulator import ALL_YES, RegistrySimulator, Tenant

ADA = ("user_id", "ada")
FUNCTIONAL = {"context": consent(Functional=True)}


def _locked(tenant: Tenant, purpose: str) -> int:
    """How many locks there are on what serves a purpose, once it is clear that none lacks and none is too much."""
    deployment, workspace_id = tenant.registry.deployment, tenant.workspace_id
    with deployment.data.write(workspace_id) as transaction:
        rows = query(transaction, "SELECT DISTINCT profile_id FROM fragment WHERE workspace_id = ?", workspace_id)
        profiles = [row[0] for row in rows]
        assert locking.relock(deployment, workspace_id, transaction, profiles) == (0, 0)
        ids = [one.fragment_id for one in identities.fragments_of_profiles(transaction, workspace_id, profiles)]
        return sum(purpose in purposes_of(row.compartment) for row in locks.locks(transaction, workspace_id, ids))


def _before_keys_are_made(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    lacking = Keyring.lacking

    def overtaken(self: Keyring, *given: Any, **more: Any) -> Any:
        monkeypatch.setattr(Keyring, "lacking", lacking)
        act()
        return lacking(self, *given, **more)

    monkeypatch.setattr(Keyring, "lacking", overtaken)


def test_an_event_that_was_judged_just_before_a_withdrawal_leaves_nothing_open(
    postgres_registry: RegistrySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only on PostgreSQL do two write at the same time."""
    tenant = postgres_registry.tenant()
    tenant.send(ordered("ada", context=consent(**ALL_YES)))
    assert _locked(tenant, "analytics") == 0

    def withdraw() -> None:
        for purpose in ("analytics", "personalisation"):
            tenant.say(*ADA, purpose, "withdrawn")

    _before_keys_are_made(monkeypatch, withdraw)
    assert tenant.send(viewed("ada")).counts == {"accepted": 1}
    assert not tenant.check(*ADA, "analytics").allowed
    assert _locked(tenant, "analytics") > 0


def test_an_event_that_was_judged_just_before_its_person_was_joined_to_one_who_refused_leaves_nothing_open(
    postgres_registry: RegistrySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = postgres_registry.tenant()
    tenant.send(ordered(None, "b1", context=consent(**ALL_YES)), ordered("ada", context=consent(Analytics=False)))
    browser = tenant.person("anonymous_id", "b1")

    def merge() -> None:
        deciding.merge(
            postgres_registry.deployment, tenant.workspace, tenant.person(*ADA), browser, actor="person:steward"
        )

    _before_keys_are_made(monkeypatch, merge)
    assert tenant.send(viewed(None, "b1")).counts == {"accepted": 1}
    assert not tenant.check(*ADA, "analytics").allowed
    _locked(tenant, "analytics")


def test_what_another_process_sealed_just_now_is_locked_and_opened_again(
    two_processes: tuple[Tenant, Tenant], clock: SetClock
) -> None:
    tenant, elsewhere = two_processes
    tenant.send(ordered("ada", context=consent(**ALL_YES)))
    tenant.say(*ADA, "marketing", "withdrawn")  # from here on this process knows her keys
    assert elsewhere.send(viewed("ada")).counts == {"accepted": 1}
    for purpose in ("analytics", "personalisation"):
        tenant.say(*ADA, purpose, "withdrawn")
    assert _locked(elsewhere, "analytics") > 0
    clock.pass_by(seconds=1)
    tenant.say(*ADA, "analytics", "granted")
    assert _locked(elsewhere, "analytics") == 0


def test_a_correction_of_what_is_locked_is_locked_too(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(ordered("ada", **FUNCTIONAL))
    tenant.send(identify(None, "b1", gender="f", **FUNCTIONAL))
    tenant.send(alias("b1", "ada", **FUNCTIONAL))
    assert tenant.traits(*ADA, "personalisation") == {"gender": "f"}
    tenant.say(*ADA, "personalisation", "withdrawn")
    before = _locked(tenant, "personalisation")
    tenant.run(tenant.request(Kind.RECTIFICATION, *ADA, traits={"gender": "m"}))
    assert _locked(tenant, "personalisation") == before + 1
    clock.pass_by(seconds=1)
    tenant.say(*ADA, "personalisation", "granted")
    assert tenant.traits(*ADA, "personalisation") == {"gender": "m"}


def test_nobody_refuses_while_traits_are_counted_back(
    postgres_registry: RegistrySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, held = postgres_registry.tenant(), []
    tenant.send(ordered("ada", context=consent(**ALL_YES)))
    for_sealing = Keyring.for_sealing

    def looked(self: Keyring, *given: Any, **more: Any) -> Any:
        key = int.from_bytes(tenant.workspace_id[-8:], "big", signed=True)
        with postgres_registry.deployment.data.write(tenant.workspace_id) as other:
            held.append(not query(other, "SELECT pg_try_advisory_xact_lock(?)", key)[0][0])
        return for_sealing(self, *given, **more)

    monkeypatch.setattr(Keyring, "for_sealing", looked)
    recounting.recount(postgres_registry.deployment, tenant.workspace, names=["orders_count"], actor="operator")
    assert held[0]
