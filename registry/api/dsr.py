"""Data subject requests over HTTP."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import orjson
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from registry.access.policy import Action
from registry.api.application import of
from registry.api.bodies import JsonRoute
from registry.api.consent import moment
from registry.api.package import PackageLock, package_stream
from registry.api.wire import UUID_FORM, Apart, Cursor, Extension, Override
from registry.dsr.declarations import DECLARED
from registry.dsr.plan import plan_json
from registry.dsr.requests import Move
from registry.flows.dsr import beside, going_without, lifecycle, moves, planning
from registry.flows.dsr.waiting import wait_of
from registry.keys.parcels import OPEN, Lock
from registry.model.clock import Micros, rfc3339
from registry.model.errors import InvalidInput, NotFound
from registry.model.ids import ProfileId, RequestId, parse_id, text_id
from registry.model.stored import RequestEvent, StoredRequest

router = APIRouter(prefix="/v1/dsr/requests", tags=["data subject requests"], route_class=JsonRoute)

RequestIdText = Annotated[
    str, Path(description="The id that opening the request gave.", max_length=36, json_schema_extra=UUID_FORM)
]
AT_ONCE = CapacityLimiter(4)
"""Requests that one server process runs at the same time; whoever else asks waits without a thread or a connection,
so that many of them leave both to those who send and read."""
MOVES = {
    Move.VERIFY: Action.DSR_VERIFY,
    Move.APPROVE: Action.DSR_APPROVE,
    Move.PAUSE: Action.DSR_VERIFY,
    Move.RESUME: Action.DSR_VERIFY,
    Move.REFUSE: Action.DSR_APPROVE,
    Move.CANCEL: Action.DSR_APPROVE,
}
PLAIN_MOVES = (Move.APPROVE, Move.RESUME)
"""Moves that need no more to be said (of the others: `api.intake`)."""


@router.get("", summary="Requests, newest first")
def list_requests(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """A page of requests; `cursor` leads to the next page."""
    application = of(request)
    _, workspace = application.caller(request, Action.DSR_READ)
    before = parse_id(cursor, "cursor") if cursor is not None else None
    rows = lifecycle.listed(application.deployment, workspace, limit + 1, before)
    page = rows[:limit]
    return {
        "requests": [request_json(row) for row in page],
        "cursor": text_id(page[-1].request_id) if len(rows) > limit else None,
    }


@router.get("/{request_id}", summary="One request")
def get_request(request: Request, request_id: RequestIdText) -> dict[str, Any]:
    """Where the request stands, and what can be done with it now."""
    row, _ = _get(request, request_id)
    return request_json(row)


@router.get("/{request_id}/events", summary="The history of a request")
def request_events(request: Request, request_id: RequestIdText) -> dict[str, Any]:
    """Every move of the request, oldest first."""
    _, events = _get(request, request_id)
    return {
        "events": [
            {
                "action": e.action,
                "state": e.state,
                "actor": e.actor,
                "at": rfc3339(e.happened_at),
                "details": orjson.loads(e.details) if e.details else {},
            }
            for e in events
        ]
    }


@router.get("/{request_id}/plan", summary="What a request will do, before anything is touched")
def request_plan(request: Request, request_id: RequestIdText) -> dict[str, Any]:
    """Per system, table and field: what will be exported, erased or retained, and on which ground."""
    application = of(request)
    _, workspace = application.caller(request, Action.DSR_READ)
    plan = planning.plan_of(application.deployment, workspace, request_id_of(request_id))
    return {"request_id": text_id(request_id_of(request_id))} | plan_json(plan, DECLARED)


@router.get("/{request_id}/package", summary="The package of an access or portability request")
def request_package(request: Request, request_id: RequestIdText) -> StreamingResponse:
    """A ZIP, streamed as it is written; no copy of it is kept."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_EXPORT)
    row, _ = lifecycle.get(application.deployment, workspace, request_id_of(request_id))
    return package_stream(application.deployment, workspace, row, actor=principal.actor)


