"""Links to packages: made, followed so often, and forgotten when they end."""

from __future__ import annotations

from registry.model.accounts import PackageLink
from registry.model.clock import Micros
from registry.store.database import Transaction
from registry.store.rows import execute, insert, query, select


def add(transaction: Transaction, link: PackageLink, now: Micros) -> None:
    """Store a new link, and forget those that have ended."""
    sql = "DELETE FROM package_link WHERE workspace_id = ? AND (expires_at <= ? OR fetches_left <= 0)"
    execute(transaction, sql, link.workspace_id, now)
    insert(transaction, "package_link", [link])


def get(transaction: Transaction, workspace_id: bytes, link_hash: bytes) -> PackageLink | None:
    """The link whose token has this hash."""
    where = "workspace_id = ? AND link_hash = ?"
    found = select(transaction, PackageLink, "package_link", where, workspace_id, link_hash)
    return found[0] if found else None


def count(transaction: Transaction, workspace_id: bytes, link_hash: bytes) -> int | None:
    """Count one fetch; how many are left after it, or None when there was none."""
    sql = (
        "UPDATE package_link SET fetches_left = fetches_left - 1 "
        "WHERE workspace_id = ? AND link_hash = ? AND fetches_left > 0 RETURNING fetches_left"
    )
    found = query(transaction, sql, workspace_id, link_hash)
    return int(found[0][0]) if found else None


def give_back(transaction: Transaction, workspace_id: bytes, link_hash: bytes) -> None:
    """Take one fetch for not made; a link that was withdrawn or forgotten meanwhile stays away."""
    sql = "UPDATE package_link SET fetches_left = fetches_left + 1 WHERE workspace_id = ? AND link_hash = ?"
    execute(transaction, sql, workspace_id, link_hash)


def withdraw(transaction: Transaction, workspace_id: bytes, request_id: bytes) -> int:
    """Forget every link of a request; how many there were."""
    return execute(
        transaction, "DELETE FROM package_link WHERE workspace_id = ? AND request_id = ?", workspace_id, request_id
    )
