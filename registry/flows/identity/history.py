"""Who was who at a past moment: the present fragments, with every later move taken back."""

from __future__ import annotations

from collections.abc import Collection

from registry.model.clock import Micros
from registry.model.ids import BlindIndex, FragmentId, WorkspaceId
from registry.model.stored import Fragment, StoredMerge
from registry.store import consents, identities
from registry.store.database import Transaction


def fragments_at(transaction: Transaction, workspace_id: WorkspaceId, index: BlindIndex, at: Micros) -> list[Fragment]:
    """The fragments of the person behind an identifier as they stood at a moment; none for nobody then."""
    own = identities.fragments_by_index(transaction, workspace_id, [index]).get(index)
    if own is None:
        return []
    then = _as_of(own, identities.moves_of(transaction, workspace_id, [own.fragment_id]), at)
    # Whoever was in that profile is in it still, or has a move out of it on record.
    candidates = {f.fragment_id for f in identities.fragments_of_profiles(transaction, workspace_id, [then.profile_id])}
    candidates |= {row.fragment_id for row in identities.merges_of(transaction, workspace_id, then.profile_id)}
    moves = identities.moves_of(transaction, workspace_id, candidates)
    first_act = _first_acts(transaction, workspace_id, candidates)
    fragments = identities.fragments(transaction, workspace_id, candidates).values()
    # An act that was reported late makes a person known from when they acted.
    known_then = [f for f in fragments if min(f.created_at, first_act.get(f.fragment_id, f.created_at)) <= at]
    past = [_as_of(fragment, moves, at) for fragment in known_then]
    there = [fragment for fragment in past if fragment.profile_id == then.profile_id]
    return there if any(fragment.fragment_id == own.fragment_id for fragment in there) else []


def _first_acts(
    transaction: Transaction, workspace_id: WorkspaceId, fragments: Collection[FragmentId]
) -> dict[FragmentId, Micros]:
    first: dict[FragmentId, Micros] = {}
    for row in consents.history(transaction, workspace_id, fragments):
        first.setdefault(row.fragment_id, row.acted_at)
    return first


def _as_of(fragment: Fragment, moves: dict[FragmentId, list[StoredMerge]], at: Micros) -> Fragment:
    own = moves.get(fragment.fragment_id, [])
    later = [move for move in own if move.merged_at > at]
    joinings = [move for move in own if move.merged_at <= at and move.into_profile != move.from_profile]
    profile_id = later[0].from_profile if later else fragment.profile_id
    side = later[0].from_origin if later else fragment.origin_profile_id
    # As it stands now it tells of a clock that was ahead, too (`joining`).
    joined_at = 0 if not joinings else joinings[-1].merged_at if later else fragment.joined_at
    return fragment._replace(profile_id=profile_id, origin_profile_id=side, joined_at=joined_at)
