"""Requests with places to fill, and answers with fields in them (pure)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote

_NO_SEGMENTS = frozenset({"", ".", ".."})
_PLACE = re.compile(r"\{([a-z]+(?:\.[^{}]+)?)\}")


def placeholders(template: Any) -> list[str]:
    """The names of the places in a template."""
    if isinstance(template, str):
        return _PLACE.findall(template)
    if isinstance(template, Mapping):
        return [name for value in template.values() for name in placeholders(value)]
    return [name for value in template for name in placeholders(value)] if isinstance(template, list) else []


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """A template with its places filled: a text that is nothing but a place becomes its value, with its type.

    Raises:
        KeyError: a place has no value.
    """
    if isinstance(template, str):
        alone = _PLACE.fullmatch(template)
        return values[alone[1]] if alone else _PLACE.sub(lambda place: str(values[place[1]]), template)
    if isinstance(template, Mapping):
        return {name: filled(value, values) for name, value in template.items()}
    return [filled(value, values) for value in template] if isinstance(template, list) else template


def without(template: Any, names: Collection[str]) -> Any:
    """A template without the members that are made of one of these places."""
    if isinstance(template, Mapping):
        return {member: without(value, names) for member, value in template.items() if not _is_of(value, names)}
    if isinstance(template, list):
        return [without(one, names) for one in template if not _is_of(one, names)]
    return template


def _is_of(template: Any, names: Collection[str]) -> bool:
    return isinstance(template, str) and any(name in names for name in placeholders(template))


def address(template: str, values: Mapping[str, Any]) -> str:
    """A path with its places filled, each as one segment (RFC 3986).

    Raises:
        KeyError: a place has no value, or none that names one thing: an empty segment means everything there.
    """

    def segment(place: re.Match[str]) -> str:
        value = values[place[1]]
        if not isinstance(value, str | int | float) or isinstance(value, bool) or str(value) in _NO_SEGMENTS:
            raise KeyError(place[1])
        return quote(str(value), safe="")

    return _PLACE.sub(segment, template)


def at(value: Any, pointer: str, absent: Any = None) -> Any:
    """What stands at a JSON pointer (RFC 6901), null within null; `absent` where nothing does."""
    for escaped in pointer.split("/")[1:]:
        if value is None:
            return None
        token = escaped.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(token, absent)
        elif isinstance(value, list) and token.isascii() and token.isdigit() and int(token) < len(value):
            value = value[int(token)]
        else:
            return absent
    return value


def flat(record: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a record: a name with dots for what stands inside of an object, or of each of several."""
    for name, value in record.items():
        path = f"{before}{name}"
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{path}.")
        elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
            for one in value:
                yield from flat(one, f"{path}.") if isinstance(one, Mapping) else ((path, one),)
        else:
            yield path, value


def fields_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record by name; those of several objects in a list."""
    found: dict[str, list[Any]] = {}
    for name, value in flat(record):
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def fault_in(value: Any) -> str | None:
    """The member by which an answer says that it failed, whatever its status says; None where none does."""
    if not isinstance(value, Mapping):
        return None
    for name in ("error", "errors"):
        if value.get(name):
            return name
    for name in ("success", "ok"):
        if value.get(name) is False:
            return name
    return "status" if value.get("status") in ("error", "fail") else None


def several(value: Any) -> list[Any]:
    """The values of a field, which may hold a list; none for what is empty."""
    found = value if isinstance(value, list) else [value]
    return [one for one in found if one is not None and one != []]


def words(value: Any) -> list[str]:
    """What may be identifiers among the values of a field."""
    return [str(one) for one in several(value) if isinstance(one, str | int) and not isinstance(one, bool)]
