"""The key bundles that a process has opened lately, in memory only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from threading import Lock
from typing import NamedTuple

from registry.keys.bundle import Bundle
from registry.model.clock import SECOND, Clock, Micros, goes_on
from registry.model.compartment import Compartment
from registry.model.ids import FragmentId, WorkspaceId
from registry.model.stored import WrappedBundle

CACHE_FOR: Micros = 10 * SECOND
"""How long an opened bundle may be used without another look at the keystore: the bound on how
long another process could still open what was shredded, were its rows not gone."""

CACHE_SIZE = 50_000

Versions = Mapping[FragmentId, int]
"""State versions of fragments, as one transaction has read them."""

NO_VERSIONS: Versions = {}

_Key = tuple[WorkspaceId, FragmentId]


class _Opened(NamedTuple):
    """A bundle in memory: until when, of which revision of its row, and the fragment's state version then."""

    until: Micros
    revision: int
    version: int | None
    bundle: Bundle


def holds(until: Micros, now: Micros) -> bool:
    """Whether what was kept until a moment may still be used: not either where the clock has been set back since."""
    return goes_on(until, now, CACHE_FOR)


class OpenedKeys:
    """Bundles by fragment, each for seconds, bounded in number. Safe to share between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._opened: OrderedDict[_Key, _Opened] = OrderedDict()

    def covering(
        self, workspace_id: WorkspaceId, needs: Mapping[FragmentId, Collection[Compartment]], versions: Versions
    ) -> dict[FragmentId, Bundle]:
        """The bundles of those of these fragments whose compartments needed are all known here.

        Args:
            versions: of a fragment that is named here, only what was opened under this state version counts.
        """
        now = self._clock()
        found: dict[FragmentId, Bundle] = {}
        for fragment, compartments in needs.items():
            one = self._opened.get((workspace_id, fragment))
            if one is None or not holds(one.until, now) or versions.get(fragment, one.version) != one.version:
                continue
            if one.bundle.covers(compartments):
                found[fragment] = one.bundle
        return found

    def still(self, workspace_id: WorkspaceId, wrapped: Mapping[FragmentId, WrappedBundle]) -> dict[FragmentId, Bundle]:
        """The bundles of those of these rows that are as they were when they were opened."""
        now = self._clock()
        known = {fragment: self._opened.get((workspace_id, fragment)) for fragment in wrapped}
        return {
            fragment: one.bundle for fragment, one in known.items()
            if one is not None and one.revision == wrapped[fragment].revision and holds(one.until, now)
        }  # fmt: skip

    def remember(
        self,
        workspace_id: WorkspaceId,
        bundles: Mapping[FragmentId, Bundle],
        revisions: Mapping[FragmentId, int],
        versions: Versions,
    ) -> None:
        """Keep these bundles, each opened from this revision of its row, at these state versions."""
        until = self._clock() + CACHE_FOR
        with self._lock:
            for fragment, bundle in bundles.items():
                key = (workspace_id, fragment)
                version = versions.get(fragment)
                if version is None and key in self._opened:  # read later than at the version known: no older than it
                    version = self._opened[key].version
                self._opened[key] = _Opened(until, revisions[fragment], version, bundle)
                self._opened.move_to_end(key)
            self._drop_expired()

    def drop(self, workspace_id: WorkspaceId, fragments: Collection[FragmentId]) -> None:
        """Forget the bundles of these fragments."""
        with self._lock:
            for fragment in fragments:
                self._opened.pop((workspace_id, fragment), None)

    def clear(self) -> None:
        """Forget every bundle."""
        with self._lock:
            self._opened.clear()

    def expire(self) -> None:
        """Forget those that may not be used any more, although no others come in."""
        with self._lock:
            self._drop_expired()

    def _drop_expired(self) -> None:
        """Take out the oldest, which stand first; the caller holds the lock."""
        now = self._clock()
        while self._opened:
            oldest = next(iter(self._opened.values()))
            if holds(oldest.until, now) and len(self._opened) <= CACHE_SIZE:
                return
            self._opened.popitem(last=False)
