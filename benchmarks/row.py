"""What a line says, and how its figures are taken: medians of rounds that take turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measured line.

    Attributes:
        ours, reference: in `unit`.
        n: how many things each round handled.
        what: what is measured against what.
        target: what `docs/performance.md` aims at for the ratio; empty where nothing is aimed at.
    """

    ours: float
    reference: float
    unit: str
    n: int
    what: str
    target: str = ""

    @property
    def ratio(self) -> float:
        """Ours divided by the reference."""
        return self.ours / self.reference if self.reference else 0.0

    def as_json(self) -> dict[str, object]:
        """The line as `results.json` holds it."""
        return {"ours": self.ours, "reference": self.reference, "ratio": self.ratio, "unit": self.unit, "n": self.n}


def rate(work: Callable[[], object], count: int) -> float:
    """How many things a second, when the work handles `count` of them."""
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def in_turn(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """The median of each, measured by turns, so that a machine whose speed drifts slows all alike."""
    taken = [[measure() for measure in measures] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
