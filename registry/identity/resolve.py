"""Joining identifiers into groups that are one person each: a pure function of a set of links.

Nothing here knows what came first, so the same messages in any order give the same groups. The rule
in words, with its reasons, is in docs/decisions/0004-order-free-resolution.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from registry.identity.grouping import Grouping, components
from registry.identity.links import Link, Refusal, RefusedLink, link_between
from registry.identity.rules import IdentityRules
from registry.model.errors import InvalidInput
from registry.model.ids import BlindIndex


@dataclass(frozen=True, slots=True)
class Partition:
    """Who is who: every identifier is in exactly one group, no refused link lies within one.

    Attributes:
        groups: ordered by their least member.
        refused: ordered by their ends.
        runaway: identifiers past the alarm threshold.
    """

    groups: tuple[frozenset[BlindIndex], ...]
    refused: tuple[RefusedLink, ...]
    runaway: frozenset[BlindIndex] = frozenset()


def partition(
    identifiers: Mapping[BlindIndex, str],
    links: Iterable[Link],
    rules: IdentityRules,
    *,
    refused_pairs: Collection[Link] = frozenset(),
    same: Collection[Link] = frozenset(),
    retracted: Collection[Link] = frozenset(),
    unjoinable: Collection[BlindIndex] = frozenset(),
    runaway: Collection[BlindIndex] = frozenset(),
) -> Partition:
    """The groups that the rules allow, and the links that they refuse.

    Args:
        identifiers: the kind of every identifier.
        links: claims between them, repeated or not, in any order.
        rules: priorities, limits and the alarm threshold.
        refused_pairs: two identifiers that a steward keeps apart: no path ever joins them.
        same: two identifiers that a steward calls one person: joined first, and over every limit.
        retracted: claims that a steward took back: they join nothing, other paths may.
        unjoinable: anonymous identifiers that stay alone, since the consent given there asks for it.
        runaway: identifiers known to be past the alarm threshold, though not all their links are here.

    Raises:
        InvalidInput: a link names an identifier that `identifiers` does not hold.
    """
    distinct = sorted({link_between(*link) for link in links if link[0] != link[1]})
    if any(link.low not in identifiers or link.high not in identifiers for link in distinct):
        raise InvalidInput("a link names an identifier that is not among the identifiers")
    apart = {link_between(*pair): Refusal.STEWARD for pair in refused_pairs}
    vouched = {link_between(*pair) for pair in same}
    crowded = _crowded(distinct, rules, apart) | frozenset(runaway)
    refused = _barred(identifiers, distinct, rules, apart, unjoinable)
    refused |= dict.fromkeys((link for link in distinct if link in retracted), Refusal.RETRACTED)
    for link in distinct:
        if link not in refused and link not in vouched and not crowded.isdisjoint(link):
            refused[link] = Refusal.RUNAWAY
    standing = [link for link in distinct if link not in refused]
    grouping = Grouping(identifiers, rules, apart, vouched.intersection(standing))
    for members in components(identifiers, standing):
        # A whole component that breaks nothing needs no tiers: each would join what it holds of it.
        if grouping.clash(members) is None:
            grouping.join(members)
        else:
            inner = [link for link in standing if link.low in members]
            grouping.settle([link for link in inner if link in vouched])
            refused.update(_by_tiers(grouping, inner, identifiers, rules))
    groups = grouping.groups()
    place = {member: number for number, group in enumerate(groups) for member in group}
    across = [link for link in sorted(refused) if place[link.low] != place[link.high]]
    return Partition(groups, tuple(RefusedLink(*link, refused[link]) for link in across), crowded)


def _crowded(links: list[Link], rules: IdentityRules, apart: Mapping[Link, Refusal]) -> frozenset[BlindIndex]:
    neighbours = Counter(end for link in links if link not in apart for end in link)
    return frozenset(end for end, count in neighbours.items() if count > rules.alarm_threshold)


def _barred(
    identifiers: Mapping[BlindIndex, str],
    links: list[Link],
    rules: IdentityRules,
    apart: Mapping[Link, Refusal],
    unjoinable: Collection[BlindIndex],
) -> dict[Link, Refusal]:
    """The links that join nothing, whatever else is claimed."""
    barred: dict[Link, Refusal] = {}
    for link in links:
        if any(identifiers[end] not in rules.kinds for end in link):
            barred[link] = Refusal.UNKNOWN_KIND
        elif link in apart:
            barred[link] = apart[link]
        elif any(end in unjoinable for end in link):
            barred[link] = Refusal.JOIN_NOT_PERMITTED
    return barred


def _by_tiers(
    grouping: Grouping, links: list[Link], kinds: Mapping[BlindIndex, str], rules: IdentityRules
) -> dict[Link, Refusal]:
    """Joins what the links of one component may join, strongest links first; returns those refused.

    What a stronger tier could not place (a family's e-mail address) takes part in a weaker one only
    after the others have settled: else it would pull each member's own browser away from them.
    """
    tiers: dict[int, list[Link]] = defaultdict(list)
    for link in links:
        tiers[max(rules.kinds[kinds[end]].priority for end in link)].append(link)
    refused: dict[Link, Refusal] = {}
    for tier in sorted(tiers):
        waiting = {link for link in tiers[tier] if grouping.is_contested(link)}
        refused.update(grouping.settle([link for link in tiers[tier] if link not in waiting]))
        refused.update(grouping.settle(sorted(waiting)))
    return refused
