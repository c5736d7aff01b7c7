"""Questions to an HTTP service and its answers: bounded in size and time, asked again with pauses, never too fast.

Redirects are not followed, and nothing of an answer, which may repeat what was sent, goes into an error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import orjson

from registry.connectors.bodies import bounded
from registry.model.errors import LinkedSystemUnavailable

if TYPE_CHECKING:
    import httpx

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
PATIENCE_S = 20.0
"""What a service may ask to be left alone for while we wait; for longer the whole request waits."""
WHOLE = 4
"""How many times as long as for a part of it is waited for a whole answer."""
MAX_BYTES = 16 * 1024 * 1024
TOO_EARLY = frozenset({408, 425, 429, 500, 502, 503, 504})
NO_CONTENT, PARTIAL_CONTENT = 204, 206
NOTHING_THERE = frozenset({404, 410})
EMPTY: Any = object()
"""The value of an answer without one, whose status does not say so: what was asked for is not in it."""


class Told(NamedTuple):
    """An answer.

    Attributes:
        value: its JSON value; None where it says that there is none, `EMPTY` where it says nothing.
        following: the address of its next page, by its header.
        asked: its own address, which others in it may be relative to.
        is_there: it is not the answer that nothing is there.
        is_part: it says that it is a part of what there is (206).
    """

    value: Any
    following: str | None
    asked: str
    is_there: bool = True
    is_part: bool = False


class Exchange:
    """One service's address. Safe to share between threads.

    Args:
        name: of the service, for errors.
        headers: with the credentials; never logged, and in no error.
        per_second: how many questions it may be asked, at most; None for as many as there are.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        name: str,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout_s: float,
        retries: int,
        per_second: float | None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._name, self._url = name, url
        self._headers = {"accept": "application/json", "user-agent": "registry", **headers}
        self._timeout_s, self._retries, self._sleep = timeout_s, retries, sleep
        self._apart = 1 / per_second if per_second else 0.0
        self._next_at = 0.0
        self._client: httpx.Client | None = None
        self._lock = Lock()

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    def follow(self, link: str, told: Told) -> Told:
        """Fetch the next page, as an answer gave its address (relative ones: RFC 3986 section 5).

        Raises:
            LinkedSystemUnavailable: it is not of the service's own origin; and whatever `ask` raises.
        """
        url = urljoin(told.asked, link)
        if urlsplit(url)[:2] != urlsplit(self._url)[:2]:
            raise LinkedSystemUnavailable(f"{self._name} goes on at another address than its own")
        return self._asked("GET", url, {}, None)

    def ask(self, method: str, path: str, query: Mapping[str, Any], body: Any) -> Told:
        """Ask, and ask again while it is down; an answer that nothing is there has no value.

        Raises:
            LinkedSystemUnavailable: it does not answer, refuses, or answers with what is no JSON.
        """
        return self._asked(method, self._url + path, query, body)

    def _asked(self, method: str, url: str, query: Mapping[str, Any], body: Any) -> Told:
        content = orjson.dumps(body) if body is not None else None
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            self._keep_apart()
            status, answer, headers = self._once(method, url, query, content, last=last)
            if status in NOTHING_THERE:
                return Told(None, None, url, is_there=False)
            if 200 <= status < 300:
                told = self._read(url, answer, headers) if status != NO_CONTENT else Told(None, None, url)
                return told._replace(is_part=status == PARTIAL_CONTENT)
            if status not in TOO_EARLY and status != 0:
                raise LinkedSystemUnavailable(f"{self._name} refuses", extra={"status": status})
            wanted = _seconds(headers.get("retry-after", ""))
            if wanted > PATIENCE_S or last:
                extra = {"status": status} | ({"retry_after_s": int(wanted) + 1} if wanted else {})
                raise LinkedSystemUnavailable(f"{self._name} is not available", extra=extra)
            self._sleep(max(wanted, min(FIRST_PAUSE_S * 2**attempt, LONGEST_PAUSE_S)))
        raise LinkedSystemUnavailable(f"{self._name} is not available")

    def _once(
        self, method: str, url: str, query: Mapping[str, Any], content: bytes | None, *, last: bool
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, body and headers; status 0 where there was no answer, and another attempt is left."""
        import httpx

        headers = {"content-type": "application/json"} if content is not None else {}
        try:
            with self._opened().stream(method, url, params=query or None, content=content, headers=headers) as response:
                read = bounded(response, MAX_BYTES)
                if read is None:
                    raise LinkedSystemUnavailable(f"{self._name} answers with too much, or packs it more than once")
                return response.status_code, read, response.headers
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:  # whose texts may hold anything
            if last:
                raise LinkedSystemUnavailable(f"{self._name} does not answer: {type(error).__name__}") from None
            return 0, b"", {}

    def _read(self, url: str, answer: bytes, headers: Mapping[str, str]) -> Told:
        following = _next_link(headers.get("link", ""))
        if not answer.strip():
            return Told(EMPTY, following, url)
        try:
            return Told(orjson.loads(answer), following, url)
        except orjson.JSONDecodeError:
            raise LinkedSystemUnavailable(f"{self._name} answers with what is no JSON") from None

    def _keep_apart(self) -> None:
        if not self._apart:
            return
        with self._lock:
            now = time.monotonic()
            wait = max(0.0, self._next_at - now)
            self._next_at = max(now, self._next_at) + self._apart
        if wait:
            self._sleep(wait)

    def _opened(self) -> httpx.Client:
        import httpx

        from registry.client.punctual import punctual

        with self._lock:
            if self._client is None:  # made when first needed: reading the root certificates takes a while
                made = httpx.Client(timeout=self._timeout_s, follow_redirects=False, headers=self._headers)
                self._client = punctual(made, WHOLE * self._timeout_s)
            return self._client


def _seconds(retry_after: str) -> float:
    """How long a service asks to be left alone: a number of seconds, or a date (RFC 9110 section 10.2.3)."""
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 8:
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except (ValueError, TypeError):
        return 0.0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.fromtimestamp(time.time(), UTC)).total_seconds())


def _next_link(header: str) -> str | None:
    """The address of the next page, of a header `Link` (RFC 8288)."""
    import httpx

    response = httpx.Response(200, headers={"link": header} if header else {})
    return response.links.get("next", {}).get("url")
