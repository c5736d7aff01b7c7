"""Requests that came by OpenDSR, and the certified keys that answer them."""

from __future__ import annotations

from registry.model.clock import Micros
from registry.model.stored_upkeep import OpenDsrKey, OpenDsrRequest
from registry.store.database import Transaction
from registry.store.rows import execute, insert, select


def key(transaction: Transaction, workspace_id: bytes, domain: str) -> OpenDsrKey | None:
    """The key of a host name."""
    found = select(transaction, OpenDsrKey, "opendsr_key", "workspace_id = ? AND domain = ?", workspace_id, domain)
    return found[0] if found else None


def add_key(transaction: Transaction, row: OpenDsrKey) -> None:
    """Store a key; one that another process stored first stays."""
    insert(transaction, "opendsr_key", [row], on_conflict="ON CONFLICT (workspace_id, domain) DO NOTHING")


def add(transaction: Transaction, row: OpenDsrRequest) -> None:
    """Store a request; one of the same id that another process stored first stays."""
    clause = "ON CONFLICT (workspace_id, subject_request_id) DO NOTHING"
    insert(transaction, "opendsr_request", [row], on_conflict=clause)


def get(transaction: Transaction, workspace_id: bytes, subject_request_id: bytes) -> OpenDsrRequest | None:
    """The request of a controller's id."""
    where = "workspace_id = ? AND subject_request_id = ?"
    found = select(transaction, OpenDsrRequest, "opendsr_request", where, workspace_id, subject_request_id)
    return found[0] if found else None


def waiting(transaction: Transaction, workspace_id: bytes, waits: tuple[Micros, Micros]) -> list[OpenDsrRequest]:
    """The requests that have moved since their controllers were told, and those of which an address that did not answer
    is to be tried again; oldest first.

    Args:
        waits: between which moments the end of every wait lies that goes on.
    """
    moved = (
        "seen < (SELECT count(*) FROM dsr_event moved WHERE "
        "moved.workspace_id = opendsr_request.workspace_id AND moved.request_id = opendsr_request.request_id)"
    )
    again = [
        (f"failure IS NOT NULL AND next_at {sign} ?", moment) for sign, moment in zip(("<=", ">"), waits, strict=True)
    ]
    found: dict[bytes, OpenDsrRequest] = {}
    for due, *moments in (*again, (moved,)):
        where = f"workspace_id = ? AND sealed IS NOT NULL AND {due}"
        rows = select(transaction, OpenDsrRequest, "opendsr_request", where, workspace_id, *moments)
        found |= {row.subject_request_id: row for row in rows}
    return sorted(found.values(), key=lambda row: row.received_at)


def note(transaction: Transaction, row: OpenDsrRequest) -> None:
    """Write how far a controller has been told."""
    sql = (
        "UPDATE opendsr_request SET sealed = ?, told = ?, seen = ?, attempts = ?, next_at = ?, failure = ? "
        "WHERE workspace_id = ? AND subject_request_id = ?"
    )
    values = (row.sealed, row.told, row.seen, row.attempts, row.next_at, row.failure)
    execute(transaction, sql, *values, row.workspace_id, row.subject_request_id)
