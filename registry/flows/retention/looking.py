"""What is due of a page of fragments, and what is to be locked until it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from registry.dsr.retention import EXPIRED, RESTRICTED, kept_for
from registry.flows.consent import locking
from registry.flows.consent.locking import Refused
from registry.flows.deployment import Deployment
from registry.flows.retention import bare
from registry.flows.retention.bare import Bare
from registry.flows.retention.due import FOREVER, Due
from registry.flows.retention.fields import FieldRule
from registry.flows.retention.lately import changed_lately, refused_throughout
from registry.model.clock import DAY, Micros
from registry.model.compartment import Compartment, purposes_of
from registry.model.ids import FragmentId, ProfileId, WorkspaceId
from registry.model.stored import Fragment
from registry.model.stored_upkeep import CompartmentLock
from registry.store import consents, holdings, identities
from registry.store import retention as rows
from registry.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Page:
    """What is due of a page of fragments, as one transaction has read it; `fields`: single ones of events, too.
    `free`: those of people on whom no legal hold stands, and who do not restrict processing. `bare`: people of whom
    nothing is left that the policy keeps.
    """

    due: Sequence[Due]
    put: Sequence[CompartmentLock]
    opened: frozenset[tuple[FragmentId, str]]
    fields: bool
    free: Sequence[FragmentId]
    bare: Bare


def look(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    transaction: Transaction,
    page: Sequence[Fragment],
    rules: Sequence[FieldRule],
) -> Page:
    """What is due of these fragments, as the transaction sees them.

    Args:
        page: fragments of any people.
        rules: for how long single fields are kept.
    """
    ids = [fragment.fragment_id for fragment in page]
    present = list(identities.fragments(transaction, workspace_id, ids).values())
    home: dict[FragmentId, ProfileId] = {row.fragment_id: row.profile_id for row in present}
    standing = {(row.fragment_id, row.compartment): row for row in rows.locks(transaction, workspace_id, home)}
    ages: dict[tuple[FragmentId, str], tuple[Micros, Micros]] = dict.fromkeys(
        standing, (FOREVER, -1)
    )  # a compartment may be locked of which nothing is stored any more: its key goes, too
    for held in rows.held_events(transaction, workspace_id, ids) + rows.held_traits(transaction, workspace_id, ids):
        for name in held.compartments.split(","):
            oldest, newest = ages.get((held.fragment_id, name), (FOREVER, -1))
            ages[(held.fragment_id, name)] = (min(oldest, held.oldest), max(newest, held.newest))
    whole = identities.fragments_of_profiles(transaction, workspace_id, {row.profile_id for row in present})
    holders = {home[fragment_id] for fragment_id, _ in ages}  # nobody else's ground decides on anything
    asked = [row for row in whole if row.profile_id in holders]
    states = consents.states(transaction, workspace_id, [row.fragment_id for row in asked])
    refused = locking.refused_by_profile(deployment, asked, states)

    @cache
    def lately(profile_id: ProfileId) -> Refused:
        person = {row.fragment_id: row for row in asked if row.profile_id == profile_id}
        said = [state for state in states if state.fragment_id in person]
        if not changed_lately(deployment, said):
            return refused[profile_id]
        return refused_throughout(deployment, workspace_id, transaction, list(person.values()), refused[profile_id])

    due: list[Due] = []
    put: list[CompartmentLock] = []
    opened: set[tuple[FragmentId, str]] = set()
    for (fragment_id, name), span in sorted(ages.items()):
        told, before = refused[home[fragment_id]], standing.get((fragment_id, name))
        lock = locking.needed_lock(deployment, name, told, before) if name else None
        if lock is None:
            if before is not None:
                opened.add((fragment_id, name))
            due += _outlived(deployment, fragment_id, name, told, span, partial(lately, home[fragment_id]))
        elif lock.shred_at is not None and lock.shred_at <= deployment.clock():
            due.append(Due(fragment_id, name, lock.reason, FOREVER, whole=True))
        elif before is None or lock != (before.reason, before.locked_at, before.shred_at):
            put.append(CompartmentLock(workspace_id, fragment_id, name, *lock))
    on_hold = holdings.held_fragments(transaction, workspace_id, [row.fragment_id for row in whole], deployment.clock())
    spared = {row.profile_id for row in whole if row.fragment_id in on_hold}
    spared |= {profile_id for profile_id, told in refused.items() if RESTRICTED in told.values()}
    free = [fragment_id for fragment_id in ids if home.get(fragment_id) not in spared]
    found = [rule.find(deployment, transaction, workspace_id, free) for rule in rules]
    outlived = any(map(any, found))
    forgotten = bare.find(deployment, workspace_id, transaction, present, free)
    return Page([one for one in due if one.fragment_id in free], put, frozenset(opened), outlived, free, forgotten)


def _outlived(
    deployment: Deployment,
    fragment_id: FragmentId,
    name: str,
    refused: Refused,
    span: tuple[Micros, Micros],
    lately: Callable[[], Refused],
) -> Iterator[Due]:
    """What of a compartment with a lawful ground has been kept for long enough; nothing of what is restricted.

    Args:
        lately: the purposes that had no ground within the time of grace, either.
    """
    if RESTRICTED in refused.values():
        return
    oldest, newest = span
    catalogue = deployment.policies.purposes.purposes
    periods: Mapping[str, Micros] = {purpose.name: purpose.retention_days * DAY for purpose in catalogue.values()}
    purposes = purposes_of(Compartment(name)) if name else frozenset()
    before = deployment.clock() - kept_for(purposes, frozenset(periods) - refused.keys(), periods)
    if oldest < before and purposes & refused.keys():
        before = deployment.clock() - kept_for(purposes, frozenset(periods) - lately().keys(), periods)
    if oldest < before:
        yield Due(fragment_id, name, EXPIRED, before, whole=bool(name) and newest < before)
