"""Answers that go on: every record of every page, in the four ways in which services turn pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from registry.connectors.services.description import Pages
from registry.connectors.services.exchange import Told
from registry.connectors.services.templates import at, fields_of
from registry.model.errors import LinkedSystemUnavailable

Row = dict[str, Any]
Ask = Callable[[Mapping[str, Any]], Told]
"""Make the call once more, with these parameters."""
Follow = Callable[[str, Told], Told]
"""Fetch what stands at this address, which this answer gave."""


_ABSENT = object()
_COUNTED = frozenset({"page", "offset"})


def first_of(pages: Pages | None) -> dict[str, Any]:
    """The parameters that ask for the first page."""
    return {pages.send: pages.first} if pages is not None and pages.by in _COUNTED else {}


def all_rows(name: str, pages: Pages | None, pointer: str, told: Told, ask: Ask, follow: Follow) -> Iterator[Row]:
    """Every record of an answer and of those that follow it.

    Args:
        name: of the service, for errors.
        pointer: to the records of each answer.
        told: the first answer. That a later one of counted pages is not there ends them.

    Raises:
        LinkedSystemUnavailable: it goes on without an end, or is not of the form that the description says.
    """
    if pages is None:
        if told.following is not None or told.is_part:
            raise LinkedSystemUnavailable(f"{name} says that its answer goes on: say how its `pages` turn")
        yield from rows_of(name, told.value, pointer)
        return
    counted = pages.by in _COUNTED
    total, before, passed = 0, list[Row](), set[str]()
    for number in range(1, pages.most + 1):
        rows = rows_of(name, told.value, pointer)
        yield from rows
        total += len(rows)
        if counted:
            if not rows:
                return
            if rows == before:
                raise LinkedSystemUnavailable(f"{name} answers with the same page again and again")
            before = rows
            told = ask({pages.send: pages.first + (number if pages.by == "page" else total)})
            continue
        following = told.following if pages.next is None else at(told.value, pages.next)
        if following in (None, "", False):
            return
        if str(following) in passed:
            raise LinkedSystemUnavailable(f"{name} answers with the same page again and again")
        passed.add(str(following))
        told = follow(str(following), told) if pages.by == "link" else ask({pages.send: following})
        if not told.is_there:
            raise LinkedSystemUnavailable(f"{name} names a next page, and then knows none")
    raise LinkedSystemUnavailable(f"{name} has more than {pages.most} pages, the most that its description allows")


def rows_of(name: str, value: Any, pointer: str) -> list[Row]:
    """The records at a place of an answer: a list, one alone, or null for none.

    Raises:
        LinkedSystemUnavailable: there stands something else, or nothing: whoever answers otherwise is not understood.
    """
    found = at(value, pointer, _ABSENT) if value is not None else []
    found = [found] if isinstance(found, Mapping) else [] if found is None else found
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise LinkedSystemUnavailable(f"{name} answers in another form than its description says")
    return [fields_of(one) for one in found]
