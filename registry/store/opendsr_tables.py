"""Tables of OpenDSR: requests that controllers sent, and what answers to them are signed with."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy import text as sql

from registry.store.columns import blob, micros, small, text, uid, word
from registry.store.tables import DataTable

_WAITING = sql("sealed IS NOT NULL")
"""Requests whose controllers are yet to be told of something: few, beside all that there ever were."""


class OpenDsrKeyTable(DataTable, table=True):
    """The key and certificate of one host name."""

    __tablename__ = "opendsr_key"
    workspace_id: bytes = uid(key=True)
    domain: str = word(key=True)
    holder_id: bytes = uid()
    certificate: str = text()
    sealed: bytes = blob()
    created_at: int = micros()


class OpenDsrRequestTable(DataTable, table=True):
    """A controller's request, by the id that the controller gave it."""

    __tablename__ = "opendsr_request"
    __table_args__ = (
        Index("ix_opendsr_request_request", "workspace_id", "request_id"),
        Index("ix_opendsr_request_holder", "workspace_id", "holder_id"),
        Index(
            "ix_opendsr_request_waiting", "workspace_id", "next_at", sqlite_where=_WAITING, postgresql_where=_WAITING
        ),
    )
    workspace_id: bytes = uid(key=True)
    subject_request_id: bytes = uid(key=True)
    request_id: bytes = uid()
    body_key: bytes = uid()
    domain: str = word()
    received_at: int = micros()
    holder_id: bytes = uid()
    sealed: bytes | None = blob(null=True)
    told: int = small()
    seen: int = small()
    attempts: int = small()
    next_at: int = micros()
    failure: str | None = word(null=True)
