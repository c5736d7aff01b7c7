"""Declared transformations: what a plan changes of an event before it holds it against its rules.

They are few and plain, so that a reviewer sees what becomes of an event: rename an event or a property,
cast a type, drop a property, set a constant. They run in the order of the file, on top-level members of
the event's own section, and each that did something is named in the event's provenance by its place in
the plan. Quarantine keeps what was sent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from registry.model.message import CallType, Message

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,3})?")
_BOOLEANS = {"true": True, "false": False}
_ABSENT = object()


class Act(StrEnum):
    """What a transformation does."""

    RENAME_EVENT = "rename_event"
    RENAME = "rename"
    CAST = "cast"
    DROP = "drop"
    CONSTANT = "constant"


@dataclass(frozen=True, slots=True)
class Transformation:
    """One declared change.

    Attributes:
        pointer: in the plan file.
        event: the name that it is for, as it is when this one's turn comes; None for every event.
        field: the property or trait; empty for `rename_event`.
        to: the new name, or the type to cast to.
        value: the constant.
    """

    pointer: str
    act: Act
    call: CallType
    event: str | None
    field: str
    to: str
    value: Any


def transformations(stated: Sequence[Mapping[str, Any]]) -> tuple[Transformation, ...]:
    """The transformations of a plan, whose form its schema has checked."""
    return tuple(
        Transformation(
            f"/transformations/{position}",
            Act(one["do"]),
            CallType(one.get("type", CallType.TRACK.value)),
            one.get("event"),
            one.get("field", ""),
            str(one.get("to", "")),
            one.get("value"),
        )
        for position, one in enumerate(stated)
    )


def transform(
    message: Message, declared: Sequence[Transformation], sections: Mapping[CallType, str]
) -> tuple[Message, tuple[str, ...]]:
    """The message as its plan wants it, and the pointers of what was applied; the message itself is left alone.

    Args:
        sections: the name of each call's own section.
    """
    name, body, applied = message.name, message.body, list[str]()
    section = sections.get(message.call, "")
    content: dict[str, Any] | None = None
    for one in declared:
        if one.call is not message.call or (one.event is not None and one.event != name):
            continue
        if one.act is Act.RENAME_EVENT:
            name = one.to
        else:
            if content is None:
                held = body.get(section)
                content = dict(held) if isinstance(held, dict) else {}
            if not _apply(one, content):
                continue
        applied.append(one.pointer)
    if not applied:
        return message, ()
    body = dict(body)
    if content is not None:
        body[section] = content
    if name != message.name:
        body["event" if message.call is CallType.TRACK else "name"] = name
    return replace(message, name=name, body=body), tuple(applied)


def faults(
    declared: Sequence[Transformation], events: Mapping[tuple[CallType, str], object]
) -> Iterator[tuple[str, str]]:
    """What is wrong with them beside their form: (pointer, reason)."""
    for one in declared:
        if one.act is Act.RENAME_EVENT and (one.call, one.to) not in events:
            yield f"{one.pointer}/to", "no event of this name is planned"
        if one.act is Act.RENAME_EVENT and one.event is None:
            yield one.pointer, "says no event: all would have one name"


def _apply(one: Transformation, content: dict[str, Any]) -> bool:
    """Do it; whether there was anything to do."""
    if one.act is Act.CONSTANT:
        content[one.field] = one.value
        return True
    value = content.get(one.field, _ABSENT)
    if value is _ABSENT:
        return False
    if one.act is Act.DROP:
        del content[one.field]
        return True
    if one.act is Act.RENAME:
        if one.to in content:  # what was sent under the right name is not overwritten
            return False
        content[one.to] = content.pop(one.field)
        return True
    made = cast(value, one.to)
    if made is value:
        return False
    content[one.field] = made
    return True


def cast(value: Any, kind: str) -> Any:
    """The value as another type; the value itself where that says something else: the rule then reports it."""
    if kind == "string":
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if isinstance(value, int | float) else value
    if not isinstance(value, str):
        if kind == "integer" and isinstance(value, float) and value.is_integer():
            return int(value)
        return value
    text = value.strip()
    if kind == "boolean":
        return _BOOLEANS.get(text.lower(), value)
    if kind == "integer":
        return int(text) if _INTEGER.fullmatch(text) else value
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else value
