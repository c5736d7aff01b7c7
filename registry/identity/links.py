"""Links: the claims that two identifiers are one person, and why one may be refused."""

from __future__ import annotations

from collections.abc import Iterable
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
    UNKNOWN_KIND = "unknown_kind"
    """The policy no longer knows the kind of one end."""


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
