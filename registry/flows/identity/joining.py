"""Whose is it: identifiers into fragments, links into profiles, inside the batch's transaction.

1. Look up the identifiers; each one not known yet gets a fragment of its own.
2. Find which links of the messages are new. None new: nobody's profile changes, done.
3. Load the whole component that the new links touch.
4. Let the identity rules partition it: a pure function of the set, so that the order of arrival
   does not decide who is who (invariant 14). Links that a person's refusal forbids stay out.
5. Point each fragment at its group's profile, and record every move.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from registry.consent.records import REFUSALS
from registry.flows.identity.component import component
from registry.identity.links import Link, Refusal, Verdict, links_of
from registry.identity.resolve import Partition, partition
from registry.identity.rules import IdentityRules
from registry.model.clock import Micros
from registry.model.errors import StoreUnavailable
from registry.model.ids import BlindIndex, FragmentId, MessageKey, ProfileId, SourceId, WorkspaceId
from registry.model.stored import Fragment, RunawayIdentifier, StoredLink, StoredMerge, StoredRefusal
from registry.store import consents, identities, reindexing, stewardship
from registry.store.database import Transaction

NO_MESSAGE = MessageKey(b"\0" * 16)
"""The cause of what no message brought about: a steward's word, an erasure."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One message's word that its identifiers, strongest first, are one person's."""

    identifiers: tuple[tuple[BlindIndex, str], ...]
    source_id: SourceId
    message_key: MessageKey
    observed_at: Micros
    received_at: Micros


@dataclass(slots=True)
class Joined:
    """What came of it.

    Attributes:
        by_index: the fragment that hangs on each identifier of the claims, as it now stands.
        new: the fragments that did not exist before.
        moved: the fragments that came into another profile.
        profiles: those that fragments came into or left.
        whole: False when more hangs together than the limit, so that nobody was joined.
    """

    by_index: dict[BlindIndex, Fragment]
    new: dict[FragmentId, Fragment] = field(default_factory=dict)
    moved: set[FragmentId] = field(default_factory=set)
    profiles: set[ProfileId] = field(default_factory=set)
    whole: bool = True


def join(
    transaction: Transaction,
    workspace_id: WorkspaceId,
    rules: IdentityRules,
    claims: Sequence[Claim],
    *,
    new_id: Callable[[], bytes],
    now: Micros,
    index_version: int,
    known: Mapping[BlindIndex, Fragment] | None = None,
    refused_on: Mapping[BlindIndex, Collection[str]] | None = None,
) -> Joined:
    """Find or create the fragments of the claims' identifiers, and merge what they link.

    Args:
        index_version: the version of the blind-index key that the identifiers are looked up by.
        known: the fragments of those identifiers that are known, if this transaction has read them.
        refused_on: purposes refused by messages whose consent records are still to be written.

    The new fragments and links are inserted; identifiers' rows are the caller's, who seals them.

    Raises:
        StoreUnavailable: identifiers are stored under a later version by now: open the workspace again.
    """
    kinds = {index: kind for claim in claims for index, kind in claim.identifiers}
    # 1. look up
    if known is None:
        known = identities.fragments_by_index(transaction, workspace_id, kinds)
    joined = Joined({index: known[index] for index in kinds if index in known})
    links = _links_of(workspace_id, claims)
    unknown = kinds.keys() - joined.by_index.keys()
    # 2. what is new
    fresh = _unknown_links(transaction, workspace_id, links, joined)
    if not unknown and not fresh:
        return joined
    if identities.lock(transaction, workspace_id):
        # Who is who may have changed while this writer waited: what was read before the lock is read again.
        joined.by_index |= identities.fragments_by_index(transaction, workspace_id, kinds)
        fresh = _unknown_links(transaction, workspace_id, fresh, joined)
    unknown = kinds.keys() - joined.by_index.keys()
    if unknown and reindexing.newest(transaction, workspace_id) > index_version:
        raise StoreUnavailable("the blind-index key was rotated", hint="send it again")
    for index in sorted(unknown):
        fragment = _new_fragment(workspace_id, FragmentId(new_id()), index, kinds[index], now)
        joined.by_index[index] = joined.new[fragment.fragment_id] = fragment
    if fresh:
        identities.add_links(transaction, fresh)
        _rejoin(transaction, workspace_id, rules, joined, fresh, now, new_id, refused_on=refused_on)
    identities.add_fragments(transaction, list(joined.new.values()))
    return joined


