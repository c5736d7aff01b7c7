"""What changed on PostgreSQL is told by snapshots: nothing is missed, in whatever order transactions end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from registry.flows.consent import boards as module
from registry.flows.consent.boards import Boards
from registry.flows.consent.given import Given, Question
from registry.flows.upkeep import standing_changes
from registry.model.ids import FragmentId
from registry.store import standing_server
from registry.store.rows import execute, query
from registry.store.standing import Changes, Position
from registry.store.standing_server import ServerStandings
from tests.factories import consent, identify
from tests.flows.test_boards import caught_up, from_memory
from tests.simulator import RegistrySimulator, Tenant

AHEAD = 2**62
"""A transaction that no server has come to yet."""


@pytest.fixture
def tenant(postgres_registry: RegistrySimulator) -> Tenant:
    return postgres_registry.tenant()


@pytest.fixture
def boards(tenant: Tenant) -> Iterator[Boards]:
    made = Boards(tenant.registry.deployment, 1_000)
    yield made
    made.close()


def now(tenant: Tenant) -> Position:
    data, workspace_id = tenant.registry.deployment.data, tenant.workspace_id
    position = ServerStandings().newest(partial(data.point_read, workspace_id), workspace_id)
    assert position is not None
    return position


def since(tenant: Tenant, position: Position, limit: int = 100) -> Changes:
    data, workspace_id = tenant.registry.deployment.data, tenant.workspace_id
    return ServerStandings().changes(partial(data.point_read, workspace_id), workspace_id, position, limit)


def told(tenant: Tenant) -> list[tuple[FragmentId | None, int]]:
    sql = "SELECT fragment_id, transaction_id FROM standing_change WHERE workspace_id = ? AND position > 0"
    return [(row[0], row[1]) for row in tenant.registry.rows(sql, tenant.workspace_id)]


def ada(boards: Boards, tenant: Tenant) -> Given:
    return from_memory(boards, tenant, Question(tenant.person("user_id", "ada"), "marketing", frozenset()))


def test_what_began_before_and_ended_after_a_look_is_in_the_next(tenant: Tenant, boards: Boards) -> None:
    tenant.send(identify("ada", context=consent(Advertising=True)), identify("bob"))
    caught_up(boards, tenant)
    assert ada(boards, tenant).outcome.decision.allowed
    first = tenant.fragment(tenant.person("user_id", "ada"))
    data, workspace_id = tenant.registry.deployment.data, tenant.workspace_id
    with data.write(workspace_id) as transaction:
        execute(
            transaction,
            "UPDATE consent_state SET status = 'withdrawn' "
            "WHERE workspace_id = ? AND fragment_id = ? AND purpose = 'marketing'",
            workspace_id,
            first,
        )
        tenant.say("user_id", "bob", "marketing", "granted")  # later, and sooner done
        between = now(tenant)
        assert ada(boards, tenant).outcome.decision.allowed, "nothing was committed yet"
    assert since(tenant, between).fragments == {first}
    assert ada(boards, tenant).outcome.decision.reason == "withdrawn"
    assert since(tenant, now(tenant)).none


def test_what_did_not_commit_is_told_to_nobody(tenant: Tenant) -> None:
    tenant.send(identify("ada", context=consent(Advertising=True)))
    position = now(tenant)
    with pytest.raises(RuntimeError), tenant.registry.deployment.data.write(tenant.workspace_id) as transaction:
        execute(transaction, "UPDATE consent_state SET status = 'denied' WHERE workspace_id = ?", tenant.workspace_id)
        raise RuntimeError
    assert since(tenant, position).none


def test_a_number_that_was_rolled_back_is_not_taken_for_seen(tenant: Tenant, boards: Boards) -> None:
    """Where a process of the server is killed, the others start anew under the same start, and give it out again."""
    tenant.send(identify("ada", context=consent(Advertising=True)))
    caught_up(boards, tenant)
    data, workspace_id = tenant.registry.deployment.data, tenant.workspace_id
    with pytest.raises(RuntimeError), data.write(workspace_id) as transaction:
        [(number,)] = query(transaction, "SELECT pg_current_xact_id()::text::bigint")
        raise RuntimeError
    boards.tend()
    position, fragment = now(tenant), tenant.fragment(tenant.person("user_id", "ada"))
    with data.owner(writes=True) as transaction:  # as if it were given out again
        execute(transaction, "ALTER TABLE consent_state DISABLE TRIGGER USER")
        execute(transaction, "UPDATE consent_state SET status = 'withdrawn' WHERE workspace_id = ?", workspace_id)
        put = "INSERT INTO standing_change (workspace_id, fragment_id, transaction_id) VALUES (?, ?, ?)"
        execute(transaction, put, workspace_id, fragment, number)
        execute(transaction, "ALTER TABLE consent_state ENABLE TRIGGER USER")
    assert since(tenant, position).fragments == {fragment}
    assert ada(boards, tenant).outcome.decision.reason == "withdrawn"


def test_nobody_is_told_who_was_erased(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="a@b.example", context=consent(Advertising=True)), identify("bob"))
    fragment, position = tenant.fragment(tenant.person("user_id", "ada")), now(tenant)
    tenant.erase("user_id", "ada")
    assert since(tenant, position).gone
    left = {one for one, _ in told(tenant)}
    assert left <= {None, tenant.fragment(tenant.person("user_id", "bob"))}
    assert fragment not in left


def test_whoever_is_behind_what_was_trimmed_finds_out(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant.send(identify("ada"))
    old = now(tenant)
    for user in ("bob", "eve", "kim", "lou", "max"):
        tenant.send(identify(user))
    new = now(tenant)
    monkeypatch.setattr(standing_server, "KEPT", 6)
    standing_changes.trim(tenant.registry.deployment, tenant.workspace)
    assert len(told(tenant)) == 6
    assert since(tenant, old).whole and since(tenant, new).whole, "there were no more than are kept"
    monkeypatch.setattr(standing_server, "KEPT", 3)
    standing_changes.trim(tenant.registry.deployment, tenant.workspace)
    assert len(told(tenant)) == 4
    assert not since(tenant, old).whole
    assert since(tenant, new).none
    tenant.say("user_id", "ada", "marketing", "granted")
    assert since(tenant, new).fragments == {tenant.fragment(tenant.person("user_id", "ada"))}


def test_nothing_is_trimmed_that_a_running_transaction_keeps_others_from_passing(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing_server, "KEPT", 0)
    tenant.send(identify("ada"), identify("bob"))
    with tenant.registry.deployment.data.write(tenant.workspace_id) as transaction:
        [(running,)] = query(transaction, "SELECT pg_current_xact_id()::text::bigint")
        tenant.say("user_id", "bob", "marketing", "granted")
        position = now(tenant)
        tenant.say("user_id", "ada", "marketing", "granted")
        standing_changes.trim(tenant.registry.deployment, tenant.workspace)
        assert [number for _, number in told(tenant)] and min(number for _, number in told(tenant)) > running
        assert since(tenant, position).fragments == {tenant.fragment(tenant.person("user_id", "ada"))}


def test_a_copy_that_was_put_back_holds_nobody_up(tenant: Tenant, boards: Boards) -> None:
    tenant.send(identify("ada", context=consent(Advertising=True)))
    data, workspace_id = tenant.registry.deployment.data, tenant.workspace_id
    with data.write(workspace_id) as transaction:
        execute(
            transaction,
            "INSERT INTO standing_change (workspace_id, position, transaction_id) VALUES (?, 0, ?)",
            workspace_id,
            AHEAD,
        )
        execute(
            transaction,
            "INSERT INTO standing_change (workspace_id, transaction_id) SELECT ?, ? FROM generate_series(1, 100)",
            workspace_id,
            AHEAD,
        )
    assert not since(tenant, now(tenant)).whole, "another server's numbers: the database answers"
    standing_changes.trim(tenant.registry.deployment, tenant.workspace)
    assert since(tenant, now(tenant)).none
    caught_up(boards, tenant)
    assert ada(boards, tenant).outcome.decision.allowed


def test_while_nothing_tells_what_changes_nobody_is_held(
    tenant: Tenant, boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that is put back beneath a server has its triggers last."""
    monkeypatch.setattr(module, "EVERY_S", 0.0)
    tenant.send(identify("ada", context=consent(Advertising=True)))
    data, switch = tenant.registry.deployment.data, "ALTER TABLE fragment {} TRIGGER standing_moved"
    with data.owner(writes=True) as transaction:
        execute(transaction, switch.format("DISABLE"))
    assert not boards.ready(tenant.workspace)
    boards.tend()
    assert not boards.ready(tenant.workspace)
    with data.owner(writes=True) as transaction:
        execute(transaction, switch.format("ENABLE"))
    caught_up(boards, tenant)
    assert ada(boards, tenant).outcome.decision.allowed


