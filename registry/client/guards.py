"""A function that runs only with consent."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar, cast

from registry.client.answers import ConsentRequired
from registry.client.asynchronous import AsyncRegistry
from registry.client.blocking import Registry
from registry.client.subject import SubjectReference

P = ParamSpec("P")
T = TypeVar("T")

SubjectOf = str | Callable[..., SubjectReference]
"""The name of the parameter that holds the subject, or a function of the call's own arguments."""


PlaceOf = str | Callable[..., str | None]
"""Where the person is (ISO 3166, as `DE` or `US-CA`), or a function of the call's own arguments that says it."""


def require_consent(
    purpose: str,
    *,
    subject: SubjectOf,
    registry: Registry | AsyncRegistry,
    categories: Iterable[str] = (),
    jurisdiction: PlaceOf | None = None,
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a function so that each call asks first, and does not run without a yes.

    Args:
        registry: a `Registry` for a plain function, an `AsyncRegistry` for a coroutine function.
        jurisdiction: where the person is, whose lawful basis counts; None where you do not know.

    Raises:
        ConsentRequired: by the decorated function, when the answer is no or there is none.
        TypeError: when decorating: function and registry do not fit, or there is no such parameter.
    """
    listed = tuple(categories) if not isinstance(categories, str) else (categories,)

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        find = _finder(function, subject)
        where = jurisdiction if callable(jurisdiction) else lambda *_args, **_kwargs: jurisdiction
        if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
            raise TypeError("a generator cannot be guarded, for it runs later: guard the function that uses it")
        if inspect.iscoroutinefunction(function):
            if not isinstance(registry, AsyncRegistry):
                raise TypeError("a coroutine function needs an AsyncRegistry: the other would block its loop")
            return cast("Callable[P, T]", _guard_coroutine(function, purpose, listed, registry, find, where))
        if not isinstance(registry, Registry):
            raise TypeError("a plain function needs a Registry: it cannot await the other")
        return _guard_plain(function, purpose, listed, registry, find, where)

    return decorate


def _guard_plain(
    function: Callable[P, T],
    purpose: str,
    categories: tuple[str, ...],
    registry: Registry,
    find: Callable[..., Any],
    where: Callable[..., str | None],
) -> Callable[P, T]:
    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        place = where(*args, **kwargs)
        decision = registry.check(find(*args, **kwargs), purpose, categories, jurisdiction=place)
        if not decision.allowed:
            raise ConsentRequired(decision)
        return function(*args, **kwargs)

    return guarded


def _guard_coroutine(
    function: Callable[..., Any],
    purpose: str,
    categories: tuple[str, ...],
    registry: AsyncRegistry,
    find: Callable[..., Any],
    where: Callable[..., str | None],
) -> Callable[..., Any]:
    @functools.wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        place = where(*args, **kwargs)
        decision = await registry.check(find(*args, **kwargs), purpose, categories, jurisdiction=place)
        if not decision.allowed:
            raise ConsentRequired(decision)
        return await function(*args, **kwargs)

    return guarded


def _finder(function: Callable[..., Any], subject: SubjectOf) -> Callable[..., Any]:
    if callable(subject):
        return subject
    signature = inspect.signature(function)
    if subject not in signature.parameters:
        raise TypeError(f"{function.__name__} has no parameter {subject!r}")

    def find(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments[subject]

    return find