def repartition(
    transaction: Transaction,
    workspace_id: WorkspaceId,
    rules: IdentityRules,
    indexes: Collection[BlindIndex],
    *,
    new_id: Callable[[], bytes],
    now: Micros,
) -> Joined:
    """Recompute the profiles of the components that hold these identifiers, after what is known of
    their links has changed. Nothing moves where more hangs together than the limit (`Joined.whole`).
    """
    joined = Joined(identities.fragments_by_index(transaction, workspace_id, indexes))
    _rejoin(transaction, workspace_id, rules, joined, (), now, new_id, seeds=indexes)
    return joined


def _new_fragment(
    workspace_id: WorkspaceId, fragment_id: FragmentId, index: BlindIndex, kind: str, now: Micros
) -> Fragment:
    # A fragment alone is a profile of the same id; a group takes the id of its oldest fragment, so
    # that taking a group apart gives every side back the id it had.
    profile_id = ProfileId(fragment_id)
    return Fragment(workspace_id, fragment_id, profile_id, profile_id, index, kind, 0, 1, now)


def _links_of(workspace_id: WorkspaceId, claims: Iterable[Claim]) -> list[StoredLink]:
    """Each claim as links from its strongest identifier to the others; the first of a pair counts."""
    links: dict[tuple[BlindIndex, BlindIndex, SourceId], StoredLink] = {}
    for claim in claims:
        if len(claim.identifiers) == 1:
            continue
        for low, high in links_of(index for index, _ in claim.identifiers):
            link = StoredLink(
                workspace_id, low, high, claim.source_id, claim.message_key, claim.observed_at, claim.received_at
            )
            links.setdefault((low, high, claim.source_id), link)
    return list(links.values())


def _unknown_links(
    transaction: Transaction, workspace_id: WorkspaceId, links: Sequence[StoredLink], joined: Joined
) -> list[StoredLink]:
    # Nobody has linked an identifier that nobody has seen.
    pairs = {(link.low, link.high) for link in links if link.low in joined.by_index and link.high in joined.by_index}
    known = identities.known_pairs(transaction, workspace_id, pairs)
    return [link for link in links if (link.low, link.high, link.source_id) not in known]


def _rejoin(
    transaction: Transaction,
    workspace_id: WorkspaceId,
    rules: IdentityRules,
    joined: Joined,
    fresh: Sequence[StoredLink],
    now: Micros,
    new_id: Callable[[], bytes],
    *,
    seeds: Collection[BlindIndex] = (),
    refused_on: Mapping[BlindIndex, Collection[str]] | None = None,
) -> None:
    # 3. the component
    ends = {end for link in fresh for end in (link.low, link.high)} | set(seeds)
    unseen = {fragment.anchor for fragment in joined.new.values()}
    pairs = {Link(link.low, link.high) for link in fresh}
    found = component(transaction, workspace_id, ends, pairs, unseen=unseen)
    joined.whole = found.whole
    if not found.whole:
        _leave_apart(transaction, workspace_id, fresh, now)
        return
    fragments = {index: joined.by_index[index] for index in found.identifiers if index in joined.by_index}
    fragments |= identities.fragments_by_index(transaction, workspace_id, found.identifiers - fragments.keys())
    # 4. the partition
    result = partition(
        {index: fragment.kind for index, fragment in fragments.items()},
        found.links,
        rules,
        refused_pairs=found.verdicts[Verdict.APART],
        same=found.verdicts[Verdict.SAME],
        retracted=found.verdicts[Verdict.RETRACTED],
        unjoinable=_unjoinable(transaction, workspace_id, rules, fragments, refused_on or {}),
        runaway=found.runaway,
    )
    refusals = [StoredRefusal(workspace_id, r.low, r.high, r.reason, now) for r in result.refused]
    identities.replace_refusals(transaction, workspace_id, found.links, refusals)
    noticed = [
        RunawayIdentifier(workspace_id, fragments[index].fragment_id, index, now)
        for index in sorted(result.runaway - found.runaway)
    ]
    stewardship.add_runaways(transaction, noticed)
    # 5. the moves
    causes = {end: link.message_key for link in fresh for end in (link.low, link.high)}
    _move(transaction, workspace_id, joined, fragments, result, causes, now, new_id)


def _leave_apart(transaction: Transaction, workspace_id: WorkspaceId, fresh: Sequence[StoredLink], now: Micros) -> None:
    """Nobody is joined where too much hangs together; what would have been waits for a steward."""
    refusals = [
        StoredRefusal(workspace_id, low, high, Refusal.TOO_CONNECTED, now)
        for low, high in sorted({Link(link.low, link.high) for link in fresh})
    ]
    identities.replace_refusals(transaction, workspace_id, {Link(r.low, r.high) for r in refusals}, refusals)


