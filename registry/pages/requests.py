"""Data subject requests in the console: from opening one to its package or certificate."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import Route

from registry.access.policy import Action
from registry.api.certificates import PAGE_HEADERS
from registry.api.dsr import MOVES, request_json
from registry.api.package import package_stream
from registry.dsr.plan import RequestPlan
from registry.dsr.requests import EFFECTS, Effect, Kind, Move, State
from registry.flows.accountability import forms
from registry.flows.dsr import lifecycle, moves, planning
from registry.flows.identity.subjects import subject
from registry.model.clock import DAY
from registry.model.errors import InvalidInput, NotFound
from registry.model.ids import RequestId, parse_id, text_id
from registry.model.stored import RequestEvent, StoredRequest
from registry.pages.officers import Visit, officers
from registry.pages.site import HEADERS, redirect

PAGE = 30

KINDS = {
    Kind.ACCESS: "Access: what is held (GDPR Art. 15)",
    Kind.PORTABILITY: "Portability: data to take elsewhere (Art. 20)",
    Kind.RECTIFICATION: "Rectification: correct a detail (Art. 16)",
    Kind.RESTRICTION: "Restriction: keep, but do not use (Art. 18)",
    Kind.OBJECTION: "Objection to a purpose (Art. 21)",
    Kind.WITHDRAWAL: "Withdrawal of consent (Art. 7(3))",
    Kind.ERASURE: "Erasure (Art. 17)",
    Kind.KNOW: "California: to know (CCPA 1798.110)",
    Kind.DELETE: "California: to delete (1798.105)",
    Kind.CORRECT: "California: to correct (1798.106)",
    Kind.OPT_OUT: "California: no sale or sharing (1798.120)",
    Kind.LIMIT: "California: limit the use of what is sensitive (1798.121)",
}
MOVE_WORDS = {
    "verify": "Requester verified",
    "approve": "Approve",
    "run": "Run now",
    "pause": "Pause",
    "resume": "Resume",
    "refuse": "Refuse",
    "cancel": "Cancel",
}
ENDING = ("refuse", "cancel")
FIELDS_MOST = 1_000


@officers(Action.DSR_READ)
def requests_page(visit: Visit) -> Response:
    """`GET /console/requests`: newest first, and the form that opens one."""
    return _list(visit)


@officers(Action.DSR_OPEN, changes=True)
def open_request(visit: Visit) -> Response:
    """`POST /console/requests`: take a request in."""
    form, policies = visit.form, visit.deployment.policies
    try:
        kind = _kind(form.text("kind", most=32))
        opened = lifecycle.open_request(
            visit.deployment,
            visit.workspace,
            kind=kind,
            person=subject(policies.identity, form.text("subject_kind", most=64), form.text("value")),
            actor=visit.principal.actor,
            owner=visit.principal.owner,
            jurisdiction=form.text("jurisdiction", most=64) or None,
            details=_details(visit, kind),
        )
    except InvalidInput as error:
        return _list(visit, 400, error=error)
    return redirect(f"/console/requests/{text_id(opened.request_id)}")


@officers(Action.DSR_READ)
def request_page(visit: Visit) -> Response:
    """`GET /console/requests/{request_id}`: where it stands, and what can be done now."""
    row, events = lifecycle.get(visit.deployment, visit.workspace, _id(visit))
    kind, state = Kind(row.kind), State(row.state)
    shown = request_json(row)
    steps = [(name, MOVE_WORDS.get(name, name)) for name in shown["allowed"] if visit.may(_action(name))]
    is_given_out = EFFECTS[kind] is Effect.GIVE and state is State.COMPLETED
    plan = planning.plan_of(visit.deployment, visit.workspace, row.request_id) if not lifecycle.is_ended(row) else None
    return visit.page(
        "request.html", row=row, shown=shown, events=[(event, _told(event)) for event in events], kind=KINDS[kind],
        days=_days(visit, row), steps=[step for step in steps if step[0] not in ENDING],
        ends=[step for step in steps if step[0] in ENDING], has_package=is_given_out and visit.may(Action.DSR_EXPORT),
        extendable=plan is not None and visit.may(Action.DSR_APPROVE),
        purposes=orjson.loads(row.progress).get("purposes"), plan=plan, planned=_planned(plan) if plan else [],
    )  # fmt: skip


@officers(Action.DSR_APPROVE, changes=True)
def extend_request(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/extend`: put the answer off, by what the law allows."""
    reason, channel = visit.form.text("reason", most=255), visit.form.text("channel", most=64)
    if not reason or not channel:
        raise InvalidInput("say why, and how the person was told", pointer="/reason")
    moves.extend(
        visit.deployment, visit.workspace, _id(visit), reason=reason, channel=channel, notified_at=None,
        actor=visit.principal.actor,
    )  # fmt: skip
    return redirect(f"/console/requests/{text_id(_id(visit))}")


