"""Webhooks over HTTP: who is told what happens here."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from registry.access.policy import Action
from registry.api.application import of
from registry.api.bodies import JSON_BYTES, JsonRoute, read_body
from registry.api.wire import UUID_FORM, NewWebhook
from registry.flows.dsr import acknowledged
from registry.flows.outgoing import webhooks
from registry.model.errors import NotFound
from registry.model.ids import parse_id, text_id

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=JsonRoute)
open_router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

WebhookId = Annotated[
    str, Path(description="The id that creating it gave.", max_length=36, json_schema_extra=UUID_FORM)
]
MOVES = ("pause", "resume", "test", "replay")
ACKNOWLEDGEMENT_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["workspace_id", "erasure_id"],
                "properties": {name: {"type": "string", **UUID_FORM} for name in ("workspace_id", "erasure_id")},
            },
            "example": {
                "workspace_id": "0195e7a0-0000-7000-8000-000000000001",
                "erasure_id": "0195e7a0-0000-7000-8000-000000000009",
            },
        }
    },
}


@router.get("", summary="Webhooks, and how they fare")
def list_webhooks(request: Request) -> dict[str, Any]:
    """Every webhook, oldest first; of its address, the origin only."""
    application = of(request)
    _, workspace = application.caller(request, Action.WEBHOOKS_READ)
    found = webhooks.listed(application.deployment, workspace.workspace_id)
    return {"webhooks": [webhooks.webhook_json(seen) for seen in found]}


@router.post("", status_code=201, summary="Subscribe an address to topics")
def create_webhook(request: Request, body: NewWebhook) -> dict[str, Any]:
    """Signed as Standard Webhooks says; the secret stands in this answer only."""
    application = of(request)
    principal, workspace = application.caller(request, Action.WEBHOOKS_WRITE)
    made = webhooks.create(application.deployment, workspace.workspace_id, actor=principal.actor, **body.model_dump())
    return {"webhook_id": text_id(made.webhook_id), "secret": made.secret}


@open_router.post(
    "/acknowledgements",
    summary="That a recipient has done an erasure it was told of",
    openapi_extra={"requestBody": ACKNOWLEDGEMENT_BODY},
)
async def acknowledge_erasure(request: Request) -> dict[str, Any]:
    """No key is needed: the message is signed, as Standard Webhooks says, by the secret that the recipient was told
    of the erasure by. Both ids stand in the `data` of that message. Said again, nothing more happens.
    """
    application = of(request)
    raw = await read_body(request, JSON_BYTES)
    await run_in_threadpool(acknowledged.take, application.deployment, application.workspaces, raw, request.headers)
    return {"success": True}


@router.get("/{webhook_id}", summary="One webhook")
def get_webhook(request: Request, webhook_id: WebhookId) -> dict[str, Any]:
    """What it is told, and how it fares: what waits, what was given up, since when it fails."""
    application = of(request)
    _, workspace = application.caller(request, Action.WEBHOOKS_READ)
    identity = parse_id(webhook_id, "webhook_id")
    return webhooks.webhook_json(webhooks.get(application.deployment, workspace.workspace_id, identity))


@router.get("/{webhook_id}/dead", summary="What could not be told")
def list_dead_letters(
    request: Request, webhook_id: WebhookId, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:
    """Messages that were given up after their last attempt, oldest first, to be replayed."""
    application = of(request)
    _, workspace = application.caller(request, Action.WEBHOOKS_READ)
    identity = parse_id(webhook_id, "webhook_id")
    found = webhooks.dead_letters(application.deployment, workspace.workspace_id, identity, limit)
    return {"messages": [webhooks.message_json(row) for row in found]}


@router.post("/{webhook_id}/{by}", summary="Pause, resume, test a webhook, or replay what could not be told")
def move_webhook(
    request: Request, webhook_id: WebhookId, by: Annotated[str, Path(json_schema_extra={"enum": [*MOVES]})]
) -> dict[str, Any]:
    """Change how a webhook is sent to; the answer is the webhook as it is now."""
    application = of(request)
    principal, workspace = application.caller(request, Action.WEBHOOKS_WRITE)
    if by not in MOVES:
        raise NotFound("there is no such move", hint=f"one of {', '.join(MOVES)}")
    act = {
        "pause": webhooks.pause,
        "resume": webhooks.resume,
        "test": webhooks.send_test,
        "replay": webhooks.replay,
    }[by]
    deployment, workspace_id = application.deployment, workspace.workspace_id
    identity = parse_id(webhook_id, "webhook_id")
    act(deployment, workspace_id, identity, actor=principal.actor)
    return webhooks.webhook_json(webhooks.get(deployment, workspace_id, identity))


@router.delete("/{webhook_id}", status_code=204, summary="Remove a webhook")
def remove_webhook(request: Request, webhook_id: WebhookId) -> Response:
    """Its address, its secret and what it was still to be told are forgotten."""
    application = of(request)
    principal, workspace = application.caller(request, Action.WEBHOOKS_WRITE)
    identity = parse_id(webhook_id, "webhook_id")
    webhooks.remove(application.deployment, workspace.workspace_id, identity, actor=principal.actor)
    return Response(status_code=204)
