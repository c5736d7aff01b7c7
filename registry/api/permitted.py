"""Consent in bulk over HTTP: many checks at once, and all that are permitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from operator import itemgetter
from typing import Any

import orjson
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from registry.access.policy import Action
from registry.api.application import Application, of
from registry.api.bodies import decode_object, read_body
from registry.api.consent import decision_json, questions_of
from registry.api.decisions import counter_of, written
from registry.api.profile_lines import lines_of
from registry.flows.consent import ledger, permitted
from registry.flows.consent.decided import Decided
from registry.flows.consent.given import Given, Question
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import InvalidInput, TooLarge

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
    return Response(f'{{"decisions":[{",".join(decisions)}]}}'.encode(), media_type=JSON)


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
        pages = permitted.list_ids(deployment, workspace, purpose, application.boards)
        async for ids in iterate_in_threadpool(map(lines_of, pages)):
            yield ids

    return StreamingResponse(lines(), media_type=NDJSON)


def _decide_all(application: Application, workspace: OpenWorkspace, checks: list[Any], actor: str) -> list[str]:
    """The JSON of each decision: questions about now together, those about the past each from its own history."""
    asked = questions_of(application, checks)
    given = (
        _from_memory(application, workspace, asked)
        if all(one.at is None and one.jurisdiction is None for one in asked)
        else None
    )
    if given is not None:
        forms = {outcome: written(outcome) for outcome in {one.outcome for one in given}}
        for outcome, times in Counter(map(itemgetter(0), given)).items():
            forms[outcome].counter.inc(times)
        answers = zip(asked, (one.outcome.decision for one in given), strict=True)
        made = (Decided(q.person, q.purpose, decision.allowed, decision.reason.value) for q, decision in answers)
        application.decisions.note_all(actor, workspace, made)
        return [forms[one[0]].body(one) for one in given]
    deployment = application.deployment
    now = iter(permitted.check_many(deployment, workspace, [one for one in asked if one.at is None]))
    decisions = [
        next(now)
        if question.at is None
        else ledger.check(
            deployment,
            workspace,
            question.person,
            question.purpose,
            question.categories,
            at=question.at,
            jurisdiction=question.jurisdiction,
        )
        for question in asked
    ]
    answered = zip(asked, decisions, strict=True)
    made = (Decided(q.person, q.purpose, decision.allowed, decision.reason.value) for q, decision in answered)
    application.decisions.note_all(actor, workspace, made)
    for decision in decisions:
        counter_of(decision).inc()
    return [orjson.dumps(decision_json(decision)).decode() for decision in decisions]


def _from_memory(
    application: Application, workspace: OpenWorkspace, questions: Sequence[Question]
) -> list[Given] | None:
    """The answers of the workspace's board, where there is one."""
    if not application.boards.ready(workspace):
        return None
    indexes = workspace.indexer.index_each([question.person for question in questions])
    return application.boards.many(workspace, questions, indexes, application.deployment.clock())


ROUTES = [
    Route("/v1/consent/check/batch", check_consents, methods=["POST"]),
    Route("/v1/consent/list", list_permitted, methods=["POST"]),
]
