"""Tables of the data database. Ids and keyed hashes are 16 bytes, times 64-bit microseconds.

Names of columns say what they hold; `sealed` and `body` are ciphertext of `registry.keys`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import registry as orm_registry
from sqlmodel import Field, SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class DataTable(SQLModel, registry=orm_registry(metadata=MetaData(naming_convention=NAMING))):
    """Base of the data database's tables; the keystore has a base, and metadata, of its own."""

    __table_args__: ClassVar[Any] = ()


def _id(*, key: bool = False, null: bool = False) -> Any:
    return Field(default=None, sa_column=Column(LargeBinary(16), primary_key=key, nullable=null))


def _time(*, null: bool = False) -> Any:
    return Field(default=None, sa_column=Column(BigInteger, nullable=null))


def _number(*, key: bool = False) -> Any:
    column: Column[Any] = Column(BigInteger, primary_key=key, autoincrement=False, nullable=False)
    return Field(default=None, sa_column=column)


def _small() -> Any:
    return Field(default=0, sa_column=Column(Integer, nullable=False))


def _word(*, key: bool = False, null: bool = False) -> Any:
    return Field(default=None, sa_column=Column(String(255), primary_key=key, nullable=null))


def _text(*, null: bool = False) -> Any:
    return Field(default=None, sa_column=Column(Text, nullable=null))


def _bytes(*, null: bool = False) -> Any:
    return Field(default=None, sa_column=Column(LargeBinary, nullable=null))


class WorkspaceTable(DataTable, table=True):
    """One controller's tenant."""

    __tablename__ = "workspace"
    workspace_id: bytes = _id(key=True)
    name: str = _word()
    created_at: int = _time()


class SourceTable(DataTable, table=True):
    """Where messages come from, the plan they must keep and how it is enforced."""

    __tablename__ = "source"
    __table_args__ = (Index("uq_source_write_key_hash", "write_key_hash", unique=True),)
    workspace_id: bytes = _id(key=True)
    source_id: bytes = _id(key=True)
    name: str = _word()
    write_key_hash: bytes = Field(default=None, sa_column=Column(LargeBinary(32), nullable=False))
    plan_name: str = _word()
    plan_version: str = _word()
    unplanned_events: str | None = _word(null=True)
    unplanned_properties: str | None = _word(null=True)
    violations: str | None = _word(null=True)
    method: str = _word()
    created_at: int = _time()


class CredentialTable(DataTable, table=True):
    """An API key of an app or a person: stored as a hash, shown once."""

    __tablename__ = "credential"
    __table_args__ = (Index("uq_credential_key_hash", "key_hash", unique=True),)
    workspace_id: bytes = _id(key=True)
    credential_id: bytes = _id(key=True)
    key_hash: bytes = Field(default=None, sa_column=Column(LargeBinary(32), nullable=False))
    kind: str = _word()
    role: str = _word()
    name: str = _word()
    purposes: str = _text()
    created_at: int = _time()
    expires_at: int | None = _time(null=True)
    revoked_at: int | None = _time(null=True)


class PlanTable(DataTable, table=True):
    """A published tracking plan version; never updated."""

    __tablename__ = "plan"
    workspace_id: bytes = _id(key=True)
    name: str = _word(key=True)
    version: str = _word(key=True)
    document: str = _text()
    published_at: int = _time()


class FragmentTable(DataTable, table=True):
    """What hangs on one anchor identifier; a profile is the fragments that share `profile_id`.

    `origin_profile_id` is the profile that the fragment was born into: the side it stands on when
    profiles are joined. `joined_at` is when it came into its present profile, 0 if born there.
    """

    __tablename__ = "fragment"
    __table_args__ = (Index("ix_fragment_profile", "workspace_id", "profile_id"),)
    workspace_id: bytes = _id(key=True)
    fragment_id: bytes = _id(key=True)
    profile_id: bytes = _id()
    origin_profile_id: bytes = _id()
    anchor: bytes = _id()
    kind: str = _word()
    joined_at: int = _time()
    state_version: int = _time()
    created_at: int = _time()


class IdentifierTable(DataTable, table=True):
    """An identifier, found by its blind index; its value is sealed under the key of its fragment."""

    __tablename__ = "identifier"
    __table_args__ = (Index("ix_identifier_fragment", "workspace_id", "fragment_id"),)
    workspace_id: bytes = _id(key=True)
    blind_index: bytes = _id(key=True)
    kind: str = _word()
    fragment_id: bytes = _id()
    sealed: bytes = _bytes()
    source_id: bytes = _id()
    message_key: bytes = _id()
    first_seen_at: int = _time()


