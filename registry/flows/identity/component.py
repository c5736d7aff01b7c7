"""What hangs together: every identifier that claims connect with some given ones, read from the store.

An identifier past the alarm threshold is a dead end: its links join nothing, so nobody needs to look
beyond it. Else one shared tablet would bring the whole town along with every message.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import chain, starmap

from registry.identity.links import Link, Verdict
from registry.model.ids import BlindIndex, WorkspaceId
from registry.store import identities, stewardship
from registry.store.database import Transaction

COMPONENT_LIMIT = 10_000
"""Identifiers that are looked at together: past it something links everybody, and no merge may follow."""


@dataclass(slots=True)
class Component:
    """Identifiers, the links among them, and what is known of both.

    Attributes:
        verdicts: the pairs that a steward decided on, by what was decided.
        runaway: those past the alarm threshold; of their links only some are here.
        whole: False when there is more than the limit; what is here then decides nothing.
    """

    identifiers: set[BlindIndex] = field(default_factory=set)
    links: set[Link] = field(default_factory=set)
    verdicts: dict[Verdict, set[Link]] = field(default_factory=lambda: defaultdict(set))
    runaway: set[BlindIndex] = field(default_factory=set)
    whole: bool = True


def component(
    transaction: Transaction,
    workspace_id: WorkspaceId,
    seeds: Collection[BlindIndex],
    fresh: Iterable[Link] = (),
    *,
    unseen: Collection[BlindIndex] = frozenset(),
) -> Component:
    """Everything that can be reached from the seeds, with the links that are being added.

    Args:
        unseen: identifiers that come with those links; nothing is known of them that could be looked up.
    """
    found = Component(links=set(fresh))
    frontier = set(seeds)
    while frontier:
        found.identifiers |= frontier
        if len(found.identifiers) > COMPONENT_LIMIT:
            found.whole = False
            return found
        frontier = frontier.difference(unseen)
        stuck = stewardship.runaways(transaction, workspace_id, frontier)
        found.runaway |= stuck
        pairs = identities.pairs_touching(transaction, workspace_id, frontier - stuck)
        if stuck:
            pairs |= _vouched(transaction, workspace_id, stuck)
        found.links.update(starmap(Link, pairs))
        frontier = set(chain.from_iterable(pairs)) - found.identifiers
    for row in stewardship.decisions_among(transaction, workspace_id, found.identifiers):
        found.verdicts[Verdict(row.verdict)].add(Link(row.low, row.high))
    return found


def _vouched(
    transaction: Transaction, workspace_id: WorkspaceId, indexes: Collection[BlindIndex]
) -> set[tuple[BlindIndex, BlindIndex]]:
    decisions = stewardship.decisions_touching(transaction, workspace_id, indexes)
    pairs = {(row.low, row.high) for row in decisions if row.verdict == Verdict.SAME}
    return {(low, high) for low, high, _ in identities.known_pairs(transaction, workspace_id, pairs)}
