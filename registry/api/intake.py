"""How requests come in over HTTP, and how whoever asks proves to be the person, or to act for them."""

from __future__ import annotations

import io
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from registry.access.policy import Action, Principal
from registry.api.application import of
from registry.api.bodies import JsonRoute, read_body
from registry.api.consent import moment
from registry.api.dsr import RequestIdText, request_id_of, request_json
from registry.api.intake_wire import (
    Acknowledgement,
    Cancellation,
    MandateCheck,
    NewRequest,
    Pause,
    Refusal,
    Verification,
)
from registry.connectors.rows import of_text
from registry.dsr.bulk import check_columns
from registry.dsr.requests import Move
from registry.flows.dsr import bulk, intake, letters, lifecycle, moves, proofs, proving
from registry.flows.dsr.intake import Wish
from registry.flows.identity.subjects import subject
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import InvalidInput

router = APIRouter(prefix="/v1/dsr", tags=["data subject requests"], route_class=JsonRoute)

FILE_BYTES = 4 * 1024 * 1024
"""The largest file of requests."""

AN_OFFICER, WITHOUT_WORDS, IN_DOUBT, BY_LETTER = Verification(), Refusal(), Pause(), Acknowledgement()
TAKEN_BACK = Cancellation()
"""What a body that is left out says."""


@router.post("/requests", status_code=201, summary="Open a request")
def open_request(request: Request, body: NewRequest) -> dict[str, Any]:
    """Take a request in and set its deadline. Whether the person is known is not said."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_OPEN)
    wish = Wish(
        kind=body.kind,
        person=subject(application.deployment.policies.identity, body.subject.kind, body.subject.value),
        jurisdiction=body.jurisdiction,
        details=body.details.model_dump(exclude_none=True) if body.details is not None else None,
        claim=body.agent.claim(moment(body.agent.mandate_until, "/agent/mandate_until")) if body.agent else None,
        received_at=moment(body.received_at, "/received_at"),
        reference=body.reference,
        language=body.language,
    )
    opened, _ = intake.take(application.deployment, workspace, wish, actor=principal.actor, owner=principal.owner)
    return request_json(opened)


@router.post("/imports", summary="Open many requests from a CSV file")
async def import_requests(
    request: Request,
    dry_run: Annotated[bool, Query(description="Only say what would become of the rows.")] = False,
) -> dict[str, Any]:
    """A row each, by itself; one whose `reference` was taken before is not opened again. No value is repeated."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_OPEN)
    body = await read_body(request, FILE_BYTES)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("the body is not UTF-8 text") from None
    return await run_in_threadpool(_import, request, principal, workspace, text, dry_run)


@router.post("/requests/{request_id}/verify", summary="Prove who asks")
def verify_request(request: Request, request_id: RequestIdText, body: Verification = AN_OFFICER) -> dict[str, Any]:
    """By an officer's recorded check, a code, a link or a login; verified once the level of its kind is reached."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_VERIFY)
    deployment, identity, given = application.deployment, request_id_of(request_id), body
    actor = principal.actor
    match given.means:
        case "code":
            code = _given(given.code, "/code").replace(" ", "")
            row = proving.by_code(deployment, workspace, identity, code, actor=actor)
        case "login":
            row = proving.by_login(deployment, workspace, identity, _given(given.token, "/token"), actor=actor)
        case "link":
            lifecycle.get(deployment, workspace, identity)
            row = proving.by_link(deployment, workspace, _given(given.token, "/token"), actor=actor, of=identity)
        case _:
            row = proving.by_officer(deployment, workspace, identity, given.seen, actor=actor)
    return request_json(row)


@router.get("/requests/{request_id}/verification", summary="What was proved, and what is missing")
def request_verification(request: Request, request_id: RequestIdText) -> dict[str, Any]:
    """The level that the kind needs, the proofs so far, and who the agent is, if one asks."""
    application = of(request)
    _, workspace = application.caller(request, Action.DSR_VERIFY)
    return proofs.standing(application.deployment, workspace, request_id_of(request_id))


@router.post("/requests/{request_id}/challenge", summary="Send the person a code and a link")
def ask_for_proof(request: Request, request_id: RequestIdText) -> dict[str, Any]:
    """If there is a mailbox; the answer is the same if there is none, and comes before anything is sent."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_OPEN)
    row = proving.ask(application.deployment, workspace, request_id_of(request_id), actor=principal.actor)
    return request_json(row)


