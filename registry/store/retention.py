"""Locks of compartments, sweeps, and the rows whose time has come."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from registry.model.clock import Micros
from registry.model.ids import EventId, FragmentId
from registry.model.stored import StoredEvent
from registry.model.stored_upkeep import CompartmentLock, Sweep
from registry.store.database import Transaction
from registry.store.rows import chunks, execute, execute_many, insert, query, select, select_in

Place = tuple[Micros, bytes]
"""When a quarantined message's time is over, and its id."""


class Held(NamedTuple):
    """What a fragment holds under one set of compartments: how many rows, the oldest and the newest of them."""

    fragment_id: FragmentId
    compartments: str
    oldest: Micros
    newest: Micros
    rows: int


def locks(transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]) -> list[CompartmentLock]:
    """The locks that stand on these fragments."""
    return select_in(transaction, CompartmentLock, "compartment_lock", workspace_id, "fragment_id", fragment_ids)


def put_locks(transaction: Transaction, rows: Sequence[CompartmentLock]) -> None:
    """Lock compartments, or change why and until when they are."""
    clause = (
        "ON CONFLICT (workspace_id, fragment_id, compartment) DO UPDATE SET "
        "reason = excluded.reason, locked_at = excluded.locked_at, shred_at = excluded.shred_at"
    )
    insert(transaction, "compartment_lock", rows, on_conflict=clause)


def drop_locks(transaction: Transaction, workspace_id: bytes, keys: Collection[tuple[FragmentId, str]]) -> None:
    """Open compartments again, or forget the locks of those that are no more."""
    sql = "DELETE FROM compartment_lock WHERE workspace_id = ? AND fragment_id = ? AND compartment = ?"
    execute_many(transaction, sql, [(workspace_id, *key) for key in sorted(keys)])


def locked(transaction: Transaction, workspace_id: bytes) -> list[tuple[str, str, int, Micros | None]]:
    """How many compartments are locked: (compartment, reason, count, when the first of them is shredded)."""
    sql = (
        "SELECT compartment, reason, count(*), min(shred_at) FROM compartment_lock WHERE workspace_id = ? "
        "GROUP BY compartment, reason ORDER BY compartment, reason"
    )
    return [(str(c), str(r), int(n), at) for c, r, n, at in query(transaction, sql, workspace_id)]


def held_events(transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]) -> list[Held]:
    """The events of these fragments, counted by their compartments; those without any are of the set ``''``."""
    return _held(transaction, workspace_id, fragment_ids, "event", "compartments")


def held_traits(transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]) -> list[Held]:
    """The trait assertions of these fragments, counted by their compartment."""
    return _held(transaction, workspace_id, fragment_ids, "trait_assertion", "compartment")


def _held(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId], table: str, column: str
) -> list[Held]:
    found: list[Held] = []
    for chunk in chunks(fragment_ids):
        marks = ", ".join("?" * len(chunk))
        sql = (
            f"SELECT fragment_id, {column}, min(received_at), max(received_at), count(*) FROM {table} "
            f"WHERE workspace_id = ? AND fragment_id IN ({marks}) GROUP BY fragment_id, {column}"
        )
        found += [
            Held(FragmentId(bytes(row[0])), str(row[1]), int(row[2]), int(row[3]), int(row[4]))
            for row in query(transaction, sql, workspace_id, *chunk)
        ]
    return found


def events_of(
    transaction: Transaction,
    workspace_id: bytes,
    fragment_id: FragmentId,
    compartments: str,
    before: Micros,
    after: bytes,
    limit: int,
) -> list[StoredEvent]:
    """Up to `limit` events of a fragment with just these compartments, received before a moment, after an id."""
    where = (
        "workspace_id = ? AND fragment_id = ? AND event_id > ? AND compartments = ? AND received_at < ? "
        "ORDER BY event_id LIMIT ?"
    )
    key = (workspace_id, fragment_id, after, compartments)
    return select(transaction, StoredEvent, "event", where, *key, before, limit)


def events_by_plan(
    transaction: Transaction,
    workspace_id: bytes,
    fragment_ids: Collection[FragmentId],
    plan: str,
    event: str,
    since: Micros,
    before: Micros,
) -> list[StoredEvent]:
    """The events of these fragments that one rule of one plan took in, received in a span of time."""
    found: list[StoredEvent] = []
    for chunk in chunks(fragment_ids):
        marks = ", ".join("?" * len(chunk))
        where = (
            f"workspace_id = ? AND fragment_id IN ({marks}) AND plan_version = ? AND plan_event = ? "
            "AND received_at >= ? AND received_at < ? ORDER BY fragment_id, event_id"
        )
        found += select(transaction, StoredEvent, "event", where, workspace_id, *chunk, plan, event, since, before)
    return found


def rewrite_events(transaction: Transaction, rows: Sequence[StoredEvent]) -> None:
    """Put sealed bodies with fewer parts in the place of events' bodies."""
    sql = "UPDATE event SET compartments = ?, body = ? WHERE workspace_id = ? AND fragment_id = ? AND event_id = ?"
    values = [(row.compartments, row.body, row.workspace_id, row.fragment_id, row.event_id) for row in rows]
    execute_many(transaction, sql, values)


