"""Counting back: how far each computed trait is."""

from __future__ import annotations

from collections.abc import Collection

from registry.model.ids import WorkspaceId
from registry.model.stored_upkeep import CountedBack
from registry.store.database import Transaction
from registry.store.rows import insert, select


def listed(transaction: Transaction, workspace_id: WorkspaceId) -> list[CountedBack]:
    """Every trait that was counted back, or is being."""
    return select(transaction, CountedBack, "counted_back", "workspace_id = ? ORDER BY trait", workspace_id)


def put(transaction: Transaction, rows: Collection[CountedBack]) -> None:
    """Store how far these are."""
    clause = (
        "ON CONFLICT (workspace_id, trait) DO UPDATE SET form = excluded.form, after = excluded.after, "
        "started_at = excluded.started_at, finished_at = excluded.finished_at"
    )
    insert(transaction, "counted_back", sorted(rows, key=lambda row: row.trait), on_conflict=clause)
