"""Groups of identifiers while they are being joined: what clashes, and who goes where then."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from registry.identity.links import Link, Refusal
from registry.identity.rules import IdentityRules
from registry.model.ids import BlindIndex

Group = frozenset[BlindIndex]
Node = TypeVar("Node", bound=Hashable)


class Clash(NamedTuple):
    """Why some identifiers cannot be one person, and which of them are the different people."""

    reason: Refusal
    hubs: frozenset[BlindIndex]


def components(nodes: Iterable[Node], edges: Iterable[tuple[Node, Node]]) -> list[frozenset[Node]]:
    """The connected components of a graph, in no particular order."""
    neighbours: dict[Node, list[Node]] = {node: [] for node in nodes}
    for one, other in edges:
        neighbours[one].append(other)
        neighbours[other].append(one)
    found: list[frozenset[Node]] = []
    seen: set[Node] = set()
    for start in neighbours:
        if start in seen:
            continue
        reached, waiting = {start}, [start]
        while waiting:
            fresh = [node for node in neighbours[waiting.pop()] if node not in reached]
            reached.update(fresh)
            waiting.extend(fresh)
        seen |= reached
        found.append(frozenset(reached))
    return found


class Grouping:
    """Every identifier's group, at first alone. Joins only what the rules allow.

    Args:
        kinds: the kind of every identifier.
        rules: limits and priorities.
        apart: pairs that may never be in one group, with the reason; grows with what is refused.
        same: pairs that a steward called one person: those of one kind count once.
    """

    def __init__(
        self,
        kinds: Mapping[BlindIndex, str],
        rules: IdentityRules,
        apart: Mapping[Link, Refusal],
        same: Collection[Link] = (),
    ) -> None:
        self._kinds = kinds
        ends = {end for pair in same for end in pair}
        self._counts_as = {member: min(group) for group in components(ends, same) for member in group}
        self._rules = rules
        self._apart = dict(apart)
        self._group: dict[BlindIndex, Group] = {identifier: frozenset((identifier,)) for identifier in kinds}
        self._contested: set[BlindIndex] = set()

    def groups(self) -> tuple[Group, ...]:
        """All groups, ordered by their least member."""
        return tuple(sorted(set(self._group.values()), key=min))

    def join(self, members: Group) -> None:
        """Makes one group of all members."""
        for member in members:
            self._group[member] = members

    def clash(self, members: Group) -> Clash | None:
        """What keeps these identifiers from being one person; the gravest reason where there are several."""
        distinct = {(self._kinds[member], self._counts_as.get(member, member)) for member in members}
        held = Counter(kind for kind, _ in distinct)
        over = [kind for kind in held if kind in self._rules.kinds and held[kind] > self._rules.kinds[kind].limit]
        single = [kind for kind in over if self._rules.kinds[kind].limit == 1]
        if single:
            return Clash(Refusal.MERGE_PROTECTION, self._of_kind(members, self._strongest(single)))
        pairs = [pair for pair in self._apart if pair.low in members and pair.high in members]
        if pairs:
            return Clash(self._apart[min(pairs)], frozenset(end for pair in pairs for end in pair))
        if over:
            return Clash(Refusal.LIMIT_EXCEEDED, self._of_kind(members, self._strongest(held)))
        return None

    def is_contested(self, link: Link) -> bool:
        """Whether a stronger tier could not place one end of the link with anybody."""
        return any(not self._contested.isdisjoint(self._group[end]) for end in link)

    def settle(self, links: list[Link]) -> dict[Link, Refusal]:
        """Joins what the links of one tier may join, all at once; returns those that join nothing.

        Their ends are kept apart from then on, and those ends that belong to none of the people they
        are claimed for are contested.
        """
        edges = {link: (self._group[link.low], self._group[link.high]) for link in links}
        refused: dict[Link, Refusal] = {}
        for groups in components({end for edge in edges.values() for end in edge}, edges.values()):
            inner = [link for link in links if edges[link][0] in groups]
            clash = self._arrange(groups, inner)
            if clash is None:
                continue
            for link in inner:
                one, other = self._group[link.low], self._group[link.high]
                if one != other:
                    pair = self.clash(one | other)
                    refused[link] = pair.reason if pair else clash.reason
                    unplaced = [group for group in (one, other) if clash.hubs.isdisjoint(group)]
                    self._contested.update(member for group in unplaced for member in group)
        for link, reason in refused.items():
            self._apart.setdefault(link, reason)
        return refused

    def _arrange(self, groups: Iterable[Group], links: list[Link]) -> Clash | None:
        """Joins connected groups: all, or on a clash each lesser group with the only person it touches."""
        members = frozenset(member for group in groups for member in group)
        clash = self.clash(members)
        if clash is None:
            self.join(members)
            return None
        parts = [group for group in groups if clash.hubs.isdisjoint(group)]
        lesser = {member for group in parts for member in group}
        within = [link for link in links if link.low in lesser and link.high in lesser]
        edges = [(self._group[link.low], self._group[link.high]) for link in within]
        for inner in components(parts, edges):
            reach = {member for group in inner for member in group}
            self._arrange(inner, [link for link in within if link.low in reach])
        touched: dict[Group, set[Group]] = defaultdict(set)
        for link in links:
            if (link.low in lesser) != (link.high in lesser):
                own, hub = (link.low, link.high) if link.low in lesser else (link.high, link.low)
                touched[self._group[own]].add(self._group[hub])
        # The order decides only who fits where a limit leaves no room for all: least identifier first.
        for part in sorted(touched, key=min):
            if len(touched[part]) == 1:
                (hub_before,) = touched[part]
                joined = self._group[next(iter(hub_before))] | part
                if self.clash(joined) is None:
                    self.join(joined)
        return clash

    def _of_kind(self, members: Group, kind: str) -> frozenset[BlindIndex]:
        return frozenset(member for member in members if self._kinds[member] == kind)

    def _strongest(self, kinds: Iterable[str]) -> str:
        return min(kinds, key=lambda kind: self._rules.kinds[kind].priority)
