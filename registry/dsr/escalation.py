"""When officers are warned of a deadline: on days before it, on the day, and after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from registry.dsr.deadlines import Jurisdiction
from registry.dsr.requests import ENDED, State
from registry.model.clock import DAY, Micros
from registry.model.stored import StoredRequest

ACKNOWLEDGE_DAYS = (2, 0, -2)
"""Days before the last day of acknowledging a request on which officers are warned."""


class Due(StrEnum):
    """What is due."""

    ANSWER = "answer"
    ACKNOWLEDGEMENT = "acknowledgement"


class Warned(NamedTuple):
    """One warning: `day` is the threshold that was passed, `left` whole days to the deadline, less than 0 after it."""

    request: StoredRequest
    due: Due
    by: Micros
    day: int
    left: int

    @property
    def name(self) -> str:
        """By what it is remembered that it was given: a deadline that moves is warned of anew."""
        return f"deadline:{self.request.request_id.hex()}:{self.due.value}:{self.by}:{self.day}"


def warnings(found: Iterable[tuple[StoredRequest, Jurisdiction]], now: Micros) -> list[Warned]:
    """The warnings that open requests call for now, at most one for each deadline: the latest threshold passed.

    A request whose clock stands still is passed over, where its law lets it stand.
    """
    warned = []
    for request, law in found:
        state = State(request.state)
        if state in ENDED or (state is State.PAUSED and law.pauses):
            continue
        warned += _passed(request, Due.ANSWER, request.respond_by, law.warn_days, now)
        if request.acknowledge_by is not None and request.acknowledged_at is None:
            warned += _passed(request, Due.ACKNOWLEDGEMENT, request.acknowledge_by, ACKNOWLEDGE_DAYS, now)
    return warned


def _passed(request: StoredRequest, due: Due, by: Micros, days: Sequence[int], now: Micros) -> list[Warned]:
    left = (by - now) // DAY  # 0 on the last day, which ends with the deadline; less than 0 after it
    passed = [day for day in days if left <= day]
    return [Warned(request, due, by, min(passed), left)] if passed else []
