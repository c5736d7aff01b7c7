"""What officers answer for over HTTP: deadlines, retention, restrictions, legal holds and what they keep."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from starlette.requests import Request

from registry.access.policy import Action
from registry.api.application import of
from registry.api.bodies import JsonRoute
from registry.api.consent import moment
from registry.api.wire import UUID_FORM, Cursor, NewHold, Override, SubjectQuery
from registry.flows.consent import ledger
from registry.flows.dsr import holds, kept, resuming, sla
from registry.flows.identity.subjects import subject
from registry.flows.retention import reports
from registry.model.ids import parse_id, text_id

router = APIRouter(prefix="/v1", tags=["data subject requests"], route_class=JsonRoute)

HoldId = Annotated[
    str, Path(description="The id that placing the hold gave.", max_length=36, json_schema_extra=UUID_FORM)
]
CaseId = Annotated[str, Path(description="The id of a certificate.", max_length=36, json_schema_extra=UUID_FORM)]


@router.get("/dsr/deadlines", summary="How requests fare against their deadlines")
def deadline_report(request: Request, days: Annotated[int, Query(ge=1, le=3660)] = 365) -> dict[str, Any]:
    """Open, due, overdue, in time and late, extensions and times to completion: by jurisdiction and by kind."""
    application = of(request)
    _, workspace = application.caller(request, Action.DSR_READ)
    return sla.fared(application.deployment, workspace, days=days)


@router.get("/retention", summary="What is locked, and what was destroyed")
def retention_report(request: Request, limit: Annotated[int, Query(ge=1, le=500)] = 10) -> dict[str, Any]:
    """What is locked now and when it is destroyed; what the latest sweeps destroyed and why; never whose."""
    application = of(request)
    _, workspace = application.caller(request, Action.DSR_READ)
    return reports.told(application.deployment, workspace, limit)


@router.post("/consent/unrestrict", summary="End a restriction of processing")
def end_restriction(request: Request, body: SubjectQuery) -> dict[str, Any]:
    """GDPR Art. 18(3): what only the restriction had locked opens again. The person is to be told before."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_APPROVE)
    person = subject(application.deployment.policies.identity, body.subject.kind, body.subject.value)
    return {"fragments": ledger.lift_restriction(application.deployment, workspace, person, actor=principal.actor)}


@router.post("/holds", status_code=201, summary="Hold a person's data")
def place_hold(request: Request, body: NewHold) -> dict[str, Any]:
    """Retention passes over the person, and an erasure sets aside what is held. Whether they are known is not said."""
    application = of(request)
    principal, workspace = application.caller(request, Action.HOLDS_WRITE)
    placed = holds.place(
        application.deployment,
        workspace,
        subject(application.deployment.policies.identity, body.subject.kind, body.subject.value),
        ground=body.ground,
        purpose=body.purpose,
        categories=body.categories or (),
        until=moment(body.until, "/until"),
        actor=principal.actor,
    )
    return holds.hold_json(placed, application.deployment.clock())


@router.get("/holds", summary="Legal holds, newest first")
def list_holds(request: Request) -> dict[str, Any]:
    """Every hold, those that have ended included; never whom they are about."""
    application = of(request)
    _, workspace = application.caller(request, Action.HOLDS_READ)
    now = application.deployment.clock()
    return {"holds": [holds.hold_json(row, now) for row in holds.listed(application.deployment, workspace)]}


@router.post("/holds/{hold_id}/release", summary="Release a hold")
def release_hold(request: Request, hold_id: HoldId) -> dict[str, Any]:
    """What erasures had set aside for it is destroyed by itself, and certified."""
    application = of(request)
    principal, workspace = application.caller(request, Action.HOLDS_WRITE)
    identity = parse_id(hold_id, "hold_id")
    released = holds.release(application.deployment, workspace, identity, actor=principal.actor)
    return holds.hold_json(released, application.deployment.clock())


@router.get("/retained", summary="What erasures have set aside")
def list_retained(
    request: Request, limit: Annotated[int, Query(ge=1, le=kept.PAGE)] = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """A page of cases, newest first, each with its ground, its one purpose and how it ended; never what is kept."""
    application = of(request)
    _, workspace = application.caller(request, Action.HOLDS_READ)
    before = parse_id(cursor, "cursor") if cursor is not None else None
    rows = kept.listed(application.deployment, workspace, limit + 1, before)
    page = rows[:limit]
    return {
        "cases": [kept.case_json(row) for row in page],
        "cursor": text_id(page[-1].case_id) if len(rows) > limit else None,
    }


@router.post("/retained/{case_id}/override", summary="Decide that what a hold had kept ends without a system")
def override_for_case(request: Request, case_id: CaseId, body: Override) -> dict[str, Any]:
    """Of a case whose hold has ended. The decision stands in the audit log and in the certificate that ends it."""
    application = of(request)
    principal, workspace = application.caller(request, Action.HOLDS_WRITE)
    decided = resuming.override(
        application.deployment,
        workspace,
        parse_id(case_id, "case_id"),
        body.system,
        reason=body.reason,
        actor=principal.actor,
    )
    return kept.case_json(decided)


@router.get("/retained/{case_id}", summary="Open what is kept in a case")
def read_retained(
    request: Request,
    case_id: CaseId,
    purpose: Annotated[str, Header(alias="Registry-Purpose", description="The one purpose that it is kept for.")],
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """A page of the values, for a key that may open them for this purpose; audited."""
    application = of(request)
    principal, workspace = application.caller(request, Action.HOLDS_OPEN)
    after = parse_id(cursor, "cursor") if cursor is not None else b""
    items, following = kept.read(
        application.deployment, workspace, principal, parse_id(case_id, "case_id"), purpose, after=after, limit=limit
    )
    return {"items": items, "cursor": text_id(following) if following is not None else None}