@router.post("/{request_id}/package", summary="The package, locked for the requester")
def locked_package(request: Request, request_id: RequestIdText, body: PackageLock) -> StreamingResponse:
    """The same package as a ZIP under a password, or as an age file for the requester's public keys."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_EXPORT)
    lock = Lock(body.password, tuple(body.recipients or ()))
    if lock == OPEN:
        raise InvalidInput("a lock is a password, or recipients")
    row, _ = lifecycle.get(application.deployment, workspace, request_id_of(request_id))
    return package_stream(application.deployment, workspace, row, actor=principal.actor, lock=lock)


@router.post("/{request_id}/run", summary="Do what the request asks for")
async def run_request(request: Request, request_id: RequestIdText) -> dict[str, Any]:
    """Run an approved request to its end; one that was interrupted goes on."""
    application, identity = of(request), request_id_of(request_id)
    principal, workspace = await run_in_threadpool(application.caller, request, Action.DSR_RUN)
    act = partial(lifecycle.run, application.deployment, workspace, identity, actor=principal.actor)
    return request_json(await to_thread.run_sync(act, limiter=AT_ONCE))


@router.post("/{request_id}/extend", summary="Put the answer off")
def extend_request(request: Request, request_id: RequestIdText, body: Extension) -> dict[str, Any]:
    """By what the request's law allows, once; that the person was told, and why, is recorded."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_APPROVE)
    extended = moves.extend(
        application.deployment,
        workspace,
        request_id_of(request_id),
        reason=body.reason,
        channel=body.channel,
        notified_at=moment(body.notified_at, "/notified_at"),
        actor=principal.actor,
    )
    return request_json(extended)


@router.post("/{request_id}/override", summary="Decide that a waiting request ends without a system")
def override_system(request: Request, request_id: RequestIdText, body: Override) -> dict[str, Any]:
    """The decision stands in the history, in the audit log and in the certificate; the request goes on by itself."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_APPROVE)
    decided = going_without.override(
        application.deployment,
        workspace,
        request_id_of(request_id),
        body.system,
        reason=body.reason,
        actor=principal.actor,
    )
    return request_json(decided)


@router.post("/{request_id}/apart", summary="Decide that a profile is not part of a request")
def set_apart(request: Request, request_id: RequestIdText, body: Apart) -> dict[str, Any]:
    """Of a profile under what systems outside know the person by (`beside` in the plan): it is somebody else's, or has
    a request of its own. The decision stands in the history, in the audit log and in the certificate.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_APPROVE)
    profile_id = ProfileId(parse_id(body.profile, "/profile"))
    given = application.deployment, workspace, request_id_of(request_id), profile_id
    return request_json(beside.set_apart(*given, reason=body.reason, actor=principal.actor))


@router.post("/{request_id}/{by}", summary="Move a request: approve, resume")
def move_request(
    request: Request, request_id: RequestIdText, by: Annotated[str, Path(json_schema_extra={"enum": [*PLAIN_MOVES]})]
) -> dict[str, Any]:
    """Move a request; what can be done now stands in its `allowed`."""
    if by not in PLAIN_MOVES:
        raise NotFound("there is no such move", hint=f"one of {', '.join(MOVES)}, run")
    application = of(request)
    principal, workspace = application.caller(request, MOVES[Move(by)])
    moved = lifecycle.move_request(
        application.deployment,
        workspace,
        request_id_of(request_id),
        Move(by),
        actor=principal.actor,
        owner=principal.owner,
    )
    return request_json(moved)


def request_json(row: StoredRequest) -> dict[str, Any]:
    """A request as the API shows it."""
    progress = orjson.loads(row.progress)
    return {
        "request_id": text_id(row.request_id),
        "kind": row.kind,
        "state": row.state,
        "allowed": moves.possible(row),
        "jurisdiction": row.jurisdiction,
        "subject": row.pseudonym,
        "opened_by": row.opened_by,
        "approved_by": row.approved_by,
        "received_at": rfc3339(row.received_at),
        "respond_by": rfc3339(row.respond_by),
        "completed_at": _moment(row.completed_at),
        "counts": progress.get("counts", {}),
        "certificate": row.certificate is not None,
        "reason": row.reason,
        "waiting": wait_of(row),
        "mandate": row.mandate,
        "mandate_until": _moment(row.mandate_until),
        "mandate_checked_at": _moment(row.mandate_checked_at),
        "deliver_to": row.deliver_to,
        "acknowledge_by": _moment(row.acknowledge_by),
        "acknowledged_at": _moment(row.acknowledged_at),
    }


def _moment(at: Micros | None) -> str | None:
    return rfc3339(at) if at is not None else None


def _get(request: Request, request_id: str) -> tuple[StoredRequest, list[RequestEvent]]:
    application = of(request)
    _, workspace = application.caller(request, Action.DSR_READ)
    return lifecycle.get(application.deployment, workspace, request_id_of(request_id))


def request_id_of(text: str) -> RequestId:
    """The id of a request in a path.

    Raises:
        InvalidInput: it is no UUID.
    """
    return RequestId(parse_id(text, "request_id"))
