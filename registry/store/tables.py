"""Tables of the data database. Ids and keyed hashes are 16 bytes, times 64-bit microseconds.

Names of columns say what they hold; `sealed` and `body` are ciphertext of `registry.keys`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Column, Index, LargeBinary, MetaData
from sqlalchemy.orm import registry as orm_registry
from sqlmodel import Field, SQLModel

from registry.store.columns import blob, micros, number, small, text, uid, word

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class DataTable(SQLModel, registry=orm_registry(metadata=MetaData(naming_convention=NAMING))):
    """Base of the data database's tables; the keystore has a base, and metadata, of its own."""

    __table_args__: ClassVar[Any] = ()


class WorkspaceTable(DataTable, table=True):
    """One controller's tenant."""

    __tablename__ = "workspace"
    workspace_id: bytes = uid(key=True)
    name: str = word()
    created_at: int = micros()


class SourceTable(DataTable, table=True):
    """Where messages come from, the plan they must keep and how it is enforced."""

    __tablename__ = "source"
    __table_args__ = (Index("uq_source_write_key_hash", "write_key_hash", unique=True),)
    workspace_id: bytes = uid(key=True)
    source_id: bytes = uid(key=True)
    name: str = word()
    write_key_hash: bytes = Field(default=None, sa_column=Column(LargeBinary(32), nullable=False))
    plan_name: str = word()
    plan_version: str = word()
    unplanned_events: str | None = word(null=True)
    unplanned_properties: str | None = word(null=True)
    violations: str | None = word(null=True)
    method: str = word()
    created_at: int = micros()


class CredentialTable(DataTable, table=True):
    """An API key of an app or a person: stored as a hash, shown once."""

    __tablename__ = "credential"
    __table_args__ = (Index("uq_credential_key_hash", "key_hash", unique=True),)
    workspace_id: bytes = uid(key=True)
    credential_id: bytes = uid(key=True)
    key_hash: bytes = Field(default=None, sa_column=Column(LargeBinary(32), nullable=False))
    kind: str = word()
    role: str = word()
    name: str = word()
    purposes: str = text()
    created_at: int = micros()
    expires_at: int | None = micros(null=True)
    revoked_at: int | None = micros(null=True)
    owner: str | None = word(null=True)


class PlanTable(DataTable, table=True):
    """A published tracking plan version; never updated."""

    __tablename__ = "plan"
    workspace_id: bytes = uid(key=True)
    name: str = word(key=True)
    version: str = word(key=True)
    document: str = text()
    published_at: int = micros()


class FragmentTable(DataTable, table=True):
    """What hangs on one anchor identifier; a profile is the fragments that share `profile_id`.

    `origin_profile_id` is the profile that the fragment was born into: the side it stands on when
    profiles are joined. `joined_at` is when it came into its present profile, 0 if born there.
    """

    __tablename__ = "fragment"
    __table_args__ = (
        Index("uq_fragment_anchor", "workspace_id", "anchor", unique=True),
        Index("ix_fragment_profile", "workspace_id", "profile_id"),
    )
    workspace_id: bytes = uid(key=True)
    fragment_id: bytes = uid(key=True)
    profile_id: bytes = uid()
    origin_profile_id: bytes = uid()
    anchor: bytes = uid()
    kind: str = word()
    joined_at: int = micros()
    state_version: int = micros()
    created_at: int = micros()


class IdentifierTable(DataTable, table=True):
    """What was said of an identifier beside the fragment that it anchors, by which it is found; its value is sealed
    under that fragment's key.
    """

    __tablename__ = "identifier"
    workspace_id: bytes = uid(key=True)
    blind_index: bytes = uid()
    kind: str = word()
    fragment_id: bytes = uid(key=True)
    sealed: bytes = blob()
    source_id: bytes = uid()
    message_key: bytes = uid()
    first_seen_at: int = micros()


