"""Requests that controllers send by OpenDSR 2.0: taken in once, answered with a signature, cancelled while they wait.

1. reserve   the controller's id and ours, with the addresses to be called back, sealed
2. open      as any other request; killed before this, the controller's next try goes on here
3. verify    by the controller, who vouches for the person (specification section 4)

What is asked is then approved, run and certified as any other request. `callbacks` tells how it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from registry.dsr.opendsr import KINDS, Asked, Regulation, Status, status_of
from registry.dsr.requests import Move, State
from registry.flows.deployment import Deployment
from registry.flows.dsr import lifecycle, proving
from registry.flows.dsr.moves import owner_named
from registry.flows.outgoing.endpoints import forget_config, open_config, seal_config
from registry.flows.workspace import OpenWorkspace
from registry.keys.certificates import CertifiedKey
from registry.model.clock import to_datetime
from registry.model.errors import Conflict, NotFound, RegistryError
from registry.model.ids import FragmentId, RequestId
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from registry.model.stored_upkeep import OpenDsrKey, OpenDsrRequest
from registry.store import opendsr as rows


class Received(NamedTuple):
    """What a controller sent, checked and normalised; `raw` is the body as it came."""

    subject_request_id: bytes
    regulation: Regulation | None
    asked: Asked
    people: Sequence[Identifier]
    callbacks: Sequence[str]
    raw: bytes


def receive(
    deployment: Deployment, workspace: OpenWorkspace, received: Received, *, domain: str, actor: str, owner: str
) -> tuple[OpenDsrRequest, StoredRequest]:
    """Take a controller's request in; the same sent again is acknowledged again, and changes nothing.

    Raises:
        Conflict: another request has this id.
        InvalidInput: an address to be called back is none that may be sent to, or the law is not in the policy.
        KmsUnavailable, StoreUnavailable: send it again.
    """
    for url in received.callbacks:
        deployment.outgoing.require_url(url)
    # 1. reserve
    row = _reserve(deployment, workspace, received, domain)
    # 2. open
    kind = KINDS[received.regulation or Regulation.GDPR, received.asked]
    jurisdiction = received.regulation.value if received.regulation is not None else None
    given = deployment, workspace, row.request_id
    try:
        request, _ = lifecycle.get(*given)
    except NotFound:
        with suppress(Conflict):  # the same was sent twice at this moment, and the other was faster; so below
            lifecycle.open_request(
                deployment, workspace, kind=kind, person=received.people[0], also=received.people[1:],
                actor=actor, owner=owner, jurisdiction=jurisdiction, request_id=row.request_id,
            )  # fmt: skip
        request, _ = lifecycle.get(*given)
    _require_own(request, owner, is_anothers())
    # 3. verify
    if State(request.state) is State.RECEIVED:
        with suppress(Conflict):
            proving.by_controller(*given, actor=actor)
        request, _ = lifecycle.get(*given)
    return row, request


def _reserve(deployment: Deployment, workspace: OpenWorkspace, received: Received, domain: str) -> OpenDsrRequest:
    workspace_id = workspace.workspace_id
    body_key = workspace.indexer.message_key(received.raw.decode(errors="replace"))
    with deployment.data.read(workspace_id) as transaction:
        row = rows.get(transaction, workspace_id, received.subject_request_id)
    if row is None:
        holder, now = FragmentId(deployment.new_id()), deployment.clock()
        sealed = None
        if received.callbacks:
            sealed = seal_config(deployment, workspace_id, holder, {"urls": list(received.callbacks)})
        made = OpenDsrRequest(
            workspace_id, received.subject_request_id, RequestId(deployment.new_id()), body_key, domain, now,
            holder, sealed, 0, 0, 0, now, None,
        )  # fmt: skip
        with deployment.data.write(workspace_id) as transaction:
            rows.add(transaction, made)
            row = rows.get(transaction, workspace_id, received.subject_request_id) or made
    if row.body_key != body_key:
        raise is_anothers()
    return row


def is_anothers() -> Conflict:
    """The error for an id that is another request's."""
    return Conflict("another request has this subject_request_id", hint="give each request an id of its own")


