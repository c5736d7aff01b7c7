"""One consent check over HTTP: a plain ASGI endpoint on bytes, since it stands before every use of data.

An answer that was given to the same bytes is given again for as long as nothing was committed. Of what was
asked, only a keyed hash is remembered.
"""

from __future__ import annotations

import hashlib
import os

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from registry.access.policy import Action
from registry.api.application import Answer, Application, bearer
from registry.api.bodies import decode_object, receive_body
from registry.api.consent import decision_json, question_of
from registry.api.metrics import DECISIONS
from registry.flows.consent import ledger
from registry.flows.consent.decided import Decided
from registry.flows.workspace import OpenWorkspace

CHECK_BYTES = 64 * 1024


class ConsentCheck:
    """`POST /v1/consent/check`: one decision."""

    def __init__(self) -> None:
        self._key = os.urandom(16)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        application: Application = scope["app"].state.registry
        headers = Headers(scope=scope)
        principal = application.known(bearer(headers))
        application.deployment.policies.access.require_action(principal, Action.CONSENT_CHECK)
        body = await receive_body(receive, headers, CHECK_BYTES)
        workspace = application.workspaces.open(principal.workspace_id)
        if application.deployment.data.is_sqlite:  # a point read is cheaper than the hop to a thread
            answer = self._answer(application, workspace, body)
        else:
            answer, _ = await run_in_threadpool(_decide, application, workspace, body)
        answer.counter.inc()
        application.decisions.note(principal.actor, answer.noted)
        headers_out = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer.content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers_out})
        await send({"type": "http.response.body", "body": answer.content})

    def _answer(self, application: Application, workspace: OpenWorkspace, body: bytes) -> Answer:
        key = hashlib.blake2b(body, digest_size=16, key=self._key, salt=workspace.workspace_id).digest()
        answer = application.remembered.get(key)
        if answer is None:
            answer, lasting = _decide(application, workspace, body)
            if lasting:
                application.remembered.put(key, answer)
        return answer


def _decide(application: Application, workspace: OpenWorkspace, body: bytes) -> tuple[Answer, bool]:
    """The answer, and whether it holds until something is committed."""
    deployment = application.deployment
    asked, at = question_of(application, decode_object(body))
    if at is None:
        decision, lasting = ledger.answer(deployment, workspace, asked.person, asked.purpose, asked.categories)
    else:
        decision = ledger.check(deployment, workspace, asked.person, asked.purpose, asked.categories, at=at)
        lasting = False
    counter = DECISIONS.labels(allowed=str(decision.allowed).lower(), reason=decision.reason.value)
    decided = Decided(asked.person, asked.purpose, decision.allowed, decision.reason.value)
    noted = application.decisions.noted(workspace, decided)
    return Answer(orjson.dumps(decision_json(decision)), counter, noted), lasting


ROUTES = [Route("/v1/consent/check", ConsentCheck(), methods=["POST"])]
