"""The client for coroutines (asyncio)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from secrets import token_hex
from typing import Any

from registry.client.answers import Decision, Receipt
from registry.client.loops import Loops, home
from registry.client.subject import SubjectReference, to_subject
from registry.client.wire import (
    CHECK_PATH,
    PROFILE_BYTES,
    PROFILE_PATH,
    RECORD_PATH,
    SMALL_ANSWER_BYTES,
    TOKEN_PATH,
    read_profile,
    read_receipt,
    read_signed,
    request_body,
)


class AsyncRegistry(Loops):
    """A registry's answers, awaited; one for a whole process. Connections are kept per event loop."""

    async def allows(
        self,
        subject: SubjectReference,
        purpose: str,
        categories: Iterable[str] = (),
        *,
        jurisdiction: str | None = None,
    ) -> bool:
        """As `Registry.allows`. A coroutine that is not awaited is true in a condition: await it."""
        return (await self.check(subject, purpose, categories, jurisdiction=jurisdiction)).allowed

    async def check(
        self,
        subject: SubjectReference,
        purpose: str,
        categories: Iterable[str] = (),
        *,
        jurisdiction: str | None = None,
    ) -> Decision:
        """As `Registry.check`."""
        person, listed, key = self._question(subject, purpose, categories, jurisdiction)
        if self._follow and home() not in self._listeners:
            self._listen()
        known = self._cache.fresh(key)
        if known is not None:
            return known
        epoch = self._cache.epoch
        body = request_body(person, purpose, categories=listed or None, jurisdiction=jurisdiction)
        return self._judge(key, epoch, await self._post(CHECK_PATH, body, SMALL_ANSWER_BYTES))

    async def record(
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
        """As `Registry.record`.

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
        ended = functools.partial(self._recorded, key, status)
        try:
            receipt = read_receipt(await self._post(RECORD_PATH, body, SMALL_ANSWER_BYTES, once, ended))
            return self._received(key, receipt, expires_at)
        finally:
            ended()

    async def token(
        self,
        subject: SubjectReference,
        purpose: str,
        categories: Iterable[str] = (),
        *,
        lifetime_s: int = 60,
        audience: str | None = None,
        jurisdiction: str | None = None,
    ) -> str:
        """As `Registry.token`.

        Raises:
            Refused, Unavailable.
        """
        person, listed, _ = self._question(subject, purpose, categories)
        body = request_body(
            person, purpose, categories=listed or None, lifetime_s=lifetime_s, audience=audience,
            jurisdiction=jurisdiction,
        )  # fmt: skip
        return read_signed(await self._post(TOKEN_PATH, body, SMALL_ANSWER_BYTES))

    async def profile(
        self, subject: SubjectReference, purpose: str, include: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """As `Registry.profile`.

        Raises:
            Refused, Unavailable.
        """
        members = list(include) if include is not None else None
        body = request_body(to_subject(subject), purpose, include=members)
        return read_profile(await self._post(PROFILE_PATH, body, PROFILE_BYTES))
