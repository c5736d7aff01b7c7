"""Webhooks, the outbox, and alerts: rows that are written with what they tell of, and removed once told."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from registry.model.clock import Micros
from registry.model.ids import FragmentId
from registry.model.stored_upkeep import OutboxMessage, Webhook
from registry.store.database import Transaction
from registry.store.rows import chunks, execute, execute_many, insert, query, select


def add(transaction: Transaction, row: Webhook) -> None:
    """Store a new webhook."""
    insert(transaction, "webhook", [row])


def listed(transaction: Transaction, workspace_id: bytes) -> list[Webhook]:
    """The workspace's webhooks, oldest first."""
    return select(transaction, Webhook, "webhook", "workspace_id = ? ORDER BY webhook_id", workspace_id)


def get(transaction: Transaction, workspace_id: bytes, webhook_id: bytes) -> Webhook | None:
    """One webhook."""
    where = "workspace_id = ? AND webhook_id = ?"
    found = select(transaction, Webhook, "webhook", where, workspace_id, webhook_id)
    return found[0] if found else None


def pause(transaction: Transaction, workspace_id: bytes, webhook_id: bytes, at: Micros | None) -> None:
    """Pause a webhook, or with None let it go on, at once."""
    sql = "UPDATE webhook SET paused_at = ?, failures = 0, retry_at = 0 WHERE workspace_id = ? AND webhook_id = ?"
    execute(transaction, sql, at, workspace_id, webhook_id)


def remove(transaction: Transaction, workspace_id: bytes, webhook_id: bytes) -> None:
    """Delete a webhook, what it was still to be told, and of whom it was told."""
    for table, key in (
        ("outbox", "webhook_id"),
        ("destination_recipient", "destination_id"),
        ("webhook", "webhook_id"),
    ):
        execute(transaction, f"DELETE FROM {table} WHERE workspace_id = ? AND {key} = ?", workspace_id, webhook_id)


def enqueue(transaction: Transaction, rows: Sequence[OutboxMessage]) -> None:
    """Note what webhooks are to be told."""
    insert(transaction, "outbox", rows)


def due(transaction: Transaction, workspace_id: bytes, waits: tuple[Micros, Micros]) -> list[Webhook]:
    """The webhooks that may be sent to now and have something due.

    Args:
        waits: between which moments the end of every wait lies that goes on.
    """
    where = (
        "workspace_id = ? AND paused_at IS NULL AND (retry_at <= ? OR retry_at > ?) AND EXISTS (SELECT 1 "
        "FROM outbox o WHERE o.workspace_id = webhook.workspace_id AND o.webhook_id = webhook.webhook_id "
        "AND o.dead_at IS NULL AND (o.next_at <= ? OR o.next_at > ?)) ORDER BY webhook_id"
    )
    return select(transaction, Webhook, "webhook", where, workspace_id, *waits, *waits)


def pending(
    transaction: Transaction, workspace_id: bytes, webhook_id: bytes, waits: tuple[Micros, Micros], limit: int
) -> list[OutboxMessage]:
    """What a webhook is to be told now, oldest first; `waits` as for `due`."""
    where = "workspace_id = ? AND webhook_id = ? AND dead_at IS NULL AND (next_at <= ? OR next_at > ?) "
    where += "ORDER BY occurred_at, message_id LIMIT ?"
    return select(transaction, OutboxMessage, "outbox", where, workspace_id, webhook_id, *waits, limit)


def dead(transaction: Transaction, workspace_id: bytes, webhook_id: bytes, limit: int) -> list[OutboxMessage]:
    """What a webhook could not be told, oldest first."""
    where = "workspace_id = ? AND webhook_id = ? AND dead_at IS NOT NULL ORDER BY occurred_at, message_id LIMIT ?"
    return select(transaction, OutboxMessage, "outbox", where, workspace_id, webhook_id, limit)


