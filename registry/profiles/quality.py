"""The quality of what is held, source by source: the four obstacles to one view per person.

Each is a count of so many, told without a value: of identifiers for the first two, of trait values for the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple


class Obstacle(StrEnum):
    """What stands between the data and one view per person."""

    DUPLICATED = "duplicated"
    DISCONNECTED = "disconnected"
    DECAYED = "decayed"
    DISTRUSTED = "distrusted"


LITTLE_TRUST = 33
"""A value whose rank is lower than this, of 100, is believed little, whoever else says anything."""

MEANING: Mapping[Obstacle, str] = {
    Obstacle.DUPLICATED: "Accounts of people who have, or may have, another account: joined, or a claim that waits.",
    Obstacle.DISCONNECTED: "Identifiers of browsers and devices that no known person hangs together with.",
    Obstacle.DECAYED: "Values that are older than the time in which confidence in them halves.",
    Obstacle.DISTRUSTED: "Values that a more trusted source speaks on, too, or that are believed little.",
}


class Tally(NamedTuple):
    """How many of how many."""

    found: int
    of: int

    @property
    def share(self) -> float:
        """From 0 to 1; of nothing, 0."""
        return round(self.found / self.of, 4) if self.of else 0.0


Day = int
"""Days since 1970."""


def change(history: Sequence[tuple[Day, Tally]], now: Tally) -> float | None:
    """By how much the share has grown since the oldest of these days; None where no earlier day is known."""
    return round(now.share - history[0][1].share, 4) if history else None
