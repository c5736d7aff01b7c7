"""What a request's history says of its clock: when it stood still, and whether the answer was put off."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from registry.dsr.deadlines import Jurisdiction
from registry.dsr.requests import ENDED, Kind, Move, State
from registry.model.clock import Micros
from registry.model.errors import Conflict, InvalidInput

EXTEND = "extend"
"""The act, in a request's history, of putting its answer off; it moves the deadline and not the state."""

ENDS_A_PAUSE = frozenset(Move) - {Move.PAUSE}
"""Whatever moves a paused request ends its pause; what only adds to its history, such as a proof, does not."""


@dataclass(frozen=True, slots=True)
class Timing:
    """A request's clock.

    Attributes:
        pauses: the spans in which it stood still, in order.
        paused_since: when it was stopped, if it stands still now.
        extended: whether the answer was put off.
    """

    pauses: tuple[tuple[Micros, Micros], ...] = ()
    paused_since: Micros | None = None
    extended: bool = False


def stands_still(state: str, jurisdiction: str, pausing: Collection[str]) -> bool:
    """Whether a request's clock stands still now: a paused one's, where its law lets it.

    Args:
        pausing: the laws that do; under any other the days go on, and the deadline comes.
    """
    return state == State.PAUSED and jurisdiction in pausing


def timing(acts: Iterable[tuple[str, Micros]]) -> Timing:
    """The clock that a history tells of: its acts with their times, oldest first.

    An act is no earlier than the one before it: where a server's clock was set back in between, or another's is behind,
    a pause would end before it began, and nobody could count.
    """
    pauses: list[tuple[Micros, Micros]] = []
    since: Micros | None = None
    extended = False
    for act, at in _in_order(acts):
        if act == Move.PAUSE:
            since = at
        elif since is not None and act in ENDS_A_PAUSE:
            pauses.append((since, at))
            since = None
        extended = extended or act == EXTEND
    return Timing(tuple(pauses), since, extended)


def check_extension(
    law: Jurisdiction, kind: Kind, state: State, clock: Timing, respond_by: Micros, now: Micros
) -> None:
    """Go on only if the law lets the answer to this request be put off now (GDPR Art. 12(3)).

    Raises:
        Conflict: it has ended, the law allows no extension, there was one, or the time is over.
    """
    if state in ENDED:
        raise Conflict(f"a request that is {state.value} cannot be extended")
    if law.extension(kind.value) is None:
        raise Conflict(
            "this law does not let the answer be put off, or the policy has it no longer",
            extra={"rule": f"jurisdictions.yaml: {law.name}"},
        )
    if clock.extended:
        raise Conflict(
            "the answer was put off before, and can be once", extra={"rule": f"jurisdictions.yaml: {law.name}"}
        )
    if now > respond_by and not (law.pauses and clock.paused_since is not None):
        raise Conflict("the time to answer is over: the person had to be told of the extension within it")


def check_pause(law: Jurisdiction, respond_by: Micros, now: Micros) -> None:
    """Go on only if pausing a request does not stop a clock that has run out: it would not be late any more.

    Raises:
        Conflict: the time is over, and this law lets the clock stand still.
    """
    if law.pauses and now > respond_by:
        raise Conflict(
            "the time to answer is over: the clock cannot be stopped any more",
            hint="ask for proof of who asks all the same, or refuse the request",
        )


def check_notice(received_at: Micros, notified_at: Micros, now: Micros) -> None:
    """Go on only if the person can have been told of an extension when the officer says.

    Raises:
        InvalidInput: before the request came, or not yet.
    """
    if not received_at <= notified_at <= now:
        raise InvalidInput(
            "the person is told after the request came and before it is recorded", pointer="/notified_at"
        )


def _in_order(acts: Iterable[tuple[str, Micros]]) -> Iterator[tuple[str, Micros]]:
    """The acts of a history, each no earlier than the one before it."""
    latest: Micros | None = None
    for act, at in acts:
        latest = at if latest is None else max(latest, at)
        yield act, latest
