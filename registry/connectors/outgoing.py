"""Outgoing HTTP: bytes to an address that an operator named, and what came of it, in words of ours.

Redirects are not followed (the address that was reviewed is the one that gets the data), answers are
not read, and an error's text, which may repeat what was sent, goes nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from registry.model.errors import InvalidInput

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 15.0
"""For the connection, and then for what is sent and the whole answer: one that drips is none."""
MAX_URL = 2000
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Verdict(StrEnum):
    """What an answer means for what was sent."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """The other side understood and does not want it so; others may still be taken."""
    DOWN = "down"
    """Nobody answers, or not now: nothing else will be taken either."""
    GONE = "gone"
    """410: never to be sent there again (Standard Webhooks)."""


class Answer(NamedTuple):
    """What came of one request: the verdict, the status where there was one, and how long the other side asks
    us to wait, in seconds.
    """

    verdict: Verdict
    status: int | None
    failure: str | None
    retry_after_s: float


class Outgoing:
    """One client for every address. Safe to share between threads.

    Args:
        plain_http: hosts that may be sent to without TLS.
    """

    def __init__(self, plain_http: frozenset[str] = LOOPBACK) -> None:
        self._plain_http = plain_http
        self._client: httpx.Client | None = None
        self._lock = Lock()

    def require_url(self, url: str) -> str:
        """Go on only with an address that may be sent to; its origin, which is all of it that is shown.

        Raises:
            InvalidInput: it is none, would carry credentials, or leave the machine unencrypted.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise InvalidInput("this is no URL", pointer="/url") from None
        if parts.scheme not in ("https", "http") or not host or len(url) > MAX_URL or not url.isprintable():
            raise InvalidInput("this is no http or https URL", pointer="/url")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise InvalidInput("the URL carries a user, a password or a fragment", pointer="/url")
        if parts.scheme == "http" and host not in self._plain_http:
            raise InvalidInput(
                "without TLS only hosts of REGISTRY_PLAIN_HTTP_HOSTS are sent to", hint="use https", pointer="/url"
            )
        if _is_link_local(host):
            raise InvalidInput("link-local addresses are not sent to", pointer="/url")
        named = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{named}" + (f":{port}" if port is not None else "")

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send, and say what came of it; whatever goes wrong is an answer, too."""
        import httpx

        try:
            with self._opened().stream("POST", url, content=body, headers=dict(headers)) as response:
                return _answer(response.status_code, response.headers.get("retry-after", ""))
        except httpx.TimeoutException:
            return Answer(Verdict.DOWN, None, "timeout", 0)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Answer(Verdict.DOWN, None, type(error).__name__, 0)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    def _opened(self) -> httpx.Client:
        import httpx

        from registry.client.punctual import punctual

        with self._lock:
            if self._client is None:  # made when first needed: reading the root certificates takes a while
                agent = {"user-agent": "registry"}
                made = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, headers=agent)
                self._client = punctual(made, TIMEOUT_S)
            return self._client


def _answer(status: int, retry_after: str) -> Answer:
    wait = float(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 8 else 0.0
    if 200 <= status < 300:
        return Answer(Verdict.DELIVERED, status, None, 0)
    if status == 410:
        return Answer(Verdict.GONE, status, "gone", 0)
    if status in (408, 425, 429) or status >= 500:
        return Answer(Verdict.DOWN, status, f"status {status}", wait)
    return Answer(Verdict.REFUSED, status, f"status {status}", 0)


def _is_link_local(host: str) -> bool:
    try:
        return ip_address(host).is_link_local  # where clouds keep their machines' credentials
    except ValueError:
        return False
