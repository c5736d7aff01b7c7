"""Rejected messages that nobody let in in time: destroyed, but for those of people whose data is to be kept.

As of what was taken in: whoever restricts processing has everything stored (GDPR Art. 18(2)), and a legal hold keeps
what it is placed on. Both are passed over, and go once neither stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from registry.dsr.retention import RESTRICTED
from registry.flows.consent import locking
from registry.flows.deployment import Deployment
from registry.flows.identity import subjects
from registry.flows.workspace import OpenWorkspace
from registry.model.grants import ShredGrant
from registry.model.ids import FragmentId
from registry.store import consents, holdings, identities, quarantine
from registry.store import retention as rows
from registry.store.database import Transaction
from registry.store.retention import Place

PAGE = 200


class Late(NamedTuple):
    """A page of messages whose time is over: those that may go, and where the next page begins."""

    free: Sequence[FragmentId]
    place: Place


def due(deployment: Deployment, workspace: OpenWorkspace) -> int:
    """How many messages may go now."""
    return sum(len(page.free) for _, page in _pages(deployment, workspace))


def destroy(deployment: Deployment, workspace: OpenWorkspace, grant: ShredGrant) -> Iterator[tuple[Transaction, int]]:
    """Destroy them with their keys, page by page; each time the transaction in which so many went."""
    workspace_id = workspace.workspace_id
    for after, page in _pages(deployment, workspace):
        if page.free:
            with deployment.data.write(workspace_id) as transaction:
                subjects.hold(workspace, transaction, exclusive=True)  # no hold is placed meanwhile
                looked = _look(deployment, workspace, transaction, after)
                free = looked.free if looked is not None else ()
                deployment.keyring.sweep(grant, free)
                yield transaction, quarantine.erase(transaction, workspace_id, free)


def _pages(deployment: Deployment, workspace: OpenWorkspace) -> Iterator[tuple[Place, Late]]:
    after: Place = (0, b"")
    while True:
        with deployment.data.read(workspace.workspace_id) as transaction:
            page = _look(deployment, workspace, transaction, after)
        if page is None:
            return
        yield after, page
        after = page.place


def _look(deployment: Deployment, workspace: OpenWorkspace, transaction: Transaction, after: Place) -> Late | None:
    """The page after a place; None where there is none."""
    workspace_id, now = workspace.workspace_id, deployment.clock()
    late = rows.expired_quarantine(transaction, workspace_id, now, after, PAGE)
    if not late:
        return None
    ids = [FragmentId(item) for _, item in late]
    about = quarantine.subjects(transaction, workspace_id, ids)
    indexes = {row.blind_index for row in about}
    known = identities.fragments_by_index(transaction, workspace_id, indexes)
    whole = identities.fragments_of_profiles(transaction, workspace_id, {f.profile_id for f in known.values()})
    fragments = [fragment.fragment_id for fragment in whole]
    refused = locking.refused_by_profile(deployment, whole, consents.states(transaction, workspace_id, fragments))
    held = holdings.held_fragments(transaction, workspace_id, fragments, now)
    spared = {fragment.profile_id for fragment in whole if fragment.fragment_id in held}
    spared |= {profile_id for profile_id, told in refused.items() if RESTRICTED in told.values()}
    kept = holdings.held_indexes(transaction, workspace_id, indexes, now)  # somebody not known may be held, too
    kept |= {index for index, fragment in known.items() if fragment.profile_id in spared}
    stay = {row.quarantine_id for row in about if row.blind_index in kept}
    return Late([one for one in ids if one not in stay], late[-1])