def delivered(transaction: Transaction, message: OutboxMessage, now: Micros) -> None:
    """Forget a message that was taken, and count it."""
    key = (message.workspace_id, message.webhook_id)
    sql = "DELETE FROM outbox WHERE workspace_id = ? AND webhook_id = ? AND message_id = ?"
    execute(transaction, sql, *key, message.message_id)
    sql = (
        "UPDATE webhook SET failures = 0, retry_at = 0, delivered = delivered + 1, delivered_at = ? "
        "WHERE workspace_id = ? AND webhook_id = ?"
    )
    execute(transaction, sql, now, *key)


def failed(transaction: Transaction, message: OutboxMessage) -> None:
    """Write when a message is tried again, or that it is given up."""
    sql = (
        "UPDATE outbox SET attempts = ?, next_at = ?, failure = ?, dead_at = ? "
        "WHERE workspace_id = ? AND webhook_id = ? AND message_id = ?"
    )
    key = (message.workspace_id, message.webhook_id, message.message_id)
    execute(transaction, sql, message.attempts, message.next_at, message.failure, message.dead_at, *key)


def hold(transaction: Transaction, webhook: Webhook, failures: int, retry_at: Micros) -> None:
    """Send nothing to a webhook before a moment."""
    sql = "UPDATE webhook SET failures = ?, retry_at = ? WHERE workspace_id = ? AND webhook_id = ?"
    execute(transaction, sql, failures, retry_at, webhook.workspace_id, webhook.webhook_id)


def revive(transaction: Transaction, workspace_id: bytes, webhook_id: bytes, at: Micros) -> int:
    """Let everything that was given up be tried again; how many messages."""
    sql = (
        "UPDATE outbox SET dead_at = NULL, attempts = 0, next_at = ? "
        "WHERE workspace_id = ? AND webhook_id = ? AND dead_at IS NOT NULL"
    )
    return execute(transaction, sql, at, workspace_id, webhook_id)


def backlog(transaction: Transaction, workspace_id: bytes) -> dict[FragmentId, tuple[int, int, Micros | None]]:
    """By webhook: how many messages wait, how many were given up, and since when the oldest waits."""
    sql = (
        "SELECT webhook_id, count(*) - count(dead_at), count(dead_at), "
        "min(CASE WHEN dead_at IS NULL THEN occurred_at END) FROM outbox WHERE workspace_id = ? GROUP BY webhook_id"
    )
    return {
        FragmentId(bytes(row[0])): (int(row[1]), int(row[2]), row[3]) for row in query(transaction, sql, workspace_id)
    }


def alerted(transaction: Transaction, workspace_id: bytes, names: Collection[str], now: Micros) -> list[str]:
    """Those of these alerts that were not raised before; from now on all of them were."""
    known: set[str] = set()
    for chunk in chunks(names):
        marks = ", ".join("?" * len(chunk))
        sql = f"SELECT name FROM alert WHERE workspace_id = ? AND name IN ({marks})"
        known |= {str(row[0]) for row in query(transaction, sql, workspace_id, *chunk)}
    fresh = sorted(set(names) - known)
    sql = "INSERT INTO alert (workspace_id, name, raised_at) VALUES (?, ?, ?) "
    sql += "ON CONFLICT (workspace_id, name) DO NOTHING"
    execute_many(transaction, sql, [(workspace_id, name, now) for name in fresh])
    return fresh


def forget_alerts(transaction: Transaction, workspace_id: bytes, prefix: str, before: Micros) -> None:
    """Forget alerts whose names begin so, raised before a moment."""
    sql = "DELETE FROM alert WHERE workspace_id = ? AND name LIKE ? AND raised_at < ?"
    execute(transaction, sql, workspace_id, f"{prefix}%", before)


def violations_since(
    transaction: Transaction, workspace_id: bytes, since: bytes, received: Micros
) -> list[tuple[bytes, int]]:
    """How many violations each source caused since a moment, given also as the least id of that moment."""
    sql = (
        "SELECT source_id, count(*) FROM violation WHERE workspace_id = ? AND violation_id >= ? AND received_at >= ? "
        "GROUP BY source_id ORDER BY source_id"
    )
    return [(bytes(row[0]), int(row[1])) for row in query(transaction, sql, workspace_id, since, received)]
