"""The one table from errors to HTTP: RFC 9457 problem documents with stable types.

On the tracking endpoints the same document also carries `code` and `message` as strings, which
shipped analytics SDKs read: without them two of them retry a refused batch up to eleven times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import orjson
import structlog
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from registry.api.members import members_at, names_of
from registry.api.wire import Opening
from registry.api.wire import Request as Body
from registry.model import errors
from registry.model.origins import origin, where

TYPE_BASE = "https://registry.invalid/problems/"
"""Types are identifiers, not addresses (RFC 9457 section 3.1.1): `.invalid` never resolves."""

STATUS: dict[type[errors.RegistryError], int] = {
    errors.RegistryError: 500,
    errors.InvalidInput: 400,
    errors.MalformedJson: 400,
    errors.UnknownPurpose: 400,
    errors.TooLarge: 413,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.PurposeDenied: 403,
    errors.NotFound: 404,
    errors.PlanNotFound: 404,
    errors.Conflict: 409,
    errors.PlanImmutable: 409,
    errors.DocumentInvalid: 422,
    errors.Overloaded: 429,
    errors.SealBroken: 500,
    errors.RequestDamaged: 409,
    errors.KeyMissing: 503,
    errors.Forgotten: 409,
    errors.KmsUnavailable: 503,
    errors.KeyFileInsecure: 503,
    errors.LinkedSystemUnavailable: 503,
    errors.RequestStopped: 500,
    errors.StoreUnavailable: 503,
    errors.SchemaMismatch: 503,
    errors.NotInitialised: 503,
    errors.SignatureInvalid: 422,
    errors.SettingInvalid: 500,
}

RETRY_AFTER_S = 2
SHOWN_BELOW = 500
"""From this status on, detail is for the operator's log, not for the caller: it names hosts and files.
That a request waits, and why, is for whoever ran it."""

ROUTER_ERRORS = {
    400: ("malformed-json", "The body cannot be read"),
    404: ("no-such-path", "There is nothing at this path"),
    405: ("method-not-allowed", "The path does not take this method"),
}

WORDS = ("expected", "pattern", "min_length", "max_length", "ge", "le")
"""What a validator says of its own rule; everything else that it says may hold the value."""

_log = structlog.get_logger("registry.api")


def log_lost_decisions(count: int) -> None:
    """Say that the server ended while decisions for the audit log could not be written."""
    _log.error("decisions were not written to the audit log", count=count)


def status_of(error: errors.RegistryError) -> int:
    """The HTTP status of an error: of its class, or of the nearest class above it."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def document(error: errors.RegistryError, status: int) -> dict[str, Any]:
    """The problem document of an error."""
    shown = status < SHOWN_BELOW or getattr(error, "waiting", None) is not None
    members: dict[str, Any] = {
        "type": TYPE_BASE + error.code,
        "title": error.title,
        "status": status,
        "detail": error.detail if shown else error.title,
        "code": error.code,
        "message": error.detail if shown else error.title,
    }
    if error.hint:
        members["hint"] = error.hint
    if error.pointer:
        members["pointer"] = error.pointer
    if shown:
        members |= error.extra
    return members


def render(error: errors.RegistryError) -> Response:
    """The response of an error."""
    status = status_of(error)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="registry", Basic realm="registry"'
    if isinstance(error, errors.Overloaded):
        headers["Retry-After"] = str(error.retry_after_s)
    elif status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if status >= 500:
        _log.error("request failed", code=error.code, detail=error.detail, hint=error.hint, **origin(error))
    body = orjson.dumps(document(error, status))
    return Response(body, status, headers, media_type="application/problem+json")


async def on_registry_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for our own errors."""
    if not isinstance(error, errors.RegistryError):
        raise error
    return render(error)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Starlette's handler for the router's errors (404, 405)."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code, title = ROUTER_ERRORS.get(status, ("http-error", "The request cannot be served"))
    members = {"type": TYPE_BASE + code, "title": title, "status": status, "detail": title}
    body = orjson.dumps(members | {"code": code, "message": title})
    headers = dict(getattr(error, "headers", None) or {})
    if status == 405:
        headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    return Response(body, status, headers, media_type="application/problem+json")


async def on_validation_error(request: Request, error: Exception) -> Response:
    """FastAPI's handler for what is not of the declared form."""
    field = getattr(request.scope.get("route"), "body_field", None)
    return render(not_of_the_form(error, body=field.field_info.annotation if field is not None else None))


def not_of_the_form(error: Exception, *, body: Any = None) -> errors.InvalidInput:
    """The error for what a validator found: fields and rules named, values never.

    Args:
        body: the form that was declared; for a member that it does not have, those that it has there are named.
    """
    faults = [_fault(fault, body) for fault in getattr(error, "errors", list)()]
    first = faults[0]
    place = first["pointer"] or "the body"
    rule = f" ({first['rule']})" if "rule" in first else ""
    return errors.InvalidInput(f"{place}: {first['reason']}{rule}", pointer=first["pointer"], extra={"faults": faults})


def unforeseen(error: BaseException) -> Response:
    """The answer to an error that nothing foresaw: the log has its type and place, never its text."""
    _log.error("unforeseen error", error=type(error).__name__, where=where(error))
    return render(errors.RegistryError("an unforeseen error"))


def _fault(fault: Mapping[str, Any], body: Any) -> dict[str, str]:
    part, *members = fault["loc"]
    steps = [_told(step) for step in members] if part == "body" else [str(step) for step in fault["loc"]]
    if fault["type"] == "extra_forbidden":
        steps[-1:] = ["*"]
    told = {"pointer": "".join(f"/{step}" for step in steps), "reason": fault["type"]}
    rule = ", ".join(f"{word}: {fault['ctx'][word]}" for word in WORDS if word in fault.get("ctx", {}))
    if fault["type"] == "extra_forbidden" and part == "body" and (allowed := members_at(body, members[:-1])):
        rule = f"allowed: {', '.join(allowed)}"
    return told | ({"rule": rule} if rule else {})


def _told(step: int | str) -> str:
    """A step to a fault; a member that no body declares is `*`: it may be named after a person."""
    return str(step) if isinstance(step, int) or step in _declared() else "*"


@cache
def _declared() -> frozenset[str]:
    """The names of all members of all bodies."""

    def names(model: type[BaseModel]) -> Iterator[str]:
        yield from names_of(model)
        for inner in model.__subclasses__():
            yield from names(inner)

    return frozenset({*names(Body), *names(Opening)})


def _methods_at(request: Request) -> set[str]:
    """The methods that a path takes: several routes may share it (RFC 9110 section 15.5.6 wants them all)."""
    taken = set()
    for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"):
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            taken.add(method)
    return taken
