"""Erasures passed on: who has data of the person, or subscribed to it, is told until it has acknowledged (Art. 19).

`pass_on` is called in the transaction that fixes an erasure's scope, while the person's identifiers can still be
opened. What a recipient is told is sealed under a key of its own, which is destroyed once it has been taken.

A 2xx answer acknowledges, but for 202 (RFC 9110 section 15.3.3): that says that the message was taken and the work is
still to be done, and the recipient acknowledges by a message of its own (`flows.dsr.acknowledged`).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import orjson

from registry.connectors.outgoing import Answer, Verdict
from registry.flows.acts import trail
from registry.flows.acts.outbox import AT_ONCE, Topic, subscribed
from registry.flows.consent.locking import refused_by_profile
from registry.flows.deployment import Deployment
from registry.flows.outgoing.delivery import CONTACTS
from registry.flows.outgoing.destinations import ErasureState
from registry.flows.outgoing.endpoints import (
    ANSWERED_WITHIN,
    ATTEMPTS,
    CLOSED,
    LOST,
    forget_config,
    is_over,
    open_config,
    seal_config,
    sending_to,
    wait_after,
    waits,
)
from registry.flows.workspace import OpenWorkspace
from registry.keys.webhooks import signed_headers
from registry.model.clock import SECOND, Micros, rfc3339
from registry.model.errors import KeyMissing, RegistryError, SealBroken
from registry.model.ids import FragmentId, ProfileId, RequestId, WorkspaceId, text_id
from registry.model.message import Identifier
from registry.model.stored_upkeep import DestinationErasure
from registry.store import consents, identities, sending, webhooks
from registry.store import destinations as rows
from registry.store.database import Transaction

ACCEPTED = 202
SUBSCRIBER = "subscriber"
"""The kind of a recipient that is a webhook."""


class Recipient(NamedTuple):
    """A destination, or a webhook: `purpose` is the one for which it may know identifiers, None for none."""

    recipient_id: FragmentId
    name: str
    kind: str
    purpose: str | None
    sealed: bytes


def recipients(transaction: Transaction, workspace_id: WorkspaceId) -> dict[FragmentId, Recipient]:
    """Everybody who may be told of an erasure, by id."""
    known = [
        Recipient(row.destination_id, row.name, row.kind, row.purpose, row.sealed)
        for row in rows.listed(transaction, workspace_id)
    ]
    known += [
        Recipient(row.webhook_id, row.name, SUBSCRIBER, row.purpose, row.sealed)
        for row in webhooks.listed(transaction, workspace_id)
    ]
    return {one.recipient_id: one for one in known}


def recipients_of(
    transaction: Transaction, workspace_id: WorkspaceId, fragments: Collection[FragmentId]
) -> list[Recipient]:
    """Whom an erasure of these fragments is passed on to: who has data of them, and who subscribed to erasures."""
    told = rows.recipients(transaction, workspace_id, fragments)
    if fragments:
        told.update(subscribed(transaction, workspace_id, Topic.SUBJECT_ERASED))
    return [one for one in recipients(transaction, workspace_id).values() if one.recipient_id in told]


def pass_on(
    deployment: Deployment,
    transaction: Transaction,
    workspace_id: WorkspaceId,
    request_id: RequestId,
    *,
    fragments: Collection[FragmentId],
    profiles: Collection[ProfileId],
    people: Sequence[Identifier],
) -> int:
    """Note that every recipient is to be told of the erasure of these fragments; how many are.

    Done again in another transaction it would tell twice: call it in the one that marks the scope as fixed.
    """
    now = deployment.clock()
    orders: list[DestinationErasure] = []
    known_by = {*profiles, *_former(transaction, workspace_id, fragments)}
    for one in recipients_of(transaction, workspace_id, fragments):
        order_id, failure = FragmentId(deployment.new_id()), None
        try:
            address = _address(open_config(deployment, workspace_id, one.recipient_id, one.sealed))
        except CLOSED:  # it is damaged, or of before or after a copy that was put back: it holds up no erasure
            address, failure = None, LOST
        if address is None:
            state, sealed = ErasureState.UNREACHABLE, None
        else:
            may_know = _may_know(deployment, transaction, workspace_id, one, fragments)
            known = [p for p in people if may_know and (one.purpose == "service" or p.kind not in CONTACTS)]
            about = {
                "erasure_id": text_id(order_id),
                "workspace_id": text_id(workspace_id),
                "profile_ids": sorted(text_id(profile) for profile in known_by),
                "identifiers": [{"kind": person.kind, "value": person.value} for person in known],
            }
            state, sealed = ErasureState.WAITING, seal_config(deployment, workspace_id, order_id, about)
        orders.append(
            DestinationErasure(
                workspace_id, one.recipient_id, order_id, request_id, state.value, sealed, now, 0, AT_ONCE, failure,
                now if state is ErasureState.UNREACHABLE else None,
            )
        )  # fmt: skip
    rows.put_erasures(transaction, orders)
    return len(orders)


def account(deployment: Deployment, workspace_id: WorkspaceId, request_id: RequestId) -> list[dict[str, Any]]:
    """What became of a request's erasure at each recipient: for its account, its page and whoever asks."""
    with deployment.data.read(workspace_id) as transaction:
        found = rows.erasures(transaction, workspace_id, request_id)
        known = recipients(transaction, workspace_id)
    named = {one: (known[one].name, known[one].kind) for one in known}
    return [
        {
            "erasure_id": text_id(row.order_id),
            "destination_id": text_id(row.destination_id),
            "name": named.get(row.destination_id, ("removed", ""))[0],
            "kind": named.get(row.destination_id, ("", "removed"))[1],
            "state": row.state,
            "ordered_at": rfc3339(row.ordered_at),
            "attempts": row.attempts,
            "failure": row.failure,
            "received_at": _time(row.received_at),
            "settled_at": _time(row.settled_at),
        }
        for row in found
    ]