@pytest.mark.parametrize("known", [False, True])
def test_a_look_goes_by_the_index_whatever_the_statistics_say(tenant: Tenant, known: bool) -> None:
    """Those of a young table say that it is empty, and those after imports that few transactions wrote all its rows."""
    data, workspace_id, plans = tenant.registry.deployment.data, tenant.workspace_id, list[str]()
    put = (
        "INSERT INTO standing_change (workspace_id, transaction_id) "
        "SELECT ?, pg_current_xact_id()::text::bigint FROM generate_series(1, 100000)"
    )
    steps: list[tuple[Any, ...]] = [(put, workspace_id), (put, tenant.registry.tenant().workspace_id)]
    steps.insert(2 if known else 0, ("ANALYZE standing_change",))
    for sql, *whose in steps:
        with data.owner(writes=True) as transaction:
            execute(transaction, sql, *whose)

    def explained(sql: str, *parameters: object) -> list[Any]:
        rows = data.point_read(workspace_id, f"EXPLAIN {sql}", *parameters)
        plans.append("\n".join(row[0] for row in rows))
        return data.point_read(workspace_id, sql, *parameters)

    position = now(tenant)
    for ran in ("", str(position.number - 1)):
        snapshot = f"{position.snapshot}{ran}"
        ServerStandings().changes(explained, workspace_id, position._replace(snapshot=snapshot), 50)
    ServerStandings().newest(explained, workspace_id)
    for plan in plans:
        used = re.findall(r"(?:using|Index Scan on) (\w+)", plan)
        assert "Seq Scan on standing_change" not in plan
        assert set(used) == {"pk_standing_change", "ix_standing_change_transaction"}, plan


def test_another_run_of_the_server_and_another_table_are_read_anew(tenant: Tenant) -> None:
    position = now(tenant)
    assert since(tenant, position).none
    assert not since(tenant, position._replace(of="another")).whole
    with tenant.registry.deployment.data.owner(writes=True) as transaction:
        transaction.exec_driver_sql("TRUNCATE standing_change")
    assert not since(tenant, position).whole
