"""How requests fare against their deadlines: open, due, overdue, answered in time, and how long it takes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

from registry.dsr.requests import ENDED, State
from registry.dsr.timing import stands_still
from registry.model.clock import DAY, Micros

DUE_WITHIN: Micros = 7 * DAY
"""An open request counts as due when its deadline is no further away than this."""

GROUPS = ("jurisdiction", "kind")


class Fared(NamedTuple):
    """What the report needs of a request; `extended` is whether its answer was put off."""

    kind: str
    jurisdiction: str
    state: str
    received_at: Micros
    respond_by: Micros
    completed_at: Micros | None
    extended: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How a set of requests fares. Times to completion are in days, None where none was completed."""

    open: int
    due: int
    overdue: int
    paused: int
    completed: int
    in_time: int
    late: int
    refused: int
    cancelled: int
    extended: int
    days_p50: float | None
    days_p95: float | None

    def as_json(self) -> dict[str, Any]:
        """The standing as a JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


def standing(requests: Sequence[Fared], now: Micros, pausing: Collection[str]) -> Standing:
    """How these requests fare at a time. One whose clock stands still is open, and neither due nor overdue.

    Args:
        pausing: the laws under which that of a paused request does.
    """
    still = [r for r in requests if State(r.state) not in ENDED]
    running = [r for r in still if not stands_still(r.state, r.jurisdiction, pausing)]
    done = [(r, r.completed_at) for r in requests if r.state == State.COMPLETED and r.completed_at is not None]
    taken = sorted((completed_at - r.received_at) / DAY for r, completed_at in done)
    in_time = sum(completed_at <= r.respond_by for r, completed_at in done)
    return Standing(
        open=len(still),
        due=sum(now <= r.respond_by <= now + DUE_WITHIN for r in running),
        overdue=sum(r.respond_by < now for r in running),
        paused=sum(r.state == State.PAUSED for r in still),
        completed=len(done),
        in_time=in_time,
        late=len(done) - in_time,
        refused=sum(r.state == State.REFUSED for r in requests),
        cancelled=sum(r.state == State.CANCELLED for r in requests),
        extended=sum(r.extended for r in requests),
        days_p50=percentile(taken, 0.5),
        days_p95=percentile(taken, 0.95),
    )


def report(requests: Iterable[Fared], now: Micros, pausing: Collection[str]) -> Mapping[str, Any]:
    """The standing of all, and by jurisdiction and kind, as a JSON object.

    Args:
        pausing: as for `standing`.
    """
    every = list(requests)
    told: dict[str, Any] = {"all": standing(every, now, pausing).as_json()}
    for group in GROUPS:
        names = sorted({getattr(request, group) for request in every})
        told[f"by_{group}"] = {
            name: standing([r for r in every if getattr(r, group) == name], now, pausing).as_json() for name in names
        }
    return told


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile of ordered values, rounded to a tenth; None of none."""
    return round(ordered[max(ceil(share * len(ordered)) - 1, 0)], 1) if ordered else None
