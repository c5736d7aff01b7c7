"""What a request waits for: a system outside, or what stopped it here; since when, how often it was tried, and why, in
words of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.model.clock import SECOND, Micros, goes_on, rfc3339

FIRST_RETRY: Micros = 60 * SECOND
LAST_RETRY: Micros = 6 * 3600 * SECOND
"""The interval doubles from the first to this, and stays there."""

NOTED = "wait"
"""The member of a request's progress that holds it."""

LOST = frozenset({"request-forgotten", "request-damaged"})
"""The codes of what stops a request that nobody can read any more, since its key is gone, or what it holds sealed is
damaged: it is to be cancelled, and taken in anew.
"""

LONGEST = 400
"""Characters of a cause that are kept."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What a waiting request waits for.

    Attributes:
        system: a linked one, or `registry` where it was stopped here.
        since: when the system failed for the first time in this row of tries.
        code: of the error, as `docs/reference/errors.md` lists them.
        cause: the error's detail, which holds nothing of the person.
    """

    system: str
    since: Micros
    attempts: int
    code: str
    cause: str
    hint: str | None = None

    @classmethod
    def noted(cls, progress: Mapping[str, Any]) -> Wait | None:
        """What a request's progress says; None where it waits for nothing."""
        told = progress.get(NOTED)
        return cls(**told) if told is not None else None

    def as_noted(self) -> dict[str, object]:
        """The member of the progress."""
        return {name: getattr(self, name) for name in self.__slots__}

    def as_event(self) -> dict[str, str]:
        """What the history and the audit log keep of this try."""
        return {"system": self.system, "attempt": str(self.attempts), "code": self.code, "cause": self.cause}

    def as_json(self, next_at: Micros | None) -> dict[str, object]:
        """The wait as interfaces show it."""
        return {
            "system": self.system,
            "since": rfc3339(self.since),
            "attempts": self.attempts,
            "next_at": rfc3339(next_at) if next_at is not None else None,
            "code": self.code,
            "cause": self.cause,
            "hint": self.hint,
        }


def after(before: Wait | None, system: str, *, code: str, cause: str, hint: str | None, now: Micros) -> Wait:
    """The wait after one more try that failed: another system begins a row of its own."""
    goes_on = before is not None and before.system == system
    since, attempts = (before.since, before.attempts) if before is not None and goes_on else (now, 0)
    return Wait(system, since, attempts + 1, code, cause[:LONGEST], hint)


def is_due(next_at: Micros, now: Micros) -> bool:
    """Whether the next try is to be made now."""
    return not goes_on(next_at, now, LAST_RETRY)


def pause(attempts: int, wanted_s: object = None) -> Micros:
    """For how long a system is left alone after so many tries; longer where it asked for that itself."""
    usual: Micros = min(FIRST_RETRY * 2 ** min(attempts - 1, 10), LAST_RETRY)
    return max(usual, min(wanted_s * SECOND, LAST_RETRY)) if isinstance(wanted_s, int) else usual
