"""Who stands how, read in bulk for those who hold it in memory, and what changed since (decision 0017).

What both engines have in common; `standing_embedded` and `standing_server` read, each as suits its engine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, Protocol

from registry.model.ids import BlindIndex, FragmentId, ProfileId, WorkspaceId
from registry.store.consents import Person

Ask = Callable[..., Sequence[Any]]
"""Runs a statement of this room with its parameters: in a transaction, or as a look of its own."""


class Known(NamedTuple):
    """One person: their fragments and current records, and the blind indexes that lead to them."""

    profile_id: ProfileId
    person: Person
    indexes: list[BlindIndex]


class Position(NamedTuple):
    """How far somebody has read what changed.

    Attributes:
        number: of the last change; on PostgreSQL of the oldest transaction that may not have been seen.
        snapshot: which transactions have been seen, as PostgreSQL writes it; empty on SQLite.
        of: which table of which run of the server that was; empty on SQLite.
    """

    number: int = 0
    snapshot: str = ""
    of: str = ""


class Changes(NamedTuple):
    """What changed since a position: up to where, in which fragments, whether anything went away.

    `whole` is False where more was changed than is kept, or what there is does not go on from there.
    """

    position: Position
    fragments: set[FragmentId]
    gone: bool
    whole: bool

    @property
    def none(self) -> bool:
        """Whether nothing changed."""
        return self.whole and not self.fragments and not self.gone


class Standings(Protocol):
    """How one engine is read."""

    def newest(self, ask: Ask, workspace_id: WorkspaceId) -> Position | None:
        """The position of somebody who has read everything that is there; None where nothing tells what comes after."""

    def changes(self, ask: Ask, workspace_id: WorkspaceId, after: Position, limit: int) -> Changes:
        """The changes after a position, none of which may be missing; `limit` is less than what is kept."""

    def page(
        self, ask: Ask, workspace_id: WorkspaceId, after: bytes, fragments: int
    ) -> tuple[bytes | None, list[Known]]:
        """The people after a profile's id, of about so many fragments; and the last id, None at the end."""

    def people(self, ask: Ask, workspace_id: WorkspaceId, profiles: Collection[ProfileId]) -> list[Known]:
        """The known ones among these profiles."""

    def profiles_of(self, ask: Ask, workspace_id: WorkspaceId, fragments: Collection[FragmentId]) -> set[ProfileId]:
        """The profiles in which these fragments are now."""


LAST_OF_PAGE = (
    "SELECT max(profile_id) FROM (SELECT profile_id FROM fragment WHERE workspace_id = ? AND profile_id > ? "
    "ORDER BY profile_id LIMIT ?) AS page"
)
_COUNTS = {
    "profiles": "SELECT count(*) FROM fragment WHERE workspace_id = ? AND fragment_id >= ? AND fragment_id <= ? "
    "AND profile_id = fragment_id",
    "indexes": "SELECT count(*) FROM fragment WHERE workspace_id = ? AND anchor >= ? AND anchor <= ?",
}
_KEYS = {
    "profiles": "SELECT fragment_id FROM fragment WHERE workspace_id = ? AND fragment_id >= ? AND fragment_id <= ? "
    "AND profile_id = fragment_id",
    "indexes": "SELECT anchor FROM fragment WHERE workspace_id = ? AND anchor >= ? AND anchor <= ?",
}


def count_between(ask: Ask, workspace_id: WorkspaceId, what: str, low: bytes, high: bytes) -> int:
    """How many `profiles`, or `indexes` of identifiers, there are from one key to another."""
    return int(ask(_COUNTS[what], workspace_id, low, high)[0][0])


def keys_between(ask: Ask, workspace_id: WorkspaceId, what: str, low: bytes, high: bytes) -> set[bytes]:
    """Which `profiles`, or `indexes` of identifiers, there are from one key to another."""
    return {bytes(row[0]) for row in ask(_KEYS[what], workspace_id, low, high)}
