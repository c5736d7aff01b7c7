"""What speaks against a yes that no server gave: what is last known of a person, a purpose, and what changed since."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Collection
from typing import NamedTuple

from registry.client.answers import Decision

CONSENT = "consent"
_ASKED_FIRST = frozenset({"granted", "no_record", "expired", "ask_again", "age_not_shown"})
"""Reasons that only a purpose gives for which silence is a no, whatever its ground."""

_NEVER = 0
_FROM_THE_START = 1
_ANY_POLICY = ""

Question = tuple[bytes, str, tuple[str, ...], str | None]
"""Digest of the subject, purpose, categories, jurisdiction."""


class _Last(NamedTuple):
    """The last answer: whether it was a yes, until when, and in which epoch it was asked for."""

    allowed: bool
    ends: float | None
    epoch: int


_Place = tuple[bytes, str] | Question
"""Of what an answer is the last one: of a person and purpose, and of exactly one question about them."""


class Openings:
    """For which questions a yes may be given without an answer. Not safe between threads by itself.

    It is kept for as long as the client, and bounded: where a no had to be let go of, whoever nothing is known of is
    denied. Of people it holds the digests of the cache, nothing else.

    Args:
        purposes: those that the app named.
        size: most questions of which the last answer is known.
    """

    def __init__(self, purposes: Collection[str], size: int) -> None:
        self._purposes = frozenset(purposes)
        self._size = 2 * size  # each answer is of a question, and of a person and purpose
        self._last: OrderedDict[_Place, _Last] = OrderedDict()
        self._asking: dict[str, str] = {}  # purposes that people are asked about first, and the policy that says so
        self._changed: dict[str, int] = dict.fromkeys(purposes, _NEVER)

    def answered(self, key: Question, decision: Decision, ends: float | None, epoch: int) -> None:
        """Take note of a decision that was asked for in this epoch."""
        purpose = key[1]
        if purpose not in self._purposes:
            return
        basis, policy = decision.lawful_basis, decision.policy_version
        if basis is None or basis == CONSENT or decision.reason in _ASKED_FIRST:
            self._asking[purpose] = policy
        elif self._asking.get(purpose, policy) != policy:  # in one policy it may be another ground in another place
            del self._asking[purpose]
        self._note(key, _Last(decision.allowed, ends, epoch))

    def refused(self, key: Question, epoch: int) -> None:
        """Take note that the server refused the caller: a no, and to the purpose until there is a decision again."""
        if key[1] in self._purposes:
            self._asking.setdefault(key[1], _ANY_POLICY)
            self._note(key, _Last(False, None, epoch))

    def changed(self, purpose: str, epoch: int) -> None:
        """Take note that somebody's standing for a purpose changed, who may be anybody: people are joined."""
        if purpose in self._purposes:
            self._changed[purpose] = epoch

    def changed_for_all(self, epoch: int) -> None:
        """Take note that anything may have changed for anybody."""
        self._changed = dict.fromkeys(self._purposes, epoch)

    def may_open(self, key: Question) -> bool:
        """Whether the app named the purpose, and nothing that is known speaks against it."""
        purpose = key[1]
        if purpose not in self._purposes or purpose in self._asking:
            return False
        known = [last for last in (self._last.get(key), self._last.get(key[:2])) if last is not None]
        if not known:
            return self._changed[purpose] == _NEVER
        now, since = time.time(), self._changed[purpose]
        return all(last.allowed and last.epoch >= since and (last.ends is None or now < last.ends) for last in known)

    def _note(self, key: Question, last: _Last) -> None:
        for place in (key, key[:2]):
            known = self._last.get(place)
            if known is not None and last.allowed and last.epoch < known.epoch:
                continue  # it was asked for before what is known, and came after it
            self._last[place] = last
            self._last.move_to_end(place)
        while len(self._last) > self._size:
            (_, purpose, *_), gone = self._last.popitem(last=False)
            if not gone.allowed or gone.ends is not None:
                self._changed[purpose] = self._changed[purpose] or _FROM_THE_START
