"""Accepted messages and the trait assertions that they made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from registry.model.ids import EventId, FragmentId, MessageKey, SourceId
from registry.model.stored import StoredAssertion, StoredEvent
from registry.store.database import Transaction
from registry.store.rows import chunks, insert, probe, query, select, select_in

PAGE = 500

NEWER = (
    "ON CONFLICT (workspace_id, fragment_id, trait, source_id) DO UPDATE SET "
    "compartment = excluded.compartment, observed_at = excluded.observed_at, "
    "received_at = excluded.received_at, method = excluded.method, trust = excluded.trust, "
    "sealed = excluded.sealed "
    "WHERE excluded.observed_at >= trait_assertion.observed_at"
)


def known_messages(
    transaction: Transaction, workspace_id: bytes, keys: Collection[MessageKey]
) -> dict[MessageKey, str]:
    """What became of the messages among these that were seen before: `accepted`, `quarantined`
    or a refusal's outcome.
    """
    known: dict[MessageKey, str] = {}
    for table, outcome in (("event", "'accepted'"), ("quarantine", "'quarantined'"), ("refused_message", "outcome")):
        found = probe(transaction, f"message_key, {outcome}", f"{table} held", "message_key", workspace_id, keys)
        known.update(map(tuple, found))
    return known


def append(transaction: Transaction, rows: Sequence[StoredEvent]) -> None:
    """Append accepted messages."""
    insert(transaction, "event", rows)


def by_message(transaction: Transaction, workspace_id: bytes, key: MessageKey) -> StoredEvent | None:
    """The accepted message with this key."""
    found = select(transaction, StoredEvent, "event", "workspace_id = ? AND message_key = ?", workspace_id, key)
    return found[0] if found else None


def by_messages(
    transaction: Transaction, workspace_id: bytes, keys: Collection[MessageKey]
) -> dict[MessageKey, StoredEvent]:
    """The accepted ones among these messages."""
    found = select_in(transaction, StoredEvent, "event", workspace_id, "message_key", keys)
    return {row.message_key: row for row in found}


def newest(
    transaction: Transaction,
    workspace_id: bytes,
    fragment_ids: Collection[FragmentId],
    limit: int,
    before: EventId | None = None,
) -> list[StoredEvent]:
    """The latest `limit` events of these fragments, newest first, older than `before` if given."""
    found: list[StoredEvent] = []
    for fragment in sorted(fragment_ids):
        where = "workspace_id = ? AND fragment_id = ?"
        parameters: list[object] = [workspace_id, fragment]
        if before is not None:
            where += " AND event_id < ?"
            parameters.append(before)
        where += " ORDER BY event_id DESC LIMIT ?"
        found += select(transaction, StoredEvent, "event", where, *parameters, limit)
    return sorted(found, key=lambda row: row.event_id, reverse=True)[:limit]


def stream(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]
) -> Iterator[StoredEvent]:
    """Every event of these fragments, oldest first within a fragment, in bounded memory."""
    for fragment in sorted(fragment_ids):
        after = b""
        while True:
            where = "workspace_id = ? AND fragment_id = ? AND event_id > ? ORDER BY event_id LIMIT ?"
            page = select(transaction, StoredEvent, "event", where, workspace_id, fragment, after, PAGE)
            yield from page
            if len(page) < PAGE:
                break
            after = page[-1].event_id


def of_plan_events(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId], plan_events: Collection[str]
) -> Iterator[StoredEvent]:
    """The events of these fragments that are of these kinds (ids of the plan), in bounded memory."""
    marks = ", ".join("?" * len(plan_events))
    for fragment in sorted(fragment_ids):
        after = b""
        while True:
            where = (
                f"workspace_id = ? AND fragment_id = ? AND event_id > ? AND plan_event IN ({marks}) "
                "ORDER BY event_id LIMIT ?"
            )
            parameters = (workspace_id, fragment, after, *sorted(plan_events), PAGE)
            page = select(transaction, StoredEvent, "event", where, *parameters)
            yield from page
            if len(page) < PAGE:
                break
            after = page[-1].event_id


def received_since(
    transaction: Transaction, workspace_id: bytes, received_at: int, after: tuple[bytes, bytes], limit: int
) -> list[StoredEvent]:
    """The next events of everybody that were received at this time or later, after a fragment's event."""
    where = (
        "workspace_id = ? AND received_at >= ? AND (fragment_id, event_id) > (?, ?) "
        "ORDER BY fragment_id, event_id LIMIT ?"
    )
    return select(transaction, StoredEvent, "event", where, workspace_id, received_at, *after, limit)


def count(transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]) -> int:
    """How many events these fragments hold."""
    total = 0
    for chunk in chunks(fragment_ids):
        marks = ", ".join("?" * len(chunk))
        sql = f"SELECT count(*) FROM event WHERE workspace_id = ? AND fragment_id IN ({marks})"
        total += int(query(transaction, sql, workspace_id, *chunk)[0][0])
    return total


def assert_traits(transaction: Transaction, rows: Sequence[StoredAssertion]) -> None:
    """Make each row its source's current word, unless an observation at least as new stands."""
    latest: dict[tuple[bytes, ...], StoredAssertion] = {}
    for row in rows:
        key = (row.workspace_id, row.fragment_id, row.trait.encode(), row.source_id)
        if key not in latest or row.observed_at >= latest[key].observed_at:
            latest[key] = row
    insert(transaction, "trait_assertion", [latest[key] for key in sorted(latest)], on_conflict=NEWER)


def lock_fragments(transaction: Transaction, fragment_ids: Collection[FragmentId]) -> None:
    """Let nobody else change what is computed of these fragments until the transaction ends.

    SQLite's writers already stand in line; on PostgreSQL advisory locks, always in the same order.
    """
    if transaction.dialect.name != "sqlite" and fragment_ids:
        keys = sorted(int.from_bytes(fragment[-8:], "big", signed=True) for fragment in fragment_ids)
        query(transaction, "SELECT pg_advisory_xact_lock(key) FROM unnest(?::bigint[]) AS key", keys)


def assertions_by(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId], source_id: SourceId
) -> list[StoredAssertion]:
    """One source's current word on every trait of these fragments."""
    found: list[StoredAssertion] = []
    for chunk in chunks(fragment_ids):
        marks = ", ".join("?" * len(chunk))
        where = f"workspace_id = ? AND fragment_id IN ({marks}) AND source_id = ?"
        found += select(transaction, StoredAssertion, "trait_assertion", where, workspace_id, *chunk, source_id)
    return found


def assertions(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]
) -> list[StoredAssertion]:
    """Every source's current word on every trait of these fragments."""
    return select_in(transaction, StoredAssertion, "trait_assertion", workspace_id, "fragment_id", fragment_ids)
