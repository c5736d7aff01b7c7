"""Answers that are remembered, for as long as nobody commits anything that may change them.

A board tells in which state the database is (`Boards.look`). Another one forgets every answer of the workspace: a
withdrawal counts from its commit on in every process, by construction.

A clock that is set back makes none of them a wrong yes: time alone takes a consent away and never gives one, and what
was said counts whatever the clock says (`Standing.spoken_at`).
"""

from __future__ import annotations

from typing import Generic, TypeVar

from registry.model.ids import WorkspaceId

SIZE = 200_000
"""Answers of all workspaces together: some 100 MB."""

_T = TypeVar("_T")


class Remembered(Generic[_T]):
    """Answers by workspace and a key of the caller's. For one thread, as an event loop is."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._states: dict[WorkspaceId, tuple[int, dict[bytes, _T]]] = {}

    def get(self, workspace_id: WorkspaceId, key: bytes, commits: int) -> _T | None:
        """The answer, if one was given in this state.

        Args:
            commits: the number of the state that the database is in now.
        """
        state = self._states.get(workspace_id)
        if state is None or state[0] != commits:
            self._states[workspace_id] = commits, {}
            return None
        return state[1].get(key)

    def put(self, workspace_id: WorkspaceId, key: bytes, commits: int, answer: _T) -> None:
        """Remember an answer, worked out after this number was read; nothing is kept of a state that is over."""
        state = self._states.get(workspace_id)
        if state is None or state[0] != commits:
            return
        if len(state[1]) >= self._size // len(self._states):
            state[1].clear()
        state[1][key] = answer
