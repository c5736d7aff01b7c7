"""What a row says, and how its figures are taken: the median of rounds that take turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measured line.

    Attributes:
        ours, reference: in `unit`.
        ratio: ours to the reference; where less is better, `what` says so.
        n: how many things each round handled.
    """

    ours: float
    reference: float
    unit: str
    n: int
    what: str

    @property
    def ratio(self) -> float:
        """Ours divided by the reference."""
        return self.ours / self.reference if self.reference else 0.0

    def as_json(self) -> dict[str, object]:
        """The row as `results.json` holds it."""
        return {"ours": self.ours, "reference": self.reference, "ratio": self.ratio, "unit": self.unit, "n": self.n}


def rate(work: Callable[[], object], count: int) -> float:
    """How many things a second, when the work handles `count` of them."""
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def in_turn(rounds: int, ours: Callable[[], float], reference: Callable[[], float]) -> tuple[float, float]:
    """The medians of both, measured by turns, so that a machine whose speed drifts slows both."""
    pairs = [(ours(), reference()) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)