class LinkTable(DataTable, table=True):
    """A source's claim, first made by one message, that two identifiers are one person."""

    __tablename__ = "link"
    __table_args__ = (Index("ix_link_high", "workspace_id", "high", "low"),)
    workspace_id: bytes = uid(key=True)
    low: bytes = uid(key=True)
    high: bytes = uid(key=True)
    source_id: bytes = uid(key=True)
    message_key: bytes = uid()
    observed_at: int = micros()
    received_at: int = micros()


class RefusedLinkTable(DataTable, table=True):
    """A link that the identity rules, or a steward, did not let join two profiles."""

    __tablename__ = "refused_link"
    __table_args__ = (
        Index("ix_refused_link_refused", "workspace_id", "refused_at", "low", "high"),
        Index("ix_refused_link_high", "workspace_id", "high", "low"),
    )
    workspace_id: bytes = uid(key=True)
    low: bytes = uid(key=True)
    high: bytes = uid(key=True)
    reason: str = word()
    refused_at: int = micros()


class MergeTable(DataTable, table=True):
    """One change of who is who: fragments went from one profile to another, and why."""

    __tablename__ = "merge"
    __table_args__ = (
        Index("ix_merge_into", "workspace_id", "into_profile"),
        Index("ix_merge_from", "workspace_id", "from_profile"),
        Index("ix_merge_fragment", "workspace_id", "fragment_id"),
    )
    workspace_id: bytes = uid(key=True)
    merge_id: bytes = uid(key=True)
    kind: str = word()
    into_profile: bytes = uid()
    from_profile: bytes = uid()
    fragment_id: bytes = uid()
    from_origin: bytes = uid()
    message_key: bytes = uid()
    merged_at: int = micros()


class EventTable(DataTable, table=True):
    """An accepted message, append-only; `body` holds its parts, each sealed for a compartment."""

    __tablename__ = "event"
    __table_args__ = (Index("uq_event_message_key", "workspace_id", "message_key", unique=True),)
    workspace_id: bytes = uid(key=True)
    fragment_id: bytes = uid(key=True)
    event_id: bytes = uid(key=True)
    message_key: bytes = uid()
    call: str = word()
    plan_event: str | None = word(null=True)
    plan_version: str = word()
    source_id: bytes = uid()
    observed_at: int = micros()
    received_at: int = micros()
    compartments: str = text()
    omitted: int = small()
    ungrounded: str = text()
    body: bytes = blob()
    transformed: str | None = text(null=True)


class TraitAssertionTable(DataTable, table=True):
    """One source's current word on one trait of one fragment."""

    __tablename__ = "trait_assertion"
    workspace_id: bytes = uid(key=True)
    fragment_id: bytes = uid(key=True)
    trait: str = word(key=True)
    source_id: bytes = uid(key=True)
    compartment: str = text()
    observed_at: int = micros()
    received_at: int = micros()
    method: str = word()
    trust: int = small()
    sealed: bytes = blob()


class ConsentRecordTable(DataTable, table=True):
    """One act of consent, append-only. Times of the act and of the record are both kept."""

    __tablename__ = "consent_record"
    workspace_id: bytes = uid(key=True)
    fragment_id: bytes = uid(key=True)
    record_id: bytes = uid(key=True)
    purpose: str = word()
    status: str = word()
    acted_at: int = micros()
    recorded_at: int = micros()
    expires_at: int | None = micros(null=True)
    purpose_version: int = small()
    notice_version: str | None = word(null=True)
    language: str | None = word(null=True)
    jurisdiction: str | None = word(null=True)
    channel: str = word()
    actor: str = word()
    source_name: str = word()
    sealed: bytes | None = blob(null=True)


class ConsentStateTable(DataTable, table=True):
    """The current record per fragment and purpose: what one consent check reads."""

    __tablename__ = "consent_state"
    workspace_id: bytes = uid(key=True)
    fragment_id: bytes = uid(key=True)
    purpose: str = word(key=True)
    record_id: bytes = uid()
    status: str = word()
    acted_at: int = micros()
    recorded_at: int = micros()
    expires_at: int | None = micros(null=True)
    repeated_at: int | None = micros(null=True)


