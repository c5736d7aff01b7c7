"""What the store takes and returns: one named tuple per row, fields in the order of the columns.

Named tuples, since the hot path hands thousands of them to the driver at once: a tuple goes into
`executemany` as it is. A test holds the order of fields against the order of columns. What is
personal in them is sealed or a keyed hash; The room
of requests, not this one, says which words a `state` may hold.
"""

from __future__ import annotations

from typing import NamedTuple

from registry.model.clock import Micros
from registry.model.ids import (
    BlindIndex,
    EventId,
    FragmentId,
    MessageKey,
    ProfileId,
    RecordId,
    RequestId,
    SourceId,
    WorkspaceId,
)


class Workspace(NamedTuple):
    """One controller's tenant."""

    workspace_id: WorkspaceId
    name: str
    created_at: Micros


class Source(NamedTuple):
    """Where messages come from. The three modes override the plan's where they are set."""

    workspace_id: WorkspaceId
    source_id: SourceId
    name: str
    write_key_hash: bytes
    plan_name: str
    plan_version: str
    unplanned_events: str | None
    unplanned_properties: str | None
    violations: str | None
    method: str
    created_at: Micros


class Credential(NamedTuple):
    """An API key; `kind` is `app` or `person`, `purposes` a comma-separated list, `owner` whose it was said to be."""

    workspace_id: WorkspaceId
    credential_id: bytes
    key_hash: bytes
    kind: str
    role: str
    name: str
    purposes: str
    created_at: Micros
    expires_at: Micros | None
    revoked_at: Micros | None
    owner: str | None = None


class PublishedPlan(NamedTuple):
    """A plan version as published; `document` is the file's text."""

    workspace_id: WorkspaceId
    name: str
    version: str
    document: str
    published_at: Micros


class Fragment(NamedTuple):
    """What hangs on one anchor identifier, whose kind is `kind`."""

    workspace_id: WorkspaceId
    fragment_id: FragmentId
    profile_id: ProfileId
    origin_profile_id: ProfileId
    anchor: BlindIndex
    kind: str
    joined_at: Micros
    state_version: int
    created_at: Micros


class StoredIdentifier(NamedTuple):
    """An identifier, its value sealed under the key of the fragment that it anchors."""

    workspace_id: WorkspaceId
    blind_index: BlindIndex
    kind: str
    fragment_id: FragmentId
    sealed: bytes
    source_id: SourceId
    message_key: MessageKey
    first_seen_at: Micros


class StoredLink(NamedTuple):
    """A source's claim that two identifiers are one person; `low` < `high` as bytes."""

    workspace_id: WorkspaceId
    low: BlindIndex
    high: BlindIndex
    source_id: SourceId
    message_key: MessageKey
    observed_at: Micros
    received_at: Micros


class StoredRefusal(NamedTuple):
    """A link that may not join two profiles, with the rule's code."""

    workspace_id: WorkspaceId
    low: BlindIndex
    high: BlindIndex
    reason: str
    refused_at: Micros


class StewardDecision(NamedTuple):
    """A steward's word on two identifiers; `verdict` is one of `registry.identity.links.Verdict`."""

    workspace_id: WorkspaceId
    low: BlindIndex
    high: BlindIndex
    verdict: str
    actor: str
    decided_at: Micros


class RunawayIdentifier(NamedTuple):
    """An identifier with more neighbours than the alarm threshold."""

    workspace_id: WorkspaceId
    fragment_id: FragmentId
    blind_index: BlindIndex
    noticed_at: Micros


class StoredMerge(NamedTuple):
    """A fragment's move from one profile to another (`kind`: `merge` or `split`).

    `from_origin` is the side that the fragment stood on before: a split divides a side.
    """

    workspace_id: WorkspaceId
    merge_id: bytes
    kind: str
    into_profile: ProfileId
    from_profile: ProfileId
    fragment_id: FragmentId
    from_origin: ProfileId
    message_key: MessageKey
    merged_at: Micros


class StoredEvent(NamedTuple):
    """An accepted message. `compartments` and `ungrounded` are comma-separated names;
    `ungrounded` names the purposes that had no lawful ground when the message came; `transformed` the plan's
    transformations that changed it, by their pointers.
    """

    workspace_id: WorkspaceId
    fragment_id: FragmentId
    event_id: EventId
    message_key: MessageKey
    call: str
    plan_event: str | None
    plan_version: str
    source_id: SourceId
    observed_at: Micros
    received_at: Micros
    compartments: str
    omitted: int
    ungrounded: str
    body: bytes
    transformed: str | None = None


