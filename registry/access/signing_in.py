"""Rules of signing in: how long a session lasts, and how long to wait after wrong guesses."""

from __future__ import annotations

import re

from registry.model.clock import SECOND, Micros
from registry.model.errors import InvalidInput

IDLE: Micros = 30 * 60 * SECOND
"""A session that nobody uses for so long has ended: an officer's desk is left alone for lunch."""

ABSOLUTE: Micros = 10 * 3600 * SECOND
"""A session ends after a working day, however busy."""

FREE_TRIES = 5
FIRST_WAIT: Micros = 30 * SECOND
LONGEST_WAIT: Micros = 15 * 60 * SECOND
"""At four guesses an hour of a million codes, a code lasts for decades."""

NAME = re.compile(r"[a-z][a-z0-9._-]{1,62}")


def is_alive(opened_at: Micros, seen_at: Micros, now: Micros) -> bool:
    """Whether a session that was opened and last used then still holds."""
    return now - opened_at < ABSOLUTE and now - seen_at < IDLE


def next_try(tries: int, last_at: Micros) -> Micros:
    """When the next guess is heard, after so many wrong ones in a row, the last at that time."""
    if tries < FREE_TRIES:
        return last_at
    wait: Micros = FIRST_WAIT * 2 ** min(tries - FREE_TRIES, 16)
    return last_at + min(wait, LONGEST_WAIT)


def check_name(name: str) -> str:
    """An account's name, as the audit log writes it.

    Raises:
        InvalidInput: it is no plain word; an e-mail address is none.
    """
    if not NAME.fullmatch(name):
        hint = "use 2 to 63 of a-z, 0-9, dot, dash and underscore, beginning with a letter"
        raise InvalidInput("an account's name is a plain word", hint=hint, pointer="/name")
    return name