@router.post("/requests/{request_id}/mandate", summary="Record the check of an agent's mandate")
def check_mandate(request: Request, request_id: RequestIdText, body: MandateCheck) -> dict[str, Any]:
    """A request whose mandate is rejected, or has ended, is refused; nothing is said about the person."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_VERIFY)
    row = proofs.check_mandate(
        application.deployment,
        workspace,
        request_id_of(request_id),
        accepted=body.outcome == "accepted",
        seen=body.seen,
        words=body.reason,
        actor=principal.actor,
    )
    return request_json(row)


@router.post("/requests/{request_id}/pause", summary="Wait until it is clear who asks")
def pause_request(request: Request, request_id: RequestIdText, body: Pause = IN_DOUBT) -> dict[str, Any]:
    """Whoever asked is told why, where there is a mailbox; the clock stands still where the request's law lets it."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_VERIFY)
    row = lifecycle.move_request(
        application.deployment, workspace, request_id_of(request_id), Move.PAUSE, actor=principal.actor,
        owner=principal.owner, reason=body.reason,
    )  # fmt: skip
    return request_json(row)


@router.post("/requests/{request_id}/refuse", summary="Refuse a request")
def refuse_request(request: Request, request_id: RequestIdText, body: Refusal = WITHOUT_WORDS) -> dict[str, Any]:
    """Whoever asked is told why, where there is a mailbox (GDPR Art. 12(4))."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_APPROVE)
    row = lifecycle.move_request(
        application.deployment, workspace, request_id_of(request_id), Move.REFUSE, actor=principal.actor,
        owner=principal.owner, reason=body.reason,
    )  # fmt: skip
    return request_json(row)


@router.post("/requests/{request_id}/cancel", summary="Cancel a request")
def cancel_request(request: Request, request_id: RequestIdText, body: Cancellation = TAKEN_BACK) -> dict[str, Any]:
    """Before it is begun; or after, with a reason, where nobody can read it any more. The history has the reason."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_APPROVE)
    row = lifecycle.move_request(
        application.deployment, workspace, request_id_of(request_id), Move.CANCEL, actor=principal.actor,
        owner=principal.owner, reason=body.reason,
    )  # fmt: skip
    return request_json(row)


@router.post("/requests/{request_id}/acknowledge", summary="Record that the receipt was acknowledged")
def acknowledge_request(
    request: Request, request_id: RequestIdText, body: Acknowledgement = BY_LETTER
) -> dict[str, Any]:
    """By other means than the letter that is sent where the law wants one and there is a mailbox (11 CCR 7021(a))."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_VERIFY)
    row = moves.acknowledge(
        application.deployment, workspace, request_id_of(request_id), channel=body.channel, actor=principal.actor
    )
    return request_json(row)


@router.get("/requests/{request_id}/letters", summary="The letters about a request")
def request_letters(request: Request, request_id: RequestIdText) -> dict[str, Any]:
    """What was written to whom and what became of it; never an address."""
    application = of(request)
    _, workspace = application.caller(request, Action.DSR_READ)
    row, _ = lifecycle.get(application.deployment, workspace, request_id_of(request_id))
    return {"letters": letters.told(application.deployment, workspace, row)}


def _import(
    request: Request, principal: Principal, workspace: OpenWorkspace, text: str, dry_run: bool
) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    rows = bulk.read(of_text(io.StringIO(text, newline=""), check=check_columns))
    told = bulk.take(
        of(request).deployment, workspace, rows, actor=principal.actor, owner=principal.owner, dry_run=dry_run,
        report=lambda one: results.append(one.as_json()),
    )  # fmt: skip
    return told | {"results": results}


def _given(text: str | None, pointer: str) -> str:
    if text is None:
        raise InvalidInput("this proof is missing", pointer=pointer)
    return text
