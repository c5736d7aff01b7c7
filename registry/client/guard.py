"""Guards: no consent, no call. For plain functions and tasks, and for FastAPI routes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar, cast

from registry.client.aio import AsyncRegistry
from registry.client.answers import Decision
from registry.client.sync import AnySubject, Registry

P = ParamSpec("P")
R = TypeVar("R")


def require_consent(
    purpose: str, *, registry: Registry | AsyncRegistry, subject: Callable[..., AnySubject]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function be called only for people who allow a purpose.

    Args:
        registry: a `Registry` for plain functions; an `AsyncRegistry`, or a `Registry`, for async ones.
        subject: from the function's arguments to the person that the call is about.

    Raises:
        ConsentRequired: by the guarded function, when the answer is no or there is none.
        TypeError: a plain function cannot wait for an `AsyncRegistry`.
    """

    def guard(function: Callable[P, R]) -> Callable[P, R]:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def waiting(*args: P.args, **kwargs: P.kwargs) -> Any:
                answer = registry.require(subject(*args, **kwargs), purpose)
                if isinstance(answer, Awaitable):
                    await answer
                return await function(*args, **kwargs)

            return cast(Callable[P, R], waiting)
        if isinstance(registry, AsyncRegistry):
            raise TypeError("a plain function is guarded by a Registry, not by an AsyncRegistry")

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            registry.require(subject(*args, **kwargs), purpose)
            return function(*args, **kwargs)

        return guarded

    return guard


def consent_dependency(
    purpose: str, *, registry: AsyncRegistry, subject: Callable[[Any], AnySubject]
) -> Callable[..., Awaitable[Decision]]:
    """A FastAPI dependency that answers 403 unless the person allows the purpose.

    Args:
        subject: from the request to the person that it is about.
    """
    from fastapi import HTTPException, Request

    async def depend(request: Any) -> Decision:
        decision = await registry.check(subject(request), purpose)
        if not decision.allowed:
            raise HTTPException(403, {"purpose": purpose, "reason": decision.reason, "detail": decision.sentence})
        return decision

    depend.__annotations__["request"] = Request
    return depend
