"""The tracking endpoints: the Segment HTTP protocol, so that vendors' SDKs work by changing the host.

Success is exactly 200 with `{"success": true}`; one bad event never fails its batch, because SDKs
drop or retry a batch as a whole. What was not plainly accepted is listed in `results`.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from registry.api.application import Application, basic_user, of
from registry.api.bodies import MAX_NESTING, decode_object, nested_deeper, read_body
from registry.api.metrics import EVENTS
from registry.consent.signals.banners import from_gpc
from registry.flows.ingest.admission import Delivery, Item, Status
from registry.flows.ingest.pipeline import Receipt
from registry.model.clock import parse_iso8601
from registry.model.errors import Conflict, InvalidInput, StoreUnavailable, TooLarge

CALLS = ("track", "identify", "page", "screen", "group", "alias")
SHORT_PATHS = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"}
"""Where the browser SDK sends single calls."""


async def batch(request: Request) -> Response:
    """`POST /v1/batch`, `/v1/b`: many calls."""
    application = of(request)
    return await _many(request, application, application.limits.batch_bytes)


async def historical_import(request: Request) -> Response:
    """`POST /v1/import`: as a batch, with the larger limit of bulk loads."""
    application = of(request)
    return await _many(request, application, application.limits.import_bytes)


async def one(request: Request) -> Response:
    """`POST /v1/track` and its five siblings: one call, its type given by the path."""
    application = of(request)
    raw = await read_body(request, application.limits.batch_bytes)
    body = decode_object(raw)
    name = request.url.path.rsplit("/", 1)[1]
    call = {member: value for member, value in body.items() if member != "writeKey"}
    call["type"] = SHORT_PATHS.get(name, name)
    return await _take_in(request, application, body, [call], len(raw))


async def browser_metrics(_request: Request) -> Response:
    """`POST /v1/m`: the browser SDK's report on itself, acknowledged and not kept."""
    return _json({"success": True})


async def browser_settings(request: Request) -> Response:
    """`GET /v1/projects/{write_key}/settings`: what the browser SDK asks for before it starts."""
    application = of(request)
    write_key = request.path_params["write_key"]
    await application.awaited(application.source, write_key)
    host = request.url.netloc
    sender = {"apiKey": write_key, "apiHost": f"{host}/v1", "protocol": request.url.scheme}
    return _json({"integrations": {"Segment.io": sender}, "plan": {}})


async def _many(request: Request, application: Application, limit: int) -> Response:
    raw = await read_body(request, limit)
    body = decode_object(raw)
    calls = body.get("batch")
    if not isinstance(calls, list):
        raise InvalidInput("batch is not a list of calls", pointer="/batch")
    if len(calls) > application.limits.batch_events:
        raise TooLarge(f"the batch holds more than {application.limits.batch_events} events")
    return await _take_in(request, application, body, calls, len(raw))


async def _take_in(
    request: Request, application: Application, body: dict[str, Any], calls: list[object], size: int
) -> Response:
    write_key = basic_user(request.headers) or body.get("writeKey") or request.query_params.get("writeKey")
    named = write_key if isinstance(write_key, str) else ""
    source = application.source_lately(named)
    if source is None:
        source = await application.awaited(application.source, named)
    sent_at, context, integrations = body.get("sentAt"), body.get("context"), body.get("integrations")
    if "batch" not in body or not isinstance(context, dict):
        context = {}
    if "batch" not in body or not isinstance(integrations, dict):
        integrations = {}
    if context or integrations:
        _check_shared(application, {"context": context, "integrations": integrations}, len(calls))
    delivery = Delivery(
        source=source,
        calls=calls,
        received_at=application.deployment.clock(),
        sent_at=parse_iso8601(sent_at) if isinstance(sent_at, str) else None,
        context=context,
        integrations=integrations,
        opted_out=from_gpc(request.headers.getlist("sec-gpc")),
        max_event_bytes=application.limits.event_bytes,
        size=size,
    )
    try:
        receipt = await application.intake.submit(source.row.workspace_id, delivery)
    except Conflict as error:  # two writers met: a 409 would make SDKs drop the batch
        raise StoreUnavailable(error.detail, hint="send the batch again") from None
    for status, count in receipt.counts.items():
        EVENTS.labels(outcome=status.value).inc(count)
    return _json(_answer(receipt))


def _check_shared(application: Application, shared: dict[str, Any], calls: int) -> None:
    """Bound what a batch says once for all of its calls: it is kept with each of them."""
    if nested_deeper(shared, MAX_NESTING):
        raise InvalidInput(f"more than {MAX_NESTING} objects and lists inside each other", pointer="/context")
    size, limits = len(orjson.dumps(shared)), application.limits
    if size > limits.event_bytes or size * calls > limits.import_bytes:
        raise TooLarge(
            "the context of the batch, written out for each of its calls, is too large",
            hint="send smaller batches",
            extra={"limit_bytes": min(limits.event_bytes, limits.import_bytes // max(calls, 1))},
        )


def _answer(receipt: Receipt) -> dict[str, Any]:
    counts = receipt.counts
    return {
        "success": True,
        "accepted": counts[Status.ACCEPTED],
        "rejected": counts[Status.REJECTED] + counts[Status.SUPPRESSED],
        "duplicate": counts[Status.DUPLICATE],
        "results": [_result(item) for item in receipt.items],
    }


def _result(item: Item) -> dict[str, Any]:
    violations = [{"code": v.code, "path": v.path, "rule": v.rule, "expected": v.expected} for v in item.violations]
    return {"messageId": item.message_id, "status": item.status.value, "violations": violations}


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), 200, media_type="application/json")


ROUTES = [
    Route("/v1/batch", batch, methods=["POST"]),
    Route("/v1/b", batch, methods=["POST"]),
    Route("/v1/import", historical_import, methods=["POST"]),
    Route("/v1/m", browser_metrics, methods=["POST"]),
    Route("/v1/projects/{write_key}/settings", browser_settings, methods=["GET"]),
    *[Route(f"/v1/{name}", one, methods=["POST"]) for name in (*CALLS, *SHORT_PATHS)],
]
