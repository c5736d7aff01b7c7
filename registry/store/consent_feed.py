"""The feed of consent: what changed, in the order of the commits.

The position is the audit log's, whose head a writer holds until it commits: whoever sees a position has seen every
one before it, on both engines, however long a transaction took and whatever its clock said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from registry.model.ids import ProfileId, WorkspaceId
from registry.model.stored_upkeep import ConsentFeedItem
from registry.store.database import Transaction
from registry.store.rows import insert, query

Cursor = tuple[int, int]
"""The audit log's position of an act, and a place in it."""


class Told(NamedTuple):
    """A change, with the digest of its act's entry; without profile, purpose and status: somebody was erased."""

    cursor: Cursor
    entry: bytes
    profile_id: ProfileId | None
    purpose: str | None
    status: str | None


def feed(transaction: Transaction, rows: Sequence[ConsentFeedItem]) -> None:
    """Put changes into the feed."""
    insert(transaction, "consent_feed", rows)


def after(transaction: Transaction, workspace_id: WorkspaceId, cursor: Cursor, limit: int) -> list[Told]:
    """The next changes after a cursor."""
    sql = (
        "SELECT c.position, c.place, n.digest, f.profile_id, r.purpose, r.status FROM consent_feed c "
        "LEFT JOIN audit_node n ON n.workspace_id = c.workspace_id AND n.level = 0 AND n.position = c.position "
        "LEFT JOIN consent_record r ON r.workspace_id = c.workspace_id AND r.fragment_id = c.fragment_id "
        "AND r.record_id = c.record_id "
        "LEFT JOIN fragment f ON f.workspace_id = c.workspace_id AND f.fragment_id = c.fragment_id "
        "WHERE c.workspace_id = ? AND c.position >= ? AND (c.position > ? OR c.place > ?) "
        "ORDER BY c.position, c.place LIMIT ?"
    )
    position, place = cursor
    rows = query(transaction, sql, workspace_id, position, position, place, limit)
    return [
        Told((at, n), bytes(entry), ProfileId(bytes(profile)) if profile is not None else None, purpose, status)
        for at, n, entry, profile, purpose, status in rows
    ]