class LinkTable(DataTable, table=True):
    """A source's claim, first made by one message, that two identifiers are one person."""

    __tablename__ = "link"
    __table_args__ = (Index("ix_link_high", "workspace_id", "high"),)
    workspace_id: bytes = _id(key=True)
    low: bytes = _id(key=True)
    high: bytes = _id(key=True)
    source_id: bytes = _id(key=True)
    message_key: bytes = _id()
    observed_at: int = _time()
    received_at: int = _time()


class RefusedLinkTable(DataTable, table=True):
    """A link that the identity rules, or a steward, did not let join two profiles."""

    __tablename__ = "refused_link"
    workspace_id: bytes = _id(key=True)
    low: bytes = _id(key=True)
    high: bytes = _id(key=True)
    reason: str = _word()
    refused_at: int = _time()


class MergeTable(DataTable, table=True):
    """One change of who is who: fragments went from one profile to another, and why."""

    __tablename__ = "merge"
    __table_args__ = (
        Index("ix_merge_into", "workspace_id", "into_profile"),
        Index("ix_merge_from", "workspace_id", "from_profile"),
        Index("ix_merge_fragment", "workspace_id", "fragment_id"),
    )
    workspace_id: bytes = _id(key=True)
    merge_id: bytes = _id(key=True)
    kind: str = _word()
    into_profile: bytes = _id()
    from_profile: bytes = _id()
    fragment_id: bytes = _id()
    message_key: bytes = _id()
    merged_at: int = _time()


class EventTable(DataTable, table=True):
    """An accepted message, append-only; `body` holds its parts, each sealed for a compartment."""

    __tablename__ = "event"
    __table_args__ = (Index("uq_event_message_key", "workspace_id", "message_key", unique=True),)
    workspace_id: bytes = _id(key=True)
    fragment_id: bytes = _id(key=True)
    event_id: bytes = _id(key=True)
    message_key: bytes = _id()
    call: str = _word()
    plan_event: str | None = _word(null=True)
    plan_version: str = _word()
    source_id: bytes = _id()
    observed_at: int = _time()
    received_at: int = _time()
    compartments: str = _text()
    omitted: int = _small()
    ungrounded: str = _text()
    body: bytes = _bytes()


class TraitAssertionTable(DataTable, table=True):
    """One source's current word on one trait of one fragment."""

    __tablename__ = "trait_assertion"
    workspace_id: bytes = _id(key=True)
    fragment_id: bytes = _id(key=True)
    trait: str = _word(key=True)
    source_id: bytes = _id(key=True)
    compartment: str = _text()
    observed_at: int = _time()
    received_at: int = _time()
    method: str = _word()
    trust: int = _small()
    sealed: bytes = _bytes()


class ConsentRecordTable(DataTable, table=True):
    """One act of consent, append-only. Times of the act and of the record are both kept."""

    __tablename__ = "consent_record"
    __table_args__ = (Index("ix_consent_record_recorded", "workspace_id", "recorded_at"),)
    workspace_id: bytes = _id(key=True)
    fragment_id: bytes = _id(key=True)
    record_id: bytes = _id(key=True)
    purpose: str = _word()
    status: str = _word()
    acted_at: int = _time()
    recorded_at: int = _time()
    expires_at: int | None = _time(null=True)
    purpose_version: int = _small()
    notice_version: str | None = _word(null=True)
    language: str | None = _word(null=True)
    jurisdiction: str | None = _word(null=True)
    channel: str = _word()
    actor: str = _word()
    source_name: str = _word()
    sealed: bytes | None = _bytes(null=True)


class ConsentStateTable(DataTable, table=True):
    """The current record per fragment and purpose: what one consent check reads."""

    __tablename__ = "consent_state"
    workspace_id: bytes = _id(key=True)
    fragment_id: bytes = _id(key=True)
    purpose: str = _word(key=True)
    record_id: bytes = _id()
    status: str = _word()
    acted_at: int = _time()
    recorded_at: int = _time()
    expires_at: int | None = _time(null=True)


class SuppressionTable(DataTable, table=True):
    """Keyed memory that an erased person must not be re-created."""

    __tablename__ = "suppression"
    workspace_id: bytes = _id(key=True)
    suppression_key: bytes = _id(key=True)
    reason: str = _word()
    request_id: bytes = _id()
    suppressed_at: int = _time()


