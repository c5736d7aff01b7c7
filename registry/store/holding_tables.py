"""Tables of what is kept for a duty: legal holds, and what an erasure set aside for them."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy import text as sql

from registry.store.columns import blob, micros, number, text, uid, word
from registry.store.tables import DataTable

_OPEN = sql("ended_at IS NULL")
"""Cases that something is still kept in: a duty leaves one of each erasure, for years."""


class LegalHoldTable(DataTable, table=True):
    """That data must not be destroyed: why, for which purpose, of which categories, until when."""

    __tablename__ = "legal_hold"
    workspace_id: bytes = uid(key=True)
    hold_id: bytes = uid(key=True)
    ground: str = text()
    purpose: str = word()
    categories: str = text()
    until: int | None = micros(null=True)
    placed_by: str = word()
    placed_at: int = micros()
    released_by: str | None = word(null=True)
    released_at: int | None = micros(null=True)


class HoldSubjectTable(DataTable, table=True):
    """Whom a hold is about, until they are erased."""

    __tablename__ = "hold_subject"
    __table_args__ = (Index("ix_hold_subject_index", "workspace_id", "blind_index", "hold_id"),)
    workspace_id: bytes = uid(key=True)
    hold_id: bytes = uid(key=True)
    blind_index: bytes = uid(key=True)


class RetainedCaseTable(DataTable, table=True):
    """What one erasure set aside for one hold or duty, under a key of its own; the row outlives the data."""

    __tablename__ = "retained_case"
    __table_args__ = (
        Index("ix_retained_case_request", "workspace_id", "request_id", "case_id"),
        Index("ix_retained_case_open", "workspace_id", "case_id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )
    workspace_id: bytes = uid(key=True)
    case_id: bytes = uid(key=True)
    request_id: bytes = uid()
    hold_id: bytes | None = uid(null=True)
    duty: str | None = word(null=True)
    ground: str = text()
    purpose: str = word()
    categories: str = text()
    made_at: int = micros()
    items: int = number()
    ended_at: int | None = micros(null=True)
    certificate: str | None = text(null=True)
    progress: str | None = text(null=True)


class RetainedItemTable(DataTable, table=True):
    """One value that is kept: sealed for the sole purpose of its case, tied to no person."""

    __tablename__ = "retained_item"
    __table_args__ = (Index("ix_retained_item_until", "workspace_id", "kept_until", "case_id"),)
    workspace_id: bytes = uid(key=True)
    case_id: bytes = uid(key=True)
    item_id: bytes = uid(key=True)
    kept_until: int | None = micros(null=True)
    sealed: bytes = blob()
