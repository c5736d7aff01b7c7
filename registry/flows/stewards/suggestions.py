"""Suggestions of likely duplicates: compared by Splink in memory, decided by a steward, never merged by themselves.

1. Who may be compared: people whose consent allows the purpose that the steward reads for.
2. Open their traits, as far as that purpose sees them; keep only what is compared.
3. Compare, in an embedded DuckDB that may not write to disk.
4. Leave out pairs that a steward has decided on. What was compared is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from registry.access.policy import Principal
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.profiles import audiences, read
from registry.flows.stewards.comparing import OUTSIDE, Likeness, compare
from registry.flows.workspace import OpenWorkspace
from registry.identity.likeness import features, groups, is_certain, is_household
from registry.model.errors import Conflict
from registry.model.ids import ProfileId, text_id
from registry.model.stored import Fragment
from registry.store import identities, stewardship

MOST_PEOPLE = 100_000
"""People who are compared at once: what is compared has to fit into memory."""

Pair = tuple[ProfileId, ProfileId]


def suggest(
    deployment: Deployment, workspace: OpenWorkspace, principal: Principal, purpose: str, *, limit: int
) -> dict[str, Any]:
    """The likeliest pairs of people who may be one, with what speaks for and against it.

    Raises:
        Forbidden, UnknownPurpose: the caller may not read for the purpose.
        Conflict: there are too many people, or Splink is not installed.
    """
    read.require(deployment, principal, purpose)
    workspace_id = workspace.workspace_id
    people: dict[ProfileId, dict[str, str | None]] = {}
    after: ProfileId | None = None
    looked_at = 0
    while True:
        page, known = audiences.opened(
            deployment, workspace, purpose, f"suggestions {purpose}", limit=audiences.PAGE_LIMIT, after=after
        )
        people |= {profile: features(one.values) for profile, one in known.items()}
        looked_at += len(page)
        if len(people) > MOST_PEOPLE:
            raise Conflict(f"more than {MOST_PEOPLE:,} people", hint=OUTSIDE)
        if len(page) < audiences.PAGE_LIMIT:
            break
        after = page[-1]
    found = compare({profile: own for profile, own in people.items() if any(own.values())})
    with deployment.data.write(workspace_id) as transaction:
        members = identities.fragments_of_profiles(transaction, workspace_id, {one for pair in found for one in pair})
        home = {fragment.anchor: fragment.profile_id for fragment in members}
        decisions = stewardship.decisions_touching(transaction, workspace_id, home)
        decided = {frozenset((home.get(row.low), home.get(row.high))) for row in decisions}
        oldest = {fragment.fragment_id: fragment for fragment in members}
        trail.append(
            transaction, workspace_id, deployment.clock(), actor=principal.actor, action="profile:view:read",
            outcome="given", fields={"purpose": purpose, "what": "suggestions", "people": len(people)},
        )  # fmt: skip
    left = {pair: seen for pair, seen in found.items() if frozenset(pair) not in decided}
    told = [(pair, _told(seen)) for pair, seen in left.items()]
    told.sort(key=lambda one: (one[1]["household"], -one[1]["probability"], one[0]))
    group = _numbered([pair for pair, one in told if not one["household"]])
    return {
        "purpose": purpose,
        "looked_at": looked_at,
        "suggestions": [_end_of(pair, oldest) | {"group": group.get(pair)} | one for pair, one in told[:limit]],
    }


def _numbered(pairs: Sequence[Pair]) -> dict[Pair, int]:
    """The group of each pair, numbered in the order in which they are listed."""
    group = groups(pairs)
    numbers: dict[int, int] = {}
    return {pair: numbers.setdefault(group[pair[0]], len(numbers)) for pair in pairs}


def _told(seen: Likeness) -> dict[str, Any]:
    """How likely, and how much each feature weighs for (above 0) or against it, in bits; they and `start` add up."""
    return {
        "probability": seen.probability,
        "certain": is_certain(seen.probability, seen.agreements),
        "household": is_household(seen.agreements),
        "start": seen.start,
        "because": [
            {"feature": one.feature, "agreement": one.level, "weight": one.weight}
            for one in seen.agreements
            if one.level != "unknown"
        ],
    }


def _end_of(pair: Pair, oldest: Mapping[Any, Fragment]) -> dict[str, Any]:
    ends = [oldest[profile] for profile in pair]  # a profile has the id of its oldest fragment
    return {
        name: {"fragment_id": text_id(end.fragment_id), "kind": end.kind, "profile_id": text_id(end.profile_id)}
        for name, end in zip(("one", "other"), ends, strict=True)
    }
