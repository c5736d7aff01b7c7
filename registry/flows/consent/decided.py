"""Decisions on the audit log: all of them, or a random share; written in batches, away from the answer.

1. note        what was decided is kept in memory: a purpose and a reason of ours, and the blind index of the person
2. write       every second, and at the server's end, the batch goes into the log, each decision an entry of its own;
               whom it is about stands there as a salted commitment, whose salt lies under the person's own key
3. lose        nothing at an orderly end. A process that is killed takes at most the last second along; a store that
               is gone for longer than memory lasts costs the oldest, and how many is an entry, too
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from random import SystemRandom
from threading import Event, Lock, Thread
from typing import NamedTuple

from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros
from registry.model.errors import KeyMissing, RegistryError
from registry.model.ids import BlindIndex, FragmentId, ProfileId, WorkspaceId
from registry.model.message import Identifier
from registry.store import identities

EVERY_S = 1.0
BATCH = 1_000
"""Decisions in one transaction: few enough that others who write wait for less than a tenth of a second."""

MOST_WAITING = 100_000
"""Decisions kept in memory, some 40 MB, before whoever asks waits for the log."""

UNKNOWN_PURPOSE = "(unknown)"
"""Stands for a purpose that is not in the policy: its name is the caller's text."""


class Decided(NamedTuple):
    """One decision as it was given: about whom, for what, and which; `reason` is a code of ours."""

    person: Identifier | ProfileId
    purpose: str
    allowed: bool
    reason: str


class Noted(NamedTuple):
    """One decision as it is kept until it is written. `indexes` are those that the person may stand under; none where
    they were named by their profile, which has the id of its oldest fragment.
    """

    workspace_id: WorkspaceId
    indexes: tuple[BlindIndex, ...]
    fragment_id: FragmentId | None
    purpose: str
    allowed: bool
    reason: str


class _Waiting(NamedTuple):
    at: Micros
    actor: str
    noted: Noted


class DecisionLog:
    """Takes decisions from any thread, and writes a share of them to the audit log.

    Args:
        share: of decisions that are written, 0 to 1, each picked at random; at 0 nothing is kept and no thread runs.
    """

    def __init__(self, deployment: Deployment, share: float) -> None:
        self.share = share
        self._deployment, self._pick = deployment, SystemRandom().random
        self._waiting: deque[_Waiting] = deque()
        self._lost: dict[WorkspaceId, int] = {}
        self._lock, self._stop = Lock(), Event()
        self._thread: Thread | None = None
        if share > 0:
            self._thread = Thread(target=self._run, name="decisions", daemon=True)
            self._thread.start()

    def noted(self, workspace: OpenWorkspace, decided: Decided) -> Noted | None:
        """A decision in the form in which it is kept; None where none is."""
        if not self.share:
            return None
        named = decided.purpose if decided.purpose in self._deployment.policies.purposes.purposes else UNKNOWN_PURPOSE
        person, indexes, fragment_id = decided.person, tuple[BlindIndex, ...](), None
        if isinstance(person, Identifier):
            indexes = workspace.indexer.indexes(person.kind, person.value)
        else:
            fragment_id = FragmentId(person)
        return Noted(workspace.workspace_id, indexes, fragment_id, named, decided.allowed, decided.reason)

    def note(self, actor: str, noted: Noted | None) -> None:
        """Keep a decision that was given to an actor, if it is one of the share."""
        if noted is not None and self._pick() < self.share:
            self._keep(actor, noted)

    def note_all(self, actor: str, workspace: OpenWorkspace, decided: Iterable[Decided]) -> None:
        """Keep the share of many decisions."""
        if self.share:
            for one in decided:
                if self._pick() < self.share and (noted := self.noted(workspace, one)) is not None:
                    self._keep(actor, noted)

    def write(self) -> int:
        """Write what waits; how many still wait, where the store or the key service does not answer."""
        with self._lock:
            left = [self._waiting.popleft() for _ in range(len(self._waiting))]
            for workspace_id in dict.fromkeys(one.noted.workspace_id for one in left):
                own = [one for one in left if one.noted.workspace_id == workspace_id]
                for start in range(0, len(own), BATCH):
                    try:
                        self._write(workspace_id, own[start : start + BATCH])
                    except RegistryError:
                        self._waiting.extendleft(reversed(own[start:]))
                        self._shed()
                        break
        return len(self._waiting)

    def close(self) -> int:
        """Write what waits and stop; how many could not be written."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        return self.write()

    def _keep(self, actor: str, noted: Noted) -> None:
        self._waiting.append(_Waiting(self._deployment.clock(), actor, noted))
        if len(self._waiting) >= MOST_WAITING:
            self.write()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.write()

    def _shed(self) -> None:
        """Let the oldest go that memory has no room for, and remember how many."""
        while len(self._waiting) > MOST_WAITING:
            workspace_id = self._waiting.popleft().noted.workspace_id
            self._lost[workspace_id] = self._lost.get(workspace_id, 0) + 1

    def _write(self, workspace_id: WorkspaceId, own: Sequence[_Waiting]) -> None:
        with self._deployment.data.read(workspace_id) as transaction:
            asked = {index for one in own for index in one.noted.indexes}
            known = identities.fragments_by_index(transaction, workspace_id, asked)
            named = {one.noted.fragment_id for one in own if one.noted.fragment_id is not None}
            there = identities.fragments(transaction, workspace_id, named)
        fragments = {index: row.fragment_id for index, row in known.items()}
        living = self._living(workspace_id, {*fragments.values(), *there})
        acts = [self._act(one, fragments, living) for one in own]
        lost = self._lost.get(workspace_id, 0)
        if lost:
            at = self._deployment.clock()
            acts.append(trail.Act(at, "operator", "consent:decisions:lost", "lost", {"count": lost}, None))
        with self._deployment.data.write(workspace_id) as transaction:
            trail.append_all(transaction, workspace_id, acts, self._deployment.keyring)
        self._lost.pop(workspace_id, None)

    def _act(self, one: _Waiting, fragments: dict[BlindIndex, FragmentId], living: set[FragmentId]) -> trail.Act:
        found = next((fragments[index] for index in one.noted.indexes if index in fragments), one.noted.fragment_id)
        about = found if found in living else None
        fields = {"purpose": one.noted.purpose, "reason": one.noted.reason}
        outcome = "allowed" if one.noted.allowed else "denied"
        return trail.Act(one.at, one.actor, "consent:decision:made", outcome, fields, about)

    def _living(self, workspace_id: WorkspaceId, fragments: set[FragmentId]) -> set[FragmentId]:
        """Those that something can still be sealed for: somebody may have been erased since they were asked about."""
        try:
            trail.keys_for(self._deployment.keyring, workspace_id, fragments)
        except KeyMissing:
            return {fragment for fragment in fragments if self._lives(workspace_id, fragment)}
        return fragments

    def _lives(self, workspace_id: WorkspaceId, fragment: FragmentId) -> bool:
        try:
            trail.keys_for(self._deployment.keyring, workspace_id, {fragment})
        except KeyMissing:
            return False
        return True