class StoredAssertion(NamedTuple):
    """One source's current word on one trait of one fragment."""

    workspace_id: WorkspaceId
    fragment_id: FragmentId
    trait: str
    source_id: SourceId
    compartment: str
    observed_at: Micros
    received_at: Micros
    method: str
    trust: int
    sealed: bytes


class StoredConsent(NamedTuple):
    """One act of consent."""

    workspace_id: WorkspaceId
    fragment_id: FragmentId
    record_id: RecordId
    purpose: str
    status: str
    acted_at: Micros
    recorded_at: Micros
    expires_at: Micros | None
    purpose_version: int
    notice_version: str | None
    language: str | None
    jurisdiction: str | None
    channel: str
    actor: str
    source_name: str
    sealed: bytes | None


class ConsentState(NamedTuple):
    """The current record of one fragment and purpose; `repeated_at` is when a no that was there already was last noted
    to be said again.
    """

    workspace_id: WorkspaceId
    fragment_id: FragmentId
    purpose: str
    record_id: RecordId
    status: str
    acted_at: Micros
    recorded_at: Micros
    expires_at: Micros | None
    repeated_at: Micros | None = None


class Suppression(NamedTuple):
    """An identifier, as a keyed hash, that must not be re-created."""

    workspace_id: WorkspaceId
    suppression_key: bytes
    reason: str
    request_id: RequestId
    suppressed_at: Micros


class StoredViolation(NamedTuple):
    """One way in which one event broke the plan, without its values."""

    workspace_id: WorkspaceId
    violation_id: bytes
    message_key: MessageKey
    source_id: SourceId
    call: str
    plan_event: str | None
    plan_version: str
    code: str
    path: str
    rule: str
    expected: str
    rejected: bool
    received_at: Micros
    app_version: str | None


class Quarantined(NamedTuple):
    """A rejected message, sealed under a key bundle whose fragment id is `quarantine_id`."""

    workspace_id: WorkspaceId
    quarantine_id: FragmentId
    message_key: MessageKey
    source_id: SourceId
    received_at: Micros
    expires_at: Micros
    sealed: bytes


class QuarantineSubject(NamedTuple):
    """Whom a quarantined message is about."""

    workspace_id: WorkspaceId
    blind_index: BlindIndex
    quarantine_id: FragmentId


class RefusedMessage(NamedTuple):
    """The trace of a message that was neither stored nor quarantined."""

    workspace_id: WorkspaceId
    message_key: MessageKey
    source_id: SourceId
    outcome: str
    received_at: Micros


class StoredRequest(NamedTuple):
    """A data subject request.

    `progress` is JSON of counts and ids, nothing personal; `sealed` is whom it is about and the agent who asks for
    them, under a key of the request's own; `due_at` is when what failed, or was given up, is tried again; `reason` is
    why it was refused. `mandate` and what follows is of an agent: until when it holds, when an officer accepted it, and
    whom the answer goes to. `acknowledge_by` and `acknowledged_at` are of laws that want it.
    """

    workspace_id: WorkspaceId
    request_id: RequestId
    kind: str
    state: str
    jurisdiction: str
    profile_id: ProfileId | None
    pseudonym: str
    opened_by: str
    approved_by: str | None
    received_at: Micros
    respond_by: Micros
    completed_at: Micros | None
    progress: str
    certificate: str | None
    opened_owner: str | None = None
    approved_owner: str | None = None
    sealed: bytes | None = None
    due_at: Micros | None = None
    reason: str | None = None
    mandate: str | None = None
    mandate_until: Micros | None = None
    mandate_checked_at: Micros | None = None
    deliver_to: str | None = None
    acknowledge_by: Micros | None = None
    acknowledged_at: Micros | None = None


class RequestEvent(NamedTuple):
    """One transition of a request; `details` is JSON of words and times, nothing personal."""

    workspace_id: WorkspaceId
    request_id: RequestId
    position: int
    action: str
    state: str
    actor: str
    happened_at: Micros
    details: str | None = None


class AuditDetail(NamedTuple):
    """Whom an audit entry was about, sealed under that person's key."""

    workspace_id: WorkspaceId
    position: int
    fragment_id: FragmentId
    sealed: bytes


class WrappedBundle(NamedTuple):
    """A fragment's key bundle, wrapped under a KEK generation."""

    workspace_id: WorkspaceId
    fragment_id: FragmentId
    generation: int
    revision: int
    wrapped: bytes


class WrappedSecret(NamedTuple):
    """One of a workspace's own keys, wrapped."""

    workspace_id: WorkspaceId
    name: str
    version: int
    generation: int
    wrapped: bytes
    created_at: Micros


class ErasureOrder(NamedTuple):
    """A line of the erasure ledger."""

    workspace_id: WorkspaceId
    fragment_id: FragmentId
    request_id: RequestId
    ordered_at: Micros
