"""Changes of consent, for those who follow them: told in the order of their commits, none left out.

They are put into the feed in the transaction that makes them, under the position of their entry in the audit log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from registry.consent.records import WHOLE_PERSON
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.ids import ProfileId, WorkspaceId
from registry.model.stored import StoredConsent
from registry.model.stored_upkeep import ConsentFeedItem
from registry.store import audit_log, consent_feed
from registry.store.consent_feed import Cursor
from registry.store.database import Transaction

LAST_PLACE = 999_999_999
"""Beyond every place that a transaction can fill."""

ERASED = "erased"
"""Stands for a status where somebody was erased: what is remembered of anybody may be of them."""


class Change(NamedTuple):
    """One change: a record of a profile, or that somebody was erased, who has no profile any more."""

    cursor: Cursor
    profile_id: ProfileId | None
    purpose: str
    status: str


def tell(transaction: Transaction, workspace_id: WorkspaceId, position: int, rows: Sequence[StoredConsent]) -> None:
    """Put records into the feed, in the transaction that appends them and their entry to the audit log."""
    consent_feed.feed(
        transaction,
        [
            ConsentFeedItem(workspace_id, position, place, row.fragment_id, row.record_id)
            for place, row in enumerate(rows)
        ],
    )


def tell_erasure(transaction: Transaction, workspace_id: WorkspaceId, position: int) -> None:
    """Tell that somebody was erased, and not who."""
    consent_feed.feed(transaction, [ConsentFeedItem(workspace_id, position, 0, None, None)])


def following(deployment: Deployment, workspace: OpenWorkspace, cursor: Cursor, limit: int) -> list[Change]:
    """The next changes after a cursor.

    Raises:
        StoreUnavailable: they cannot be read.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        told = consent_feed.after(transaction, workspace.workspace_id, cursor, limit)
    return [Change(at, who, purpose or WHOLE_PERSON, status or ERASED) for at, who, purpose, status in told]


def end(deployment: Deployment, workspace: OpenWorkspace) -> Cursor:
    """The cursor after everything that has been committed so far.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        size, _ = audit_log.head(transaction, workspace.workspace_id)
    return max(size - 1, 0), LAST_PLACE
