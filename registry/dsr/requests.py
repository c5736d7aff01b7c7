"""Kinds of requests, their states, and the only moves between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from registry.model.errors import Conflict, Forbidden


class Kind(StrEnum):
    """What a person may ask for."""

    ACCESS = "access"
    """GDPR Art. 15."""
    PORTABILITY = "portability"
    """GDPR Art. 20."""
    RECTIFICATION = "rectification"
    """GDPR Art. 16."""
    RESTRICTION = "restriction"
    """GDPR Art. 18."""
    OBJECTION = "objection"
    """GDPR Art. 21."""
    WITHDRAWAL = "withdrawal"
    """GDPR Art. 7(3)."""
    ERASURE = "erasure"
    """GDPR Art. 17."""
    KNOW = "know"
    """CCPA, Cal. Civ. Code 1798.110 and 1798.115."""
    DELETE = "delete"
    """CCPA, Cal. Civ. Code 1798.105."""
    CORRECT = "correct"
    """CCPA, Cal. Civ. Code 1798.106."""
    OPT_OUT = "opt_out"
    """CCPA, Cal. Civ. Code 1798.120: no sale, no sharing."""
    LIMIT = "limit"
    """CCPA, Cal. Civ. Code 1798.121: no more than necessary of what is sensitive."""


class Effect(StrEnum):
    """What a kind of request comes down to."""

    GIVE = "give"
    CORRECT = "correct"
    RECORD = "record"
    ERASE = "erase"


EFFECTS: Mapping[Kind, Effect] = {
    Kind.ACCESS: Effect.GIVE,
    Kind.PORTABILITY: Effect.GIVE,
    Kind.KNOW: Effect.GIVE,
    Kind.RECTIFICATION: Effect.CORRECT,
    Kind.CORRECT: Effect.CORRECT,
    Kind.RESTRICTION: Effect.RECORD,
    Kind.OBJECTION: Effect.RECORD,
    Kind.WITHDRAWAL: Effect.RECORD,
    Kind.OPT_OUT: Effect.RECORD,
    Kind.LIMIT: Effect.RECORD,
    Kind.ERASURE: Effect.ERASE,
    Kind.DELETE: Effect.ERASE,
}

CALIFORNIAN = frozenset({Kind.KNOW, Kind.DELETE, Kind.CORRECT, Kind.OPT_OUT, Kind.LIMIT})
"""Kinds that only the CCPA has: its deadlines count unless the request says otherwise."""


class State(StrEnum):
    """Where a request stands."""

    RECEIVED = "received"
    VERIFIED = "verified"
    APPROVED = "approved"
    ACTING = "acting"
    WAITING = "waiting"
    COMPLETED = "completed"
    PAUSED = "paused"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class Move(StrEnum):
    """What can be done to a request."""

    VERIFY = "verify"
    APPROVE = "approve"
    START = "start"
    WAIT = "wait"
    COMPLETE = "complete"
    PAUSE = "pause"
    RESUME = "resume"
    REFUSE = "refuse"
    CANCEL = "cancel"


BY_ITSELF = frozenset({Move.WAIT, Move.COMPLETE})
"""Moves that running a request makes, and nobody asks for."""

NEEDS_APPROVAL = frozenset(kind for kind, effect in EFFECTS.items() if effect is not Effect.RECORD)
"""Kinds that somebody reads before anything is done or given out."""

ENDED = frozenset({State.COMPLETED, State.REFUSED, State.CANCELLED})

HELD_OUTSIDE = "held_outside"
"""The member of a request's progress on what holds keep in systems outside: keyed pseudonyms, and the systems."""

CORRECTS = "corrects"
"""The member of a correction's progress on the traits that it corrects: keyed hashes of their names."""

LANGUAGE = "language"
"""The member of a request's progress on the language in which whoever asked is answered, also at its end (BCP 47)."""

KEPT = frozenset({"counts", "purposes", LANGUAGE, CORRECTS, HELD_OUTSIDE})
"""What is kept of the progress of a request that has ended: counts and keyed pseudonyms, no ids and nothing sealed."""

UNPROVED = frozenset({State.RECEIVED, State.PAUSED})
"""Where a request waits for proof of who asks."""

_TABLE: dict[tuple[State, Move], State] = {
    (State.RECEIVED, Move.VERIFY): State.VERIFIED,
    (State.VERIFIED, Move.APPROVE): State.APPROVED,
    (State.APPROVED, Move.START): State.ACTING,
    (State.ACTING, Move.START): State.ACTING,  # resumed after a crash: every step may be done again
    (State.ACTING, Move.WAIT): State.WAITING,  # a system outside did not answer, or it was stopped here
    (State.WAITING, Move.START): State.ACTING,
    (State.ACTING, Move.COMPLETE): State.COMPLETED,
    (State.RECEIVED, Move.PAUSE): State.PAUSED,
    (State.PAUSED, Move.RESUME): State.RECEIVED,
    **{(state, Move.REFUSE): State.REFUSED for state in (State.RECEIVED, State.VERIFIED, State.PAUSED)},
    **{
        (state, Move.CANCEL): State.CANCELLED
        for state in (State.RECEIVED, State.VERIFIED, State.APPROVED, State.PAUSED)
    },
}


def move(state: State, by: Move, kind: Kind, *, is_lost: bool = False) -> State:
    """The state after a move.

    Args:
        is_lost: nobody can read the request any more: its key is gone, or what it holds sealed is damaged.

    Raises:
        Conflict: the request cannot be moved so now; the detail says what can be done.
    """
    if by.value not in allowed(state, kind, is_lost=is_lost):
        possible = ", ".join(allowed(state, kind, is_lost=is_lost)) or "nothing more"
        raise Conflict(f"a request that is {state.value} cannot be moved by {by.value}; possible: {possible}")
    if by is Move.CANCEL:
        return State.CANCELLED
    return _TABLE.get((state, by), State.ACTING)  # what the table lacks is the start without an approval


def allowed(state: State, kind: Kind, *, is_lost: bool = False) -> tuple[str, ...]:
    """The moves that a request may make now, those that bring it on before those that end it.

    One that was begun is brought to its end; only one that is lost can be cancelled, or it would wait for ever.
    """
    moves = tuple(by.value for by in Move if (state, by) in _TABLE)
    if is_lost and state is State.WAITING:
        return (*moves, Move.CANCEL.value)
    if state is State.VERIFIED and kind not in NEEDS_APPROVAL:  # may be approved, and need not be
        return (Move.START.value, *moves)
    return moves


def check_four_eyes(kind: Kind, opened_by: str, approved_by: str, *, two_people: bool) -> None:
    """Hold an approval against the rule of two people, which covers erasures.

    Args:
        opened_by, approved_by: who stands behind the keys: `person:…` or `app:…`. Names of keys say
            nothing here: two keys may have one name, and one person may hold two keys.
        two_people: whether the policy asks for it; an embedded registry with one operator may not.

    Raises:
        Forbidden: whoever opened the request is approving it, or no person is.
    """
    if not two_people or EFFECTS[kind] is not Effect.ERASE:
        return
    rule = {"rule": "jurisdictions.yaml: approval.erasure is two_people"}
    if not approved_by.startswith("person:"):
        raise Forbidden(
            "an erasure is approved by a person", hint="let an officer approve it with a key of their own", extra=rule
        )
    if opened_by == approved_by:
        raise Forbidden(
            "an erasure is approved by somebody other than the one who opened it",
            hint="let a second officer approve it",
            extra=rule,
        )
