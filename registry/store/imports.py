"""Imports of existing customers: how far each is."""

from __future__ import annotations

from registry.model.ids import WorkspaceId
from registry.model.stored_upkeep import ImportRun
from registry.store.database import Transaction
from registry.store.rows import insert, select

_COUNTED = ("rows_done", "accepted", "rejected", "duplicate", "suppressed", "unreadable", "started_at", "finished_at")
_STANDING = ("source_id", "fingerprint")


def get(transaction: Transaction, workspace_id: WorkspaceId, name: str) -> ImportRun | None:
    """The import of this name."""
    found = select(transaction, ImportRun, "import_run", "workspace_id = ? AND name = ?", workspace_id, name)
    return found[0] if found else None


def listed(transaction: Transaction, workspace_id: WorkspaceId) -> list[ImportRun]:
    """Every import, the latest first."""
    return select(transaction, ImportRun, "import_run", "workspace_id = ? ORDER BY started_at DESC, name", workspace_id)


def put(transaction: Transaction, row: ImportRun) -> None:
    """Store an import, or how far it is by now."""
    changes = ", ".join(f"{name} = excluded.{name}" for name in (*_STANDING, *_COUNTED))
    insert(transaction, "import_run", [row], on_conflict=f"ON CONFLICT (workspace_id, name) DO UPDATE SET {changes}")
