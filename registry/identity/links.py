"""Links: the claims that two identifiers are one person, and why one may be refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from registry.model.ids import BlindIndex


class Link(NamedTuple):
    """A claim that two identifiers are one person; `low` < `high` as bytes."""

    low: BlindIndex
    high: BlindIndex


class Refusal(StrEnum):
    """Why a link does not join its ends."""

    MERGE_PROTECTION = "merge_protection"
    """It would give one person two identifiers of a kind of which a person has one, or it comes from
    an identifier that several such people share."""
    LIMIT_EXCEEDED = "limit_exceeded"
    """It would give one person more identifiers of a kind than the policy allows."""
    RUNAWAY = "runaway"
    """One end has more distinct neighbours than the alarm threshold."""
    STEWARD = "steward"
    """A steward said that the two, or two that they would bring together, are not one person."""
    JOIN_NOT_PERMITTED = "join_not_permitted"
    """One end is an anonymous history whose consent does not allow joining it to a person."""
    RETRACTED = "retracted"
    """A steward took the claim back: it counts for nothing, whoever repeats it."""
    TOO_CONNECTED = "too_connected"
    """It would be looked at together with more identifiers than the limit; nobody was joined by it."""
    UNKNOWN_KIND = "unknown_kind"
    """The policy no longer knows the kind of one end."""


SENTENCES: Mapping[Refusal, str] = {
    Refusal.MERGE_PROTECTION: "It would make two known people one, or it is shared by two known people.",
    Refusal.LIMIT_EXCEEDED: "One person would have more identifiers of a kind than the policy allows.",
    Refusal.RUNAWAY: "One end is linked to more identifiers than the alarm threshold, like a shared device.",
    Refusal.STEWARD: "A steward said that these are two people.",
    Refusal.RETRACTED: "A steward took this claim back.",
    Refusal.TOO_CONNECTED: "Too many identifiers hang together here to be looked at; nobody was joined.",
    Refusal.JOIN_NOT_PERMITTED: "The anonymous history's own consent does not allow joining it to a person.",
    Refusal.UNKNOWN_KIND: "The identity policy no longer knows the kind of one end.",
}
"""Each reason for people."""

NOT_TO_OVERRULE = frozenset({Refusal.JOIN_NOT_PERMITTED, Refusal.UNKNOWN_KIND})
"""Refusals that no steward lifts: the first is the person's own word, the second the policy's."""


class Verdict(StrEnum):
    """What a steward decided about two identifiers."""

    SAME = "same"
    """They are one person: no limit keeps the two apart."""
    APART = "apart"
    """They are two people: no path ever joins them."""
    RETRACTED = "retracted"
    """The claim that links them is wrong; whether another path joins them is left open."""


class RefusedLink(NamedTuple):
    """A link whose ends are in different groups, and why."""

    low: BlindIndex
    high: BlindIndex
    reason: Refusal


def link_between(one: BlindIndex, other: BlindIndex) -> Link:
    """The link of two identifiers, its ends in order."""
    return Link(one, other) if one < other else Link(other, one)


def links_of(identifiers: Iterable[BlindIndex]) -> tuple[Link, ...]:
    """What one message claims: its strongest identifier (the first) is the same person as each other.

    A star, not all pairs, so that retracting one claim takes exactly one identifier away.
    """
    distinct = list(dict.fromkeys(identifiers))
    return tuple(link_between(distinct[0], other) for other in distinct[1:])
