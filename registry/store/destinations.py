"""Destinations, the feed that they read, who has received what, and erasures passed on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from registry.model.clock import Micros
from registry.model.ids import EventId, FragmentId, RequestId
from registry.model.stored import StoredEvent
from registry.model.stored_upkeep import Destination, DestinationErasure, DestinationFailure, FeedItem, Webhook
from registry.store.database import Transaction
from registry.store.rows import delete_in, execute, execute_many, insert, query, select, select_in

AFTER = "position >= ? AND (position > ? OR place > ?)"
Cursor = tuple[int, int]


def add(transaction: Transaction, row: Destination) -> None:
    """Store a new destination."""
    insert(transaction, "destination", [row])


def listed(transaction: Transaction, workspace_id: bytes) -> list[Destination]:
    """The workspace's destinations, oldest first."""
    return select(transaction, Destination, "destination", "workspace_id = ? ORDER BY destination_id", workspace_id)


def get(transaction: Transaction, workspace_id: bytes, destination_id: bytes) -> Destination | None:
    """One destination."""
    where = "workspace_id = ? AND destination_id = ?"
    found = select(transaction, Destination, "destination", where, workspace_id, destination_id)
    return found[0] if found else None


def pause(transaction: Transaction, workspace_id: bytes, destination_id: bytes, at: Micros | None) -> None:
    """Pause a destination, or with None let it go on, at once."""
    sql = (
        "UPDATE destination SET paused_at = ?, failures = 0, failure = NULL, retry_at = 0 "
        "WHERE workspace_id = ? AND destination_id = ?"
    )
    execute(transaction, sql, at, workspace_id, destination_id)


def remove(transaction: Transaction, workspace_id: bytes, destination_id: bytes) -> None:
    """Delete a destination, what it refused and whom it received; erasures that it settled stay as they are."""
    for table in ("destination_failure", "destination_recipient", "destination"):
        sql = f"DELETE FROM {table} WHERE workspace_id = ? AND destination_id = ?"
        execute(transaction, sql, workspace_id, destination_id)
    prune(transaction, workspace_id)


def are_there(transaction: Transaction, workspace_id: bytes) -> bool:
    """Whether the workspace has a destination, so that events have to be fed to it."""
    return bool(query(transaction, "SELECT 1 FROM destination WHERE workspace_id = ? LIMIT 1", workspace_id))


def feed(transaction: Transaction, rows: Sequence[FeedItem]) -> None:
    """Put a batch's events into the feed."""
    insert(transaction, "event_feed", rows)


def following(transaction: Transaction, workspace_id: bytes, after: Cursor, limit: int) -> list[FeedItem]:
    """The next events of the feed."""
    where = f"workspace_id = ? AND {AFTER} ORDER BY position, place LIMIT ?"
    return select(transaction, FeedItem, "event_feed", where, workspace_id, after[0], *after, limit)


def backlog(transaction: Transaction, workspace_id: bytes, after: Cursor) -> int:
    """How many events of the feed a destination has not looked at yet."""
    sql = f"SELECT count(*) FROM event_feed WHERE workspace_id = ? AND {AFTER}"
    return int(query(transaction, sql, workspace_id, after[0], *after)[0][0])


def prune(transaction: Transaction, workspace_id: bytes) -> None:
    """Forget what every destination has passed."""
    sql = (
        "DELETE FROM event_feed WHERE workspace_id = ? AND position < "
        "COALESCE((SELECT min(position) FROM destination WHERE workspace_id = ?), ?)"
    )
    execute(transaction, sql, workspace_id, workspace_id, 2**63 - 1)


def event(
    transaction: Transaction, workspace_id: bytes, fragment_id: FragmentId, event_id: EventId
) -> StoredEvent | None:
    """One event; None when it has been erased."""
    where = "workspace_id = ? AND fragment_id = ? AND event_id = ?"
    found = select(transaction, StoredEvent, "event", where, workspace_id, fragment_id, event_id)
    return found[0] if found else None


