"""Answers that are remembered, for as long as nobody commits anything to the database.

SQLite tells in microseconds whether any connection of any process has committed since. One commit, whatever it
was, forgets every answer: a withdrawal counts from its commit on in every process, by construction. On
PostgreSQL, which has no such number, nothing is remembered.
"""

from __future__ import annotations

from typing import Generic, TypeVar

SIZE = 200_000
"""Answers: some 100 MB."""

_T = TypeVar("_T")


class Remembered(Generic[_T]):
    """Answers by a key of the caller's. For one thread, as an event loop is."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._commits: int | None = None
        self._answers: dict[bytes, _T] = {}

    def get(self, key: bytes, commits: int | None) -> _T | None:
        """The answer, if one was given since the last commit.

        Args:
            commits: the database's number of just now (`Database.commits`).
        """
        if commits != self._commits or commits is None:
            self._answers.clear()
            self._commits = commits
        return self._answers.get(key)

    def put(self, key: bytes, answer: _T) -> None:
        """Remember an answer, worked out since the last `get`: what was committed meanwhile shows in the next."""
        if self._commits is None:
            return
        if len(self._answers) >= self._size:
            self._answers.clear()
        self._answers[key] = answer
