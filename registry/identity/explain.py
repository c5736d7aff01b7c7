"""Why two identifiers are one person: the chain of claims that joins them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

from registry.identity.links import Link, link_between
from registry.identity.resolve import Partition
from registry.model.ids import BlindIndex


def path(links: Iterable[Link], found: Partition, one: BlindIndex, other: BlindIndex) -> tuple[Link, ...] | None:
    """The shortest chain of links that joins two identifiers of one group, from `one` to `other`.

    Of several chains of one length, the one through the least identifiers. None when they are not one
    person. Each link's messages are the caller's to look up.
    """
    group = next((group for group in found.groups if one in group), frozenset[BlindIndex]())
    if other not in group:
        return None
    neighbours: dict[BlindIndex, set[BlindIndex]] = defaultdict(set)
    for link in links:
        if link.low in group and link.high in group:
            neighbours[link.low].add(link.high)
            neighbours[link.high].add(link.low)
    came_from = {one: one}
    waiting = deque((one,))
    while waiting and other not in came_from:
        here = waiting.popleft()
        for there in sorted(neighbours[here] - came_from.keys()):
            came_from[there] = here
            waiting.append(there)
    chain: list[Link] = []
    while other != one:
        chain.append(link_between(came_from[other], other))
        other = came_from[other]
    return tuple(reversed(chain))
