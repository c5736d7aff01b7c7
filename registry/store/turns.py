"""Turns of an embedded database's writers, in the order in which they came.

SQLite lets one connection write at a time; the others look again at growing intervals, and whoever writes without a
pause can keep one of them waiting until it gives up. Threads of one process need not: each is handed the turn by the
one before it. Other processes are still waited for as SQLite does it.
"""

from __future__ import annotations

from collections import deque
from threading import Lock


class Turns:
    """One turn at a time, first come, first served. `threading.Lock` lets the one who just left in again first."""

    def __init__(self) -> None:
        self._mutex = Lock()
        self._taken = False
        self._waiting: deque[Lock] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self, timeout_s: float) -> bool:
        """Wait for a turn; False if it did not come in time."""
        with self._mutex:
            if not self._taken:
                self._taken = True
                return True
            mine = Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=timeout_s):
            return True
        with self._mutex:
            if mine not in self._waiting:  # it was handed over just now
                return True
            self._waiting.remove(mine)
            return False

    def leave(self) -> None:
        """Hand the turn to who came first."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
