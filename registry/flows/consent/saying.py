"""When an act was said: at its own time, if it names one, unless a clock that was set back speaks against it."""

from __future__ import annotations

from typing import Protocol

from registry.consent.records import AGREED, ConsentStatus
from registry.model.clock import Micros
from registry.model.stored import Fragment
from registry.store import consents
from registry.store.database import Transaction


class Saying(Protocol):
    """What of an act its time hangs on."""

    @property
    def purpose(self) -> str:
        """What it is about."""

    @property
    def status(self) -> ConsentStatus:
        """What it says."""

    @property
    def acted_at(self) -> Micros | None:
        """The time that it names."""


def said_at(transaction: Transaction, fragment: Fragment, act: Saying, now: Micros) -> Micros:
    """From when on an act counts: a clock that was set back puts none before those that were.

    The time that an act names was not read from our clock. While something that was said of the purpose lies ahead of
    us, nobody knows which came first: a yes is taken to be the earlier one, a no the later. That a restriction is
    lifted is known to come after it, and is none of its moment, of which the restriction would count.
    """
    if act.acted_at is None:
        spoken_at = consents.spoken_at(transaction, fragment.workspace_id, fragment.profile_id)
        return max(now, spoken_at + 1 if act.status is ConsentStatus.UNRESTRICTED else spoken_at)
    at = min(act.acted_at, now)
    if act.status in AGREED or act.status is ConsentStatus.UNRESTRICTED:
        return at
    spoken_at = consents.spoken_at(transaction, fragment.workspace_id, fragment.profile_id, act.purpose)
    return spoken_at if spoken_at > now else at
