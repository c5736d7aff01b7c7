"""Stewards' work: joining by hand, taking apart, and deciding on what the rules refused.

1. Find the identifiers that are meant, by their fragments: no value is needed, and none is shown.
2. Keep the decision. It holds against whatever arrives later, and is the steward's to change.
3. Compute the touched component anew; point its fragments at their profiles; lock, or open again, what
   those who are apart or together now allow.
4. One entry in the audit log, in the same transaction.

A decision about a person who is being erased waits for the erasure, and then finds nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from registry.flows.acts import trail
from registry.flows.consent import locking
from registry.flows.deployment import Deployment
from registry.flows.identity import subjects
from registry.flows.identity.joining import NO_MESSAGE, repartition
from registry.flows.identity.subjects import NO_SOURCE, fragments_of_profile, standing
from registry.flows.opening import open_identifiers
from registry.flows.workspace import OpenWorkspace
from registry.identity.links import NOT_TO_OVERRULE, SENTENCES, Link, Refusal, Verdict, link_between
from registry.model.compartment import IDENTITY
from registry.model.errors import Conflict, InvalidInput, NotFound
from registry.model.grants import OpenGrant
from registry.model.ids import BlindIndex, FragmentId, ProfileId, text_id
from registry.model.message import Identifier
from registry.model.stored import Fragment, StewardDecision, StoredLink
from registry.store import identities, quarantine, stewardship
from registry.store.database import Transaction

Ends = tuple[FragmentId, FragmentId]


def merge(
    deployment: Deployment, workspace: OpenWorkspace, one: Identifier, other: Identifier, *, actor: str
) -> dict[str, object]:
    """Join two people on a steward's word, whatever the limits; it can be taken back by `unmerge`.

    Raises:
        NotFound: nobody is known under one of the identifiers.
        Conflict: they are one person already, or one side's own consent forbids joining.
    """
    with deployment.data.write(workspace.workspace_id) as transaction:
        _begin(transaction, workspace)
        index_of = standing(workspace, transaction, (one, other))
        indexes = [index_of[one], index_of[other]]
        found = identities.fragments_by_index(transaction, workspace.workspace_id, indexes)
        if len(found) < len(set(indexes)):
            raise NotFound("nobody is known under one of the identifiers")
        return _join(deployment, transaction, workspace, [found[index] for index in indexes], actor)


def accept(deployment: Deployment, workspace: OpenWorkspace, ends: Ends, *, actor: str) -> dict[str, object]:
    """Join the people behind two identifiers, named by their fragments, as `merge` does.

    Raises:
        NotFound: there are no such two.
        Conflict: as `merge`.
    """
    with deployment.data.write(workspace.workspace_id) as transaction:
        _begin(transaction, workspace)
        return _join(deployment, transaction, workspace, _fragments(transaction, workspace, ends), actor)


def decide(
    deployment: Deployment, workspace: OpenWorkspace, ends: Ends, verdict: Verdict, *, actor: str
) -> dict[str, object]:
    """Settle a refused link: the two are one person after all, or two for good, or the claim was wrong.

    That two are two people can also be said before anything claims otherwise.

    Raises:
        NotFound: there are no such two, or no claim about them was refused.
        Conflict: the refusal is not a steward's to lift.
    """
    with deployment.data.write(workspace.workspace_id) as transaction:
        _begin(transaction, workspace)
        fragments = _fragments(transaction, workspace, ends)
        pair = link_between(*(fragment.anchor for fragment in fragments))
        refused = identities.refusals_of(transaction, workspace.workspace_id, [pair])
        reasons = [Refusal(row.reason) for row in refused]
        if not reasons and verdict is not Verdict.APART:
            raise NotFound("no claim about these two was refused", hint="list them at /v1/merges/refused")
        if verdict is Verdict.SAME and reasons[0] in NOT_TO_OVERRULE:
            raise Conflict(f"this refusal cannot be lifted: {SENTENCES[reasons[0]]}")
        return _decide(deployment, transaction, workspace, [pair], verdict, fragments, actor)


def unmerge(
    deployment: Deployment, workspace: OpenWorkspace, profile_id: ProfileId, ends: Ends, verdict: Verdict, *, actor: str
) -> dict[str, object]:
    """Take two identifiers of a profile apart, or take the claim that links them back.

    Raises:
        NotFound: there is no such profile.
        InvalidInput: the two are not both in it, or nothing claims that they are one.
    """
    with deployment.data.write(workspace.workspace_id) as transaction:
        _begin(transaction, workspace)
        members = {f.fragment_id: f for f in fragments_of_profile(workspace, transaction, profile_id)}
        if ends[0] == ends[1] or not set(ends) <= members.keys():
            raise InvalidInput("name two identifiers of this profile, by their fragment_id", pointer="/fragments")
        fragments = [members[end] for end in ends]
        pair = link_between(*(fragment.anchor for fragment in fragments))
        if verdict is Verdict.RETRACTED and not stewardship.links_between(transaction, workspace.workspace_id, {pair}):
            raise InvalidInput("no message links these two directly", hint="look at explain for the links")
        return _decide(deployment, transaction, workspace, [pair], verdict, members.values(), actor)


def undo(
    deployment: Deployment, workspace: OpenWorkspace, profile_id: ProfileId, merge_id: bytes, *, actor: str
) -> dict[str, object]:
    """Undo one merge: those who came by it and those who were there stay apart from then on.

    What came to either side later goes with the side that it is linked with.

    Raises:
        NotFound: no such profile, or no such merge of it.
        Conflict: the two sides are not together any more.
    """
    workspace_id = workspace.workspace_id
    with deployment.data.write(workspace_id) as transaction:
        _begin(transaction, workspace)
        members = {f.fragment_id: f for f in fragments_of_profile(workspace, transaction, profile_id)}
        move = stewardship.move(transaction, workspace_id, merge_id)
        if move is None or move.kind != "merge" or move.fragment_id not in members:
            raise NotFound("there is no such merge of this profile", hint="list them at …/merges")
        came = {row.fragment_id for row in stewardship.moves_with(transaction, workspace_id, move)}
        since = {
            fragment_id
            for fragment_id, rows in identities.moves_of(transaction, workspace_id, members.keys()).items()
            if rows[-1].merged_at > move.merged_at
        }
        born_later = {f.fragment_id for f in members.values() if f.created_at > move.merged_at}
        there = members.keys() - came - since - born_later
        sides = [{members[f].anchor for f in side if f in members} for side in (came, there)]
        links = identities.links_touching(transaction, workspace_id, sides[0])
        pairs = {Link(row.low, row.high) for row in links if _across(row, *sides)}
        if not pairs:
            raise Conflict("the two sides of this merge are not together any more")
        return _decide(deployment, transaction, workspace, sorted(pairs), Verdict.APART, members.values(), actor)


def _across(link: StoredLink, one: Collection[BlindIndex], other: Collection[BlindIndex]) -> bool:
    return (link.low in one and link.high in other) or (link.low in other and link.high in one)


def _begin(transaction: Transaction, workspace: OpenWorkspace) -> None:
    """Nobody else decides meanwhile; an erasure that has begun is waited for."""
    subjects.hold(workspace, transaction)


def _fragments(transaction: Transaction, workspace: OpenWorkspace, ends: Ends) -> list[Fragment]:
    found = identities.fragments(transaction, workspace.workspace_id, ends)
    if ends[0] == ends[1] or len(found) != len(ends):
        raise NotFound("there are no such two identifiers", hint="name two different fragment ids")
    return [found[end] for end in ends]


def _join(
    deployment: Deployment, transaction: Transaction, workspace: OpenWorkspace, fragments: list[Fragment], actor: str
) -> dict[str, object]:
    if fragments[0].profile_id == fragments[1].profile_id:
        raise Conflict("they are one person already", hint="look at /v1/profiles/{profile_id}/explain")
    pair = link_between(*(fragment.anchor for fragment in fragments))
    _claim(deployment, transaction, workspace, pair)
    return _decide(deployment, transaction, workspace, [pair], Verdict.SAME, fragments, actor)


def _claim(deployment: Deployment, transaction: Transaction, workspace: OpenWorkspace, pair: Link) -> None:
    now = deployment.clock()
    link = StoredLink(workspace.workspace_id, *pair, NO_SOURCE, NO_MESSAGE, now, now)
    identities.add_links(transaction, [link])


def _decide(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    pairs: Iterable[Link],
    verdict: Verdict,
    about: Iterable[Fragment],
    actor: str,
) -> dict[str, object]:
    workspace_id, now = workspace.workspace_id, deployment.clock()
    before = list(about)
    rows = [StewardDecision(workspace_id, *pair, verdict.value, actor, now) for pair in pairs]
    _require_not_erased(deployment, transaction, workspace, before)
    stewardship.decide(transaction, rows)
    seeds = {end for row in rows for end in (row.low, row.high)} | {fragment.anchor for fragment in before}
    joined = repartition(
        transaction, workspace_id, deployment.policies.identity, seeds, new_id=deployment.new_id, now=now
    )
    touched = joined.profiles | {fragment.profile_id for fragment in joined.by_index.values()}
    locking.relock(deployment, workspace_id, transaction, touched)
    if not joined.whole:
        raise Conflict("too many identifiers hang together here", hint="block the shared one in identity.yaml")
    decided = {end for row in rows for end in (row.low, row.high)}
    together = len({joined.by_index[end].profile_id for end in decided}) == 1
    if verdict is Verdict.SAME and not together:
        raise Conflict(
            "something stronger keeps them apart: a steward's earlier word, or one side's own consent",
            hint="look at /v1/merges/refused",
        )
    action = "profile:fragments:merged" if verdict is Verdict.SAME else "profile:fragments:unmerged"
    for anchor in sorted(decided):
        fragment = joined.by_index[anchor]
        person = trail.About(deployment.keyring, workspace_id, fragment.fragment_id)
        trail.append(
            transaction, workspace_id, now, actor=actor, action=action, outcome="done",
            fields={"verdict": verdict.value, "moved": len(joined.moved)}, about=person,
        )  # fmt: skip
    return {"verdict": verdict.value, "profiles": _profiles(joined.by_index.values())}


def _require_not_erased(
    deployment: Deployment, transaction: Transaction, workspace: OpenWorkspace, fragments: Iterable[Fragment]
) -> None:
    """Whoever is being erased is suppressed first, and then without keys: nobody is joined with what is left."""
    ids = {fragment.fragment_id for fragment in fragments}
    rows = identities.identifiers_of(transaction, workspace.workspace_id, ids)
    grant = OpenGrant(workspace.workspace_id, frozenset({IDENTITY}), "profiles:merge suppression")
    opened, _ = open_identifiers(deployment, grant, rows)
    keys = [workspace.suppression.key(person.kind, person.value) for _, person in opened]
    if len(opened) < len(rows) or quarantine.suppressed(transaction, workspace.workspace_id, keys):
        raise Conflict("one of them is being erased", hint="wait until the request is completed")


def _profiles(fragments: Iterable[Fragment]) -> list[dict[str, object]]:
    held: dict[ProfileId, list[FragmentId]] = {}
    for fragment in fragments:
        held.setdefault(fragment.profile_id, []).append(fragment.fragment_id)
    return [
        {"profile_id": text_id(profile), "fragments": sorted(map(text_id, ids))}
        for profile, ids in sorted(held.items())
    ]
