"""Data subject requests: looked up, moved, and run to their certificate. (`intake` takes them in, `proving` verifies.)

A request moves only as `dsr.requests.move` allows; each move is one transaction with its audit
entry. Running one is a row of steps, each of which may be done again: killed anywhere, it resumes.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import orjson

from registry.dsr.requests import EFFECTS, ENDED, Effect, Kind, Move, State, move
from registry.dsr.waiting import is_due
from registry.flows.deployment import Deployment
from registry.flows.dsr import (
    acknowledged,
    certified,
    erasure,
    letters,
    linked,
    moves,
    planning,
    proving,
    recording,
    rectification,
    reference,
    scoping,
    waiting,
)
from registry.flows.dsr.history import require, taken
from registry.flows.dsr.intake import open_request
from registry.flows.dsr.moves import moved
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import SECOND, Micros
from registry.model.errors import Conflict, RegistryError, RequestStopped
from registry.model.ids import FragmentId, RequestId
from registry.model.stored import RequestEvent, StoredRequest
from registry.store import requests
from registry.store.database import Transaction

OPERATOR = "operator"
BEGUN = frozenset({State.ACTING, State.WAITING})
GIVEN_UP_AFTER: Micros = 300 * SECOND
"""After which a request that was begun is looked at again: its process was killed, or met an error."""

__all__ = (
    "due", "forget_answered", "get", "go_on", "is_ended", "listed", "move_request", "open_request", "run", "unfinished",
)  # fmt: skip


def get(
    deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId
) -> tuple[StoredRequest, list[RequestEvent]]:
    """A request and its history.

    Raises:
        NotFound: there is no such request in this workspace.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        return (
            require(transaction, workspace, request_id),
            requests.events(transaction, workspace.workspace_id, request_id),
        )


