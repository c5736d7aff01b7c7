"""The ASGI application: routes, error handlers, and one thin middleware."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry import __version__
from registry.api import (
    administration,
    audiences,
    census,
    certificates,
    changes,
    checking,
    collect,
    consent,
    destinations,
    dsr,
    filtering,
    holds,
    intake,
    merges,
    opendsr,
    operations,
    outdated,
    package_links,
    permitted,
    plan_work,
    preferences,
    problems,
    profiles,
    quality,
    regulations,
    signals,
    spaces,
    webhooks,
)
from registry.api.application import Application
from registry.api.metrics import REQUESTS, SECONDS
from registry.api.openapi import complete
from registry.model.errors import RegistryError

CORS_HEADERS = ("authorization", "content-type", "x-retry-count", "sec-gpc")


def create_app(application: Application, *, cors_origins: Sequence[str]) -> FastAPI:
    """The server for an application.

    Args:
        cors_origins: origins whose pages may send events; credentials are never shared with them.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        application.intake.close()
        application.boards.close()
        lost = application.decisions.close()
        if lost:
            problems.log_lost_decisions(lost)

    app = FastAPI(
        title="Registry",
        version=__version__,
        summary="Consent and profiles: validated events, one sealed profile per person, consent before use.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # a trace would hold paths and errors' texts
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.registry = application
    # The first is looked for first.
    for plain in (checking, collect, permitted, filtering, outdated, changes, operations):
        app.router.routes.extend(plain.ROUTES)
    officers = (certificates, package_links, intake, dsr, regulations, holds, opendsr, census)
    administrative = (administration, plan_work, destinations, webhooks)
    faces = (consent, signals, preferences, profiles, merges, spaces, audiences, quality, *officers, *administrative)
    for face in faces:
        app.include_router(face.router)
    for router in (opendsr.open_router, webhooks.open_router, preferences.person_router):
        app.include_router(router)
    app.add_exception_handler(RegistryError, problems.on_registry_error)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(RequestValidationError, problems.on_validation_error)
    app.add_middleware(Measured, direct={route.path: route for route in checking.ROUTES})
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(cors_origins),
        allow_methods=["GET", "POST"],
        allow_headers=list(CORS_HEADERS),
        max_age=600,
    )
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = complete(generated())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


class Measured:
    """Counts and times requests by route, keeps answers out of shared caches, and has the last word on errors.

    The last word is here rather than in Starlette's own last handler because that one raises again
    what it has answered, and the server would write the error's text, which may hold anything, to its log.

    Args:
        direct: what a POST goes to without looking through the routes, a third of what a check costs; by path.
    """

    def __init__(self, app: ASGIApp, direct: Mapping[str, Route]) -> None:
        self.app, self.direct = app, direct

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"cache-control", b"no-store"),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        direct = self.direct.get(scope["path"]) if scope["method"] == "POST" else None
        try:
            if direct is None:
                await self.app(scope, receive, observed)
            else:
                scope["route"] = direct
                await direct.app(scope, receive, observed)
        except Exception as error:  # noqa: BLE001 - nothing of it may reach the server's log
            if status:
                problems.unforeseen(error)
                raise ConnectionError("the answer broke off") from None
            answer = problems.render(error) if isinstance(error, RegistryError) else problems.unforeseen(error)
            await answer(scope, receive, observed)
        finally:
            requests, seconds = _measures(_route(scope), status)
            requests.inc()
            seconds.observe(time.perf_counter() - start)


@cache
def _measures(route: str, status: int) -> tuple[Counter, Histogram]:
    """What counts and times a route's answers; there are as many as routes and statuses."""
    return REQUESTS.labels(route=route, status=str(status)), SECONDS.labels(route=route)


def _route(scope: Scope) -> str:
    """The route's path: a template, never the path that was asked for where that may hold an id."""
    path = getattr(scope.get("route"), "path", None)
    if isinstance(path, str):
        return path
    endpoint = scope.get("endpoint")
    if endpoint is not None and not scope.get("path_params"):
        return str(scope["path"])  # a plain route without parameters has no other
    return getattr(endpoint, "__name__", "none")
