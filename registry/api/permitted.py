"""Consent in bulk over HTTP: many checks at once, and all that are permitted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial

import orjson
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from registry.access.policy import Action
from registry.api.application import Application, of
from registry.api.bodies import decode_object, read_body
from registry.api.consent import decision_json
from registry.api.decisions import counter_of, written_all
from registry.api.profile_lines import lines_of
from registry.api.questions import Plain, questions_of
from registry.api.reasons import reasoned, told
from registry.flows.consent import checks, permitted
from registry.flows.consent.decided import Decided
from registry.flows.consent.given import Answers
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import InvalidInput
from registry.model.ids import ProfileId

BATCH_BYTES = 8 * 1024 * 1024
LIST_BYTES = 4 * 1024

JSON, NDJSON = "application/json", "application/x-ndjson"


async def check_consents(request: Request) -> Response:
    """`POST /v1/consent/check/batch`: many decisions, in the order of the questions."""
    application = of(request)
    principal, workspace = application.caller(request, Action.CONSENT_CHECK)
    body = await read_body(request, BATCH_BYTES)
    decisions = await run_in_threadpool(_decide_all, application, workspace, body, principal.actor)
    return Response(b'{"decisions":[%s]}' % decisions, media_type=JSON)


async def list_permitted(request: Request) -> Response:
    """`POST /v1/consent/list`: an opaque reference to each profile that may be used for a purpose."""
    application = of(request)
    principal, workspace = application.caller(request, Action.CONSENT_LIST)
    asked = decode_object(await read_body(request, LIST_BYTES))
    purpose, with_reasons = asked.get("purpose"), asked.get("reasons", False)
    if not isinstance(purpose, str):
        raise InvalidInput("purpose is not text", pointer="/purpose")
    if not isinstance(with_reasons, bool):
        raise InvalidInput("reasons is not true or false", pointer="/reasons")
    application.deployment.policies.access.require(principal, Action.CONSENT_LIST, purpose=purpose)
    deployment = application.deployment
    await run_in_threadpool(permitted.record_listing, deployment, workspace, purpose, actor=principal.actor)

    async def lines() -> AsyncIterator[bytes]:
        pages = permitted.list_ids(deployment, workspace, purpose, application.boards)
        written = partial(_reasons_of, application, workspace, purpose) if with_reasons else lines_of
        async for page in iterate_in_threadpool(map(written, pages)):
            yield page

    return StreamingResponse(lines(), media_type=NDJSON)


def _reasons_of(application: Application, workspace: OpenWorkspace, purpose: str, ids: bytes) -> bytes:
    """The lines of a page with their reasons; without whom a withdrawal has reached since the page was read."""
    profiles = [ProfileId(ids[at : at + 16]) for at in range(0, len(ids), 16)]
    decisions = reasoned(application, workspace, profiles, purpose)
    lines = lines_of(ids).splitlines()
    return b"".join(told(line, decision) for line, decision in zip(lines, decisions, strict=True) if decision.allowed)


def _decide_all(application: Application, workspace: OpenWorkspace, body: bytes, actor: str) -> bytes:
    """The JSON of the decisions: questions about now together, those about the past each from its own history."""
    read = questions_of(application, body)
    plain = read if isinstance(read, Plain) else Plain.of(read)
    answers = _from_memory(application, workspace, plain) if plain is not None else None
    if plain is not None and answers is not None:
        application.decisions.note_all(actor, workspace, _decided(plain, answers))
        return written_all(answers)
    deployment, questions = application.deployment, read.questions() if isinstance(read, Plain) else read
    now = iter(permitted.check_many(deployment, workspace, [one for one in questions if one.at is None]))
    decisions = [
        next(now)
        if question.at is None
        else checks.check(
            deployment,
            workspace,
            question.person,
            question.purpose,
            question.categories,
            at=question.at,
            jurisdiction=question.jurisdiction,
        )
        for question in questions
    ]
    answered = zip(questions, decisions, strict=True)
    made = (Decided(q.person, q.purpose, decision.allowed, decision.reason.value) for q, decision in answered)
    application.decisions.note_all(actor, workspace, made)
    for decision in decisions:
        counter_of(decision).inc()
    return b",".join(orjson.dumps(decision_json(decision)) for decision in decisions)


def _from_memory(application: Application, workspace: OpenWorkspace, plain: Plain) -> Answers | None:
    """The answers of the workspace's board, where there is one."""
    if not application.boards.ready(workspace):
        return None
    indexes = workspace.indexer.index_each(*plain.people)
    return application.boards.many(workspace, plain.asked, indexes, application.deployment.clock())


def _decided(plain: Plain, answers: Answers) -> Iterator[Decided]:
    decisions = [outcome.decision for outcome in answers.outcomes]
    for person, (purpose, _), code in zip(plain.people.each(), plain.asked, answers.codes.tolist(), strict=True):
        yield Decided(person, purpose, decisions[code].allowed, decisions[code].reason.value)


ROUTES = [
    Route("/v1/consent/check/batch", check_consents, methods=["POST"]),
    Route("/v1/consent/list", list_permitted, methods=["POST"]),
]
