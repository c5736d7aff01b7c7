"""Tables of data subject requests: how they came in, how they went on, and the letters about them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, LargeBinary
from sqlalchemy import text as sql
from sqlmodel import Field

from registry.store.columns import blob, micros, number, small, text, uid, word
from registry.store.tables import DataTable

_SEALED = sql("sealed IS NOT NULL")
"""Requests that still hold whom they named: few, beside all that there ever were."""


def _digest() -> Any:
    return Field(default=None, sa_column=Column(LargeBinary(32), primary_key=True, nullable=False))


class RequestTable(DataTable, table=True):
    """A data subject request; the subject's own reference is sealed under their key."""

    __tablename__ = "dsr_request"
    __table_args__ = (
        Index("ix_dsr_request_state", "workspace_id", "state"),
        Index("ix_dsr_request_pseudonym", "workspace_id", "pseudonym"),
        Index("ix_dsr_request_profile", "workspace_id", "profile_id"),
        Index("ix_dsr_request_sealed", "workspace_id", "completed_at", sqlite_where=_SEALED, postgresql_where=_SEALED),
    )
    workspace_id: bytes = uid(key=True)
    request_id: bytes = uid(key=True)
    kind: str = word()
    state: str = word()
    jurisdiction: str = word()
    profile_id: bytes | None = uid(null=True)
    pseudonym: str = word()
    opened_by: str = word()
    approved_by: str | None = word(null=True)
    received_at: int = micros()
    respond_by: int = micros()
    completed_at: int | None = micros(null=True)
    progress: str = text()
    certificate: str | None = text(null=True)
    opened_owner: str | None = word(null=True)
    approved_owner: str | None = word(null=True)
    sealed: bytes | None = blob(null=True)
    due_at: int | None = micros(null=True)
    reason: str | None = word(null=True)
    mandate: str | None = word(null=True)
    mandate_until: int | None = micros(null=True)
    mandate_checked_at: int | None = micros(null=True)
    deliver_to: str | None = word(null=True)
    acknowledge_by: int | None = micros(null=True)
    acknowledged_at: int | None = micros(null=True)


class RequestEventTable(DataTable, table=True):
    """One transition of a request."""

    __tablename__ = "dsr_event"
    workspace_id: bytes = uid(key=True)
    request_id: bytes = uid(key=True)
    position: int = number(key=True)
    action: str = word()
    state: str = word()
    actor: str = word()
    happened_at: int = micros()
    details: str | None = text(null=True)


class RequestFragmentTable(DataTable, table=True):
    """The fragments that discovery found for a request: its scope."""

    __tablename__ = "dsr_fragment"
    __table_args__ = (Index("ix_dsr_fragment_fragment", "workspace_id", "fragment_id", "request_id"),)
    workspace_id: bytes = uid(key=True)
    request_id: bytes = uid(key=True)
    fragment_id: bytes = uid(key=True)


class ChallengeTable(DataTable, table=True):
    """A code and a link that wait to be used; as hashes, for minutes."""

    __tablename__ = "dsr_challenge"
    __table_args__ = (Index("ix_dsr_challenge_request", "workspace_id", "request_id"),)
    workspace_id: bytes = uid(key=True)
    link_hash: bytes = _digest()
    request_id: bytes = uid()
    code_hash: bytes = uid()
    address: str = word()
    expires_at: int = micros()


class ReferenceTable(DataTable, table=True):
    """A requester's own number of a request, as a keyed hash: the same is opened once."""

    __tablename__ = "dsr_reference"
    __table_args__ = (
        Index("ix_dsr_reference_request", "workspace_id", "request_id"),
        Index("ix_dsr_reference_content", "workspace_id", "content_key"),
    )
    workspace_id: bytes = uid(key=True)
    reference_key: bytes = uid(key=True)
    content_key: bytes = uid()
    request_id: bytes = uid()


class LetterTable(DataTable, table=True):
    """A letter about a request: what it is for and what became of it, never where it went."""

    __tablename__ = "dsr_letter"
    __table_args__ = (
        Index("ix_dsr_letter_due", "workspace_id", "outcome", "next_at"),
        Index("ix_dsr_letter_request", "workspace_id", "request_id", "letter_id"),
    )
    workspace_id: bytes = uid(key=True)
    letter_id: bytes = uid(key=True)
    request_id: bytes | None = uid(null=True)
    notice: str = word()
    recipient: str = word()
    details: str = text()
    sealed: bytes | None = blob(null=True)
    created_at: int = micros()
    next_at: int = micros()
    attempts: int = small()
    outcome: str = word()
    settled_at: int | None = micros(null=True)
