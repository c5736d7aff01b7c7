"""Erasures passed on: every destination that has data of the person is told, until it has acknowledged (GDPR Art. 19).

`pass_on` is called in the transaction that fixes an erasure's scope, while the person's identifiers can still be
opened. What a destination is told is sealed under a key of its own, which is destroyed once it has acknowledged.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import orjson

from registry.connectors.outgoing import Answer, Verdict
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.outgoing.delivery import CONTACTS
from registry.flows.outgoing.destinations import ErasureState
from registry.flows.outgoing.endpoints import ATTEMPTS, forget_config, open_config, seal_config, wait_after
from registry.flows.workspace import OpenWorkspace
from registry.keys.webhooks import signed_headers
from registry.model.clock import rfc3339
from registry.model.ids import FragmentId, ProfileId, RequestId, WorkspaceId, text_id
from registry.model.message import Identifier
from registry.model.stored_upkeep import Destination, DestinationErasure
from registry.store import destinations as rows
from registry.store.database import Transaction


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
    """Note that every destination with data of these fragments is to be told of their erasure; how many are.

    Done again in another transaction it would tell twice: call it in the one that marks the scope as fixed.
    """
    now, told = deployment.clock(), rows.recipients(transaction, workspace_id, fragments)
    found = [row for row in rows.listed(transaction, workspace_id) if row.destination_id in told]
    orders: list[DestinationErasure] = []
    for row in found:
        config = open_config(deployment, workspace_id, row.destination_id, row.sealed)
        order_id = FragmentId(deployment.new_id())
        if config["erasure_url"] is None:
            state, sealed = ErasureState.UNREACHABLE, None
        else:
            known = [p for p in people if row.purpose == "service" or p.kind not in CONTACTS]
            about = {
                "profile_ids": sorted(text_id(profile) for profile in profiles),
                "identifiers": [{"kind": person.kind, "value": person.value} for person in known],
            }
            state, sealed = ErasureState.WAITING, seal_config(deployment, workspace_id, order_id, about)
        orders.append(
            DestinationErasure(
                workspace_id, row.destination_id, order_id, request_id, state.value, sealed, now, 0, now, None,
                now if state is ErasureState.UNREACHABLE else None,
            )
        )  # fmt: skip
    rows.put_erasures(transaction, orders)
    return len(orders)


def account(deployment: Deployment, workspace_id: WorkspaceId, request_id: RequestId) -> list[dict[str, Any]]:
    """What became of a request's erasure at each destination: for its account, its page and whoever asks."""
    with deployment.data.read(workspace_id) as transaction:
        found = rows.erasures(transaction, workspace_id, request_id)
        names = {row.destination_id: (row.name, row.kind) for row in rows.listed(transaction, workspace_id)}
    return [
        {
            "destination_id": text_id(row.destination_id),
            "name": names.get(row.destination_id, ("removed", ""))[0],
            "kind": names.get(row.destination_id, ("", "removed"))[1],
            "state": row.state,
            "ordered_at": rfc3339(row.ordered_at),
            "attempts": row.attempts,
            "failure": row.failure,
            "settled_at": rfc3339(row.settled_at) if row.settled_at is not None else None,
        }
        for row in found
    ]


def due(deployment: Deployment, workspace: OpenWorkspace) -> list[FragmentId]:
    """The destinations, paused ones included, that are to be told of an erasure now."""
    workspace_id, now = workspace.workspace_id, deployment.clock()
    with deployment.data.read(workspace_id) as transaction:
        return [
            row.destination_id
            for row in rows.listed(transaction, workspace_id)
            if any(e.retry_at <= now for e in _waiting(transaction, row))
        ]


def tell(deployment: Deployment, workspace: OpenWorkspace, destination_id: FragmentId) -> int:
    """Tell a destination of the erasures that are due; how many it acknowledged.

    Raises:
        StoreUnavailable, KmsUnavailable: it is told again.
    """
    count = 0
    with deployment.data.sole(f"erasures-{destination_id.hex()}") as alone:
        if not alone:
            return 0
        with deployment.data.read(workspace.workspace_id) as transaction:
            row = rows.get(transaction, workspace.workspace_id, destination_id)
            orders = [e for e in _waiting(transaction, row) if e.retry_at <= deployment.clock()] if row else []
        for order in orders:
            if row is not None and order.sealed is not None:
                count += _tell(deployment, row, order, order.sealed)
    return count


def _waiting(transaction: Transaction, row: Destination) -> list[DestinationErasure]:
    return rows.erasures_in(transaction, row.workspace_id, row.destination_id, [ErasureState.WAITING])


def _tell(deployment: Deployment, row: Destination, order: DestinationErasure, sealed: bytes) -> bool:
    config = open_config(deployment, row.workspace_id, row.destination_id, row.sealed)
    about = open_config(deployment, row.workspace_id, order.order_id, sealed)
    now = deployment.clock()
    body = orjson.dumps({"type": "subject.erased", "timestamp": rfc3339(order.ordered_at), "data": about})
    headers = signed_headers(config["secret"], text_id(order.order_id), now, body)
    answer = deployment.outgoing.post(config["erasure_url"], body, headers)
    settled = _settled(deployment, order, answer)
    with deployment.data.write(row.workspace_id) as transaction:
        rows.put_erasures(transaction, [settled])
        if settled.state != ErasureState.WAITING:
            trail.append(
                transaction, row.workspace_id, deployment.clock(), actor="registry", action="destination:erasure:told",
                outcome=settled.state,
                fields={"destination": text_id(row.destination_id), "request": text_id(order.request_id)},
            )  # fmt: skip
    if settled.sealed is None:
        forget_config(deployment, row.workspace_id, order.order_id)
    return settled.state == ErasureState.ACKNOWLEDGED


def _settled(deployment: Deployment, order: DestinationErasure, answer: Answer) -> DestinationErasure:
    now, attempts = deployment.clock(), order.attempts + 1
    if answer.verdict is Verdict.DELIVERED:
        state = ErasureState.ACKNOWLEDGED.value
        return order._replace(state=state, sealed=None, attempts=attempts, failure=None, settled_at=now)
    retry_at = now + wait_after(attempts, answer.retry_after_s)
    state = ErasureState.FAILED.value if attempts >= ATTEMPTS else order.state
    return order._replace(state=state, attempts=attempts, failure=answer.failure, retry_at=retry_at)
