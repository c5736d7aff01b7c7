"""Tables of the people who work with the console: of the data database, as those of `tables`."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary
from sqlmodel import Field

from registry.store.columns import blob, micros, number, small, text, uid, word
from registry.store.tables import DataTable


class AccountTable(DataTable, table=True):
    """A person who signs in: the password as a hash, the TOTP secret sealed."""

    __tablename__ = "account"
    __table_args__ = (Index("uq_account_name", "workspace_id", "name", unique=True),)
    workspace_id: bytes = uid(key=True)
    account_id: bytes = uid(key=True)
    name: str = word()
    role: str = word()
    purposes: str = text()
    password_hash: str = text()
    totp_sealed: bytes = blob()
    totp_step: int = number()
    created_at: int = micros()
    disabled_at: int | None = micros(null=True)


class SessionTable(DataTable, table=True):
    """A console session; its token is with the browser alone."""

    __tablename__ = "session"
    __table_args__ = (Index("uq_session_hash", "session_hash", unique=True),)
    workspace_id: bytes = uid(key=True)
    session_hash: bytes = Field(default=None, sa_column=Column(LargeBinary(32), primary_key=True, nullable=False))
    account_id: bytes | None = uid(null=True)
    credential_id: bytes | None = uid(null=True)
    opened_at: int = micros()
    seen_at: int = micros()


class TriesTable(DataTable, table=True):
    """How often something guarded was tried in a row: by a keyed hash, never by a name or an address."""

    __tablename__ = "tries"
    workspace_id: bytes = uid(key=True)
    target: bytes = uid(key=True)
    tries: int = small()
    last_at: int = micros()


class VisitTable(DataTable, table=True):
    """A visit of the privacy centre; who the visitor is can be opened with their browser's token alone."""

    __tablename__ = "visit"
    workspace_id: bytes = uid(key=True)
    visit_hash: bytes = Field(default=None, sa_column=Column(LargeBinary(32), primary_key=True, nullable=False))
    kind: str = word()
    visitor_sealed: bytes = blob()
    code_hash: bytes | None = blob(null=True)
    expires_at: int = micros()


class PackageLinkTable(DataTable, table=True):
    """A link that a person fetches the package of their request by; only the hash of its token is kept."""

    __tablename__ = "package_link"
    __table_args__ = (Index("ix_package_link_request", "workspace_id", "request_id"),)
    workspace_id: bytes = uid(key=True)
    link_hash: bytes = Field(default=None, sa_column=Column(LargeBinary(32), primary_key=True, nullable=False))
    request_id: bytes = uid()
    pseudonym: str = word()
    made_by: str = word()
    made_at: int = micros()
    expires_at: int = micros()
    fetches_left: int = small()
