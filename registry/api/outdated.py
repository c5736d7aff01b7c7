"""Who is to be asked again over HTTP, since a purpose was changed in substance after they agreed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import islice

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from registry.access.policy import Action
from registry.api.application import of
from registry.api.bodies import decode_object, read_body
from registry.api.permitted import LIST_BYTES, NDJSON
from registry.flows.consent import asking_again, permitted
from registry.model.errors import InvalidInput
from registry.model.ids import text_id

AT_ONCE = 1_000


async def list_outdated(request: Request) -> Response:
    """`POST /v1/consent/outdated`: an opaque reference to each profile that agreed to a purpose as it was before."""
    application = of(request)
    principal, workspace = await application.awaited(application.caller, request, Action.CONSENT_LIST)
    purpose = decode_object(await read_body(request, LIST_BYTES)).get("purpose")
    if not isinstance(purpose, str):
        raise InvalidInput("purpose is not text", pointer="/purpose")
    deployment = application.deployment
    deployment.policies.access.require(principal, Action.CONSENT_LIST, purpose=purpose)
    await run_in_threadpool(permitted.record_listing, deployment, workspace, purpose, actor=principal.actor)
    found = asking_again.outdated(deployment, workspace, purpose)

    async def lines() -> AsyncIterator[bytes]:
        while page := await run_in_threadpool(lambda: list(islice(found, AT_ONCE))):
            yield b"".join(b'{"profile_id":"%s"}\n' % text_id(profile_id).encode() for profile_id in page)

    return StreamingResponse(lines(), media_type=NDJSON)


ROUTES = [Route("/v1/consent/outdated", list_outdated, methods=["POST"])]