def delete_events(
    transaction: Transaction, workspace_id: bytes, fragment_id: FragmentId, ids: Collection[EventId]
) -> None:
    """Delete events of a fragment."""
    sql = "DELETE FROM event WHERE workspace_id = ? AND fragment_id = ? AND event_id = ?"
    execute_many(transaction, sql, [(workspace_id, fragment_id, event_id) for event_id in sorted(ids)])


def delete_traits(
    transaction: Transaction, workspace_id: bytes, fragment_id: FragmentId, compartment: str, before: Micros
) -> int:
    """Delete a fragment's trait assertions of a compartment, received before a moment; how many there were."""
    sql = (
        "DELETE FROM trait_assertion WHERE workspace_id = ? AND fragment_id = ? AND compartment = ? AND received_at < ?"
    )
    return execute(transaction, sql, workspace_id, fragment_id, compartment, before)


def delete_named_traits(
    transaction: Transaction,
    workspace_id: bytes,
    fragment_ids: Collection[FragmentId],
    source_id: bytes,
    trait: str,
    before: Micros,
) -> int:
    """Delete one source's assertions of one trait on these fragments, received before a moment; how many."""
    count = 0
    for chunk in chunks(fragment_ids):
        marks = ", ".join("?" * len(chunk))
        sql = (
            f"DELETE FROM trait_assertion WHERE workspace_id = ? AND fragment_id IN ({marks}) "
            "AND source_id = ? AND trait = ? AND received_at < ?"
        )
        count += execute(transaction, sql, workspace_id, *chunk, source_id, trait, before)
    return count


def count_traits(
    transaction: Transaction,
    workspace_id: bytes,
    fragment_ids: Collection[FragmentId],
    before: Micros,
    *,
    named: tuple[bytes, str] | None = None,
    compartment: str | None = None,
) -> int:
    """How many assertions `delete_named_traits` (of a source and a trait), or `delete_traits`, would delete; with both,
    how many each of the two would.
    """
    count, asked, values = 0, "", list[object]()
    if named is not None:
        asked, values = " AND source_id = ? AND trait = ?", [*named]
    if compartment is not None:
        asked, values = f"{asked} AND compartment = ?", [*values, compartment]
    for chunk in chunks(fragment_ids):
        marks = ", ".join("?" * len(chunk))
        sql = (
            f"SELECT count(*) FROM trait_assertion WHERE workspace_id = ? AND fragment_id IN ({marks}) "
            f"AND received_at < ?{asked}"
        )
        count += int(query(transaction, sql, workspace_id, *chunk, before, *values)[0][0])
    return count


def expired_quarantine(
    transaction: Transaction, workspace_id: bytes, now: Micros, after: Place, limit: int
) -> list[Place]:
    """Up to `limit` quarantined messages that have waited for a plan fix long enough, after one of them."""
    sql = (
        "SELECT expires_at, quarantine_id FROM quarantine WHERE workspace_id = ? AND expires_at <= ? "
        "AND expires_at >= ? AND (expires_at > ? OR quarantine_id > ?) ORDER BY expires_at, quarantine_id LIMIT ?"
    )
    found = query(transaction, sql, workspace_id, now, after[0], *after, limit)
    return [(int(at), bytes(item)) for at, item in found]


def stray_violations(
    transaction: Transaction, workspace_id: bytes, before: Micros, after: bytes, limit: int
) -> list[bytes]:
    """Up to `limit` violations, with ids after `after`, of messages that came before a moment and are not kept:
    turned away at the door, or gone since.
    """
    sql = (
        "SELECT v.violation_id FROM violation v WHERE v.workspace_id = ? AND v.violation_id > ? AND v.received_at < ? "
        "AND NOT EXISTS "
        "(SELECT 1 FROM event e WHERE e.workspace_id = v.workspace_id AND e.message_key = v.message_key) "
        "AND NOT EXISTS "
        "(SELECT 1 FROM quarantine q WHERE q.workspace_id = v.workspace_id AND q.message_key = v.message_key) "
        "ORDER BY v.violation_id LIMIT ?"
    )
    return [bytes(row[0]) for row in query(transaction, sql, workspace_id, after, before, limit)]


def put_sweep(transaction: Transaction, row: Sweep) -> None:
    """Store a sweep, or how far it is by now."""
    clause = (
        "ON CONFLICT (workspace_id, sweep_id) DO UPDATE SET "
        "finished_at = excluded.finished_at, after = excluded.after, report = excluded.report"
    )
    insert(transaction, "sweep", [row], on_conflict=clause)


def sweeps(transaction: Transaction, workspace_id: bytes, limit: int) -> list[Sweep]:
    """The latest sweeps, newest first."""
    return select(transaction, Sweep, "sweep", "workspace_id = ? ORDER BY sweep_id DESC LIMIT ?", workspace_id, limit)
