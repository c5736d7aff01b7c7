"""Changes of consent as server-sent events, so that what apps have cached is dropped when it ends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from registry.access.policy import Action
from registry.api.application import Application, of
from registry.flows.consent import ledger
from registry.model.clock import Micros
from registry.model.errors import Forbidden, InvalidInput, Unauthenticated
from registry.model.ids import text_id

PAGE = 500
LOOK_EVERY_S = 0.25
ALIVE_EVERY_S = 15.0
"""After so long without a record a comment is sent, so that proxies keep the connection open."""

_CURSOR = re.compile(r"([0-9]{1,18})-((?:[0-9a-f]{2}){0,16})")


async def follow_consent_changes(request: Request) -> Response:
    """`GET /v1/consent/changes`: consent records as server-sent events, from a cursor on."""
    application = of(request)
    _, workspace = application.caller(request, Action.CONSENT_CHECK)
    cursor = request.headers.get("last-event-id") or request.query_params.get("cursor", "")
    start = _cursor(cursor) if cursor else (application.deployment.clock(), b"")

    async def stream() -> AsyncIterator[bytes]:
        after, quiet = start, 0.0
        yield b"retry: 1000\n\n"
        while not await request.is_disconnected():
            if not _still_may(application, request):
                return
            page = await run_in_threadpool(ledger.changes, application.deployment, workspace, after, PAGE)
            for at, record_id, profile_id, purpose, status in page:
                after = (at, record_id)
                data = {"profile_id": text_id(profile_id), "purpose": purpose, "status": status}
                yield b"id: %d-%s\nevent: consent\ndata: %s\n\n" % (at, record_id.hex().encode(), orjson.dumps(data))
            quiet = 0.0 if page else quiet + LOOK_EVERY_S
            if quiet >= ALIVE_EVERY_S:
                quiet = 0.0
                yield b": still here\n\n"
            if len(page) < PAGE:
                await asyncio.sleep(LOOK_EVERY_S)

    return StreamingResponse(stream(), media_type="text/event-stream")


def _still_may(application: Application, request: Request) -> bool:
    """Whether a stream that was begun may go on: a key that is revoked ends it within seconds."""
    try:
        application.caller(request, Action.CONSENT_CHECK)
    except (Unauthenticated, Forbidden):
        return False
    return True


def _cursor(text: str) -> tuple[Micros, bytes]:
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise InvalidInput("the cursor is not one of ours", pointer="/query/cursor")
    return int(found[1]), bytes.fromhex(found[2])


ROUTES = [Route("/v1/consent/changes", follow_consent_changes, methods=["GET"])]