def listed(deployment: Deployment, workspace: OpenWorkspace, limit: int, before: bytes | None) -> list[StoredRequest]:
    """The latest requests, newest first."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        cursor = before if before is not None else b"\xff" * 17
        return requests.newest(transaction, workspace.workspace_id, limit, cursor)


def move_request(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request_id: RequestId,
    by: Move,
    *,
    actor: str,
    owner: str | None = None,
    reason: str | None = None,
) -> StoredRequest:
    """Move a request (see `moves.move_request`); nothing is approved while a field is undecided.

    Who verifies it so has checked who asks: an officer's word, which the level of its kind may not be content with.

    Raises:
        NotFound, Conflict, Forbidden: there is no such request, or it cannot be moved so now, or by this person.
    """
    if by is Move.VERIFY:
        return proving.by_officer(deployment, workspace, request_id, actor=actor)
    if by is Move.APPROVE:
        planning.require_decided(deployment, workspace, request_id)
    return moves.move_request(deployment, workspace, request_id, by, actor=actor, owner=owner, reason=reason)


def run(deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, *, actor: str) -> StoredRequest:
    """Do what the request asks for, and certify it. A request that was interrupted goes on.

    Raises:
        NotFound, Conflict: there is no such request, or it is not ready to be run.
        Forgotten: its key is gone, so it cannot be begun.
        LinkedSystemUnavailable: a system outside did not answer: the request waits, and is tried again by itself.
        StoreUnavailable, KmsUnavailable: try again; nothing is lost.
        RequestStopped: a fault of Registry's own; the request waits, and is tried again by itself.
    """
    done = _run_alone(deployment, workspace, request_id, actor=actor)
    if done is None:
        raise Conflict("the request is being run at this moment", hint="look at it again")
    return done


def _run_alone(
    deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, *, actor: str
) -> StoredRequest | None:
    """None where it is being run: twice at once, each step would be right, but systems outside would be asked twice."""
    deployment = replace(deployment, linked=tuple(deployment.linked))  # descriptions may change while it runs
    with deployment.data.sole(f"request-{request_id.hex()}") as alone:
        return _noted(deployment, workspace, request_id, actor=actor) if alone else None


def _noted(deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, *, actor: str) -> StoredRequest:
    """Run a request; what stops one that was begun is noted in it, whatever it is: nobody is to miss it."""
    try:
        return _run(deployment, workspace, request_id, actor=actor)
    except Exception as error:
        stopped = error if isinstance(error, RegistryError) else RequestStopped.by(error)
        noted = False
        with suppress(Exception):  # then nothing can be written, and it is looked at again all the same
            noted = waiting.stop(deployment, workspace, request_id, stopped, actor=actor)
        if stopped is error or not noted:
            raise
        raise stopped from error


def _run(deployment: Deployment, workspace: OpenWorkspace, request_id: RequestId, *, actor: str) -> StoredRequest:
    with deployment.data.write(workspace.workspace_id) as transaction:
        again_at = deployment.clock() + GIVEN_UP_AFTER  # should this process not bring it to an end
        request = taken(transaction, workspace, request_id)._replace(due_at=again_at)
        if State(request.state) not in BEGUN:  # without its key it is not, and can be cancelled
            reference.people_of(deployment, request)
        move(State(request.state), Move.START, Kind(request.kind), is_lost=moves.is_lost(request))
        if request.certificate is None:  # its scope comes before the audit log: an erasure takes both
            _rescope(deployment, transaction, workspace, request)
        request = moved(deployment, transaction, request, Move.START, actor)
    if request.certificate is None:  # else it was interrupted after its last step, and its key may be gone
        request = _acted(deployment, workspace, request, actor)
    if is_ended(request):
        return request
    with deployment.data.write(workspace.workspace_id) as transaction:
        letters.add_answered(deployment, transaction, workspace, request)
        if EFFECTS[Kind(request.kind)] is Effect.GIVE:  # its package is yet to be fetched: `forget_answered`
            return _completed(deployment, transaction, request, actor)
    reference.forget(deployment, request)
    with deployment.data.write(workspace.workspace_id) as transaction:
        done = _completed(deployment, transaction, request, actor)
    # A recipient that answered since the certificate was issued, and before this, found no request that had ended.
    return get(deployment, workspace, request_id)[0] if acknowledged.renew(deployment, workspace, request_id) else done


def _acted(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest, actor: str) -> StoredRequest:
    """What the request asks for, done and certified; what gives out is completed in the same transaction."""
    match EFFECTS[Kind(request.kind)]:
        case Effect.ERASE:
            return erasure.erase(deployment, workspace, request, actor=actor)
        case Effect.GIVE:  # the package is written when it is fetched: nothing personal waits on a disk
            pass
        case Effect.CORRECT:
            rectification.apply(deployment, workspace, request, actor=actor)
        case Effect.RECORD:
            recording.record(deployment, workspace, request, actor=actor)
    request = linked.act(deployment, workspace, request, actor=actor, fragments=_scope(deployment, request))
    accounts = certified.accounted(deployment, workspace, request)
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = certified.certify(deployment, transaction, workspace, request, accounts, actor=actor)
        if EFFECTS[Kind(request.kind)] is Effect.GIVE:  # whose key stays: nothing has to come between
            letters.add_answered(deployment, transaction, workspace, request)
            request = _completed(deployment, transaction, request, actor)
    return request


def _completed(deployment: Deployment, transaction: Transaction, request: StoredRequest, actor: str) -> StoredRequest:
    request = request._replace(completed_at=deployment.clock(), progress=moves.summary(request.progress))
    return moved(deployment, transaction, request, Move.COMPLETE, actor)


def go_on(deployment: Deployment, workspace: OpenWorkspace, request: StoredRequest) -> StoredRequest:
    """Run a request that was interrupted or waited, in the name of whoever ran it first, if nobody is running it.

    Raises:
        What `run` raises, but for that.
    """
    with deployment.data.read(workspace.workspace_id) as transaction:
        acts = requests.events(transaction, workspace.workspace_id, request.request_id)
    started = [act.actor for act in acts if act.action == Move.START.value]
    actor = started[0] if started else OPERATOR
    return _run_alone(deployment, workspace, request.request_id, actor=actor) or request


def forget_answered(deployment: Deployment, workspace: OpenWorkspace) -> int:
    """Forget whom answered requests named, once the time of their packages is over; how many were forgotten."""
    before = deployment.clock() - deployment.policies.retention.package_for
    with deployment.data.read(workspace.workspace_id) as transaction:
        over = requests.sealed_since(transaction, workspace.workspace_id, before)
    for request in over:
        reference.forget(deployment, request)
        with deployment.data.write(workspace.workspace_id) as transaction:
            requests.unseal(transaction, workspace.workspace_id, [request.request_id])
    return len(over)


def due(deployment: Deployment, workspace: OpenWorkspace) -> list[StoredRequest]:
    """Requests to be tried again now: that wait for a system outside, or that no process has brought to an end."""
    now = deployment.clock()
    with deployment.data.read(workspace.workspace_id) as transaction:
        begun = requests.in_states(transaction, workspace.workspace_id, [state.value for state in BEGUN])
    return [request for request in begun if request.due_at is None or is_due(request.due_at, now)]


def unfinished(deployment: Deployment, workspace: OpenWorkspace) -> list[StoredRequest]:
    """Requests that were being acted on when something stopped them: their process was killed, or met an error here."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        begun = requests.in_states(transaction, workspace.workspace_id, [state.value for state in BEGUN])
    return [request for request in begun if State(request.state) is State.ACTING or moves.is_stopped(request)]


def _scope(deployment: Deployment, request: StoredRequest) -> list[FragmentId]:
    with deployment.data.read(request.workspace_id) as transaction:
        return requests.scope(transaction, request.workspace_id, request.request_id)


def _rescope(
    deployment: Deployment, transaction: Transaction, workspace: OpenWorkspace, request: StoredRequest
) -> None:
    """Make the scope whatever is known of the subject by now; an erasure's stands from its first step on."""
    if orjson.loads(request.progress).get(scoping.SCOPED):
        return
    found = reference.fragments_now(deployment, transaction, workspace, request)
    requests.set_scope(transaction, workspace.workspace_id, request.request_id, found)


def is_ended(request: StoredRequest) -> bool:
    """Whether nothing more can happen to a request."""
    return State(request.state) in ENDED
