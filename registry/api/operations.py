"""Health, metrics, published keys: what operators and auditors fetch without a key of their own."""

from __future__ import annotations

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from registry.api.application import Application, of
from registry.api.metrics import CONTENT_TYPE, IN_MEMORY, WAITING, exposition
from registry.model.clock import DAY, rfc3339
from registry.model.errors import RegistryError
from registry.store import administration, schema

SECURITY_FOR = 180 * DAY


async def healthz(_request: Request) -> Response:
    """`GET /healthz`: the process answers."""
    return _json({"status": "ok"})


async def readyz(request: Request) -> Response:
    """`GET /readyz`: databases and key service answer; 503 with which of them does not."""
    return await run_in_threadpool(_ready, of(request))


async def metrics(request: Request) -> Response:
    """`GET /metrics`: Prometheus' text format."""
    WAITING.set(of(request).intake.waiting)
    IN_MEMORY.set(of(request).boards.people)
    return Response(exposition(), 200, media_type=CONTENT_TYPE)


async def jwks(request: Request) -> Response:
    """`GET /.well-known/jwks.json`: the public keys of every workspace, present and earlier (RFC 7517)."""
    return await run_in_threadpool(_jwks, of(request))


async def security_txt(request: Request) -> Response:
    """`GET /.well-known/security.txt`: where to report a weakness (RFC 9116)."""
    application = of(request)
    contact = application.deployment.controller.contact
    expires = rfc3339(application.deployment.clock() // DAY * DAY + SECURITY_FOR)
    return Response(f"Contact: {contact}\nExpires: {expires}\nPreferred-Languages: en\n", media_type="text/plain")


def _ready(application: Application) -> Response:
    checks = {
        "data": lambda: schema.require_current(application.deployment.data, "data"),
        "keystore": lambda: schema.require_current(application.deployment.keystore, "keystore"),
        "kms": application.deployment.kms.check,
    }
    states: dict[str, str] = {}
    for name, check in checks.items():
        try:
            check()
        except RegistryError as error:
            states[name] = error.code
        else:
            states[name] = "ok"
    ready = all(state == "ok" for state in states.values())
    return _json({"status": "ready" if ready else "not ready", "checks": states}, 200 if ready else 503)


def _jwks(application: Application) -> Response:
    with application.deployment.data.directory() as transaction:
        known = administration.workspaces(transaction)
    keys = [key for row in known for key in application.workspaces.open(row.workspace_id).published]
    return _json({"keys": keys})


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


ROUTES = [
    Route("/healthz", healthz),
    Route("/readyz", readyz),
    Route("/metrics", metrics),
    Route("/.well-known/jwks.json", jwks),
    Route("/.well-known/security.txt", security_txt),
]
