"""Consent in bulk over HTTP: many checks at once, the permitted ones of many subjects, and all that are permitted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from registry.access.policy import Action
from registry.api.application import Application, of
from registry.api.bodies import decode_object, read_body
from registry.api.consent import decision_json, person_of, question_of
from registry.api.metrics import DECISIONS
from registry.flows.consent import ledger, permitted
from registry.flows.consent.decided import Decided
from registry.flows.consent.permitted import Question
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros
from registry.model.decision import Decision
from registry.model.errors import InvalidInput, TooLarge
from registry.model.ids import text_id

BATCH_BYTES = 8 * 1024 * 1024
BATCH_CHECKS = 10_000
LIST_BYTES = 4 * 1024

JSON, NDJSON = "application/json", "application/x-ndjson"


async def check_consents(request: Request) -> Response:
    """`POST /v1/consent/check/batch`: many decisions, in the order of the questions."""
    application = of(request)
    principal, workspace = application.caller(request, Action.CONSENT_CHECK)
    checks = decode_object(await read_body(request, BATCH_BYTES)).get("checks")
    if not isinstance(checks, list):
        raise InvalidInput("checks is not a list", pointer="/checks")
    if len(checks) > BATCH_CHECKS:
        raise TooLarge(f"more than {BATCH_CHECKS} checks in one request")
    decisions = await run_in_threadpool(_decide_all, application, workspace, checks, principal.actor)
    return Response(orjson.dumps({"decisions": [decision_json(one) for one in decisions]}), media_type=JSON)


async def filter_subjects(request: Request) -> Response:
    """`POST /v1/consent/filter`: subject references in as NDJSON, the permitted ones out."""
    application = of(request)
    principal, workspace = application.caller(request, Action.CONSENT_CHECK)
    purpose = request.query_params.get("purpose")
    if purpose is None:
        raise InvalidInput("no purpose: add ?purpose=", pointer="/query/purpose")
    body = await read_body(request, BATCH_BYTES)

    def through() -> bytes:
        lines, people = [], []
        for number, line in enumerate(body.splitlines(), 1):
            if not line.strip():
                continue
            try:
                people.append(person_of(application, orjson.loads(line)))
            except orjson.JSONDecodeError:
                raise InvalidInput(f"line {number} is not JSON") from None
            except InvalidInput as error:
                raise InvalidInput(f"line {number}: {error.detail}", pointer=error.pointer) from None
            lines.append(line)
        allowed = permitted.filter_people(application.deployment, workspace, people, purpose)
        answers = zip(people, allowed, strict=True)
        filtered = (Decided(person, purpose, may, "filtered") for person, may in answers)
        application.decisions.note_all(principal.actor, workspace, filtered)
        return b"".join(line + b"\n" for line, may in zip(lines, allowed, strict=True) if may)

    return Response(await run_in_threadpool(through), 200, media_type=NDJSON)


async def list_permitted(request: Request) -> Response:
    """`POST /v1/consent/list`: an opaque reference to each profile that may be used for a purpose."""
    application = of(request)
    principal, workspace = application.caller(request, Action.CONSENT_LIST)
    purpose = decode_object(await read_body(request, LIST_BYTES)).get("purpose")
    if not isinstance(purpose, str):
        raise InvalidInput("purpose is not text", pointer="/purpose")
    application.deployment.policies.access.require(principal, Action.CONSENT_LIST, purpose=purpose)
    deployment = application.deployment
    await run_in_threadpool(permitted.record_listing, deployment, workspace, purpose, actor=principal.actor)

    async def lines() -> AsyncIterator[bytes]:
        async for page in iterate_in_threadpool(permitted.list_people(deployment, workspace, purpose)):
            yield b"".join(b'{"profile_id":"%s"}\n' % text_id(profile_id).encode() for profile_id in page)

    return StreamingResponse(lines(), media_type=NDJSON)


def _decide_all(application: Application, workspace: OpenWorkspace, checks: list[Any], actor: str) -> list[Decision]:
    """Questions about now are decided together; those about the past each from its own history."""
    asked: list[tuple[Question, Micros | None]] = []
    for place, check in enumerate(checks):
        try:
            asked.append(question_of(application, check))
        except InvalidInput as error:
            pointer = f"/checks/{place}{error.pointer or ''}"
            raise InvalidInput(f"check {place}: {error.detail}", pointer=pointer) from None
    deployment = application.deployment
    present = iter(permitted.check_many(deployment, workspace, [question for question, at in asked if at is None]))
    decisions = [
        next(present)
        if at is None
        else ledger.check(
            deployment,
            workspace,
            question.person,
            question.purpose,
            question.categories,
            at=at,
            jurisdiction=question.jurisdiction,
        )
        for question, at in asked
    ]
    answered = zip(asked, decisions, strict=True)
    made = (Decided(q.person, q.purpose, decision.allowed, decision.reason.value) for (q, _), decision in answered)
    application.decisions.note_all(actor, workspace, made)
    for decision in decisions:
        DECISIONS.labels(allowed=str(decision.allowed).lower(), reason=decision.reason.value).inc()
    return decisions


ROUTES = [
    Route("/v1/consent/check/batch", check_consents, methods=["POST"]),
    Route("/v1/consent/filter", filter_subjects, methods=["POST"]),
    Route("/v1/consent/list", list_permitted, methods=["POST"]),
]