@officers(None, changes=True)
def move_request(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/{by}`: verify, approve, run, pause, resume, refuse or cancel."""
    by, request_id = visit.request.path_params["by"], _id(visit)
    if by == "run":
        visit.require(Action.DSR_RUN)
        lifecycle.run(visit.deployment, visit.workspace, request_id, actor=visit.principal.actor)
    elif by in list(Move) and Move(by) in MOVES:
        visit.require(MOVES[Move(by)])
        who = visit.principal
        lifecycle.move_request(
            visit.deployment, visit.workspace, request_id, Move(by), actor=who.actor, owner=who.owner
        )
    else:
        raise NotFound("there is no such move")
    return redirect(f"/console/requests/{text_id(request_id)}")


@officers(Action.DSR_EXPORT, changes=True)
def package(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/package`: the ZIP, streamed; a POST, since each is logged."""
    row, _ = lifecycle.get(visit.deployment, visit.workspace, _id(visit))
    response = package_stream(visit.deployment, visit.workspace, row, actor=visit.principal.actor)
    response.headers.update(HEADERS)
    return response


@officers(Action.DSR_READ)
def certificate(visit: Visit) -> Response:
    """`GET /console/requests/{request_id}/certificate`: the signed JWT of a finished erasure."""
    row, _ = lifecycle.get(visit.deployment, visit.workspace, _id(visit))
    if row.certificate is None:
        raise NotFound("the request has no certificate", hint="it is certified when it is completed")
    name = f'attachment; filename="{text_id(row.request_id)}.jwt"'
    return Response(row.certificate, 200, HEADERS | {"Content-Disposition": name}, media_type="application/jwt")


@officers(Action.DSR_READ)
def certificate_page(visit: Visit) -> Response:
    """`GET /console/requests/{request_id}/certificate/page`: the certificate with its proof, to read and print."""
    row, _ = lifecycle.get(visit.deployment, visit.workspace, _id(visit))
    if row.certificate is None:
        raise NotFound("the request has no certificate", hint="it is certified when it is completed")
    page = forms.write(visit.deployment, visit.workspace, row.certificate, forms.Form.PAGE)
    return Response(page, 200, HEADERS | PAGE_HEADERS, media_type="text/html")


def _list(visit: Visit, status: int = 200, error: InvalidInput | None = None) -> Response:
    cursor = visit.query("cursor")
    before = parse_id(cursor, "cursor") if cursor is not None else None
    rows = lifecycle.listed(visit.deployment, visit.workspace, PAGE + 1, before)
    policies = visit.deployment.policies
    titled = [(name, purpose.told_in("en")[0]) for name, purpose in policies.purposes.purposes.items()]
    return visit.page(
        "requests.html", status, error=error, kinds=KINDS, identifier_kinds=policies.identity.kinds,
        jurisdictions=sorted(policies.jurisdictions.by_name), jurisdiction=visit.deployment.jurisdiction,
        purposes=titled, rows=[(row, _days(visit, row)) for row in rows[:PAGE]],
        cursor=text_id(rows[PAGE - 1].request_id) if len(rows) > PAGE else None,
    )  # fmt: skip


def _days(visit: Visit, row: StoredRequest) -> int | None:
    """Whole days until the answer is due, negative once it is late; None when nothing is due."""
    return None if lifecycle.is_ended(row) else (row.respond_by - visit.deployment.clock()) // DAY


def _details(visit: Visit, kind: Kind) -> dict[str, object] | None:
    if EFFECTS[kind] is Effect.RECORD:
        return {"purposes": visit.form.every("purposes")}
    if EFFECTS[kind] is Effect.CORRECT:
        return {"traits": {visit.form.text("trait", most=64): visit.form.text("correct", most=FIELDS_MOST)}}
    return None


def _planned(plan: RequestPlan) -> list[tuple[str, str, int, dict[str, int]]]:
    """Per system and table that holds something: how many rows, and how many fields become what."""
    tables: dict[tuple[str, str], tuple[int, dict[str, int]]] = {}
    for system in plan.systems:
        for account in system.accounts:
            if account.rows:
                _, fates = tables.setdefault((account.system, account.table), (account.rows, {}))
                fates[account.disposition.value] = fates.get(account.disposition.value, 0) + 1
    return [(system, table, rows, fates) for (system, table), (rows, fates) in tables.items()]


def _told(event: RequestEvent) -> dict[str, str]:
    """What the history keeps of a move beside its name."""
    told: dict[str, str] = orjson.loads(event.details) if event.details else {}
    return told


def _kind(text: str) -> Kind:
    if text not in list(Kind):
        raise InvalidInput("choose what the person asks for", pointer="/kind")
    return Kind(text)


def _action(name: str) -> Action:
    return MOVES[Move(name)] if name in list(Move) and Move(name) in MOVES else Action.DSR_RUN


def _id(visit: Visit) -> RequestId:
    return RequestId(parse_id(visit.request.path_params["request_id"], "request_id"))


ROUTES: list[Any] = [
    Route("/console/requests", requests_page),
    Route("/console/requests", open_request, methods=["POST"]),
    Route("/console/requests/{request_id}", request_page),
    Route("/console/requests/{request_id}/package", package, methods=["POST"]),
    Route("/console/requests/{request_id}/certificate", certificate),
    Route("/console/requests/{request_id}/certificate/page", certificate_page),
    Route("/console/requests/{request_id}/extend", extend_request, methods=["POST"]),
    Route("/console/requests/{request_id}/{by}", move_request, methods=["POST"]),
]