def look_up(
    deployment: Deployment, workspace: OpenWorkspace, subject_request_id: bytes, *, owner: str
) -> tuple[OpenDsrRequest, StoredRequest]:
    """A controller's request and where it stands.

    Args:
        owner: who stands behind the key (`Principal.owner`): each sees its own.

    Raises:
        NotFound: this controller sent none with this id.
    """
    none = NotFound("there is no request with this subject_request_id")
    with deployment.data.read(workspace.workspace_id) as transaction:
        row = rows.get(transaction, workspace.workspace_id, subject_request_id)
    if row is None:
        raise none
    request, _ = lifecycle.get(deployment, workspace, row.request_id)
    _require_own(request, owner, none)
    return row, request


def _require_own(request: StoredRequest, owner: str, otherwise: RegistryError) -> None:
    if (request.opened_owner or owner_named(request.opened_by)) != owner:
        raise otherwise


def cancel(
    deployment: Deployment, workspace: OpenWorkspace, subject_request_id: bytes, *, actor: str, owner: str
) -> tuple[OpenDsrRequest, StoredRequest]:
    """Cancel a request that is still pending; one that is cancelled stays so.

    Raises:
        NotFound: as `look_up`.
        Conflict: it is being worked on, or has ended.
    """
    row, request = look_up(deployment, workspace, subject_request_id, owner=owner)
    state = State(request.state)
    if status_of(state) is Status.PENDING:
        request = lifecycle.move_request(deployment, workspace, row.request_id, Move.CANCEL, actor=actor)
    elif status_of(state) is not Status.CANCELLED:
        raise Conflict(f"the request is {status_of(state).value}: only a pending one is cancelled")
    return row, request


def certified(deployment: Deployment, workspace: OpenWorkspace, domain: str) -> OpenDsrKey:
    """The key and certificate of a host name, made when first asked for.

    Raises:
        KmsUnavailable, StoreUnavailable: it cannot be made now.
    """
    workspace_id = workspace.workspace_id
    with deployment.data.read(workspace_id) as transaction:
        found = rows.key(transaction, workspace_id, domain)
    if found is not None:
        return found
    holder, now, key = FragmentId(deployment.new_id()), deployment.clock(), CertifiedKey.generate()
    sealed = seal_config(deployment, workspace_id, holder, {"key": key.encode()})
    made = OpenDsrKey(workspace_id, domain, holder, key.certificate(domain, to_datetime(now)), sealed, now)
    with deployment.data.write(workspace_id) as transaction:
        rows.add_key(transaction, made)
        found = rows.key(transaction, workspace_id, domain) or made
    if found.holder_id != holder:  # another process was first
        forget_config(deployment, workspace_id, holder)
    return found


def published(deployment: Deployment, workspace: OpenWorkspace, domain: str) -> str:
    """The certificate that answers of a host name are checked with, in PEM; with its chain, if an authority issued it.

    Raises:
        KmsUnavailable, StoreUnavailable: one of our own cannot be made now.
    """
    chain = deployment.opendsr
    return chain.pem if chain is not None else certified(deployment, workspace, domain).certificate


def signature(deployment: Deployment, workspace: OpenWorkspace, domain: str, body: bytes) -> bytes:
    """The signature over an answer's bytes, by the key of the host name's certificate.

    Raises:
        KeyMissing, SealBroken, KmsUnavailable, StoreUnavailable: it cannot be signed.
    """
    if deployment.opendsr is not None:
        return deployment.opendsr.sign(body)
    row = certified(deployment, workspace, domain)
    config = open_config(deployment, workspace.workspace_id, row.holder_id, row.sealed)
    return CertifiedKey.decode(config["key"]).sign(body)