def advance(transaction: Transaction, row: Destination, to: Cursor, *, sent: int, withheld: int, now: Micros) -> None:
    """Note how far a destination is, and that it answers."""
    sql = (
        "UPDATE destination SET position = ?, place = ?, failures = 0, failure = NULL, retry_at = 0, "
        "delivered = delivered + ?, withheld = withheld + ?, "
        "delivered_at = CASE WHEN ? > 0 THEN ? ELSE delivered_at END "
        "WHERE workspace_id = ? AND destination_id = ?"
    )
    execute(transaction, sql, *to, sent, withheld, sent, now, row.workspace_id, row.destination_id)


def hold(transaction: Transaction, row: Destination, failure: str | None, retry_at: Micros) -> None:
    """Send nothing to a destination before a moment."""
    sql = (
        "UPDATE destination SET failures = failures + 1, failure = ?, retry_at = ? "
        "WHERE workspace_id = ? AND destination_id = ?"
    )
    execute(transaction, sql, failure, retry_at, row.workspace_id, row.destination_id)


def received(
    transaction: Transaction, row: Destination | Webhook, fragment_ids: Collection[FragmentId], now: Micros
) -> None:
    """Remember that a destination, or a subscriber, has, or may have, data of these fragments."""
    who = row.destination_id if isinstance(row, Destination) else row.webhook_id
    sql = (
        "INSERT INTO destination_recipient (workspace_id, fragment_id, destination_id, first_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (workspace_id, fragment_id, destination_id) DO NOTHING"
    )
    execute_many(transaction, sql, [(row.workspace_id, f, who, now) for f in sorted(fragment_ids)])


def recipients(transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]) -> set[FragmentId]:
    """The destinations and subscribers that have received data of any of these fragments."""
    found: set[FragmentId] = set()
    for fragment_id in sorted(fragment_ids):
        sql = "SELECT destination_id FROM destination_recipient WHERE workspace_id = ? AND fragment_id = ?"
        found |= {FragmentId(bytes(row[0])) for row in query(transaction, sql, workspace_id, fragment_id)}
    return found


def sent_to(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]
) -> list[tuple[str, str, Micros]]:
    """The destinations and subscribers that have received data of any of these fragments: name, purpose, since when."""
    found: dict[tuple[str, str], Micros] = {}
    for fragment_id in fragment_ids:
        for table, key in (("destination", "destination_id"), ("webhook", "webhook_id")):
            sql = (
                f"SELECT d.name, d.purpose, r.first_at FROM destination_recipient r JOIN {table} d "
                f"ON d.workspace_id = r.workspace_id AND d.{key} = r.destination_id "
                "WHERE r.workspace_id = ? AND r.fragment_id = ?"
            )
            for name, purpose, first_at in query(transaction, sql, workspace_id, fragment_id):
                found[name, purpose] = min(first_at, found.get((name, purpose), first_at))
    return [(name, purpose, first_at) for (name, purpose), first_at in sorted(found.items())]


def put_failures(transaction: Transaction, rows: Sequence[DestinationFailure]) -> None:
    """Keep events that a destination refused, or refused again."""
    clause = (
        "ON CONFLICT (workspace_id, destination_id, position, place) DO UPDATE SET "
        "failure = excluded.failure, failed_at = excluded.failed_at, retry_at = excluded.retry_at"
    )
    insert(transaction, "destination_failure", rows, on_conflict=clause)


def failures(
    transaction: Transaction, workspace_id: bytes, destination_id: bytes, limit: int, *, due: Micros | None = None
) -> list[DestinationFailure]:
    """What a destination refused, in the feed's order; with `due`, only what is to be tried again by then."""
    where, parameters = "workspace_id = ? AND destination_id = ?", [workspace_id, destination_id]
    if due is not None:
        where += " AND retry_at <= ?"
        parameters.append(due)  # type: ignore[arg-type]
    where += " ORDER BY position, place LIMIT ?"
    return select(transaction, DestinationFailure, "destination_failure", where, *parameters, limit)


