"""One consent check over HTTP: a plain ASGI endpoint on bytes, since it stands before every use of data.

An answer that was given to the same bytes is given again for as long as nothing was committed; of what was asked,
only a keyed hash is remembered. Any other comes from the workspace's board (decision 0017), or from the database.
"""

from __future__ import annotations

import hashlib
import os
from functools import partial

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from registry.access.policy import Action
from registry.api.application import Answer, Application, bearer
from registry.api.bodies import receive_body
from registry.api.consent import decision_json
from registry.api.decisions import counter_of, written
from registry.api.questions import question_of
from registry.flows.consent import checks
from registry.flows.consent.decided import Decided, Noted
from registry.flows.consent.given import Question
from registry.flows.workspace import OpenWorkspace

CHECK_BYTES = 64 * 1024
_LOOKED_AT = frozenset({b"authorization", b"content-length"})


class ConsentCheck:
    """`POST /v1/consent/check`: one decision."""

    def __init__(self) -> None:
        self._key = os.urandom(16)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        application: Application = scope["app"].state.registry
        headers = _headers(scope)
        secret = bearer(headers)
        principal = application.known_lately(secret)
        if principal is None:
            principal = await application.awaited(application.known, secret)
        application.deployment.policies.access.require_action(principal, Action.CONSENT_CHECK)
        body = await receive_body(receive, headers, CHECK_BYTES)
        workspace = application.workspaces.opened_lately(principal.workspace_id)
        if workspace is None:
            workspace = await application.awaited(application.workspaces.open, principal.workspace_id)
        answer = await self._answer(application, workspace, body)
        answer.counter.inc()
        application.decisions.note(principal.actor, answer.noted)
        headers_out = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer.content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers_out})
        await send({"type": "http.response.body", "body": answer.content})

    async def _answer(self, application: Application, workspace: OpenWorkspace, body: bytes) -> Answer:
        workspace_id, remembered = workspace.workspace_id, application.remembered
        key = hashlib.blake2b(body, digest_size=16, key=self._key).digest()
        is_embedded = application.deployment.data.is_sqlite
        commits = application.commits() if is_embedded else await _state(application, workspace)
        known = remembered.get(workspace_id, key, commits) if commits is not None else None
        if known is not None:
            return known
        asked = question_of(application, body)
        made = _from_board(application, workspace, asked, commits) if commits is not None else None
        if made is None and is_embedded:  # a point read is cheaper than the hop to a thread
            made = _from_database(application, workspace, asked)
        elif made is None:
            made = await run_in_threadpool(_from_database, application, workspace, asked)
        answer, lasting = made
        if lasting and commits is not None:
            remembered.put(workspace_id, key, commits, answer)
        return answer


async def _state(application: Application, workspace: OpenWorkspace) -> int | None:
    """In which state PostgreSQL is, as of one look that all share whose questions came before it began."""
    return await application.looks.shared(("boards", workspace.workspace_id), partial(_looked, application, workspace))


async def _looked(application: Application, workspace: OpenWorkspace) -> int | None:
    """Mostly nothing changed: that is told without a thread, which would wait for its turn in a busy server."""
    state = await application.boards.unchanged(workspace)
    return state if state is not None else await run_in_threadpool(application.boards.look, workspace)


def _headers(scope: Scope) -> dict[str, str]:
    """The first of each of the two headers that a check looks at."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name in _LOOKED_AT:
            found.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return found


def _from_board(
    application: Application, workspace: OpenWorkspace, asked: Question, commits: int
) -> tuple[Answer, bool] | None:
    """The board's answer, and whether it holds until something is committed; None where the database is to be asked."""
    if not asked.is_plain:
        return None
    index, now = workspace.indexer.index(asked.person.kind, asked.person.value), application.deployment.clock()
    given = application.boards.one(workspace, index, asked.purpose, asked.categories, now, commits)
    if given is None:
        return None
    form = written(given.outcome)
    noted = _noted(application, workspace, asked, form.allowed, form.reason)
    return Answer(form.body(given), form.counter, noted), given.lasting


def _from_database(application: Application, workspace: OpenWorkspace, asked: Question) -> tuple[Answer, bool]:
    """The answer of what is committed now, and whether it holds until something else is."""
    deployment = application.deployment
    if asked.is_plain:
        decision, lasting = checks.answer(deployment, workspace, asked.person, asked.purpose, asked.categories)
    else:
        decision, lasting = checks.check(
            deployment, workspace, asked.person, asked.purpose, asked.categories,
            at=asked.at, jurisdiction=asked.jurisdiction,
        ), False  # fmt: skip
    noted = _noted(application, workspace, asked, decision.allowed, decision.reason.value)
    return Answer(orjson.dumps(decision_json(decision)), counter_of(decision), noted), lasting


def _noted(
    application: Application, workspace: OpenWorkspace, asked: Question, allowed: bool, reason: str
) -> Noted | None:
    """What is logged of an answer, where any are."""
    if not application.decisions.share:
        return None
    return application.decisions.noted(workspace, Decided(asked.person, asked.purpose, allowed, reason))


ROUTES = [Route("/v1/consent/check", ConsentCheck(), methods=["POST"])]
