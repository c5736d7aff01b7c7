"""Moving identifiers to another blind-index key: every column that names one, and how far the move is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from registry.model.ids import BlindIndex
from registry.model.stored import StewardDecision, StoredIdentifier, StoredLink, StoredRefusal
from registry.model.stored_upkeep import IndexMove
from registry.store.database import Transaction
from registry.store.rows import execute_many, insert, query, select, select_in

_PAIRS: tuple[tuple[str, Any], ...] = (
    ("link", StoredLink),
    ("refused_link", StoredRefusal),
    ("steward_decision", StewardDecision),
)
"""Tables that name two identifiers, smaller first: moved, the two may change places."""

_SINGLES = ("runaway_identifier", "quarantine_subject", "hold_subject")


def hold(transaction: Transaction, workspace_id: bytes, *, exclusive: bool = False) -> None:
    """Keep identifiers where they are until the transaction ends; `exclusive` is who moves them.

    On SQLite a transaction sees one state of the database, and there is one writer.
    """
    if transaction.dialect.name == "sqlite":
        return
    kind = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
    query(transaction, f"SELECT {kind}(hashtext(?), hashtext(?))", "index", workspace_id.hex())


def moves(transaction: Transaction, workspace_id: bytes) -> list[IndexMove]:
    """Every move ever begun, oldest first."""
    return select(transaction, IndexMove, "index_move", "workspace_id = ? ORDER BY version", workspace_id)


def settled(transaction: Transaction, workspace_id: bytes) -> int:
    """The version of the key that every identifier is under, or a later one."""
    return max((row.version for row in moves(transaction, workspace_id) if row.finished_at is not None), default=1)


def newest(transaction: Transaction, workspace_id: bytes) -> int:
    """The newest version that identifiers began to move under."""
    rows = query(transaction, "SELECT max(version) FROM index_move WHERE workspace_id = ?", workspace_id)
    return int(rows[0][0] or 1)


def note(transaction: Transaction, move: IndexMove) -> None:
    """Write down how far a move is."""
    clause = (
        "ON CONFLICT (workspace_id, version) DO UPDATE SET after = excluded.after, moved = excluded.moved, "
        "closed = excluded.closed, total = excluded.total, finished_at = excluded.finished_at"
    )
    insert(transaction, "index_move", [move], on_conflict=clause)


def count(transaction: Transaction, workspace_id: bytes) -> int:
    """How many identifiers the workspace has."""
    return int(query(transaction, "SELECT count(*) FROM identifier WHERE workspace_id = ?", workspace_id)[0][0])


def move(
    transaction: Transaction,
    workspace_id: bytes,
    rows: Sequence[tuple[StoredIdentifier, BlindIndex, bytes]],
) -> None:
    """Put identifiers under other indexes, with their values sealed for those, wherever they are named."""
    renamed = {row.blind_index: index for row, index, _ in rows}
    sql = "UPDATE identifier SET blind_index = ?, sealed = ? WHERE workspace_id = ? AND fragment_id = ?"
    execute_many(transaction, sql, [(index, sealed, workspace_id, row.fragment_id) for row, index, sealed in rows])
    pairs = [(index, workspace_id, old) for old, index in sorted(renamed.items())]
    for table in _SINGLES:
        sql = f"UPDATE {table} SET blind_index = ? WHERE workspace_id = ? AND blind_index = ?"
        execute_many(transaction, sql, pairs)
    anchors = [(index, workspace_id, row.fragment_id) for row, index, _ in rows]
    execute_many(transaction, "UPDATE fragment SET anchor = ? WHERE workspace_id = ? AND fragment_id = ?", anchors)
    for table, kind in _PAIRS:
        _move_pairs(transaction, workspace_id, table, kind, renamed)


def _move_pairs(
    transaction: Transaction, workspace_id: bytes, table: str, kind: Any, renamed: Mapping[BlindIndex, BlindIndex]
) -> None:
    ends = [select_in(transaction, kind, table, workspace_id, end, renamed) for end in ("low", "high")]
    found = sorted(set(ends[0] + ends[1]))
    sql = f"DELETE FROM {table} WHERE workspace_id = ? AND low = ? AND high = ?"
    execute_many(transaction, sql, sorted({(workspace_id, row.low, row.high) for row in found}))
    fresh = []
    for row in found:
        low, high = sorted((renamed.get(row.low, row.low), renamed.get(row.high, row.high)))
        fresh.append(row._replace(low=low, high=high))
    insert(transaction, table, fresh)