def drop_failure(transaction: Transaction, row: DestinationFailure) -> None:
    """Forget an event that was refused and has been taken since, or is no more."""
    sql = "DELETE FROM destination_failure WHERE workspace_id = ? AND destination_id = ? AND position = ? AND place = ?"
    execute(transaction, sql, row.workspace_id, row.destination_id, row.position, row.place)


def retry_failures(transaction: Transaction, workspace_id: bytes, destination_id: bytes, at: Micros) -> int:
    """Let everything that was refused be tried again; how many events."""
    sql = "UPDATE destination_failure SET retry_at = ? WHERE workspace_id = ? AND destination_id = ?"
    return execute(transaction, sql, at, workspace_id, destination_id)


def failure_count(transaction: Transaction, workspace_id: bytes, destination_id: bytes) -> int:
    """How many events a destination refused."""
    sql = "SELECT count(*) FROM destination_failure WHERE workspace_id = ? AND destination_id = ?"
    return int(query(transaction, sql, workspace_id, destination_id)[0][0])


def put_erasures(transaction: Transaction, rows: Sequence[DestinationErasure]) -> None:
    """Note erasures that destinations are to be told of, or what came of it; what is acknowledged stays so."""
    clause = (
        "ON CONFLICT (workspace_id, destination_id, order_id) DO UPDATE SET state = excluded.state, "
        "sealed = excluded.sealed, attempts = excluded.attempts, retry_at = excluded.retry_at, "
        "failure = excluded.failure, settled_at = excluded.settled_at, received_at = excluded.received_at "
        "WHERE destination_erasure.state <> 'acknowledged'"
    )
    insert(transaction, "destination_erasure", rows, on_conflict=clause)


def erasures(transaction: Transaction, workspace_id: bytes, request_id: RequestId) -> list[DestinationErasure]:
    """What became of one request's erasure at each destination."""
    where = "workspace_id = ? AND request_id = ? ORDER BY destination_id, order_id"
    return select(transaction, DestinationErasure, "destination_erasure", where, workspace_id, request_id)


def erasures_in(
    transaction: Transaction, workspace_id: bytes, destination_id: bytes, states: Collection[str]
) -> list[DestinationErasure]:
    """A destination's erasures in some states, oldest first."""
    found = select_in(
        transaction, DestinationErasure, "destination_erasure", workspace_id, "destination_id", [destination_id]
    )
    return sorted((row for row in found if row.state in states), key=lambda row: row.order_id)


def settled_since(transaction: Transaction, workspace_id: bytes, since: Micros) -> list[RequestId]:
    """The requests of whose erasure a destination has settled since a time."""
    sql = "SELECT DISTINCT request_id FROM destination_erasure WHERE workspace_id = ? AND settled_at >= ?"
    return [RequestId(bytes(row[0])) for row in query(transaction, sql, workspace_id, since)]


def erasure(transaction: Transaction, workspace_id: bytes, order_id: bytes) -> DestinationErasure | None:
    """The order of an id."""
    where = "workspace_id = ? AND order_id = ?"
    found = select(transaction, DestinationErasure, "destination_erasure", where, workspace_id, order_id)
    return found[0] if found else None


def erasures_due(
    transaction: Transaction, workspace_id: bytes, state: str, waits: tuple[Micros, Micros]
) -> list[FragmentId]:
    """The destinations and webhooks that are to be told of an erasure now.

    Args:
        waits: between which moments the end of every wait lies that goes on.
    """
    due = "SELECT destination_id FROM destination_erasure WHERE workspace_id = ? AND state = ? AND retry_at"
    now, last = waits
    sql = f"{due} <= ? UNION {due} > ? ORDER BY destination_id"  # each led by the index
    found = query(transaction, sql, workspace_id, state, now, workspace_id, state, last)
    return [FragmentId(bytes(row[0])) for row in found]


def forget_feed(transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]) -> None:
    """Take fragments out of the feed."""
    delete_in(transaction, "event_feed", workspace_id, "fragment_id", fragment_ids)
