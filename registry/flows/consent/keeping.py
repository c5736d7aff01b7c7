"""How a board is kept right: what a process asks, on each engine, to know that it says what the database says.

SQLite tells in a microsecond whether anything was committed, whoever did it. PostgreSQL is asked what changed since a
snapshot, in one message that all who wait share. Either way a withdrawal counts from its commit on in every process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING

from registry.flows.deployment import Deployment
from registry.model.clock import Micros
from registry.model.ids import FragmentId, ProfileId, WorkspaceId
from registry.store import standing
from registry.store.rows import query
from registry.store.standing import Ask, Changes, Position, Standings
from registry.store.standing_embedded import EmbeddedStandings
from registry.store.standing_server import ServerStandings

if TYPE_CHECKING:  # NumPy takes a tenth of a second to import: the background thread does it
    from registry.flows.consent.board import Board

AT_ONCE = 50
"""Changes that are read while a caller waits for one answer."""

MOST_LATER = 20_000
"""Keys that wait before they are sorted in."""

PATIENCE_S = 0.005
"""How long a check waits for another use of the board, such as a long catching up, before the database is asked."""


@dataclass(slots=True)
class HeldBoard:
    """One workspace's board. Whoever uses it has the lock.

    Attributes:
        position: up to which change the board is right.
        commits: the number of the state in which it was found to be current; None where it is not known to be.
        overdue: whom time has changed, and somebody asked about who could not wait.
        not_before: when, by the monotonic clock, a load may be tried.
    """

    workspace_id: WorkspaceId
    lock: Lock = field(default_factory=Lock)
    board: Board | None = None
    position: Position = Position()  # noqa: RUF009 - immutable
    commits: int | None = None
    overdue: set[ProfileId] = field(default_factory=set)
    not_before: float = 0.0


class Keeping(ABC):
    """How boards are kept right on one engine. Safe to share between threads.

    Args:
        call: has the background thread look at what there is to do.
    """

    def __init__(self, deployment: Deployment, standings: Standings, call: Callable[[], None]) -> None:
        self.standings = standings
        self._data, self._call = deployment.data, call

    @abstractmethod
    def look(self, held: HeldBoard, now: Micros) -> int | None:
        """The number of the state that the database is in now, for `current`; None where the board cannot answer.

        Raises:
            StoreUnavailable: the database cannot be read.
        """

    async def unchanged(self, held: HeldBoard) -> int | None:  # noqa: ARG002 - on SQLite a look is no wait
        """As `look`, in an event loop; None also where it takes a thread to tell.

        Raises: as `look`.
        """
        return None

    @abstractmethod
    def current(self, held: HeldBoard, now: Micros, commits: int | None) -> Board | None:
        """The board, if it says what the database says; the caller has the lock.

        Args:
            commits: from `look`, made after the question came; None to look now.

        Raises: as `look`.
        """

    @abstractmethod
    def refreshed(self, held: HeldBoard, people: Collection[ProfileId], now: Micros, *, wait: bool) -> bool:
        """Stand those anew whom time has changed; whether it was done, and the board is still current after it.

        Args:
            wait: whether the caller may wait for the database.

        Raises: as `look`.
        """

    def catch_up(self, held: HeldBoard, board: Board, ask: Ask, found: Changes, now: Micros) -> None:
        """Bring a board up to these changes, by one look at the database; the caller has the lock."""
        self.restand(board, ask, held.workspace_id, found.fragments, now, held.overdue)
        held.overdue.clear()
        if found.gone:
            _sweep(board, ask, held.workspace_id)
        held.position = found.position

    def restand(
        self, board: Board, ask: Ask, workspace_id: WorkspaceId, fragments: set[FragmentId], now: Micros,
        people: Collection[ProfileId] = (),
    ) -> None:  # fmt: skip
        """Stand those anew whom these fragments belong to, and these people; take off who was joined with another."""
        profiles = self.standings.profiles_of(ask, workspace_id, fragments)
        for absorbed in {bytes(fragment) for fragment in fragments}.difference(profiles):
            board.drop(absorbed)
        for known in self.standings.people(ask, workspace_id, profiles.union(people)):
            board.put(known, now)

    def _loaded(self, held: HeldBoard, now: Micros) -> Board | None:
        """The board, unless there is none yet, or the clock was set back behind it."""
        if held.board is None:
            self._call()
            return None
        return held.board if now >= held.board.as_of else None

    def _point(self, held: HeldBoard) -> Ask:
        return partial(self._data.point_read, held.workspace_id)


class EmbeddedKeeping(Keeping):
    """On SQLite: the number of commits, and reads that cost less than to hand them to a thread."""

    def __init__(self, deployment: Deployment, call: Callable[[], None]) -> None:
        super().__init__(deployment, EmbeddedStandings(), call)

    def look(self, held: HeldBoard, now: Micros) -> int | None:  # noqa: ARG002
        """As `Keeping.look`: how often anybody has committed."""
        return self._data.commits()

    def current(self, held: HeldBoard, now: Micros, commits: int | None) -> Board | None:
        """As `Keeping.current`; a few changes are read on the spot."""
        board = self._loaded(held, now)
        if board is None:
            return None
        if commits is None:
            commits = self._data.commits()
        if commits == held.commits:
            return board
        held.commits = None
        ask, workspace_id = self._point(held), held.workspace_id
        found = self.standings.changes(ask, workspace_id, held.position, AT_ONCE)
        if not found.whole or found.gone or (found.fragments and board.later > MOST_LATER):
            self._call()
            return None
        if found.fragments:
            self.restand(board, ask, workspace_id, found.fragments, now)
        held.position = found.position
        if found.fragments and self._data.commits() != commits:
            return None  # somebody may have changed between two of the reads
        held.commits = commits
        return board

    def refreshed(self, held: HeldBoard, people: Collection[ProfileId], now: Micros, *, wait: bool) -> bool:  # noqa: ARG002
        """As `Keeping.refreshed`: it is done on the spot."""
        if held.board is None:
            return False
        self.restand(held.board, self._point(held), held.workspace_id, set(), now, people)
        if self._data.commits() != held.commits:
            held.commits = None
        return held.commits is not None


class ServerKeeping(Keeping):
    """On PostgreSQL: one message tells what changed since; a board's own count of states tells them apart."""

    def __init__(self, deployment: Deployment, call: Callable[[], None]) -> None:
        super().__init__(deployment, ServerStandings(), call)
        self._server, self._states = ServerStandings(), count(1)

    def look(self, held: HeldBoard, now: Micros) -> int | None:
        """As `Keeping.look`. Nobody has the lock while the database is asked, or waits long for whoever has it."""
        if not held.lock.acquire(timeout=PATIENCE_S):
            return None
        board, position, commits = held.board, held.position, held.commits
        held.lock.release()
        if board is None:
            self._call()
            return None
        if self._changes(held, position).none:
            return commits
        if not held.lock.acquire(timeout=PATIENCE_S):
            return None
        try:
            return held.commits if self._advanced(held, now) else None
        finally:
            held.lock.release()

    async def unchanged(self, held: HeldBoard) -> int | None:
        """As `Keeping.unchanged`: where nothing changed, and nobody is to be waited for but the database."""
        if not held.lock.acquire(blocking=False):
            return None
        board, position, commits = held.board, held.position, held.commits
        held.lock.release()
        if board is None:
            return None
        ask = partial(self._data.awaited_read, held.workspace_id)
        found = await self._server.awaited_changes(ask, held.workspace_id, position, AT_ONCE)
        return commits if found.none else None

    def current(self, held: HeldBoard, now: Micros, commits: int | None) -> Board | None:
        """As `Keeping.current`; later states than that of the look will do."""
        board = self._loaded(held, now)
        if board is None:
            return None
        if commits is not None:
            return board if held.commits is not None and held.commits >= commits else None
        return board if self._changes(held, held.position).none or self._advanced(held, now) else None

    def refreshed(self, held: HeldBoard, people: Collection[ProfileId], now: Micros, *, wait: bool) -> bool:
        """As `Keeping.refreshed`; who cannot wait has it done by the background thread."""
        if wait:
            return self._advanced(held, now, people)
        held.overdue.update(people)
        self._call()
        return False

    def catch_up(self, held: HeldBoard, board: Board, ask: Ask, found: Changes, now: Micros) -> None:
        """As `Keeping.catch_up`; the board is current after it, whatever was committed meanwhile."""
        super().catch_up(held, board, ask, found, now)
        if not found.none or held.commits is None:
            held.commits = next(self._states)

    def _changes(self, held: HeldBoard, position: Position) -> Changes:
        return self.standings.changes(self._point(held), held.workspace_id, position, AT_ONCE)

    def _advanced(self, held: HeldBoard, now: Micros, people: Collection[ProfileId] = ()) -> bool:
        """Read what changed, and whose standing did, as of one snapshot; the caller has the lock."""
        board, workspace_id = held.board, held.workspace_id
        if board is None or now < board.as_of:
            return False
        with self._data.read(workspace_id) as transaction:
            ask = partial(query, transaction)
            found = self.standings.changes(ask, workspace_id, held.position, AT_ONCE)
            if not found.whole or found.gone or board.later > MOST_LATER:
                self._call()
                return False
            held.overdue.update(people)
            self.catch_up(held, board, ask, found, now)
        return True


def keeping_of(deployment: Deployment, call: Callable[[], None]) -> Keeping:
    """How boards are kept right on the engine of a deployment."""
    return EmbeddedKeeping(deployment, call) if deployment.data.is_sqlite else ServerKeeping(deployment, call)


def _sweep(board: Board, ask: Ask, workspace_id: WorkspaceId) -> None:
    """Take off what the database has no more; the changes that named it name nothing now."""
    for what, keys in board.keys.items():
        count_of = partial(standing.count_between, ask, workspace_id, what)
        there = partial(standing.keys_between, ask, workspace_id, what)
        board.forget(what, keys.missing(count_of, there))