def _move(
    transaction: Transaction,
    workspace_id: WorkspaceId,
    joined: Joined,
    fragments: dict[BlindIndex, Fragment],
    result: Partition,
    causes: Mapping[BlindIndex, MessageKey],
    now: Micros,
    new_id: Callable[[], bytes],
) -> None:
    """Point each fragment at its group's profile, and record every move."""
    default_cause = next(iter(causes.values()), NO_MESSAGE)
    moved: list[Fragment] = []
    merges: list[StoredMerge] = []
    groups = [_by_age(fragments[index] for index in group) for group in result.groups]
    sides = _sides(groups)
    for members in groups:
        target = ProfileId(members[0].fragment_id)
        there = [fragment for fragment in members if fragment.fragment_id not in joined.new]
        came_from = {fragment.profile_id for fragment in there}
        moves = any(fragment.profile_id != target for fragment in there)
        since = _spoken_by(transaction, workspace_id, there, now) if moves else now
        for fragment in members:
            side = sides[fragment.fragment_id]
            if fragment.fragment_id in joined.new:
                placed = fragment._replace(profile_id=target, origin_profile_id=target)
                joined.new[fragment.fragment_id] = placed
            elif (fragment.profile_id, fragment.origin_profile_id) != (target, side):
                joined_at = since if fragment.profile_id != target else fragment.joined_at
                placed = fragment._replace(profile_id=target, origin_profile_id=side, joined_at=joined_at)
                moved.append(placed)
                kind = "split" if len(came_from) == 1 else "merge"
                cause = causes.get(fragment.anchor, default_cause)
                came = (fragment.profile_id, fragment.fragment_id, fragment.origin_profile_id)
                merges.append(StoredMerge(workspace_id, new_id(), kind, target, *came, cause, now))
                joined.moved.add(fragment.fragment_id)
                joined.profiles |= {fragment.profile_id, target}
            else:
                continue
            fragments[fragment.anchor] = placed
    identities.repoint(transaction, workspace_id, moved)
    identities.add_merges(transaction, merges)
    joined.by_index |= {index: fragments[index] for index in joined.by_index.keys() & fragments.keys()}


def _spoken_by(
    transaction: Transaction, workspace_id: WorkspaceId, fragments: Sequence[Fragment], now: Micros
) -> Micros:
    """Now, or when any of these spoke last by a clock that was ahead of ours: what they said apart is no word of the
    joined.
    """
    said = consents.states(transaction, workspace_id, [fragment.fragment_id for fragment in fragments])
    return max([now, *(state.acted_at for state in said)])


def _by_age(fragments: Iterable[Fragment]) -> list[Fragment]:
    return sorted(fragments, key=lambda fragment: (fragment.created_at, fragment.fragment_id))


def _sides(groups: Sequence[Sequence[Fragment]]) -> dict[FragmentId, ProfileId]:
    """The side that each fragment stands on: the one it stood on, unless that side has been taken apart.

    Those who are apart may each say something of their own: joined again, they are two sides.
    """
    sides: dict[FragmentId, ProfileId] = {}
    groups_of: Counter[ProfileId] = Counter()  # how many groups hold fragments of a side
    for members in groups:
        groups_of.update({fragment.origin_profile_id for fragment in members})
    for members in groups:
        here = {fragment.fragment_id for fragment in members}
        oldest: dict[ProfileId, ProfileId] = {}
        for fragment in members:
            before = fragment.origin_profile_id
            if groups_of[before] > 1 and FragmentId(before) not in here:
                sides[fragment.fragment_id] = oldest.setdefault(before, ProfileId(fragment.fragment_id))
            else:
                sides[fragment.fragment_id] = before
    return sides


def _unjoinable(
    transaction: Transaction,
    workspace_id: WorkspaceId,
    rules: IdentityRules,
    fragments: dict[BlindIndex, Fragment],
    refused_on: Mapping[BlindIndex, Collection[str]],
) -> set[BlindIndex]:
    """Anonymous histories in which a purpose was refused that joining requires (invariant 13)."""
    anonymous = {
        fragment.fragment_id: index
        for index, fragment in fragments.items()
        if fragment.kind in rules.kinds and rules.kinds[fragment.kind].anonymous
    }
    states = consents.states(transaction, workspace_id, anonymous.keys())
    refusing = {anonymous[s.fragment_id] for s in states if s.purpose in rules.join_requires and s.status in REFUSALS}
    just_now = {index for index, refused in refused_on.items() if set(refused) & set(rules.join_requires)}
    return refusing | (just_now & set(anonymous.values()))
