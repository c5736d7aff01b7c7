"""What both clients share: settings, the cache, and what an answer, or none, means. No I/O here."""

from __future__ import annotations

import functools
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import NoReturn
from weakref import WeakSet

import httpx

from registry.client.answers import UNAVAILABLE, Decision, Receipt
from registry.client.cache import DecisionCache, Key
from registry.client.subject import Subject, SubjectReference, to_subject
from registry.client.wire import (
    BAD_ANSWER,
    Answer,
    NoAnswer,
    is_refusal,
    problem_code,
    read_decision,
    sorted_categories,
)

TIMEOUT_S = 1.0
CACHE_TTL_S = 5.0
MAX_STALE_S = 30.0
CACHE_SIZE = 10_000
GRANTED = "granted"

AT_ONCE = 100
"""Questions under way at the same time, each with a connection of its own; others wait for their turn."""
POOL = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""Nobody waits inside the pool: httpcore never gets back a connection that falls to somebody who has just given up."""

_log = logging.getLogger("registry.client")

SECONDS: Callable[[], float] = (
    functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)
"""A clock that is never set back and, where the system has one, goes on while the machine sleeps."""


class Asking:
    """Base of the clients.

    Args:
        url: the registry's address, `http://` or `https://`, without user or password.
        api_key: an app key.
        timeout: seconds for one's turn, then for a connection, and then for the question and its whole answer.
        cache_ttl: seconds for which a decision is used again without asking: also the time that a
            withdrawal recorded elsewhere may need to arrive here, unless changes are followed. 0 asks every time.
        max_stale: seconds for which the last decision is used while the server cannot be reached.
            0 denies at once.
        fail_open: purposes for which the answer is yes when the server cannot be reached, no last decision is young
            enough, and nothing that is known speaks against it. What does: that the last answer about the person and
            the purpose was a no, or a yes that has ended; that an act other than a grant was recorded through this
            client, a change was heard of, or `forget` was called, and no yes has come since; that the server refused
            the caller. Never for purposes that rest on consent, or ask first, as soon as an answer about anybody has
            said so: a yes that nobody gave is no consent (GDPR Art. 4(11)).
        follow: hear of every change of consent as it is made (a connection is kept open), and drop what is cached
            for its purpose; of a restriction, an erasure or a new policy, everything. That people are joined or parted
            takes `cache_ttl`, which is at most 5 s while the changes are not heard.
        cache_size: most decisions kept.
        clock: seconds that never go back, nor stand still.

    Raises:
        ValueError: an argument cannot be used.
        TypeError: `fail_open` does not name purposes.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout: float = TIMEOUT_S,
        cache_ttl: float = CACHE_TTL_S,
        max_stale: float = MAX_STALE_S,
        fail_open: Collection[str] = (),
        follow: bool = False,
        cache_size: int = CACHE_SIZE,
        clock: Callable[[], float] = SECONDS,
    ) -> None:
        address = httpx.URL(url)
        if address.scheme not in {"http", "https"} or not address.host or address.userinfo:
            raise ValueError("the registry's URL is http:// or https:// with a host, and no user in it")
        if not api_key.isascii() or not api_key.isprintable() or not api_key.strip():
            raise ValueError("the API key is not one line of text")
        if not (0 < timeout < math.inf and 0 <= cache_ttl < math.inf and 0 <= max_stale < math.inf):
            raise ValueError("timeout is above 0 s, cache_ttl and max_stale are 0 s or more, none is endless")
        if cache_size < 1:
            raise ValueError("cache_size is 1 or more")
        self._url = address
        self._headers = {
            "Authorization": f"Bearer {api_key.strip()}",
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
        }
        self._timeout = timeout
        self._cache = DecisionCache(cache_ttl, max_stale, cache_size, clock, _named(fail_open))
        self._follow = follow
        self._starting = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._trouble: str | None = None
        _CLIENTS.add(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._url)!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client is not pickled: it holds a key; make one in each process")

    def forget(self) -> None:
        """Drop every cached decision: the next check of each asks the server, and its silence is a no."""
        self._cache.forget_all()

    def _unlock(self) -> None:
        """Begin with locks of one's own, as a child process must."""
        self._starting = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._cache.unlock()

    def _recorded(self, key: Key, status: str) -> None:
        """Drop what an act may have ended: the person may be cached under other identifiers, too."""
        if status == GRANTED:
            self._cache.forget(key)
        else:
            self._cache.forget_purpose(key[1])

    def _received(self, key: Key, receipt: Receipt, expires_at: str | None) -> Receipt:
        """A receipt; a yes that ends, or that lacks the age it needs, takes the place of one that did not."""
        if receipt.status != GRANTED or expires_at is not None:
            self._cache.forget_purpose(key[1])
        return receipt

    def _question(
        self, reference: SubjectReference, purpose: str, categories: Iterable[str], jurisdiction: str | None = None
    ) -> tuple[Subject, tuple[str, ...], Key]:
        subject = to_subject(reference)
        listed = sorted_categories(categories) if categories else ()
        return subject, listed, self._cache.key(subject, purpose, listed, jurisdiction)

    def _judge(self, key: Key, epoch: int, answer: Answer | NoAnswer) -> Decision:
        """What an answer means; everything but a decision is a failure, and those are a no."""
        purpose = key[1]
        if isinstance(answer, NoAnswer):
            return self._without(key, answer.problem)
        if answer.status == 200:
            decision = read_decision(answer.body, purpose)
            if decision is None:
                return self._without(key, BAD_ANSWER)
            self._note(None)
            self._cache.put(key, decision, epoch)
            return decision
        code = problem_code(answer)[0]
        if is_refusal(answer):
            # An answer, not an outage: what was allowed to this caller before no longer counts.
            self._cache.refuse(key)
            self._note(code)
            return Decision(False, UNAVAILABLE, purpose, source="fail_closed", problem=code)
        return self._without(key, code)

    def _without(self, key: Key, problem: str) -> Decision:
        self._note(problem)
        known = self._cache.stale(key)
        if known is not None:
            return known
        if self._cache.may_open(key):
            return Decision(True, UNAVAILABLE, key[1], source="fail_open", problem=problem)
        return Decision(False, UNAVAILABLE, key[1], source="fail_closed", problem=problem)

    def _note(self, problem: str | None) -> None:
        """Log when trouble begins, changes or ends, not at every check in between."""
        if problem == self._trouble:
            return
        self._trouble = problem
        if problem is None:
            _log.info("the registry answers again")
        else:
            _log.warning("no decision from the registry: %s", problem)


def _named(purposes: object) -> frozenset[str]:
    """The purposes that an app names. All of them at once cannot be: some rest on consent."""
    if isinstance(purposes, Collection) and not isinstance(purposes, str | bytes):
        named = frozenset(purposes)
        if all(isinstance(purpose, str) for purpose in named):
            return named
    raise TypeError("fail_open names purposes that do not rest on consent: write ('…',)")


_CLIENTS: WeakSet[Asking] = WeakSet()


_PROCESS = [os.getpid()]


def _unlock_all() -> None:
    """Give a forked child locks of its own: whoever held one at that moment is not there to release it."""
    _PROCESS[0] = os.getpid()
    for client in _CLIENTS:
        client._unlock()  # noqa: SLF001 - of the class above


os.register_at_fork(after_in_child=_unlock_all)


def process_id() -> int:
    """The process that connections belong to: a forked child must not share its parent's.

    Remembered: a call into the system with each check would be a tenth of what one costs.
    """
    return _PROCESS[0]
