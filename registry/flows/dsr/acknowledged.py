"""Acknowledgements of erasures, and the certificate that states them once everybody has answered (GDPR Art. 19).

1. take     a recipient says that an erasure is done: a signed message, held against the secret that it was told by
2. note     the order is settled, with its entry in the audit log
3. renew    nobody is left to be heard of: the request's certificate is issued anew, and names the one before it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from registry.dsr.certificate import CERTIFICATE_TYPE
from registry.flows.accountability import certifying
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.dsr import passing_on
from registry.flows.outgoing.destinations import ErasureState
from registry.flows.outgoing.endpoints import forget_config, open_config
from registry.flows.workspace import OpenWorkspace, Workspaces
from registry.keys.signing import verify_jwt
from registry.keys.webhooks import is_signed
from registry.model.clock import DAY, Micros
from registry.model.errors import InvalidInput, KeyMissing, NotFound, Unauthenticated
from registry.model.ids import FragmentId, RequestId, WorkspaceId, parse_id, text_id
from registry.model.stored import StoredRequest
from registry.model.stored_upkeep import DestinationErasure
from registry.store import destinations as rows
from registry.store import requests
from registry.store.database import Transaction

ACTOR = "registry"
LEFT_FOR: Micros = 7 * DAY
"""For how long after a recipient has settled it is looked whether the certificate says so."""
UNSETTLED = frozenset({ErasureState.WAITING, ErasureState.RECEIVED})


def tell(deployment: Deployment, workspace: OpenWorkspace, recipient_id: FragmentId) -> int:
    """Tell a recipient of the erasures that are due, and renew the certificates that this settles; how many it took.

    Raises:
        StoreUnavailable, KmsUnavailable: it is done again.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        waiting = rows.erasures_in(transaction, workspace.workspace_id, recipient_id, [ErasureState.WAITING])
    count = passing_on.tell(deployment, workspace, recipient_id)
    for request_id in dict.fromkeys(order.request_id for order in waiting):
        renew(deployment, workspace, request_id)
    return count


def take(deployment: Deployment, workspaces: Workspaces, body: bytes, headers: Mapping[str, str]) -> None:
    """Note that a recipient has acknowledged an erasure; said again, nothing more happens.

    Raises:
        InvalidInput: it is no acknowledgement.
        Unauthenticated: there is no such erasure, or the message is not signed by whoever was told of it, just now.
    """
    # 1. take
    workspace_id, order_id = _named(body)
    try:
        workspace = workspaces.open(WorkspaceId(workspace_id))
        with deployment.data.read(workspace.workspace_id) as transaction:
            order = rows.erasure(transaction, workspace.workspace_id, order_id)
            known = passing_on.recipients(transaction, workspace.workspace_id)
        one = known[order.destination_id] if order is not None else None
        secret = open_config(deployment, workspace.workspace_id, one.recipient_id, one.sealed)["secret"] if one else ""
    except (NotFound, KeyError, KeyMissing):
        order, secret = None, ""
    if order is None or not is_signed(secret, headers, body, deployment.clock()):
        raise Unauthenticated("the acknowledgement is not taken", hint="sign it with the secret of this recipient")
    # 2. note
    with deployment.data.write(workspace.workspace_id) as transaction:
        _note(deployment, transaction, order)
    forget_config(deployment, workspace.workspace_id, order.order_id)
    # 3. renew
    renew(deployment, workspace, order.request_id)


def renew_left(deployment: Deployment, workspace: OpenWorkspace) -> int:
    """Renew the certificates that a crash, or a database that was away, kept from it after a recipient had settled; how
    many.

    Raises:
        StoreUnavailable: do it again.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        settled = rows.settled_since(transaction, workspace.workspace_id, deployment.clock() - LEFT_FOR)
    return sum(renew(deployment, workspace, request_id) for request_id in settled)


def renew(deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId) -> bool:
    """Issue a completed request's certificate anew once every recipient has settled and it does not say so; whether.

    Raises:
        StoreUnavailable: do it again.
    """
    workspace_id = workspace.workspace_id
    if not _renewed(deployment, workspace, request_id):
        return False
    with deployment.data.write(workspace_id) as transaction:
        # Whoever came second has waited for the row, and looks again: it is issued anew once.
        requests.hold(transaction, workspace_id, request_id)
        request = requests.get(transaction, workspace_id, request_id)
        stated = _renewed(deployment, workspace, request_id)
        if request is None or request.certificate is None or not stated:
            return False
        claims: dict[str, Any] = verify_jwt(request.certificate, workspace.jwks(), CERTIFICATE_TYPE)
        token = certifying.renew(
            deployment, workspace, transaction, claims | {"destinations": stated}, former=request.certificate,
            actor=ACTOR, fields={"request": text_id(request_id)},
        )  # fmt: skip
        return requests.move(transaction, request._replace(certificate=token), was=request.state)


def _renewed(deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId) -> list[dict[str, Any]]:
    """What a certificate is to state of the recipients; nothing where it does so already, or somebody is waited for."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        request = requests.get(transaction, workspace.workspace_id, request_id)
    stated = passing_on.certified(deployment, workspace.workspace_id, request_id)
    if request is None or not _is_certified(request) or any(one["state"] in UNSETTLED for one in stated):
        return []
    claims: dict[str, Any] = verify_jwt(request.certificate or "", workspace.jwks(), CERTIFICATE_TYPE)
    return stated if claims.get("destinations", []) != stated else []


def _is_certified(request: StoredRequest) -> bool:
    return request.completed_at is not None and request.certificate is not None


def _note(deployment: Deployment, transaction: Transaction, order: DestinationErasure) -> None:
    now = deployment.clock()
    noted = rows.erasure(transaction, order.workspace_id, order.order_id)
    if noted is None or noted.state == ErasureState.ACKNOWLEDGED:
        return
    done = noted._replace(
        state=ErasureState.ACKNOWLEDGED.value, sealed=None, failure=None, settled_at=now,
        received_at=noted.received_at or now,
    )  # fmt: skip
    rows.put_erasures(transaction, [done])
    trail.append(
        transaction, order.workspace_id, now, actor=ACTOR, action="destination:erasure:told", outcome=done.state,
        fields={"destination": text_id(order.destination_id), "request": text_id(order.request_id)},
    )  # fmt: skip


def _named(body: bytes) -> tuple[bytes, bytes]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidInput("the body is no JSON") from None
    names = ("workspace_id", "erasure_id")
    if not isinstance(said, dict) or not all(isinstance(said.get(name), str) for name in names):
        raise InvalidInput("an acknowledgement names workspace_id and erasure_id")
    return parse_id(said["workspace_id"], "workspace_id"), parse_id(said["erasure_id"], "erasure_id")
