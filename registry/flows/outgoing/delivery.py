"""Delivery: what waits in the outbox is sent, signed, until it is taken; at least once, from one process at a time.

1. take      what is due for one webhook, oldest first
2. complete  identifiers are added where the webhook's purpose and the person's standing allow it, now; before they
             leave it is noted who gets them, to be told of an erasure
3. send      signed for this attempt; the id stays the same, so that the receiver can tell a repeat
4. note      taken: forgotten. Refused: again later, the others go on. Nobody there: everything waits
             longer each time, with jitter. Given up after the last attempt: kept, shown, to be replayed

Killed between 3 and 4, the message is sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from registry.connectors.outgoing import Answer, Verdict
from registry.flows.acts import trail
from registry.flows.consent.locking import refused_by_profile
from registry.flows.deployment import Deployment
from registry.flows.opening import open_identifiers
from registry.flows.outgoing.destinations import is_notice_due
from registry.flows.outgoing.endpoints import (
    ANSWERED_WITHIN,
    ATTEMPTS,
    CLOSED,
    open_config,
    sending_to,
    wait_after,
    waits,
)
from registry.flows.workspace import OpenWorkspace
from registry.keys.webhooks import signed_headers
from registry.model.clock import rfc3339
from registry.model.compartment import IDENTITY
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, text_id
from registry.model.message import Identifier
from registry.model.stored_upkeep import OutboxMessage, Webhook
from registry.store import consents, destinations, identities, quarantine, sending
from registry.store import webhooks as rows
from registry.store.database import Transaction

PAGE = 50
CONTACTS = frozenset({"email", "phone"})
"""Kinds of identifiers that are told only for the service itself: for other purposes they are traits."""


def due(deployment: Deployment, workspace: OpenWorkspace) -> list[FragmentId]:
    """The webhooks that have something to be sent now."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        return [row.webhook_id for row in rows.due(transaction, workspace.workspace_id, waits(deployment.clock()))]


def deliver(deployment: Deployment, workspace: OpenWorkspace, webhook_id: FragmentId) -> int:
    """Send what is due to one webhook; how many messages were taken, none while another process sends to it.

    Raises:
        StoreUnavailable, KmsUnavailable: what was taken meanwhile may be sent again.
    """
    count = 0
    with deployment.data.sole(sending_to("webhook", webhook_id)) as alone:
        while alone:
            # 1. take
            now = deployment.clock()
            with deployment.data.read(workspace.workspace_id) as transaction:
                found = [
                    row for row in rows.due(transaction, workspace.workspace_id, waits(now)) if row[1] == webhook_id
                ]
                page = rows.pending(transaction, workspace.workspace_id, webhook_id, waits(now), PAGE) if found else []
            if not page:
                break
            webhook, taken = found[0], 0
            try:
                config = open_config(deployment, workspace.workspace_id, webhook_id, webhook.sealed)
            except CLOSED:  # the list says so; it is looked for again with growing pauses
                with deployment.data.write(workspace.workspace_id) as transaction:
                    _hold(deployment, transaction, webhook, 0)
                break
            with _on_its_way(deployment, webhook, page):
                for message in page:
                    if not _stands(deployment, workspace, webhook_id):
                        return count + taken
                    answer = _send(deployment, workspace, webhook, message, config)
                    _note(deployment, webhook, message, answer)
                    taken += answer.verdict is Verdict.DELIVERED
                    if answer.verdict in (Verdict.DOWN, Verdict.GONE):
                        return count + taken
            count += taken
    return count


@contextmanager
def _on_its_way(deployment: Deployment, webhook: Webhook, page: Sequence[OutboxMessage]) -> Iterator[None]:
    """Note that something of people is on its way, until it is answered; whoever is killed leaves it noted."""
    if all(message.fragment_id is None for message in page):
        yield
        return
    workspace_id, webhook_id = webhook.workspace_id, webhook.webhook_id
    with deployment.data.write(workspace_id) as transaction:
        sending.begin(transaction, workspace_id, "webhook", webhook_id, deployment.clock(), ANSWERED_WITHIN)
    yield
    with deployment.data.write(workspace_id) as transaction:
        sending.end(transaction, workspace_id, "webhook", webhook_id)


