"""Invariant 11: whatever is changed in the audit log is found from a checkpoint that an auditor kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from registry.flows.accountability import verify
from registry.keys.notes import sign_note
from registry.keys.signing import SigningKey
from registry.model.errors import SignatureInvalid
from registry.store.rows import execute
from tests.conftest import SetClock
from tests.factories import identify, ordered
from tests.simulator import Tenant

ENTRIES = 12

Tamper = Callable[[Tenant, int], None]


def _run(tenant: Tenant, sql: str, *parameters: object) -> None:
    with tenant.registry.deployment.data.owner(writes=True) as transaction:
        assert execute(transaction, sql, *parameters) >= 1


def _faults(tenant: Tenant, *kept: str) -> set[str]:
    return {fault.kind for fault in verify.log(tenant.registry.deployment, tenant.workspace, kept)}


def _kept(tenant: Tenant) -> str:
    return verify.checkpoint(tenant.registry.deployment, tenant.workspace)


def _edit(tenant: Tenant, position: int) -> None:
    where = "FROM audit_entry WHERE workspace_id = ? AND position = ?"
    [(entry,)] = tenant.registry.rows(f"SELECT entry {where}", tenant.workspace_id, position)
    changed = bytes(entry).replace(b'"outcome":"', b'"outcome":"x')
    assert changed != bytes(entry)
    sql = "UPDATE audit_entry SET entry = ? WHERE workspace_id = ? AND position = ?"
    _run(tenant, sql, changed, tenant.workspace_id, position)


def _delete(tenant: Tenant, position: int) -> None:
    _run(tenant, "DELETE FROM audit_entry WHERE workspace_id = ? AND position = ?", tenant.workspace_id, position)


def _delete_and_close_the_gap(tenant: Tenant, position: int) -> None:
    _delete(tenant, position)
    for moved in range(position + 1, _size(tenant) + 1):
        _move(tenant, moved, moved - 1)


def _swap(tenant: Tenant, position: int) -> None:
    _move(tenant, position, -1)
    _move(tenant, position + 1, position)
    _move(tenant, -1, position + 1)


def _insert(tenant: Tenant, position: int) -> None:
    for moved in range(_size(tenant) - 1, position - 1, -1):
        _move(tenant, moved, moved + 1)
    sql = "INSERT INTO audit_entry (workspace_id, position, entry) SELECT workspace_id, ?, entry FROM audit_entry "
    _run(tenant, sql + "WHERE workspace_id = ? AND position = ?", position, tenant.workspace_id, position + 1)


def _truncate(tenant: Tenant, position: int) -> None:
    _run(tenant, "DELETE FROM audit_entry WHERE workspace_id = ? AND position >= ?", tenant.workspace_id, position)


def _move(tenant: Tenant, position: int, to: int) -> None:
    sql = "UPDATE audit_entry SET position = ? WHERE workspace_id = ? AND position = ?"
    _run(tenant, sql, to, tenant.workspace_id, position)


def _size(tenant: Tenant) -> int:
    sql = "SELECT count(*) FROM audit_entry WHERE workspace_id = ?"
    return int(tenant.registry.rows(sql, tenant.workspace_id)[0][0])


@pytest.fixture
def logged(tenant: Tenant, clock: SetClock) -> Tenant:
    """A workspace whose log has a dozen entries of several kinds, no two of them alike."""
    tenant.send(identify("ada", "browser", first_name="Ada"))
    tenant.say("user_id", "ada", "marketing", "granted")
    tenant.lookup("user_id", "ada", "service")
    while _size(tenant) < ENTRIES:
        clock.pass_by(seconds=1)
        tenant.send(ordered("ada"))
    clock.pass_by(seconds=1)
    return tenant


def test_an_untouched_log_extends_every_checkpoint_that_was_kept(logged: Tenant) -> None:
    kept = [_kept(logged)]
    for _ in range(3):
        logged.send(ordered("ada"))
        kept.append(_kept(logged))
    assert _faults(logged, *kept) == set()


@pytest.mark.parametrize("position", [0, 5, ENTRIES - 2])
@pytest.mark.parametrize("tamper", [_edit, _delete, _delete_and_close_the_gap, _swap, _insert, _truncate])
def test_every_way_of_changing_the_rows_is_found(logged: Tenant, tamper: Tamper, position: int) -> None:
    kept = _kept(logged)
    logged.send(ordered("ada"))
    tamper(logged, position)
    assert _faults(logged, kept)


@pytest.mark.parametrize("tamper", [_edit, _delete_and_close_the_gap, _swap, _truncate])
def test_a_log_whose_head_was_rebuilt_after_the_change_is_found_by_the_kept_checkpoint(
    logged: Tenant, tamper: Tamper
) -> None:
    """Whoever holds the database and the signing key can make a whole new log; not one that extends the old."""
    from registry.audit.tree import Frontier, leaf_hash

    kept = _kept(logged)
    tamper(logged, 4)
    sql = "SELECT entry FROM audit_entry WHERE workspace_id = ? ORDER BY position"
    frontier = Frontier(0, ())
    for (entry,) in logged.registry.rows(sql, logged.workspace_id):
        frontier, _ = frontier.append(leaf_hash(bytes(entry)))
    sql = "UPDATE audit_head SET size = ?, frontier = ? WHERE workspace_id = ?"
    _run(logged, sql, frontier.size, frontier.encode(), logged.workspace_id)
    assert _faults(logged) == set(), "by itself the forged log is sound"
    assert _faults(logged, kept)


def test_erasing_people_leaves_every_kept_checkpoint_and_proof_valid(logged: Tenant) -> None:
    deployment, kept = logged.registry.deployment, _kept(logged)
    size = verify.opened(logged.workspace, kept).size
    proofs = [verify.inclusion(deployment, logged.workspace, position, size) for position in range(size)]
    logged.erase("user_id", "ada")
    assert _faults(logged, kept) == set()
    assert [verify.inclusion(deployment, logged.workspace, position, size) for position in range(size)] == proofs
    assert logged.registry.rows("SELECT * FROM audit_detail WHERE workspace_id = ?", logged.workspace_id) == []


def test_a_checkpoint_that_another_key_signed_is_refused(logged: Tenant) -> None:
    kept = _kept(logged)
    forged = sign_note(SigningKey.generate(), verify.origin(logged.workspace), kept.partition("\n\n")[0] + "\n")
    with pytest.raises(SignatureInvalid):
        _faults(logged, forged)
    with pytest.raises(SignatureInvalid):
        _faults(logged, kept.replace(f"\n{_size(logged)}\n", f"\n{_size(logged) - 1}\n"))


def test_who_an_entry_is_about_stands_nowhere_in_the_log_itself(logged: Tenant) -> None:
    fragments = logged.registry.rows("SELECT fragment_id FROM fragment WHERE workspace_id = ?", logged.workspace_id)
    entries = logged.registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", logged.workspace_id)
    whole = b"".join(bytes(entry) for (entry,) in entries)
    for (fragment,) in fragments:
        assert bytes(fragment) not in whole
        assert bytes(fragment).hex().encode() not in whole
