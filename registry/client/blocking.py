"""The client for plain functions and threads."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from secrets import token_hex
from typing import Any

import httpx

from registry.client.answers import Decision, Receipt
from registry.client.asking import POOL, Asking, process_id
from registry.client.following import Following, listen
from registry.client.punctual import punctual
from registry.client.subject import SubjectReference, to_subject
from registry.client.wire import (
    CHECK_PATH,
    PROFILE_BYTES,
    PROFILE_PATH,
    RECORD_PATH,
    SMALL_ANSWER_BYTES,
    TOKEN_PATH,
    Answer,
    NoAnswer,
    read_profile,
    read_receipt,
    read_signed,
    request_body,
)

_Listener = tuple[int, httpx.Client, threading.Event]


class Registry(Asking):
    """A registry's answers; one for a whole process, safe between threads and over `fork`."""

    _connection: tuple[int, httpx.Client] | None = None
    _listener: _Listener | None = None

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the next question opens new ones."""
        connection, self._connection = self._connection, None
        if connection is not None and connection[0] == process_id():
            connection[1].close()
        listener, self._listener = self._listener, None
        if listener is not None and listener[0] == process_id():
            listener[2].set()
            listener[1].close()

    def allows(
        self,
        subject: SubjectReference,
        purpose: str,
        categories: Iterable[str] = (),
        *,
        jurisdiction: str | None = None,
    ) -> bool:
        """May these categories of this person's data be used for this purpose, now?

        Args:
            jurisdiction: where the person is, whose lawful basis counts (ISO 3166, as `DE` or `US-CA`); None where you
                do not know.
        """
        return self.check(subject, purpose, categories, jurisdiction=jurisdiction).allowed

    def check(
        self,
        subject: SubjectReference,
        purpose: str,
        categories: Iterable[str] = (),
        *,
        jurisdiction: str | None = None,
    ) -> Decision:
        """As `allows`, with the reason. Never raises for a server that fails: that is a no."""
        person, listed, key = self._question(subject, purpose, categories, jurisdiction)
        if self._follow and (self._listener is None or self._listener[0] != process_id()):
            self._listen()
        known = self._cache.fresh(key)
        if known is not None:
            return known
        epoch = self._cache.epoch
        body = request_body(person, purpose, categories=listed or None, jurisdiction=jurisdiction)
        return self._judge(key, epoch, self._post(CHECK_PATH, body, SMALL_ANSWER_BYTES))

    def record(
        self,
        subject: SubjectReference,
        purpose: str,
        status: str,
        *,
        acted_at: str | None = None,
        expires_at: str | None = None,
        notice_version: str | None = None,
        language: str | None = None,
        jurisdiction: str | None = None,
        channel: str | None = None,
        evidence: str | None = None,
        age_at_least: int | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Record an act of consent: `granted`, `denied`, `withdrawn`, `expired` or `objected`.

        However often it is sent, it is one record: each call has a key of its own.

        Args:
            acted_at, expires_at: RFC 3339.
            age_at_least: in years, as shown or declared, where the purpose demands an age.
            idempotency_key: your own name for the act, for when you send it again after `Unavailable`.

        Raises:
            Refused, Unavailable.
        """
        person, _, key = self._question(subject, purpose, ())
        body = request_body(
            person, purpose, status=status, acted_at=acted_at, expires_at=expires_at, notice_version=notice_version,
            language=language, jurisdiction=jurisdiction, channel=channel, evidence=evidence,
            age_at_least=age_at_least,
        )  # fmt: skip
        once = {"Idempotency-Key": idempotency_key or token_hex(16)}
        try:
            receipt = read_receipt(self._post(RECORD_PATH, body, SMALL_ANSWER_BYTES, once))
            return self._received(key, receipt, expires_at)
        finally:
            self._recorded(key, status)

    def token(
        self,
        subject: SubjectReference,
        purpose: str,
        categories: Iterable[str] = (),
        *,
        lifetime_s: int = 60,
        audience: str | None = None,
        jurisdiction: str | None = None,
    ) -> str:
        """A decision as a signed token, to be handed on; `read_token` checks it where it is used.

        It is read against the subject exactly as written here.

        Args:
            lifetime_s: 1 to 300.
            audience: for whom it is.

        Raises:
            Refused, Unavailable.
        """
        person, listed, _ = self._question(subject, purpose, categories)
        body = request_body(
            person, purpose, categories=listed or None, lifetime_s=lifetime_s, audience=audience,
            jurisdiction=jurisdiction,
        )  # fmt: skip
        return read_signed(self._post(TOKEN_PATH, body, SMALL_ANSWER_BYTES))

    def profile(self, subject: SubjectReference, purpose: str, include: Sequence[str] | None = None) -> dict[str, Any]:
        """What may be seen of a person for a purpose, with each value's provenance. Never cached.

        Args:
            include: parts of the view; all of it if None.

        Raises:
            Refused, Unavailable.
        """
        members = list(include) if include is not None else None
        body = request_body(to_subject(subject), purpose, include=members)
        return read_profile(self._post(PROFILE_PATH, body, PROFILE_BYTES))

    def _post(self, path: str, body: bytes, limit: int, headers: Mapping[str, str] | None = None) -> Answer | NoAnswer:
        turns = self._turns
        if not turns.acquire(timeout=self._timeout):
            return NoAnswer("timeout")
        try:
            return self._answer(path, body, limit, headers)
        finally:
            turns.release()

    def _answer(self, path: str, body: bytes, limit: int, headers: Mapping[str, str] | None) -> Answer | NoAnswer:
        for attempt in (1, 2):
            try:
                return self._exchange(path, body, limit, headers)
            except httpx.TimeoutException:
                return NoAnswer("timeout")
            except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
                # A kept connection that a restarted server has dropped fails once.
                if attempt == 2 or isinstance(error, httpx.ConnectError):
                    break
            except (httpx.HTTPError, OSError):
                break
        return NoAnswer("unreachable")

    def _exchange(self, path: str, body: bytes, limit: int, headers: Mapping[str, str] | None) -> Answer | NoAnswer:
        read = bytearray()
        with self._connected().stream("POST", path, content=body, headers=headers) as response:
            for chunk in response.iter_bytes():
                read += chunk
                if len(read) > limit:
                    return NoAnswer("bad-answer")
            return Answer(response.status_code, bytes(read))

    def _listen(self) -> None:
        with self._starting:
            if self._listener is not None and self._listener[0] == process_id():
                return
            following = Following(self._cache)  # first: whoever sees a listener believes what is cached
            listener = self._listener = (process_id(), self._client(), threading.Event())
            thread = threading.Thread(
                target=self._heard, args=(following, listener), name="registry-changes", daemon=True
            )
            with suppress(RuntimeError):  # there can be no thread now: what is cached counts for the shorter time
                thread.start()

    def _heard(self, following: Following, listener: _Listener) -> None:
        try:
            listen(following, *listener[1:])
        finally:
            if self._listener is listener:  # the next check begins another
                self._listener = None

    def _connected(self) -> httpx.Client:
        connection = self._connection
        if connection is None or connection[0] != process_id():
            with self._starting:
                connection = self._connection
                if connection is None or connection[0] != process_id():
                    connection = self._connection = (process_id(), punctual(self._client(), self._timeout))
        return connection[1]

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._url, headers=self._headers, timeout=self._timeout, limits=POOL)
