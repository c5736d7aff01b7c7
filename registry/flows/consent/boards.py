"""Boards kept current: a process holds one for each workspace that it is asked about, and uses none that is behind.

1. load        in the background, when a workspace is first asked about; until then the database answers
2. look        before each answer: has anything been committed since? (`keeping` asks, as suits the engine)
3. catch up    if so, read what changed (the table `standing_change`, written in the transaction of each change), and
               stand those people anew; what is more than a few, or went away, is left to the background thread
4. answer      or None: the caller asks the database. A withdrawal counts from its commit on in every process

Every few seconds the thread catches up by itself, so that a process that nobody asks forgets who was erased, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from weakref import ref

from registry.flows.consent.given import Answers, Asking, Given
from registry.flows.consent.keeping import MOST_LATER, HeldBoard, keeping_of
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros
from registry.model.ids import BlindIndex, WorkspaceId
from registry.store.rows import query

if TYPE_CHECKING:  # NumPy takes a tenth of a second to import: the background thread does it
    from registry.flows.consent.board import Board
    from registry.flows.consent.key_table import Numbers

_T = TypeVar("_T")

EVERY_S = 5.0

WINDOW = 20_000
"""Changes that the database keeps at least: whoever is further behind reads everything anew."""

PAGE_FRAGMENTS = 1_000
BREATH_S = 0.001
"""Between two pages of a load others have their turn."""

BETWEEN_S = 0.01
TOO_MANY_S = 600.0
"""When a workspace that is too large is looked at again."""

PATIENCE_S = 1.0
"""How long one who asks for many waits for another who does."""

REST = 5
"""A load that came too late is tried again after so many times as long as it took."""


class Page(NamedTuple):
    """The permitted among the next profiles, their ids one after the other, and the last profile looked at."""

    ids: bytes
    last: bytes


class Boards:
    """The boards of one process. Safe to share between threads.

    Args:
        most: people held at most, of all workspaces together; more than that are asked of the database. 0 for none.
    """

    def __init__(self, deployment: Deployment, most: int) -> None:
        self._deployment, self._most = deployment, most
        self._keeping = keeping_of(deployment, self._call)
        self._held: dict[WorkspaceId, HeldBoard] = {}
        self._wake, self._stop = Event(), Event()
        self._starting = Lock()
        self._thread: Thread | None = None

    def look(self, workspace: OpenWorkspace) -> int | None:
        """A number that changes with whatever may change an answer, as of now; None where the database is to be asked.

        Raises:
            StoreUnavailable: the database cannot be read.
        """
        held = self._of(workspace)
        return self._keeping.look(held, self._deployment.clock()) if held is not None else None

    async def unchanged(self, workspace: OpenWorkspace) -> int | None:
        """As `look`, in an event loop; None also where it takes a thread to tell.

        Raises: as `look`.
        """
        held = self._of(workspace)
        return await self._keeping.unchanged(held) if held is not None else None

    def one(
        self,
        workspace: OpenWorkspace,
        index: BlindIndex,
        purpose: str,
        categories: frozenset[str],
        now: Micros,
        commits: int | None,
    ) -> Given | None:
        """The answer about the person behind an identifier; None where the database is to be asked.

        Args:
            commits: from `look`, made after the question came.

        Raises: as `look`; on PostgreSQL the database is not asked, and nobody waits for it.
        """
        held = self._of(workspace) if commits is not None else None
        if held is None or not held.lock.acquire(blocking=False):
            return None
        try:
            board = self._keeping.current(held, now, commits)
            if board is None:
                return None
            number = board.number_of(index)
            if not board.holds(number, now):
                if not self._keeping.refreshed(held, board.ids_of([number]), now, wait=False):
                    return None
                number = board.number_of(index)
            return board.given(board.asked(purpose, categories), number)
        finally:
            held.lock.release()

    def many(
        self,
        workspace: OpenWorkspace,
        questions: Sequence[Asking],
        indexes: bytes,
        now: Micros,
    ) -> Answers | None:
        """The answer to each of many questions, each about the person of an index; None as `one`.

        Args:
            indexes: blind indexes, one after the other.

        Raises: as `one`.
        """
        return self._using(
            workspace, lambda board: board.numbers_of("indexes", indexes), now,
            lambda board, numbers: board.answers(questions, numbers),
        )  # fmt: skip

    def allowed(self, workspace: OpenWorkspace, purpose: str, what: str, keys: bytes, now: Micros) -> bytes | None:
        """Whether each of many people may be used for a purpose: a byte each, 1 for yes; None as `one`.

        Args:
            what: `indexes` or `profiles`: what the 16-byte keys are, one after the other.

        Raises: as `one`.
        """
        return self._using(
            workspace, lambda board: board.numbers_of(what, keys), now,
            lambda board, numbers: board.allowed(board.asked(purpose), numbers).tobytes(),
        )  # fmt: skip

    def page(self, workspace: OpenWorkspace, purpose: str, after: bytes, size: int, now: Micros) -> Page | None:
        """Who of the next `size` profiles may be used for a purpose, in the order of the ids; None as `one`.

        Raises: as `one`.
        """

        def permitted(board: Board, numbers: Numbers) -> Page:
            ids = board.ids(numbers[board.allowed(board.asked(purpose), numbers)])
            return Page(ids, board.ids(numbers[-1:]))

        return self._using(workspace, lambda board: board.numbers_after(after)[:size], now, permitted)

    def ready(self, workspace: OpenWorkspace) -> bool:
        """Whether the workspace's board can answer now; what it lacks for that is begun.

        Raises: as `one`.
        """
        now = self._deployment.clock()
        return self._using(workspace, lambda board: board.numbers_of("indexes", b""), now, lambda *_: True) or False

    def close(self) -> None:
        """Stop the thread and forget everybody."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._held.clear()

    def _of(self, workspace: OpenWorkspace) -> HeldBoard | None:
        if not self._most or workspace.indexer.several or self._stop.is_set():
            return None
        held = self._held.get(workspace.workspace_id)
        return held or self._held.setdefault(workspace.workspace_id, HeldBoard(workspace.workspace_id))

    def _using(
        self,
        workspace: OpenWorkspace,
        find: Callable[[Board], Numbers],
        now: Micros,
        use: Callable[[Board, Numbers], _T],
    ) -> _T | None:
        held = self._of(workspace)
        if held is None or not held.lock.acquire(timeout=PATIENCE_S):
            return None
        try:
            board = self._keeping.current(held, now, None)
            if board is None:
                return None
            numbers = find(board)
            overdue = board.overdue(numbers, now)
            if overdue:
                if not self._keeping.refreshed(held, overdue, now, wait=True):
                    return None
                numbers = find(board)  # somebody may have another number now
            return use(board, numbers)
        finally:
            held.lock.release()

    def _call(self) -> None:
        """Have the background thread look at what there is to do."""
        self._wake.set()
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=_run, args=(ref(self), self._wake, self._stop), name="boards", daemon=True)
                self._thread.start()

    def tend(self) -> None:
        """Load the boards that are wanted, and catch up those that there are."""
        for held in list(self._held.values()):
            if self._stop.is_set():
                return
            try:
                if held.board is not None:
                    self._catch_up(held)
                elif monotonic() >= held.not_before:
                    self._load(held)
            except Exception:  # noqa: BLE001 - gone or damaged: whoever asks hears it from the database, not a log from here
                held.board, held.not_before = None, monotonic() + EVERY_S

    def _load(self, held: HeldBoard) -> None:
        from registry.flows.consent.board import Board

        policies, started, standings = self._deployment.policies, monotonic(), self._keeping.standings
        board, after = Board(policies.identity, policies.purposes), b""
        with self._deployment.data.read(held.workspace_id) as transaction:
            position = standings.newest(partial(query, transaction), held.workspace_id)
        if position is None:
            held.not_before = started + EVERY_S
            return
        while not self._stop.wait(BREATH_S):
            with self._deployment.data.read(held.workspace_id) as transaction:
                ask = partial(query, transaction)
                last, people = standings.page(ask, held.workspace_id, after, PAGE_FRAGMENTS)
            if last is None:
                break
            now, after = self._deployment.clock(), last
            for known in people:
                board.put(known, now)
            if self.people + board.people > self._most:
                held.not_before = monotonic() + TOO_MANY_S
                return
            if board.later > max(2 * MOST_LATER, board.people // 4):  # sorting all of them each time would add up
                board.fold()
        board.fold()
        with held.lock:
            held.board, held.position, held.commits = board, position, None
            held.not_before = monotonic() + REST * (monotonic() - started)
        self._catch_up(held)

    def _catch_up(self, held: HeldBoard) -> None:
        """Bring a board up to now, by one look at the database."""
        with held.lock:
            board, workspace_id = held.board, held.workspace_id
            if board is None:
                return
            with self._deployment.data.read(workspace_id) as transaction:
                ask, now = partial(query, transaction), self._deployment.clock()
                found = self._keeping.standings.changes(ask, workspace_id, held.position, WINDOW)
                if not found.whole or now < board.as_of:
                    held.board = None
                    return
                self._keeping.catch_up(held, board, ask, found, now)
            if found.gone or board.later > MOST_LATER // 2:
                board.fold()
            if self.people > self._most:
                held.board, held.not_before = None, monotonic() + TOO_MANY_S

    @property
    def people(self) -> int:
        """How many people are held, of all workspaces together."""
        boards = [held.board for held in list(self._held.values())]
        return sum(board.people for board in boards if board is not None)


def _run(boards: ref[Boards], wake: Event, stop: Event) -> None:
    """The background thread; it ends with its boards."""
    while not stop.is_set():
        held = boards()
        if held is None:
            return
        held.tend()
        del held
        stop.wait(BETWEEN_S)
        wake.wait(EVERY_S)
        wake.clear()
