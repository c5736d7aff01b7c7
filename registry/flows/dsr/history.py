"""The history of a request, and its entries in the audit log: every act has a line in both."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros
from registry.model.errors import Conflict, NotFound
from registry.model.ids import RequestId, text_id
from registry.model.stored import StoredRequest
from registry.store import requests
from registry.store.database import Transaction

MEANWHILE = "somebody else moved the request at this moment"
RESTORE = "restore"
"""The act of putting back an older copy of the data beside an erasure or a correction that had begun, of which that
does not know everything.
"""


def require(transaction: Transaction, workspace: OpenWorkspace, request_id: RequestId) -> StoredRequest:
    """The request of an id.

    Raises:
        NotFound: there is none in this workspace.
    """
    request = requests.get(transaction, workspace.workspace_id, request_id)
    if request is None:
        raise NotFound("there is no such request")
    return request


def taken(transaction: Transaction, workspace: OpenWorkspace, request_id: RequestId) -> StoredRequest:
    """The request of an id as it is now; nobody else changes it until the transaction ends.

    Whoever writes a request as it was read asks for this: read without, it undoes what came in between. It comes before
    the audit log, and after who is who: all take them in this order, or two wait for each other.

    Raises:
        NotFound: there is none in this workspace.
    """
    requests.hold(transaction, workspace.workspace_id, request_id)
    return require(transaction, workspace, request_id)


def write(transaction: Transaction, request: StoredRequest, *, was: str) -> None:
    """Write a request as it is now.

    Raises:
        Conflict: it is no longer in the state that it was read in.
    """
    if not requests.move(transaction, request, was=was):
        raise Conflict(MEANWHILE, hint="look at it again")


def up_to_date(transaction: Transaction, request: StoredRequest) -> StoredRequest:
    """A request that is being worked on, with its deadline as it is now; nobody changes it until the transaction ends.

    Whoever writes the request and the audit log asks for this first: all take the two in one order.

    Raises:
        Conflict: another server has certified it: PostgreSQL drops what keeps two apart with a connection that is lost.
    """
    requests.hold(transaction, request.workspace_id, request.request_id)
    now = requests.get(transaction, request.workspace_id, request.request_id)
    if now is not None and now.certificate != request.certificate:
        raise Conflict(MEANWHILE, hint="look at it again")
    return request if now is None else request._replace(respond_by=now.respond_by)


def add_to_history(
    deployment: Deployment,
    transaction: Transaction,
    request: StoredRequest,
    act: str,
    actor: str,
    details: Mapping[str, str] | None = None,
) -> None:
    """Add an act to the request's history, and to the audit log."""
    told = orjson.dumps(dict(details)).decode() if details else None
    requests.add_event(transaction, request, action=act, actor=actor, at=deployment.clock(), details=told)
    fields: dict[str, int | str] = {"move": act, "state": request.state, **(details or {})}
    log(deployment, transaction, request, "dsr:request:moved", actor, fields)


def log(
    deployment: Deployment,
    transaction: Transaction,
    request: StoredRequest,
    action: str,
    actor: str,
    fields: Mapping[str, int | str],
) -> None:
    """Append an entry about a request to the audit log."""
    told = {"request": text_id(request.request_id), **fields}
    now = deployment.clock()
    trail.append(transaction, request.workspace_id, now, actor=actor, action=action, outcome=request.state, fields=told)


def acts_of(transaction: Transaction, request: StoredRequest) -> list[tuple[str, Micros]]:
    """Every act of the request's history with its time, oldest first."""
    return [(e.action, e.happened_at) for e in requests.events(transaction, request.workspace_id, request.request_id)]


def restored_at(transaction: Transaction, request: StoredRequest) -> Micros | None:
    """When an older copy was put back that does not know everything of this request; None where none was."""
    return next((at for act, at in acts_of(transaction, request) if act == RESTORE), None)


def told_by(transaction: Transaction, request: StoredRequest) -> list[tuple[str, dict[str, str]]]:
    """Every act of the request's history with its details, oldest first."""
    found = requests.events(transaction, request.workspace_id, request.request_id)
    return [(event.action, orjson.loads(event.details) if event.details else {}) for event in found]
