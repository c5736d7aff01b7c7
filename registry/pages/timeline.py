"""Requests on one line of time: each from its receipt to its deadline, coloured by how soon that comes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from registry.dsr.requests import ENDED, State
from registry.dsr.sla import DUE_WITHIN
from registry.dsr.timing import stands_still
from registry.model.clock import DAY, Micros
from registry.model.stored import StoredRequest

BEFORE, AFTER, LEAST = 60 * DAY, 90 * DAY, 7 * DAY
"""How far the line reaches around now: at most, and at least."""
WIDTH = 100.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One request on the line, in hundredths of its width.

    Attributes:
        start, length: from the receipt to the deadline, or to the answer.
        gone: how much of the time that there is has passed.
        tone: `late`, `soon`, `fine`, `still` for one whose clock stands still, `ended`.
    """

    start: float
    length: float
    gone: float
    tone: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The line: its ends, where now is on it, and a bar for each request, in their order."""

    first: Micros
    last: Micros
    today: float
    bars: Sequence[Bar]


def timeline(requests: Sequence[StoredRequest], now: Micros, pausing: Collection[str]) -> Timeline:
    """The line that these requests fit on; one that reaches beyond its ends is cut off there."""
    first = max(min([now - LEAST, *(request.received_at for request in requests)]), now - BEFORE)
    last = min(max([now + LEAST, *(request.respond_by for request in requests)]), now + AFTER)

    def place(at: Micros) -> float:
        return round(WIDTH * (min(max(at, first), last) - first) / (last - first), 2)

    def bar(request: StoredRequest) -> Bar:
        is_over = State(request.state) in ENDED
        end = (request.completed_at or now) if is_over else request.respond_by
        start, until = place(request.received_at), place(max(end, request.received_at))
        gone = 0.0 if is_over else max(0.0, min(place(now), until) - start)
        return Bar(start, round(max(until - start, 0.5), 2), round(gone, 2), tone(request, now, pausing))

    return Timeline(first, last, place(now), [bar(request) for request in requests])


def tone(request: StoredRequest, now: Micros, pausing: Collection[str]) -> str:
    """How urgent a request is, as one word.

    Args:
        pausing: the laws under which a paused request's clock stands still.
    """
    if State(request.state) in ENDED:
        return "ended"
    if stands_still(request.state, request.jurisdiction, pausing):
        return "still"
    if request.respond_by < now:
        return "late"
    return "soon" if request.respond_by <= now + DUE_WITHIN else "fine"
