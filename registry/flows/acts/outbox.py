"""The outbox: what webhooks are to be told is written in the transaction in which it happens.

What is written holds ids, counts and names of ours, never a personal value: it waits in the clear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import orjson

from registry.flows.deployment import Deployment
from registry.model.clock import Micros, rfc3339
from registry.model.ids import FragmentId, ProfileId, WorkspaceId, text_id
from registry.model.stored import StoredConsent, StoredViolation
from registry.model.stored_upkeep import OutboxMessage
from registry.store import webhooks as rows
from registry.store.database import Transaction

AT_ONCE: Micros = 0
"""When a message is sent that nobody has tried to send: now, also where the clock is set back meanwhile."""


class Topic(StrEnum):
    """What a webhook can be told of."""

    CONSENT_CHANGED = "consent.changed"
    VIOLATION_NEW = "violation.new"
    """A violation of a kind (source, event, rule, place) that was not there before."""
    VIOLATION_RATE = "violation.rate"
    """More violations a minute from one source than the setting allows; once an hour."""
    DSR_DEADLINE = "dsr.deadline"
    """A request that is soon, or already, late."""
    IDENTITY_RUNAWAY = "identity.runaway"
    """An identifier has been linked with more others than the alarm threshold: it joins nobody any more."""
    SUBJECT_ERASED = "subject.erased"
    """Somebody was erased: to be acknowledged (`flows.dsr.passing_on`), and not written here like the others."""
    ENDPOINT_TEST = "endpoint.test"
    """Somebody asked for it, to see whether it arrives."""


class Notice(NamedTuple):
    """One thing that happened, and whom it is about, if anybody."""

    content: Mapping[str, object]
    fragment_id: FragmentId | None = None


def subscribed(transaction: Transaction, workspace_id: WorkspaceId, topic: Topic) -> list[FragmentId]:
    """The webhooks that want a topic. Paused ones are among them: they are told when they go on."""
    found = rows.listed(transaction, workspace_id)
    return [row.webhook_id for row in found if topic.value in row.topics.split(",")]


def announce(
    deployment: Deployment,
    transaction: Transaction,
    workspace_id: WorkspaceId,
    topic: Topic,
    notices: Iterable[Notice],
    *,
    to: Sequence[FragmentId],
) -> None:
    """Note that these webhooks are to be told, inside the caller's transaction."""
    now = deployment.clock()
    rows.enqueue(
        transaction,
        [
            OutboxMessage(
                workspace_id, webhook_id, deployment.new_id(), topic.value, notice.fragment_id,
                orjson.dumps(notice.content).decode(), now, 0, AT_ONCE, None, None,
            )
            for notice in notices
            for webhook_id in to
        ],
    )  # fmt: skip


def announce_consents(
    deployment: Deployment,
    transaction: Transaction,
    workspace_id: WorkspaceId,
    records: Sequence[StoredConsent],
    profiles: Mapping[FragmentId, ProfileId],
) -> None:
    """Tell of consent records, in the transaction that appends them."""
    to = subscribed(transaction, workspace_id, Topic.CONSENT_CHANGED) if records else []
    if not to:
        return
    notices = [
        Notice(
            {
                "record_id": text_id(row.record_id),
                "profile_id": text_id(profiles[row.fragment_id]),
                "purpose": row.purpose,
                "status": row.status,
                "acted_at": rfc3339(row.acted_at),
                "expires_at": rfc3339(row.expires_at) if row.expires_at is not None else None,
            },
            row.fragment_id,
        )
        for row in records
    ]
    announce(deployment, transaction, workspace_id, Topic.CONSENT_CHANGED, notices, to=to)


def announce_violations(
    deployment: Deployment, transaction: Transaction, workspace_id: WorkspaceId, found: Sequence[StoredViolation]
) -> None:
    """Tell of kinds of violations that were not there before, in the transaction that lists them."""
    to = subscribed(transaction, workspace_id, Topic.VIOLATION_NEW) if found else []
    if not to:
        return
    kinds = {violation_name(row): row for row in found}
    fresh = rows.alerted(transaction, workspace_id, kinds.keys(), deployment.clock())
    notices = [Notice(_kind(kinds[name])) for name in fresh]
    announce(deployment, transaction, workspace_id, Topic.VIOLATION_NEW, notices, to=to)


def violation_name(row: StoredViolation) -> str:
    """The name of a violation's kind, as alerts remember it."""
    return f"violation:{row.source_id.hex()}:{row.call}:{row.plan_event or ''}:{row.code}:{row.path}"


def _kind(row: StoredViolation) -> dict[str, object]:
    return {
        "source_id": text_id(row.source_id),
        "type": row.call,
        "event": row.plan_event,
        "plan": row.plan_version,
        "code": row.code,
        "path": row.path,
        "rule": row.rule,
        "rejected": bool(row.rejected),
    }