def certified(deployment: Deployment, workspace_id: WorkspaceId, request_id: RequestId) -> list[dict[str, Any]]:
    """The same as a certificate states it: who, and whether and when it has received and acknowledged."""
    stated = []
    for one in account(deployment, workspace_id, request_id):
        is_done = one["state"] == ErasureState.ACKNOWLEDGED
        told = {"received": one["received_at"], "acknowledged": one["settled_at"] if is_done else None}
        stated.append(
            {
                "destination": one["destination_id"],
                "name": one["name"],
                "state": one["state"],
                "ordered": one["ordered_at"],
            }
            | {name: at for name, at in told.items() if at is not None}
        )
    return stated


def due(deployment: Deployment, workspace: OpenWorkspace) -> list[FragmentId]:
    """The recipients, paused ones included, that are to be told of an erasure now."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        return rows.erasures_due(transaction, workspace.workspace_id, ErasureState.WAITING, waits(deployment.clock()))


def tell_at_once(deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId) -> None:
    """Tell everybody of one request's erasure once, before it is certified; who does not answer is told again later.

    Of no other's: whoever tells of those issues their certificates anew (`acknowledged.tell`).
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        found = rows.erasures(transaction, workspace.workspace_id, request_id)
    for one in dict.fromkeys(row.destination_id for row in found if row.state == ErasureState.WAITING):
        with suppress(RegistryError):  # one that cannot be told now holds up no erasure
            tell(deployment, workspace, one, only=request_id)


def tell(
    deployment: Deployment, workspace: OpenWorkspace, recipient_id: FragmentId, *, only: RequestId | None = None
) -> int:
    """Tell a recipient of the erasures that are due; how many it took. Who does not answer is asked no more for now.

    Args:
        only: the request of whose erasure it is told; None for every one.

    Raises:
        StoreUnavailable, KmsUnavailable: it is told again.
    """
    count = 0
    with deployment.data.sole(f"erasures-{recipient_id.hex()}") as alone:
        if not alone:
            return 0
        with deployment.data.read(workspace.workspace_id) as transaction:
            one = recipients(transaction, workspace.workspace_id).get(recipient_id)
            waiting = rows.erasures_in(transaction, workspace.workspace_id, recipient_id, [ErasureState.WAITING])
        waiting = [order for order in waiting if only in (None, order.request_id)]
        if one is None or not waiting:
            return 0
        with _nothing_on_its_way(deployment, workspace.workspace_id, one) as free:
            for order in waiting if free else ():
                if order.sealed is not None and is_over(order.retry_at, deployment.clock()):
                    answer = _tell(deployment, one, order, order.sealed)
                    count += answer.verdict is Verdict.DELIVERED
                    if answer.verdict is Verdict.DOWN:
                        break
    return count


@contextmanager
def _nothing_on_its_way(deployment: Deployment, workspace_id: WorkspaceId, one: Recipient) -> Iterator[bool]:
    """Whether what was sent to a recipient before has been answered, and nothing more is sent meanwhile: data that came
    after the notice would stay there. Whoever is sending sees that a notice is due, and stops after what is on its way.

    What a process that was killed had sent may still be taken: it is given the time to be.
    """
    what: sending.Receiver = "webhook" if one.kind == SUBSCRIBER else "destination"
    about = workspace_id, what, one.recipient_id
    with deployment.data.sole(sending_to(what, one.recipient_id), within_s=ANSWERED_WITHIN / SECOND) as free:
        if free:
            with deployment.data.read(workspace_id) as transaction:
                left = sending.left(transaction, *about, deployment.clock(), ANSWERED_WITHIN)
            if left:
                time.sleep(left / SECOND)
                with deployment.data.write(workspace_id) as transaction:
                    sending.forget(transaction, *about)
        yield free


