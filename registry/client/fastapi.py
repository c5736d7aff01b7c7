"""A FastAPI route that answers only with consent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fastapi import Depends, HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from registry.client.answers import ConsentRequired, Decision
from registry.client.asynchronous import AsyncRegistry
from registry.client.blocking import Registry

PROBLEM_TYPE = "https://registry.invalid/problems/consent-required"
"""An identifier, not an address (RFC 9457 section 3.1.1)."""

PROBLEM_JSON = "application/problem+json"


class ConsentProblem(HTTPException):
    """403 as a problem document; `consent_problem` writes it in full."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        super().__init__(403, str(ConsentRequired(decision)), {"Content-Type": PROBLEM_JSON})


def consent_dependency(
    purpose: str,
    *,
    subject: Callable[..., Any],
    registry: Registry | AsyncRegistry,
    categories: Iterable[str] = (),
    jurisdiction: str | Callable[..., Any] | None = None,
) -> Callable[..., Awaitable[Decision]]:
    """A dependency that gives the decision to the route, or ends the request with 403.

    Args:
        subject: a FastAPI dependency that gives the subject of the request, such as who is logged in.
        jurisdiction: where the person is, whose lawful basis counts (ISO 3166), or a FastAPI dependency that gives it;
            None where you do not know.

    Raises:
        ConsentProblem: by the dependency, when the answer is no or there is none.
    """
    listed = tuple(categories) if not isinstance(categories, str) else (categories,)

    where = jurisdiction if callable(jurisdiction) else lambda: jurisdiction

    async def decided(person: Any = Depends(subject), place: Any = Depends(where)) -> Decision:
        if isinstance(registry, AsyncRegistry):
            decision = await registry.check(person, purpose, listed, jurisdiction=place)
        else:
            decision = await run_in_threadpool(registry.check, person, purpose, listed, jurisdiction=place)
        if not decision.allowed:
            raise ConsentProblem(decision)
        return decision

    return decided


def consent_problem(_request: Request, error: Exception) -> Response:
    """An exception handler for `ConsentProblem` and `ConsentRequired`: the problem in full (RFC 9457).

    Without it a `ConsentProblem` is a problem document with a detail only.
    """
    if not isinstance(error, ConsentProblem | ConsentRequired):
        raise error
    members = {
        "type": PROBLEM_TYPE,
        "title": "This purpose is not permitted",
        "status": 403,
        "detail": str(ConsentRequired(error.decision)),
        "purpose": error.decision.purpose,
        "reason": error.decision.reason,
    }
    return JSONResponse(members, 403, media_type=PROBLEM_JSON)
