"""Changes of consent, for those who follow them: told in the order of their commits, none left out.

They are put into the feed in the transaction that makes them, under the position of their entry in the audit log.
Whoever comes back names that entry, too: in a log that an older copy of the data replaced, and that went on from
there, another one stands at the position, and what they know is of a history that came to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from registry.consent.records import WHOLE_PERSON
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import NotFound
from registry.model.ids import ProfileId, WorkspaceId
from registry.model.stored import StoredConsent
from registry.model.stored_upkeep import ConsentFeedItem
from registry.store import audit_log, consent_feed
from registry.store.database import Transaction

MARK_BYTES = 8
"""Of an entry's digest: enough to tell it from the one that took its place."""

LAST_PLACE = 999_999_999
"""Beyond every place that a transaction can fill."""

ERASED = "erased"
"""Stands for a status where somebody was erased: what is remembered of anybody may be of them."""


class Place(NamedTuple):
    """Where somebody who follows stands: the position and place of what was told last, and the mark of its entry."""

    position: int
    place: int
    mark: str


BEGINNING = Place(0, 0, "")
"""Before everything; it is of every log."""


class Change(NamedTuple):
    """One change: a record of a profile, or that somebody was erased, who has no profile any more."""

    at: Place
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


def following(deployment: Deployment, workspace: OpenWorkspace, since: Place, limit: int) -> list[Change]:
    """The next changes after a place.

    Raises:
        NotFound: the place is of another log than this, which an older copy has replaced since.
        StoreUnavailable: they cannot be read.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        told = consent_feed.after(transaction, workspace.workspace_id, since[:2], limit)
        if told and not _stands(transaction, workspace.workspace_id, since):
            raise NotFound("the place is of another history than this")
    return [
        Change(Place(*row.cursor, _mark(row.entry)), row.profile_id, row.purpose or WHOLE_PERSON, row.status or ERASED)
        for row in told
    ]


def end(deployment: Deployment, workspace: OpenWorkspace) -> Place:
    """The place after everything that has been committed so far.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        size, _ = audit_log.head(transaction, workspace.workspace_id)
        if not size:
            return BEGINNING
        return Place(size - 1, LAST_PLACE, _mark(audit_log.node(transaction, workspace.workspace_id, 0, size - 1)))


def is_known(deployment: Deployment, workspace: OpenWorkspace, place: Place) -> bool:
    """Whether a place is of this log: what stands in it now went on from there.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        return _stands(transaction, workspace.workspace_id, place)


def _stands(transaction: Transaction, workspace_id: WorkspaceId, place: Place) -> bool:
    if place == BEGINNING:
        return True
    try:
        return _mark(audit_log.node(transaction, workspace_id, 0, place.position)) == place.mark
    except KeyError:
        return False


def _mark(entry: bytes) -> str:
    return entry[:MARK_BYTES].hex()