class ViolationTable(DataTable, table=True):
    """One way in which one event broke the plan, without its values."""

    __tablename__ = "violation"
    __table_args__ = (Index("ix_violation_message", "workspace_id", "message_key"),)
    workspace_id: bytes = _id(key=True)
    violation_id: bytes = _id(key=True)
    message_key: bytes = _id()
    source_id: bytes = _id()
    call: str = _word()
    plan_event: str | None = _word(null=True)
    plan_version: str = _word()
    code: str = _word()
    path: str = _text()
    rule: str = _text()
    expected: str = _text()
    rejected: bool = Field(default=True, nullable=False)
    received_at: int = _time()


class QuarantineTable(DataTable, table=True):
    """A rejected message, sealed under a key of its own so that it can be shredded alone."""

    __tablename__ = "quarantine"
    __table_args__ = (Index("uq_quarantine_message", "workspace_id", "message_key", unique=True),)
    workspace_id: bytes = _id(key=True)
    quarantine_id: bytes = _id(key=True)
    message_key: bytes = _id()
    source_id: bytes = _id()
    received_at: int = _time()
    expires_at: int = _time()
    sealed: bytes = _bytes()


class QuarantineSubjectTable(DataTable, table=True):
    """Whom a quarantined message is about: how an erasure finds it."""

    __tablename__ = "quarantine_subject"
    workspace_id: bytes = _id(key=True)
    blind_index: bytes = _id(key=True)
    quarantine_id: bytes = _id(key=True)


class RefusedMessageTable(DataTable, table=True):
    """The trace of a message that was neither stored nor quarantined (a suppressed person's)."""

    __tablename__ = "refused_message"
    workspace_id: bytes = _id(key=True)
    message_key: bytes = _id(key=True)
    source_id: bytes = _id()
    outcome: str = _word()
    received_at: int = _time()


class RequestTable(DataTable, table=True):
    """A data subject request; the subject's own reference is sealed under their key."""

    __tablename__ = "dsr_request"
    __table_args__ = (Index("ix_dsr_request_state", "workspace_id", "state"),)
    workspace_id: bytes = _id(key=True)
    request_id: bytes = _id(key=True)
    kind: str = _word()
    state: str = _word()
    jurisdiction: str = _word()
    profile_id: bytes | None = _id(null=True)
    pseudonym: str = _word()
    opened_by: str = _word()
    approved_by: str | None = _word(null=True)
    received_at: int = _time()
    respond_by: int = _time()
    completed_at: int | None = _time(null=True)
    progress: str = _text()
    certificate: str | None = _text(null=True)


class RequestEventTable(DataTable, table=True):
    """One transition of a request."""

    __tablename__ = "dsr_event"
    workspace_id: bytes = _id(key=True)
    request_id: bytes = _id(key=True)
    position: int = _number(key=True)
    action: str = _word()
    state: str = _word()
    actor: str = _word()
    happened_at: int = _time()


class RequestFragmentTable(DataTable, table=True):
    """The fragments that discovery found for a request: its scope."""

    __tablename__ = "dsr_fragment"
    workspace_id: bytes = _id(key=True)
    request_id: bytes = _id(key=True)
    fragment_id: bytes = _id(key=True)


class AuditEntryTable(DataTable, table=True):
    """A leaf of the audit log: canonical JSON, nothing personal."""

    __tablename__ = "audit_entry"
    workspace_id: bytes = _id(key=True)
    position: int = _number(key=True)
    entry: bytes = _bytes()


class AuditNodeTable(DataTable, table=True):
    """A complete inner node of the RFC 6962 tree, kept so that proofs cost O(log n) reads."""

    __tablename__ = "audit_node"
    workspace_id: bytes = _id(key=True)
    level: int = _number(key=True)
    position: int = _number(key=True)
    digest: bytes = Field(default=None, sa_column=Column(LargeBinary(32), nullable=False))


class AuditHeadTable(DataTable, table=True):
    """Size and frontier of the audit tree; its row is locked while a leaf is appended."""

    __tablename__ = "audit_head"
    workspace_id: bytes = _id(key=True)
    size: int = _number()
    frontier: bytes = _bytes()


class AuditDetailTable(DataTable, table=True):
    """Whom an audit entry was about, sealed under the person's key beside the log."""

    __tablename__ = "audit_detail"
    __table_args__ = (Index("ix_audit_detail_fragment", "workspace_id", "fragment_id"),)
    workspace_id: bytes = _id(key=True)
    position: int = _number(key=True)
    fragment_id: bytes = _id()
    sealed: bytes = _bytes()
