"""The blocking face of the SDK."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, NoReturn, Self

import httpx

from registry.client import calls
from registry.client.answers import ConsentRequired, Decision, RegistryUnavailable, Subject
from registry.client.answers import subject as subject_of
from registry.client.cache import DecisionCache

AnySubject = Subject | Mapping[str, str]


class Registry:
    """A connection to a registry. Safe to share between threads.

    Args:
        url: the server's address.
        api_key: an app key.
        timeout_s: how long to wait for an answer; then it is a no.
        fresh_s: how long an answer is given again without asking: the longest that a withdrawal may
            take to reach this process.
        max_stale_s: how long the last answer may stand in while the server is gone; 0, the default,
            makes a server that is gone a no at once.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout_s: float = calls.TIMEOUT_S,
        fresh_s: float = calls.FRESH_S,
        max_stale_s: float = 0.0,
        cache_size: int = calls.CACHE_SIZE,
    ) -> None:
        self._http = httpx.Client(base_url=url, headers=calls.headers(api_key), timeout=timeout_s)
        self._cache = DecisionCache(fresh_s, max_stale_s, cache_size)

    def check(self, subject: AnySubject, purpose: str, categories: Collection[str] = ()) -> Decision:
        """May this person's data be used for this purpose? Never raises: no answer is a no."""
        who = subject_of(subject)
        key = self._cache.key(who, purpose, categories)
        known = self._cache.fresh(key)
        if known is not None:
            return known
        try:
            response = self._http.post(calls.CHECK, json=calls.question(who, purpose, categories))
            decision = calls.decision_of(response, purpose)
        except (httpx.HTTPError, RegistryUnavailable, UnicodeError):
            return self._cache.stale(key) or Decision.unavailable(purpose)
        self._cache.keep(key, decision)
        return decision

    def allows(self, subject: AnySubject, purpose: str, categories: Collection[str] = ()) -> bool:
        """Whether this person's data may be used for this purpose."""
        return self.check(subject, purpose, categories).allowed

    def require(self, subject: AnySubject, purpose: str, categories: Collection[str] = ()) -> Decision:
        """The decision, if it is a yes.

        Raises:
            ConsentRequired: it is a no.
        """
        decision = self.check(subject, purpose, categories)
        if not decision.allowed:
            raise ConsentRequired(decision)
        return decision

    def record(self, subject: AnySubject, purpose: str, status: str, **details: str) -> dict[str, Any]:
        """Record a grant, a refusal or a withdrawal; the answer holds the signed receipt.

        Raises:
            RequestRefused: the server refused it.
            RegistryUnavailable: it did not answer; nothing is known to be recorded.
        """
        who = subject_of(subject)
        body = {"subject": {"kind": who.kind, "value": who.value}, "purpose": purpose, "status": status, **details}
        answer = self._post(calls.RECORDS, body)
        self._cache.forget()
        return answer

    def profile(self, subject: AnySubject, purpose: str) -> dict[str, Any]:
        """What may be seen of a person for a purpose.

        Raises:
            RequestRefused: nobody is known, or the purpose is not permitted.
            RegistryUnavailable: the server did not answer.
        """
        who = subject_of(subject)
        return self._post(calls.LOOKUP, {"subject": {"kind": who.kind, "value": who.value}, "purpose": purpose})

    def close(self) -> None:
        """Close the connections, and forget every answer."""
        self._cache.forget()
        self._http.close()

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = self._http.post(path, json=body)
        except httpx.HTTPError:
            raise RegistryUnavailable("the server did not answer") from None
        return calls.body_of(response)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return "Registry(connection, key hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection is not to be serialised")
