"""Webhooks: who is told what happens here, made, paused, removed; what could not be told, and telling it again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import orjson

from registry.flows.acts import outbox, trail
from registry.flows.acts.outbox import Notice, Topic
from registry.flows.deployment import Deployment
from registry.flows.outgoing.destinations import require_told, retry_erasures
from registry.flows.outgoing.endpoints import forget_config, origin_of, seal_config
from registry.keys.webhooks import mint_secret
from registry.model.clock import Micros, rfc3339
from registry.model.errors import InvalidInput, NotFound, UnknownPurpose
from registry.model.ids import FragmentId, WorkspaceId, text_id
from registry.model.stored_upkeep import OutboxMessage, Webhook
from registry.store import quarantine
from registry.store import webhooks as rows
from registry.store.database import Transaction

MOST = 100
"""Webhooks of one workspace: each is a row more for everything that happens."""


class Minted(NamedTuple):
    """A new webhook; its secret is shown once."""

    webhook_id: FragmentId
    secret: str


class Seen(NamedTuple):
    """A webhook as it is shown: the origin of its address, and how it fares."""

    row: Webhook
    origin: str
    waiting: int
    dead: int
    oldest_at: Micros | None


def create(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    *,
    name: str,
    url: str,
    topics: Collection[str],
    purpose: str | None = None,
    actor: str,
) -> Minted:
    """Subscribe an address to topics, from now on.

    Args:
        purpose: for which identifiers of the person may be told, where their standing allows it.

    Raises:
        InvalidInput: the address may not be sent to, there is no such topic, or there are too many webhooks.
        UnknownPurpose: the purpose is not in the policy.
    """
    origin = deployment.outgoing.require_url(url)
    if not topics or set(topics) - set(Topic):
        raise InvalidInput("name topics", hint=f"use some of: {', '.join(Topic)}", pointer="/topics")
    if purpose is not None:
        _require_purpose(deployment, purpose)
    webhook_id, secret, now = FragmentId(deployment.new_id()), mint_secret(), deployment.clock()
    sealed = seal_config(deployment, workspace_id, webhook_id, {"url": url, "origin": origin, "secret": secret})
    text = ",".join(sorted(set(topics)))
    row = Webhook(workspace_id, webhook_id, name, text, purpose, sealed, now, None, 0, 0, 0, None)
    with deployment.data.write(workspace_id) as transaction:
        if len(rows.listed(transaction, workspace_id)) >= MOST:
            raise InvalidInput(f"there are {MOST} webhooks already", hint="remove one")
        rows.add(transaction, row)
        if Topic.VIOLATION_NEW in topics:  # what is there already is not new
            _remember_kinds(deployment, workspace_id, transaction)
        trail.append(
            transaction, workspace_id, now, actor=actor, action="webhook:subscription:created", outcome="done",
            fields={"webhook": text_id(webhook_id), "topics": text, "purpose": purpose or ""},
        )  # fmt: skip
    return Minted(webhook_id, secret)


def listed(deployment: Deployment, workspace_id: WorkspaceId) -> list[Seen]:
    """Every webhook, oldest first."""
    with deployment.data.read(workspace_id) as transaction:
        found = rows.listed(transaction, workspace_id)
        waiting = rows.backlog(transaction, workspace_id)
    return [_seen(deployment, row, waiting.get(row.webhook_id, (0, 0, None))) for row in found]


def get(deployment: Deployment, workspace_id: WorkspaceId, webhook_id: bytes) -> Seen:
    """One webhook.

    Raises:
        NotFound: there is no such webhook.
    """
    for seen in listed(deployment, workspace_id):
        if seen.row.webhook_id == webhook_id:
            return seen
    raise NotFound("there is no such webhook")


def dead_letters(
    deployment: Deployment, workspace_id: WorkspaceId, webhook_id: bytes, limit: int
) -> list[OutboxMessage]:
    """What a webhook could not be told, oldest first.

    Raises:
        NotFound: there is no such webhook.
    """
    get(deployment, workspace_id, webhook_id)
    with deployment.data.read(workspace_id) as transaction:
        return rows.dead(transaction, workspace_id, webhook_id, limit)


def pause(deployment: Deployment, workspace_id: WorkspaceId, webhook_id: bytes, *, actor: str) -> None:
    """Send nothing for the time being; what happens meanwhile waits."""
    _change(deployment, workspace_id, webhook_id, "paused", actor, paused_at=deployment.clock())


def resume(deployment: Deployment, workspace_id: WorkspaceId, webhook_id: bytes, *, actor: str) -> None:
    """Go on, at once."""
    _change(deployment, workspace_id, webhook_id, "resumed", actor, paused_at=None)


def replay(deployment: Deployment, workspace_id: WorkspaceId, webhook_id: bytes, *, actor: str) -> int:
    """Try again everything that was given up, erasures too; how many messages.

    Raises:
        NotFound: there is no such webhook.
    """
    get(deployment, workspace_id, webhook_id)
    with deployment.data.write(workspace_id) as transaction:
        count = rows.revive(transaction, workspace_id, webhook_id, outbox.AT_ONCE)
        count += retry_erasures(transaction, workspace_id, webhook_id)
        _log(deployment, transaction, workspace_id, webhook_id, "replayed", actor)
    return count


def send_test(deployment: Deployment, workspace_id: WorkspaceId, webhook_id: bytes, *, actor: str) -> None:
    """Send a message that says nothing, to see whether it arrives.

    Raises:
        NotFound: there is no such webhook.
    """
    row = get(deployment, workspace_id, webhook_id).row
    with deployment.data.write(workspace_id) as transaction:
        notice = Notice({"webhook_id": text_id(row.webhook_id)})
        outbox.announce(deployment, transaction, workspace_id, Topic.ENDPOINT_TEST, [notice], to=[row.webhook_id])
        _log(deployment, transaction, workspace_id, webhook_id, "tested", actor)


def remove(deployment: Deployment, workspace_id: WorkspaceId, webhook_id: bytes, *, actor: str) -> None:
    """Forget a webhook, its address and secret, and what it was still to be told.

    Raises:
        NotFound: there is no such webhook.
        Conflict: it has yet to be told of an erasure.
    """
    row = get(deployment, workspace_id, webhook_id).row
    with deployment.data.write(workspace_id) as transaction:
        require_told(transaction, workspace_id, webhook_id)
        rows.remove(transaction, workspace_id, webhook_id)
        _log(deployment, transaction, workspace_id, webhook_id, "removed", actor)
    forget_config(deployment, workspace_id, row.webhook_id)


def webhook_json(seen: Seen) -> dict[str, Any]:
    """A webhook as it is told; of its address, the origin only."""
    row = seen.row
    state = "paused" if row.paused_at is not None else "failing" if row.failures else "active"
    return {
        "webhook_id": text_id(row.webhook_id),
        "name": row.name,
        "origin": seen.origin,
        "topics": row.topics.split(","),
        "purpose": row.purpose,
        "state": state,
        "failures": row.failures,
        "delivered": row.delivered,
        "delivered_at": rfc3339(row.delivered_at) if row.delivered_at is not None else None,
        "waiting": seen.waiting,
        "oldest_waiting_at": rfc3339(seen.oldest_at) if seen.oldest_at is not None else None,
        "dead": seen.dead,
        "created_at": rfc3339(row.created_at),
    }


def message_json(row: OutboxMessage) -> dict[str, Any]:
    """A message that was given up, as it is told."""
    return {
        "message_id": text_id(row.message_id),
        "topic": row.topic,
        "data": orjson.loads(row.content),
        "occurred_at": rfc3339(row.occurred_at),
        "attempts": row.attempts,
        "failure": row.failure,
    }


def _change(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    webhook_id: bytes,
    word: str,
    actor: str,
    *,
    paused_at: Micros | None,
) -> None:
    get(deployment, workspace_id, webhook_id)
    with deployment.data.write(workspace_id) as transaction:
        rows.pause(transaction, workspace_id, webhook_id, paused_at)
        _log(deployment, transaction, workspace_id, webhook_id, word, actor)


def _log(
    deployment: Deployment,
    transaction: Transaction,
    workspace_id: WorkspaceId,
    webhook_id: bytes,
    outcome: str,
    actor: str,
) -> None:
    trail.append(
        transaction, workspace_id, deployment.clock(), actor=actor, action="webhook:subscription:changed",
        outcome=outcome, fields={"webhook": text_id(webhook_id)},
    )  # fmt: skip


def _seen(deployment: Deployment, row: Webhook, waiting: tuple[int, int, Micros | None]) -> Seen:
    return Seen(row, origin_of(deployment, row.workspace_id, row.webhook_id, row.sealed), *waiting)


def _remember_kinds(deployment: Deployment, workspace_id: WorkspaceId, transaction: Transaction) -> None:
    names: set[str] = set()
    before: bytes | None = None
    while page := quarantine.violations(transaction, workspace_id, 5000, before):
        names |= {outbox.violation_name(row) for row in page}
        before = page[-1].violation_id
    rows.alerted(transaction, workspace_id, names, deployment.clock())


def _require_purpose(deployment: Deployment, purpose: str) -> None:
    if purpose not in deployment.policies.purposes.purposes:
        raise UnknownPurpose("the purpose is not in the policy", pointer="/purpose")
