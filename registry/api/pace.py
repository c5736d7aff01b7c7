"""How often one caller may ask: a count a minute, in this process, under a keyed hash of who asks."""

from __future__ import annotations

import hashlib
import os
from threading import Lock

from registry.model.clock import SECOND, Micros
from registry.model.errors import Overloaded

WINDOW: Micros = 60 * SECOND
MOST_REMEMBERED = 100_000


class Pace:
    """Counts what callers ask in each minute. Safe to share between threads; it forgets at every new minute.

    Args:
        most: how often one caller may ask in a minute.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._key = os.urandom(16)
        self._window = 0
        self._asked: dict[bytes, int] = {}
        self._lock = Lock()

    def take(self, caller: tuple[bytes, ...], now: Micros) -> None:
        """Count one question of a caller.

        Raises:
            Overloaded: they have asked too often, or more callers than can be counted are asking.
        """
        window = now // WINDOW
        name = hashlib.blake2b(b"\0".join(caller), digest_size=16, key=self._key).digest()
        with self._lock:
            if window != self._window:
                self._window, self._asked = window, {}
            asked = self._asked.get(name, 0)
            if asked >= self._most or (not asked and len(self._asked) >= MOST_REMEMBERED):
                raise Overloaded("too many requests", retry_after_s=max(1, ((window + 1) * WINDOW - now) // SECOND))
            self._asked[name] = asked + 1
