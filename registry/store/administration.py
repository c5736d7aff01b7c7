"""Workspaces, sources, credentials and published plans: small, and read far more than written."""

from __future__ import annotations

from registry.model.clock import Micros
from registry.model.stored import Credential, PublishedPlan, Source, Workspace
from registry.store.database import Transaction
from registry.store.rows import execute, insert, query, select


def add_workspace(transaction: Transaction, workspace: Workspace) -> None:
    """Store a new workspace."""
    insert(transaction, "workspace", [workspace])


def workspaces(transaction: Transaction) -> list[Workspace]:
    """Every workspace, oldest first."""
    return select(transaction, Workspace, "workspace", "1 = 1 ORDER BY created_at")


def add_source(transaction: Transaction, source: Source) -> None:
    """Store a new source."""
    insert(transaction, "source", [source])


def source_by_write_key(transaction: Transaction, write_key_hash: bytes) -> Source | None:
    """The source that a write key, given as its hash, belongs to."""
    found = select(transaction, Source, "source", "write_key_hash = ?", write_key_hash)
    return found[0] if found else None


def sources(transaction: Transaction, workspace_id: bytes) -> list[Source]:
    """The workspace's sources, oldest first."""
    return select(transaction, Source, "source", "workspace_id = ? ORDER BY created_at, source_id", workspace_id)


def bind_source(transaction: Transaction, workspace_id: bytes, source_id: bytes, plan: str, version: str) -> None:
    """Bind a source to a plan version."""
    sql = "UPDATE source SET plan_name = ?, plan_version = ? WHERE workspace_id = ? AND source_id = ?"
    execute(transaction, sql, plan, version, workspace_id, source_id)


def add_credential(transaction: Transaction, credential: Credential) -> None:
    """Store a new API key."""
    insert(transaction, "credential", [credential])


def credential_by_key(transaction: Transaction, key_hash: bytes) -> Credential | None:
    """The credential that an API key, given as its hash, belongs to; revoked ones included."""
    found = select(transaction, Credential, "credential", "key_hash = ?", key_hash)
    return found[0] if found else None


def credentials(transaction: Transaction, workspace_id: bytes) -> list[Credential]:
    """The workspace's API keys, oldest first."""
    return select(transaction, Credential, "credential", "workspace_id = ? ORDER BY created_at", workspace_id)


def revoke_credential(transaction: Transaction, workspace_id: bytes, credential_id: bytes, at: Micros) -> bool:
    """Revoke an API key; whether there was one to revoke."""
    sql = "UPDATE credential SET revoked_at = ? WHERE workspace_id = ? AND credential_id = ? AND revoked_at IS NULL"
    return execute(transaction, sql, at, workspace_id, credential_id) == 1


def add_plan(transaction: Transaction, plan: PublishedPlan) -> None:
    """Publish a plan version."""
    insert(transaction, "plan", [plan])


def plan(transaction: Transaction, workspace_id: bytes, name: str, version: str) -> PublishedPlan | None:
    """One published plan version."""
    where = "workspace_id = ? AND name = ? AND version = ?"
    found = select(transaction, PublishedPlan, "plan", where, workspace_id, name, version)
    return found[0] if found else None


def plan_versions(transaction: Transaction, workspace_id: bytes, name: str) -> list[str]:
    """The published versions of a plan."""
    sql = "SELECT version FROM plan WHERE workspace_id = ? AND name = ?"
    return [str(row[0]) for row in query(transaction, sql, workspace_id, name)]


def plans(transaction: Transaction, workspace_id: bytes) -> list[PublishedPlan]:
    """Every published plan version of the workspace, oldest first."""
    return select(transaction, PublishedPlan, "plan", "workspace_id = ? ORDER BY published_at", workspace_id)
