"""Decisions of the last seconds, under keys that tell nobody whom they are about."""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple, NoReturn

from registry.client.answers import Decision
from registry.client.openings import Openings
from registry.client.subject import Subject
from registry.client.wire import ends_at

UNHEARD_TTL_S = 5.0
"""How long at most a decision is used again while a client that follows changes does not hear them."""

Key = tuple[bytes, str, tuple[str, ...], str | None]
"""Digest of the subject, purpose, categories, jurisdiction."""


class _Entry(NamedTuple):
    decision: Decision
    obtained: float
    ends: float | None
    epoch: int


class DecisionCache:
    """The least recently used go first. Safe between threads.

    Args:
        ttl: seconds for which a decision is as good as a new one.
        max_stale: seconds, from when it was obtained, for which it may stand in for one that
            cannot be had.
        size: most decisions kept.
        clock: seconds that never go back.
        open_for: purposes for which a yes may be given without an answer.
    """

    def __init__(
        self, ttl: float, max_stale: float, size: int, clock: Callable[[], float], open_for: Collection[str] = ()
    ) -> None:
        self._ttl = ttl
        self._heard_until = math.inf  # of a client that does not follow changes
        self._max_stale = max_stale
        self._size = size
        self._clock = clock
        # Made anew in each process and kept nowhere: outside of it the digests are noise.
        self._secret = secrets.token_bytes(32)
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self.epoch = 1
        self._floor = 1
        self._openings = Openings(open_for, size)
        self._ended: dict[str, int] = {}

    def __reduce__(self) -> NoReturn:
        raise TypeError("cached decisions stay in their process")

    def key(self, subject: Subject, purpose: str, categories: tuple[str, ...], jurisdiction: str | None = None) -> Key:
        """Where the decision on a question is kept. A kind holds no NUL, so no two subjects look alike."""
        named = f"{subject.kind}\0{subject.value}".encode("utf-8", "surrogatepass")
        return blake2b(named, digest_size=16, key=self._secret).digest(), purpose, categories, jurisdiction

    def hears(self, seconds: float) -> None:
        """Take note that every change so far has been heard of, and so will be those of the next seconds."""
        self._heard_until = self._clock() + seconds

    def now(self) -> float:
        """Seconds of the clock that decisions age by."""
        return self._clock()

    def unheard(self) -> None:
        """Take note that changes are not heard of: a decision is as good as a new one for the shorter time."""
        self._heard_until = -math.inf

    @property
    def is_heard(self) -> bool:
        """Whether changes are heard of, so that the whole `ttl` counts."""
        return self._clock() < self._heard_until

    def fresh(self, key: Key) -> Decision | None:
        """The decision, if it is as good as a new one."""
        now = self._clock()
        ttl = self._ttl if now < self._heard_until else min(self._ttl, UNHEARD_TTL_S)
        return self._younger_than(ttl, key, now)

    def stale(self, key: Key) -> Decision | None:
        """The decision, if it may stand in for one that cannot be had."""
        return self._younger_than(self._max_stale, key, self._clock())

    def may_open(self, key: Key) -> bool:
        """Whether a yes may be given without an answer: nothing that was heard, however long ago, speaks against it."""
        with self._lock:
            return self._openings.may_open(key)

    def put(self, key: Key, decision: Decision, epoch: int) -> None:
        """Keep a decision that was asked for in this epoch.

        One that was asked for before a consent was recorded may be older than the record: it is
        used once, and not kept.
        """
        ends = ends_at(decision.valid_until) if decision.valid_until is not None else None
        entry = _Entry(replace(decision, source="cache"), self._clock(), ends, epoch)
        with self._lock:
            self._openings.answered(key, decision, ends, epoch)
            if epoch < max(self._floor, self._ended.get(key[1], 0)):
                return
            self._entries[key] = entry
            self._entries.move_to_end(key)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Drop every decision on the subject and purpose of a key, whatever its categories."""
        with self._lock:
            self._forget(key)

    def refuse(self, key: Key) -> None:
        """As `forget`, of a question that the server would not answer to this caller."""
        with self._lock:
            self._forget(key)
            self._openings.refused(key, self.epoch)

    def forget_purpose(self, purpose: str) -> None:
        """Drop every decision for a purpose, at a cost that does not grow with how many there are."""
        with self._lock:
            self.epoch += 1
            self._ended[purpose] = self.epoch
            self._openings.changed(purpose, self.epoch)

    def forget_all(self) -> None:
        """Drop everything, because anything may have changed for anybody."""
        with self._lock:
            self._clear()
            self._openings.changed_for_all(self.epoch)

    def unlock(self) -> None:
        """Begin with a lock of one's own, as a child process must."""
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Drop everything, because nobody knows whether it still holds: a no keeps closed what may open by itself."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self.epoch += 1
        self._floor = self.epoch
        self._entries.clear()

    def _forget(self, key: Key) -> None:
        self.epoch += 1
        self._floor = self.epoch
        for known in [known for known in self._entries if known[:2] == key[:2]]:
            del self._entries[known]

    def _younger_than(self, seconds: float, key: Key, now: float) -> Decision | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.epoch < self._ended.get(key[1], 0):
                return None
            self._entries.move_to_end(key)
        if now - entry.obtained >= seconds:
            return None
        if entry.ends is not None and time.time() >= entry.ends:
            return None
        return entry.decision