def _stands(deployment: Deployment, workspace: OpenWorkspace, webhook_id: FragmentId) -> bool:
    """Whether a webhook is still to be sent to: a page takes minutes where the other side is slow. It may have to be
    told of an erasure first.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        listed = rows.listed(transaction, workspace.workspace_id)
        told_first = is_notice_due(deployment, transaction, workspace.workspace_id, webhook_id)
    return not told_first and any(row.webhook_id == webhook_id and row.paused_at is None for row in listed)


def people_of(
    deployment: Deployment, workspace: OpenWorkspace, fragment_id: FragmentId, purpose: str
) -> list[Identifier]:
    """The identifiers of the person behind a fragment, if the purpose may have them now; else none.

    None of whoever is being erased, either: whom that is told to is fixed.
    """
    return [person for _, person in _known(deployment, workspace, fragment_id, purpose)]


def _known(
    deployment: Deployment, workspace: OpenWorkspace, fragment_id: FragmentId, purpose: str
) -> list[tuple[FragmentId, Identifier]]:
    """The same, each with the fragment that it stands in."""
    workspace_id = workspace.workspace_id
    with deployment.data.read(workspace_id) as transaction:
        known = identities.fragments(transaction, workspace_id, [fragment_id])
        whole = identities.fragments_of_profiles(transaction, workspace_id, {f.profile_id for f in known.values()})
        ids = [fragment.fragment_id for fragment in whole]
        refused = refused_by_profile(deployment, whole, consents.states(transaction, workspace_id, ids))
        stored = identities.identifiers_of(transaction, workspace_id, ids)
    unknown = purpose not in deployment.policies.purposes.purposes
    if not whole or unknown or purpose in refused[whole[0].profile_id]:
        return []
    grant = OpenGrant(workspace_id, frozenset({IDENTITY}), f"delivery for {purpose}")
    opened, _ = open_identifiers(deployment, grant, stored)
    with deployment.data.read(workspace_id) as transaction:
        if quarantine.suppressions(transaction, workspace_id, keys_of(workspace, [person for _, person in opened])):
            return []
    return [(row.fragment_id, person) for row, person in opened if purpose == "service" or person.kind not in CONTACTS]


def _send(
    deployment: Deployment, workspace: OpenWorkspace, webhook: Webhook, message: OutboxMessage, config: dict[str, Any]
) -> Answer:
    # 2. complete
    data = orjson.loads(message.content)
    if webhook.purpose is not None and message.fragment_id is not None:
        known = _known(deployment, workspace, message.fragment_id, webhook.purpose)
        if known and not _promise(deployment, workspace, webhook, message.fragment_id, known):
            known = []
        data["identifiers"] = [{"kind": person.kind, "value": person.value} for _, person in known]
    content = {"type": message.topic, "timestamp": rfc3339(message.occurred_at), "data": data}
    # 3. send
    body = orjson.dumps(content)
    headers = signed_headers(config["secret"], text_id(message.message_id), deployment.clock(), body)
    return deployment.outgoing.post(config["url"], body, headers)


def _note(deployment: Deployment, webhook: Webhook, message: OutboxMessage, answer: Answer) -> None:
    # 4. note
    now, attempts = deployment.clock(), message.attempts + 1
    with deployment.data.write(webhook.workspace_id) as transaction:
        if answer.verdict is Verdict.DELIVERED:
            rows.delivered(transaction, message, now)
            return
        wait = wait_after(attempts, answer.retry_after_s)
        given_up = now if attempts >= ATTEMPTS else None
        rows.failed(
            transaction,
            message._replace(attempts=attempts, next_at=now + wait, failure=answer.failure, dead_at=given_up),
        )
        if answer.verdict is Verdict.DOWN:
            _hold(deployment, transaction, webhook, answer.retry_after_s)
        elif answer.verdict is Verdict.GONE:
            rows.pause(transaction, webhook.workspace_id, webhook.webhook_id, now)
            trail.append(
                transaction, webhook.workspace_id, now, actor="registry", action="webhook:subscription:changed",
                outcome="paused", fields={"webhook": text_id(webhook.webhook_id), "because": "gone"},
            )  # fmt: skip


def _hold(deployment: Deployment, transaction: Transaction, webhook: Webhook, asked_s: float) -> None:
    failures = webhook.failures + 1
    rows.hold(transaction, webhook, failures, deployment.clock() + wait_after(failures, asked_s))


def keys_of(workspace: OpenWorkspace, people: Iterable[Identifier]) -> set[bytes]:
    """What is remembered of these identifiers once an erasure has begun."""
    return {workspace.suppression.key(person.kind, person.value) for person in people}


def _promise(
    deployment: Deployment,
    workspace: OpenWorkspace,
    webhook: Webhook,
    fragment_id: FragmentId,
    known: Sequence[tuple[FragmentId, Identifier]],
) -> bool:
    """Before it leaves: whose identifiers were told to whom, so that whoever has them is told of an erasure.

    False where one has begun meanwhile: it has been fixed who is told.
    """
    about = trail.About(deployment.keyring, webhook.workspace_id, fragment_id)
    with deployment.data.write(webhook.workspace_id) as transaction:
        if quarantine.suppressed(transaction, webhook.workspace_id, keys_of(workspace, [one for _, one in known])):
            return False
        present = identities.fragments(transaction, webhook.workspace_id, {fragment_id, *(f for f, _ in known)})
        destinations.received(transaction, webhook, present, deployment.clock())
        trail.append(
            transaction, webhook.workspace_id, deployment.clock(), actor="registry", action="webhook:identifiers:sent",
            outcome="given", fields={"webhook": text_id(webhook.webhook_id), "purpose": webhook.purpose or ""},
            about=about,
        )  # fmt: skip
    return True
