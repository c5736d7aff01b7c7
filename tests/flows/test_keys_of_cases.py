"""Invariant 5: a case in which nothing is kept has no key, so that no copy of the data says whom it was about."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.dsr.requests import Kind
from registry.flows.dsr import holds, kept
from registry.flows.retention import sweeping
from registry.model.compartment import compartment_of
from registry.model.errors import LinkedSystemUnavailable
from registry.model.ids import FragmentId
from registry.store.rows import execute
from tests.factories import identify
from tests.flows.test_holds_outside import Mailer
from tests.flows.test_older_data import connect
from tests.simulator import Tenant


@pytest.fixture
def mailer(tenant: Tenant) -> Iterator[Mailer]:
    """A system outside that keeps names, of which no hold here has any."""
    before = tenant.registry.deployment.linked
    made = Mailer({("records", "address"): "user.name"})
    connect(tenant.registry, made)
    tenant.send(identify("ada", email="ada@example.com"))
    yield made
    connect(tenant.registry, *before)  # type: ignore[arg-type]


def _hold(tenant: Tenant, ground: str, *categories: str) -> bytes:
    person = tenant.person("email", "ada@example.com")
    given = {"ground": ground, "purpose": "legal", "actor": "person:first", "categories": categories}
    return holds.place(tenant.registry.deployment, tenant.workspace, person, **given).hold_id  # type: ignore[arg-type]


def _keys(tenant: Tenant) -> list[bool]:
    """Of each case, whether it has a key."""
    [*cases] = kept.listed(tenant.registry.deployment, tenant.workspace)
    sql = "SELECT 1 FROM key_bundle WHERE workspace_id = ? AND fragment_id = ?"
    return [bool(tenant.registry.key_rows(sql, tenant.workspace_id, case.case_id)) for case in cases]


def test_a_hold_that_covers_nothing_leaves_a_case_without_a_key(tenant: Tenant, mailer: Mailer) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    hold_id = _hold(tenant, "claim 1", "user.payment")
    assert tenant.run(tenant.request(Kind.ERASURE, "email", "ada@example.com")).state == "completed"
    assert (mailer.erased, _keys(tenant)) == (1, [False])
    [case] = kept.listed(deployment, workspace)
    assert (case.items, case.ended_at) == (0, None), "a later request finds the hold by it"
    holds.release(deployment, workspace, hold_id, actor="person:first")
    [ended] = kept.end_due(deployment, workspace, actor="operator")
    assert ended.certificate is not None


def test_a_case_whose_turn_to_end_is_yet_to_come_keeps_its_key(tenant: Tenant, mailer: Mailer) -> None:
    till = Mailer({("records", "address"): "user.payment"})
    till.name = "till"
    connect(tenant.registry, mailer, till)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    first = _hold(tenant, "claim 1")
    tenant.run(tenant.request(Kind.ERASURE, "email", "ada@example.com"))
    second, third = (_hold(tenant, ground, "user.payment") for ground in ("claim 2", "claim 3"))
    holds.release(deployment, workspace, first, actor="person:first")
    mailer.is_down = True
    with pytest.raises(LinkedSystemUnavailable):
        kept.end_due(deployment, workspace, actor="operator")
    holds.release(deployment, workspace, second, actor="person:first")
    mailer.is_down = False
    ended = kept.end_due(deployment, workspace, actor="operator")
    assert ([case.ground for case in ended], till.erased) == (["claim 1", "claim 2"], 0)
    holds.release(deployment, workspace, third, actor="person:first")
    assert [case.ground for case in kept.end_due(deployment, workspace, actor="operator")] == ["claim 3"]
    assert (mailer.erased, till.erased, _keys(tenant)) == (1, 1, [False] * 3)


def test_a_key_that_a_crash_left_to_an_ended_case_goes_with_the_next_sweep(tenant: Tenant) -> None:
    deployment, workspace_id = tenant.registry.deployment, tenant.workspace_id
    tenant.send(identify("ada", email="ada@example.com"))
    _hold(tenant, "claim 1", "user.payment")
    tenant.run(tenant.request(Kind.ERASURE, "email", "ada@example.com"))
    [case] = kept.listed(deployment, tenant.workspace)
    assert (case.items, case.ended_at) == (0, tenant.registry.clock())
    long_ago = FragmentId(b"\0" * 6 + case.case_id[6:])  # ids hold the time that they were made at
    with deployment.data.write(workspace_id) as transaction:
        execute(transaction, "UPDATE retained_case SET case_id = ? WHERE case_id = ?", long_ago, case.case_id)
    deployment.keyring.for_sealing(workspace_id, {long_ago: (compartment_of(["legal"]),)})
    assert _keys(tenant) == [True]
    sweeping.sweep(deployment, tenant.workspace, actor="operator")
    assert _keys(tenant) == [False]
