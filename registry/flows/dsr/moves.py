"""The moves of a request: each is one transaction, with its line in the history and its audit entry."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from registry.dsr.deadlines import deadline
from registry.dsr.requests import EFFECTS, ENDED, Effect, Kind, Move, State, check_four_eyes, move
from registry.dsr.timing import EXTEND, check_extension, check_notice, timing
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.dsr import reference
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros, rfc3339
from registry.model.errors import Conflict, NotFound
from registry.model.ids import RequestId, text_id
from registry.model.stored import StoredRequest
from registry.store import requests
from registry.store.database import Transaction


def owner_named(actor: str) -> str:
    """Who stands behind an actor of whom only the name is known: case and white space make no other person."""
    kind, _, name = actor.partition(":")
    return f"{kind}:{' '.join(name.casefold().split())}"


def require(transaction: Transaction, workspace: OpenWorkspace, request_id: RequestId) -> StoredRequest:
    """The request of an id.

    Raises:
        NotFound: there is none in this workspace.
    """
    request = requests.get(transaction, workspace.workspace_id, request_id)
    if request is None:
        raise NotFound("there is no such request")
    return request


def move_request(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request_id: RequestId,
    by: Move,
    *,
    actor: str,
    owner: str | None = None,
) -> StoredRequest:
    """Verify, approve, pause, resume, refuse or cancel a request; resuming moves its deadline.

    Args:
        owner: who stands behind the actor (`Principal.owner`); by the actor's name when not given.

    Raises:
        NotFound: there is no such request.
        Conflict: it cannot be moved so now.
        Forbidden: an erasure is approved by whoever opened it, where policy wants two people.
    """
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = require(transaction, workspace, request_id)
        stands = owner or owner_named(actor)
        if by is Move.APPROVE:
            opened = request.opened_owner or owner_named(request.opened_by)
            two_people = deployment.policies.jurisdictions.two_people_erase
            check_four_eyes(Kind(request.kind), opened, stands, two_people=two_people)
            request = request._replace(approved_by=actor, approved_owner=stands)
        if by is Move.RESUME:
            request = request._replace(respond_by=_respond_by(deployment, transaction, request, Move.RESUME))
        after = moved(deployment, transaction, request, by, actor)
    if State(after.state) in ENDED:
        reference.forget(deployment, after)
    return after


def extend(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request_id: RequestId,
    *,
    reason: str,
    channel: str,
    notified_at: Micros | None,
    actor: str,
) -> StoredRequest:
    """Put the answer off by what the law allows, and record that and how the person was told why.

    Args:
        reason: in the clear and in the audit log: about the request, never about the person.
        channel: how the person was told.
        notified_at: when; now if None.

    Raises:
        NotFound: there is no such request.
        Conflict: it has ended, its law allows no extension, there was one, or the time is over.
        InvalidInput: the person cannot have been told then.
    """
    now = deployment.clock()
    told = now if notified_at is None else notified_at
    with deployment.data.write(workspace.workspace_id) as transaction:
        request = require(transaction, workspace, request_id)
        kind, state = Kind(request.kind), State(request.state)
        law = deployment.policies.jurisdictions.get(request.jurisdiction)
        clock = timing(_acts(transaction, request))
        check_extension(law, kind, state, clock, request.respond_by, now)
        check_notice(request.received_at, told, now)
        extended = request._replace(respond_by=_respond_by(deployment, transaction, request, EXTEND))
        write(transaction, extended, was=request.state)
        details = {"reason": reason, "notified_at": rfc3339(told), "channel": channel}
        add_to_history(deployment, transaction, extended, EXTEND, actor, details)
    return extended


def moved(
    deployment: Deployment,
    transaction: Transaction,
    request: StoredRequest,
    by: Move,
    actor: str,
    details: Mapping[str, str] | None = None,
) -> StoredRequest:
    """The request after a move, written with its history and audit entry.

    Raises:
        Conflict: it cannot be moved so now, or somebody else moved it at this moment.
    """
    was = State(request.state)
    after = move(was, by, Kind(request.kind))
    changed = request._replace(state=after.value)
    if after in ENDED:
        # Whom an answered request named is kept a while: its package looks for them in connected systems.
        is_given = after is State.COMPLETED and EFFECTS[Kind(request.kind)] is Effect.GIVE
        changed = changed._replace(sealed=request.sealed if is_given else None, due_at=None)
    write(transaction, changed, was=was.value)
    if after is not was:
        add_to_history(deployment, transaction, changed, by.value, actor, details)
    return changed


def write(transaction: Transaction, request: StoredRequest, *, was: str) -> None:
    """Write a request as it is now.

    Raises:
        Conflict: it is no longer in the state that it was read in.
    """
    if not requests.move(transaction, request, was=was):
        raise Conflict("somebody else moved the request at this moment", hint="look at it again")


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


def _acts(transaction: Transaction, request: StoredRequest) -> list[tuple[str, Micros]]:
    return [(e.action, e.happened_at) for e in requests.events(transaction, request.workspace_id, request.request_id)]


def _respond_by(deployment: Deployment, transaction: Transaction, request: StoredRequest, act: str) -> Micros:
    """The deadline of a request once this act has been added to its history."""
    clock = timing([*_acts(transaction, request), (act, deployment.clock())])
    law = deployment.policies.jurisdictions.get(request.jurisdiction)
    found = deadline(law, request.received_at, kind=request.kind, extended=clock.extended, pauses=clock.pauses)
    return found.respond_by