class SuppressionTable(DataTable, table=True):
    """Keyed memory that an erased person must not be re-created."""

    __tablename__ = "suppression"
    workspace_id: bytes = uid(key=True)
    suppression_key: bytes = uid(key=True)
    reason: str = word()
    request_id: bytes = uid()
    suppressed_at: int = micros()


class ViolationTable(DataTable, table=True):
    """One way in which one event broke the plan, without its values."""

    __tablename__ = "violation"
    __table_args__ = (Index("ix_violation_message", "workspace_id", "message_key"),)
    workspace_id: bytes = uid(key=True)
    violation_id: bytes = uid(key=True)
    message_key: bytes = uid()
    source_id: bytes = uid()
    call: str = word()
    plan_event: str | None = word(null=True)
    plan_version: str = word()
    code: str = word()
    path: str = text()
    rule: str = text()
    expected: str = text()
    rejected: bool = Field(default=True, nullable=False)
    received_at: int = micros()
    app_version: str | None = word(null=True)


class QuarantineTable(DataTable, table=True):
    """A rejected message, sealed under a key of its own so that it can be shredded alone."""

    __tablename__ = "quarantine"
    __table_args__ = (
        Index("uq_quarantine_message", "workspace_id", "message_key", unique=True),
        Index("ix_quarantine_expires", "workspace_id", "expires_at", "quarantine_id"),
    )
    workspace_id: bytes = uid(key=True)
    quarantine_id: bytes = uid(key=True)
    message_key: bytes = uid()
    source_id: bytes = uid()
    received_at: int = micros()
    expires_at: int = micros()
    sealed: bytes = blob()


class QuarantineSubjectTable(DataTable, table=True):
    """Whom a quarantined message is about: how an erasure finds it."""

    __tablename__ = "quarantine_subject"
    __table_args__ = (Index("ix_quarantine_subject_quarantine", "workspace_id", "quarantine_id"),)
    workspace_id: bytes = uid(key=True)
    blind_index: bytes = uid(key=True)
    quarantine_id: bytes = uid(key=True)


class RefusedMessageTable(DataTable, table=True):
    """The trace of a message that was neither stored nor quarantined (a suppressed person's)."""

    __tablename__ = "refused_message"
    workspace_id: bytes = uid(key=True)
    message_key: bytes = uid(key=True)
    source_id: bytes = uid()
    outcome: str = word()
    received_at: int = micros()


class AuditEntryTable(DataTable, table=True):
    """A leaf of the audit log: canonical JSON, nothing personal."""

    __tablename__ = "audit_entry"
    workspace_id: bytes = uid(key=True)
    position: int = number(key=True)
    entry: bytes = blob()


class AuditNodeTable(DataTable, table=True):
    """A complete inner node of the RFC 6962 tree, kept so that proofs cost O(log n) reads."""

    __tablename__ = "audit_node"
    workspace_id: bytes = uid(key=True)
    level: int = number(key=True)
    position: int = number(key=True)
    digest: bytes = Field(default=None, sa_column=Column(LargeBinary(32), nullable=False))


class AuditHeadTable(DataTable, table=True):
    """Size and frontier of the audit tree; its row is locked while a leaf is appended."""

    __tablename__ = "audit_head"
    workspace_id: bytes = uid(key=True)
    size: int = number()
    frontier: bytes = blob()


class AuditDetailTable(DataTable, table=True):
    """Whom an audit entry was about, sealed under the person's key beside the log."""

    __tablename__ = "audit_detail"
    __table_args__ = (Index("ix_audit_detail_fragment", "workspace_id", "fragment_id"),)
    workspace_id: bytes = uid(key=True)
    position: int = number(key=True)
    fragment_id: bytes = uid()
    sealed: bytes = blob()
