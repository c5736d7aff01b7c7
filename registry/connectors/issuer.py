"""An OpenID Connect issuer's keys: from its discovery document to its JWK set, bounded and remembered.

Sources: OpenID Connect Discovery 1.0 section 4, RFC 8414, RFC 7517. Whoever controls the issuer's address controls
who anybody is: it is reached by TLS, redirects are not followed, and a document of another issuer is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING

import orjson

from registry.connectors.outgoing import Outgoing
from registry.model.clock import SECOND, Micros
from registry.model.errors import InvalidInput, LinkedSystemUnavailable

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 5.0
"""For each step, and for a whole document: a server that drips is no better than one that is silent."""
MAX_BYTES = 256 * 1024
MAX_KEYS = 100

FRESH_FOR: Micros = 600 * SECOND
"""For how long keys are used without asking again: how long a key that was taken back still counts."""

USED_FOR: Micros = 3600 * SECOND
"""For how long the last known keys are used while the issuer does not answer; afterwards nobody is let in by it."""

PAUSE: Micros = 30 * SECOND
"""Between two questions that a token with an unknown key can cause, and after one that failed."""

Jwk = dict[str, object]


class IssuerKeys:
    """The keys of one issuer. Safe to share between threads; it asks when a token first needs it."""

    def __init__(self, issuer: str, outgoing: Outgoing, clock: Callable[[], Micros]) -> None:
        outgoing.require_url(issuer)
        self._issuer, self._outgoing, self._clock = issuer, outgoing, clock
        self._lock = Lock()
        self._keys: tuple[Jwk, ...] = ()
        self._fetched_at: Micros | None = None
        self._asked_at: Micros | None = None

    def __call__(self, key_id: str | None) -> Sequence[Jwk]:
        """The present keys; asked for anew where they are old, or lack the one of this id.

        Raises:
            LinkedSystemUnavailable: there are none that are young enough, and the issuer does not give any.
        """
        keys = self._known(key_id)
        if keys is not None:
            return keys
        with self._lock:
            keys = self._known(key_id)  # another thread may have fetched them meanwhile
            return keys if keys is not None else self._ask()

    def _known(self, key_id: str | None) -> tuple[Jwk, ...] | None:
        """What is remembered, if it need not, or may not, be asked for again now."""
        now, age = self._clock(), self._age()
        fresh = (
            age is not None and age < FRESH_FOR and (key_id is None or any(k.get("kid") == key_id for k in self._keys))
        )
        paused = self._asked_at is not None and 0 <= now - self._asked_at < PAUSE
        if not fresh and not paused:
            return None
        if age is None or age >= USED_FOR:
            raise LinkedSystemUnavailable("the login service did not give its keys", hint="try again in half a minute")
        return self._keys

    def _age(self) -> Micros | None:
        """How old the remembered keys are; None for none, or where the clock ran backwards."""
        if self._fetched_at is None:
            return None
        age = self._clock() - self._fetched_at
        return age if age >= 0 else None

    def _ask(self) -> Sequence[Jwk]:
        import httpx  # when it is first needed: reading it takes a while

        self._asked_at = self._clock()
        try:
            found = self._fetched()
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, InvalidInput):
            age = self._age()
            if age is None or age >= USED_FOR:
                raise LinkedSystemUnavailable("the login service did not give its keys") from None
            return self._keys
        self._keys, self._fetched_at = found, self._asked_at
        return found

    def _fetched(self) -> tuple[Jwk, ...]:
        """The keys as published now; ValueError for whatever is no JWK set of this issuer."""
        import httpx

        from registry.client.punctual import punctual

        made = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, headers={"user-agent": "registry"})
        with punctual(made, TIMEOUT_S) as client:
            document = _object(client, f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            address = document.get("jwks_uri")
            if document.get("issuer") != self._issuer or not isinstance(address, str):
                raise ValueError("the discovery document is of another issuer, or names no keys")
            self._outgoing.require_url(address)
            listed = _object(client, address).get("keys")
        if not isinstance(listed, list) or len(listed) > MAX_KEYS:
            raise ValueError("not a JWK set")
        return tuple(key for key in listed if isinstance(key, dict))


def _object(client: httpx.Client, address: str) -> Jwk:
    """The JSON object at an address, read no further than it may be long."""
    body = b""
    with client.stream("GET", address, headers={"accept-encoding": "identity"}) as response:
        if response.status_code != 200:
            raise ValueError("no document")
        for part in response.iter_raw():  # what is compressed all the same is no JSON
            body += part
            if len(body) > MAX_BYTES:
                raise ValueError("too long")
    value = orjson.loads(body)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value
