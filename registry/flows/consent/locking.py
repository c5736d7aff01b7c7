"""Locking: what a withdrawal, an objection or a restriction closes, in the transaction that records it.

A compartment is locked when no purpose of it has a lawful ground for the person any more. It is told
from the names in the fragments' key bundles, so that the cost does not depend on how much is stored.
After the policy's grace time `retention` destroys its key; a new ground before that opens it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from registry.consent.decide import decide
from registry.dsr.retention import Lock, lock_for
from registry.flows.acts import trail
from registry.flows.consent.standing import Alike, alike, standings_for
from registry.flows.deployment import Deployment
from registry.model.compartment import Compartment, purposes_of
from registry.model.ids import FragmentId, ProfileId, WorkspaceId
from registry.model.stored import ConsentState, Fragment
from registry.model.stored_upkeep import CompartmentLock
from registry.store import consents, identities
from registry.store import retention as rows
from registry.store.database import Transaction

Refused = Mapping[str, str]
"""The purposes of the policy that have no lawful ground for a person now, each with the reason."""


class Relocked(NamedTuple):
    """What changed: compartments that were locked, and that were opened again."""

    locked: int
    opened: int


def refused_by_profile(
    deployment: Deployment, fragments: Sequence[Fragment], states: Iterable[ConsentState]
) -> dict[ProfileId, Refused]:
    """For each profile among these fragments, which must be all of theirs, what is refused now."""
    rules, catalogue, now = deployment.policies.identity, deployment.policies.purposes, deployment.clock()
    of_those_alike: dict[Alike, Refused] = {}
    of_profile: dict[ProfileId, list[Fragment]] = {}
    for fragment in fragments:
        of_profile.setdefault(fragment.profile_id, []).append(fragment)
    home = {fragment.fragment_id: fragment.profile_id for fragment in fragments}
    said: dict[ProfileId, list[ConsentState]] = {}
    for state in states:
        said.setdefault(home[state.fragment_id], []).append(state)
    refused: dict[ProfileId, Refused] = {}
    for profile_id, own in of_profile.items():
        records = said.get(profile_id, ())
        common = alike(rules, own, records, now, catalogue.last_change)
        known = of_those_alike.get(common) if common is not None else None
        if known is None:
            standings = standings_for(rules, own, records, catalogue.purposes)
            decisions = [decide(name, frozenset(), standings[name], catalogue, now=now) for name in catalogue.purposes]
            known = {one.purpose: one.reason.value for one in decisions if not one.allowed}
            if common is not None:
                of_those_alike[common] = known
        refused[profile_id] = known
    return refused


def needed_lock(
    deployment: Deployment, compartment: str, refused: Refused, before: CompartmentLock | None
) -> Lock | None:
    """The lock that a compartment needs now; purposes that the policy no longer has count as refused."""
    purposes = purposes_of(Compartment(compartment))
    unknown = purposes - deployment.policies.purposes.purposes.keys()
    told = dict(refused) | dict.fromkeys(unknown, "unknown_purpose")
    stands = Lock(before.reason, before.locked_at, before.shred_at) if before is not None else None
    grace = deployment.policies.retention.grace_for
    return lock_for(purposes, told, stands, now=deployment.clock(), grace=grace)


def relock(
    deployment: Deployment, workspace_id: WorkspaceId, transaction: Transaction, profiles: Collection[ProfileId]
) -> Relocked:
    """Hold the locks of these people, as far as there still are such profiles, against what they now allow.

    The state versions of fragments whose locks changed are raised: no cache outlives it.
    """
    whole = identities.fragments_of_profiles(transaction, workspace_id, profiles)
    ids = [fragment.fragment_id for fragment in whole]
    states = consents.states(transaction, workspace_id, ids)
    refused = refused_by_profile(deployment, whole, states)
    standing = {(row.fragment_id, row.compartment): row for row in rows.locks(transaction, workspace_id, ids)}
    if not standing and not any(refused.values()):
        return Relocked(0, 0)
    keys = deployment.keyring.compartments(workspace_id, ids)
    put: list[CompartmentLock] = []
    opened: set[tuple[FragmentId, str]] = set()
    for fragment in whole:
        for name in sorted(keys.get(fragment.fragment_id, frozenset())):
            if name.startswith("@"):
                continue
            before = standing.get((fragment.fragment_id, name))
            lock = needed_lock(deployment, name, refused[fragment.profile_id], before)
            if lock is None:
                opened |= {(fragment.fragment_id, name)} if before is not None else set()
            elif before is None or lock != (before.reason, before.locked_at, before.shred_at):
                put.append(CompartmentLock(workspace_id, fragment.fragment_id, name, *lock))
    change(deployment, workspace_id, transaction, put, opened)
    return Relocked(len(put), len(opened))


def change(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    transaction: Transaction,
    put: Sequence[CompartmentLock],
    opened: Collection[tuple[FragmentId, str]],
) -> None:
    """Write locks and releases of locks, and say so in the audit log; nothing happens when there are none."""
    if not put and not opened:
        return
    rows.put_locks(transaction, sorted(put))
    rows.drop_locks(transaction, workspace_id, opened)
    touched = {row.fragment_id for row in put} | {fragment_id for fragment_id, _ in opened}
    identities.bump(transaction, workspace_id, touched)
    trail.append(
        transaction, workspace_id, deployment.clock(), actor="registry", action="consent:compartments:locked",
        outcome="done", fields={"locked": len(put), "opened": len(opened)},
    )  # fmt: skip


def locked_of(transaction: Transaction, workspace_id: WorkspaceId, fragments: Iterable[Fragment]) -> frozenset[str]:
    """The compartments that are locked on any of these fragments: what no reader opens."""
    ids = [fragment.fragment_id for fragment in fragments]
    return frozenset(row.compartment for row in rows.locks(transaction, workspace_id, ids))
