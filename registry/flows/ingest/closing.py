"""What a batch closes: compartments of what it brings that somebody refuses, in its own transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from registry.flows.consent.locking import relock
from registry.flows.deployment import Deployment
from registry.flows.identity.joining import Joined
from registry.flows.ingest.known import Known
from registry.flows.workspace import OpenWorkspace
from registry.model.compartment import Compartment
from registry.model.ids import FragmentId
from registry.store import identities
from registry.store.database import Transaction


def hold_who_grows(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    needs: Mapping[FragmentId, Collection[Compartment]],
    joined: Joined,
    versions: Mapping[FragmentId, int],
) -> set[FragmentId]:
    """The people who were there before and get a first key for something: while it is made, nobody else records what
    people allow, since who refused it just then would not see what there is to lock. On SQLite nobody could.

    Args:
        needs: the compartments of each fragment that are sealed.
        versions: the state versions of fragments, as the transaction has read them.
    """
    if deployment.data.is_sqlite:
        return set()
    there = {fragment_id: own for fragment_id, own in needs.items() if fragment_id not in joined.new}
    grown = deployment.keyring.lacking(workspace.workspace_id, there, versions=versions)
    if grown:
        identities.lock(transaction, workspace.workspace_id)
    return grown


def close(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    known: Known,
    joined: Joined,
    grown: Collection[FragmentId],
) -> None:
    """Lock what the batch refused, or joined to somebody who refused it, or sealed first while it was being refused;
    open what only somebody refused who was parted from them.

    Args:
        grown: whom `hold_who_grows` told.
    """
    spoke = {row.fragment_id for row in known.records}
    profiles = {one.profile_id for one in joined.by_index.values() if one.fragment_id in spoke}
    profiles -= joined.new.keys()  # whose oldest fragment is new, all is: it was judged by what it says
    profiles |= joined.profiles
    if grown:  # who is who may have changed before nobody else could any more
        there = identities.fragments(transaction, workspace.workspace_id, grown)
        profiles |= {fragment.profile_id for fragment in there.values()}
    if profiles:
        relock(deployment, workspace.workspace_id, transaction, profiles)
