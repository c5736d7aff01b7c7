"""The audit log's rows: entries, tree nodes, the head, and the sealed details beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from registry.model.ids import WorkspaceId
from registry.model.stored import AuditDetail
from registry.store.database import Transaction
from registry.store.rows import execute, execute_many, insert, query

PAGE = 1000


def lock_head(transaction: Transaction, workspace_id: WorkspaceId) -> tuple[int, bytes]:
    """The tree's size and frontier, held until the transaction ends; (0, b"") for an empty tree."""
    execute(
        transaction,
        "INSERT INTO audit_head (workspace_id, size, frontier) VALUES (?, 0, ?) ON CONFLICT (workspace_id) DO NOTHING",
        workspace_id,
        b"",
    )
    lock = "" if transaction.dialect.name == "sqlite" else " FOR UPDATE"
    sql = f"SELECT size, frontier FROM audit_head WHERE workspace_id = ?{lock}"
    size, frontier = query(transaction, sql, workspace_id)[0]
    return int(size), bytes(frontier)


def head(transaction: Transaction, workspace_id: WorkspaceId) -> tuple[int, bytes]:
    """The tree's size and frontier."""
    rows = query(transaction, "SELECT size, frontier FROM audit_head WHERE workspace_id = ?", workspace_id)
    return (int(rows[0][0]), bytes(rows[0][1])) if rows else (0, b"")


def append(
    transaction: Transaction,
    workspace_id: WorkspaceId,
    position: int,
    added: Sequence[bytes],
    nodes: Collection[tuple[int, int, bytes]],
    frontier: bytes,
) -> None:
    """Append entries from `position` on, with the (level, position, digest) nodes that they complete."""
    sql = "INSERT INTO audit_entry (workspace_id, position, entry) VALUES (?, ?, ?)"
    execute_many(transaction, sql, [(workspace_id, place, entry) for place, entry in enumerate(added, position)])
    sql = "INSERT INTO audit_node (workspace_id, level, position, digest) VALUES (?, ?, ?, ?)"
    execute_many(transaction, sql, [(workspace_id, *node) for node in nodes])
    sql = "UPDATE audit_head SET size = ?, frontier = ? WHERE workspace_id = ?"
    execute(transaction, sql, position + len(added), frontier, workspace_id)


def node(transaction: Transaction, workspace_id: WorkspaceId, level: int, position: int) -> bytes:
    """The digest of a complete node.

    Raises:
        KeyError: there is no such node.
    """
    sql = "SELECT digest FROM audit_node WHERE workspace_id = ? AND level = ? AND position = ?"
    rows = query(transaction, sql, workspace_id, level, position)
    if not rows:
        raise KeyError((level, position))
    return bytes(rows[0][0])


def entries(transaction: Transaction, workspace_id: WorkspaceId, start: int, limit: int) -> list[tuple[int, bytes]]:
    """Up to `limit` entries from position `start` on, with their positions."""
    sql = "SELECT position, entry FROM audit_entry WHERE workspace_id = ? AND position >= ? ORDER BY position LIMIT ?"
    return [(int(row[0]), bytes(row[1])) for row in query(transaction, sql, workspace_id, start, limit)]


def stream(transaction: Transaction, workspace_id: WorkspaceId) -> Iterator[bytes]:
    """Every entry in order, in bounded memory."""
    start = 0
    while page := entries(transaction, workspace_id, start, PAGE):
        yield from (entry for _, entry in page)
        start = page[-1][0] + 1


def add_details(transaction: Transaction, rows: Sequence[AuditDetail]) -> None:
    """Store whom entries were about, sealed."""
    insert(transaction, "audit_detail", rows)