def _tell(deployment: Deployment, one: Recipient, order: DestinationErasure, sealed: bytes) -> Answer:
    workspace_id, now = order.workspace_id, deployment.clock()
    try:
        config = open_config(deployment, workspace_id, one.recipient_id, one.sealed)
        about = open_config(deployment, workspace_id, order.order_id, sealed)
    except SealBroken:  # damaged, and may be mended yet
        answer = Answer(Verdict.DOWN, None, LOST, 0)
        settled = _settled(deployment, order, answer)
    except KeyMissing:
        answer = Answer(Verdict.REFUSED, None, LOST, 0)
        settled = order._replace(state=ErasureState.UNREACHABLE.value, sealed=None, failure=LOST, settled_at=now)
    else:
        content = {"type": Topic.SUBJECT_ERASED.value, "timestamp": rfc3339(order.ordered_at), "data": about}
        body = orjson.dumps(content)
        headers = signed_headers(config["secret"], text_id(order.order_id), now, body)
        answer = deployment.outgoing.post(_address(config) or "", body, headers)
        settled = _settled(deployment, order, answer)
    with deployment.data.write(workspace_id) as transaction:
        noted = rows.erasure(transaction, workspace_id, order.order_id)
        if noted is not None and noted.state == ErasureState.ACKNOWLEDGED:  # its own word was faster than its answer
            return answer
        rows.put_erasures(transaction, [settled])
        if settled.state != ErasureState.WAITING:
            trail.append(
                transaction, workspace_id, deployment.clock(), actor="registry", action="destination:erasure:told",
                outcome=settled.state,
                fields={"destination": text_id(one.recipient_id), "request": text_id(order.request_id)},
            )  # fmt: skip
    if settled.sealed is None:
        forget_config(deployment, workspace_id, order.order_id)
    return answer


def _settled(deployment: Deployment, order: DestinationErasure, answer: Answer) -> DestinationErasure:
    now, attempts = deployment.clock(), order.attempts + 1
    if answer.verdict is Verdict.DELIVERED:
        is_done = answer.status != ACCEPTED
        state = ErasureState.ACKNOWLEDGED if is_done else ErasureState.RECEIVED
        return order._replace(
            state=state.value, sealed=None, attempts=attempts, failure=None, received_at=now,
            settled_at=now if is_done else None,
        )  # fmt: skip
    retry_at = now + wait_after(attempts, answer.retry_after_s)
    state = ErasureState.FAILED if attempts >= ATTEMPTS else ErasureState(order.state)
    return order._replace(state=state.value, attempts=attempts, failure=answer.failure, retry_at=retry_at)


def _former(transaction: Transaction, workspace_id: WorkspaceId, fragments: Collection[FragmentId]) -> set[ProfileId]:
    """The profiles that these fragments were in before, as a visitor's before signing in, and nobody else ever was.

    A recipient may know the person by one of these; one that was somebody else's, too, would be taken for them.
    """
    own = set(fragments)
    moves = (row for rows in identities.moves_of(transaction, workspace_id, own).values() for row in rows)
    former = {profile for row in moves for profile in (row.from_profile, row.into_profile)}
    others = {row.profile_id for row in identities.fragments_of_profiles(transaction, workspace_id, former)
              if row.fragment_id not in own}  # fmt: skip
    return {
        one
        for one in former - others
        if own.issuperset(row.fragment_id for row in identities.merges_of(transaction, workspace_id, one))
    }


def _may_know(
    deployment: Deployment,
    transaction: Transaction,
    workspace_id: WorkspaceId,
    one: Recipient,
    fragments: Collection[FragmentId],
) -> bool:
    """Whether a recipient may be told identifiers: who has data knows them; a subscriber, as its purpose stands."""
    if one.kind != SUBSCRIBER:
        return True
    if one.purpose is None or one.purpose not in deployment.policies.purposes.purposes:
        return False
    whole = list(identities.fragments(transaction, workspace_id, fragments).values())
    refused = refused_by_profile(deployment, whole, consents.states(transaction, workspace_id, fragments))
    return not any(one.purpose in profile for profile in refused.values())


def _address(config: dict[str, Any]) -> str | None:
    """Where a recipient is told of erasures: a destination's own address for it, else a webhook's."""
    found: str | None = config["erasure_url"] if "erasure_url" in config else config["url"]
    return found


def _time(at: Micros | None) -> str | None:
    return rfc3339(at) if at is not None else None
