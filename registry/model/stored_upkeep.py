"""More of what the store takes and returns, as in `stored`: locks, sweeps of retention."""

from __future__ import annotations

from typing import NamedTuple

from registry.model.clock import Micros
from registry.model.ids import EventId, FragmentId, RecordId, RequestId, SourceId, WorkspaceId


class CompartmentLock(NamedTuple):
    """That no purpose of a compartment has a lawful ground any more, or that processing is restricted.

    `shred_at` is when the key is to be destroyed; None while a restriction keeps it.
    """

    workspace_id: WorkspaceId
    fragment_id: FragmentId
    compartment: str
    reason: str
    locked_at: Micros
    shred_at: Micros | None


class Sweep(NamedTuple):
    """One run of retention. `after` is the last fragment that is done; `report` is JSON of counts and names."""

    workspace_id: WorkspaceId
    sweep_id: bytes
    started_at: Micros
    finished_at: Micros | None
    after: bytes
    report: str


class ImportRun(NamedTuple):
    """One import: `rows_done` is the last row that is done; `fingerprint` a keyed hash of what is read, and how."""

    workspace_id: WorkspaceId
    name: str
    source_id: SourceId
    fingerprint: bytes
    rows_done: int
    accepted: int
    rejected: int
    duplicate: int
    suppressed: int
    unreadable: int
    started_at: Micros
    finished_at: Micros | None


class CountedBack(NamedTuple):
    """That a computed trait of this `form` was counted back, as far as the fragment `after`."""

    workspace_id: WorkspaceId
    trait: str
    form: str
    after: bytes
    started_at: Micros
    finished_at: Micros | None


class QualityDay(NamedTuple):
    """How many values or identifiers of a source were in the way of one view, on a day since 1970."""

    workspace_id: WorkspaceId
    day: int
    source_id: SourceId
    obstacle: str
    found: int
    looked_at: int


class Webhook(NamedTuple):
    """A subscription to what happens here. `sealed` holds its address and secret, `topics` is comma-separated.

    `failures` counts those in a row, and until `retry_at` nothing is sent; `purpose` is the one for which
    identifiers may be told, None where ids of ours are all that leaves. Something is on its way to it `sending_since`,
    and what a process had sent that was killed may be `left_until`.
    """

    workspace_id: WorkspaceId
    webhook_id: FragmentId
    name: str
    topics: str
    purpose: str | None
    sealed: bytes
    created_at: Micros
    paused_at: Micros | None
    failures: int
    retry_at: Micros
    delivered: int
    delivered_at: Micros | None
    sending_since: Micros | None = None
    left_until: Micros | None = None


class OutboxMessage(NamedTuple):
    """What one webhook is still to be told, or could not be told: `dead_at` is when that was given up.

    `content` is JSON of ids, counts and names of ours.
    """

    workspace_id: WorkspaceId
    webhook_id: FragmentId
    message_id: bytes
    topic: str
    fragment_id: FragmentId | None
    content: str
    occurred_at: Micros
    attempts: int
    next_at: Micros
    failure: str | None
    dead_at: Micros | None


class Destination(NamedTuple):
    """Where accepted events are passed on to, for one purpose. `sealed` holds its address and secrets.

    `events` and `traits` are comma-separated, `*` for all; (`position`, `place`) is how far in the feed it is. What is
    on its way is noted as for a `Webhook`.
    """

    workspace_id: WorkspaceId
    destination_id: FragmentId
    name: str
    kind: str
    purpose: str
    events: str
    traits: str
    sealed: bytes
    created_at: Micros
    paused_at: Micros | None
    position: int
    place: int
    failures: int
    failure: str | None
    retry_at: Micros
    delivered: int
    withheld: int
    delivered_at: Micros | None
    sending_since: Micros | None = None
    left_until: Micros | None = None


class FeedItem(NamedTuple):
    """An event's place in the feed: the audit log's position of its batch, and its place in it."""

    workspace_id: WorkspaceId
    position: int
    place: int
    fragment_id: FragmentId
    event_id: EventId


class ConsentFeedItem(NamedTuple):
    """A consent record's place in the feed: the audit log's position of its act, and its place among those of it; of
    nobody and without a record where somebody was erased.
    """

    workspace_id: WorkspaceId
    position: int
    place: int
    fragment_id: FragmentId | None
    record_id: RecordId | None


class DestinationFailure(NamedTuple):
    """An event that a destination refused; at `retry_at` it is tried again, None for not before a replay."""

    workspace_id: WorkspaceId
    destination_id: FragmentId
    position: int
    place: int
    fragment_id: FragmentId
    event_id: EventId
    failure: str
    failed_at: Micros
    retry_at: Micros | None


class DestinationErasure(NamedTuple):
    """That a destination, or a webhook, is told of an erasure. `sealed`, under a key of `order_id`'s own, says whom it
    is about, and goes when it has been taken, at `received_at`; `state` says whether it has been acknowledged.
    """

    workspace_id: WorkspaceId
    destination_id: FragmentId
    order_id: FragmentId
    request_id: RequestId
    state: str
    sealed: bytes | None
    ordered_at: Micros
    attempts: int
    retry_at: Micros
    failure: str | None
    settled_at: Micros | None
    received_at: Micros | None = None


class OpenDsrKey(NamedTuple):
    """What answers to controllers are signed with under a host name: `sealed` holds the private key."""

    workspace_id: WorkspaceId
    domain: str
    holder_id: FragmentId
    certificate: str
    sealed: bytes
    created_at: Micros


class OpenDsrRequest(NamedTuple):
    """A request that a controller sent by OpenDSR, under the id that it gave.

    `body_key` is a keyed hash of what it sent. `sealed` holds the addresses to be called back, None once nobody
    is to be told any more; `told` counts the statuses that all of them have taken, `seen` the entries of the request's
    history that have been looked at; `attempts` and `next_at` are those of the addresses that did not answer.
    """

    workspace_id: WorkspaceId
    subject_request_id: bytes
    request_id: RequestId
    body_key: bytes
    domain: str
    received_at: Micros
    holder_id: FragmentId
    sealed: bytes | None
    told: int
    seen: int
    attempts: int
    next_at: Micros
    failure: str | None


class IndexMove(NamedTuple):
    """How far the identifiers have moved under a version of the blind-index key, in the order of their fragments.

    Attributes:
        closed: how many of those passed so far did not open, and so stayed where they were.
    """

    workspace_id: WorkspaceId
    version: int
    after: bytes
    moved: int
    closed: int
    total: int
    started_at: Micros
    finished_at: Micros | None
