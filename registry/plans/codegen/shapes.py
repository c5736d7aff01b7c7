"""A plan's events as types of no language in particular: what a client's functions take."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.plans.personal_names import words_of
from registry.plans.schemas import Schema, expand

MAX_CHOICES = 50
"""Allowed values that a type lists; more are left to the plan."""


@dataclass(frozen=True, slots=True)
class Field:
    """One member of an object."""

    name: str
    type: Type
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Type:
    """What a value may be.

    Attributes:
        kinds: JSON types; none stands for any value.
        choices: the only values, where they are few and plain.
        fields: of an object that declares its members; `name` is what its type is called.
        items: of an array.
    """

    kinds: tuple[str, ...] = ()
    choices: tuple[str | int | float | bool | None, ...] = ()
    name: str = ""
    fields: tuple[Field, ...] | None = None
    open: bool = False
    items: Type | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One function of the client.

    Attributes:
        call: track, page, screen, identify or group.
        event: the event's name as it is sent; empty where the call has none.
        words: of the function's name.
    """

    call: str
    event: str
    words: tuple[str, ...]
    description: str
    type: Type


@dataclass(slots=True)
class _Names:
    """Names that are given once."""

    given: set[str] = field(default_factory=set)

    def type_name(self, words: tuple[str, ...]) -> str:
        name = "".join(word.capitalize() for word in words) or "Value"
        if not name[0].isalpha():
            name = f"T{name}"
        chosen, number = name, 2
        while chosen in self.given:
            chosen, number = f"{name}{number}", number + 1
        self.given.add(chosen)
        return chosen

    def words(self, words: tuple[str, ...]) -> tuple[str, ...]:
        chosen, number = words, 2
        while " ".join(chosen) in self.given:
            chosen, number = (*words, str(number)), number + 1
        self.given.add(" ".join(chosen))
        return chosen


def calls_of(plan: Mapping[str, Any]) -> list[Call]:
    """Every call that a plan knows."""
    types, functions = _Names(), _Names()
    definitions, common = plan.get("definitions", {}), plan.get("common", {})
    calls = []
    for name in ("identify", "group"):
        if name in plan:
            section = plan[name].get("traits", {})
            shape = _object(section, definitions, (name, "traits"), types)
            calls.append(Call(name, "", functions.words((name,)), plan[name].get("description", ""), shape))
    for event in plan.get("events", ()):
        name = event.get("name", "")
        words = _ascii_words(name) or (("event",) if name else ())
        if event["type"] != "track":
            words = (event["type"], *words)
        section = {
            **event,
            "properties": {**common.get("properties", {}), **event.get("properties", {})},
            "required": [*common.get("required", ()), *event.get("required", ())],
        }
        shape = _object(section, definitions, words, types)
        calls.append(Call(event["type"], name, functions.words(words), event.get("description", ""), shape))
    return calls


def objects(shape: Type) -> Iterator[Type]:
    """Every declared object of a type, those inside first."""
    for member in shape.fields or ():
        yield from objects(member.type)
    if shape.items is not None:
        yield from objects(shape.items)
    if shape.fields is not None:
        yield shape


def identifier(words: tuple[str, ...]) -> str:
    """The words as a name in small letters that Python takes."""
    name = "_".join(words)
    if not name[0].isalpha():
        name = f"event_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def _ascii_words(text: str) -> tuple[str, ...]:
    return tuple(word for word in words_of(text) if word.isascii())


def _object(stated: Schema, definitions: Mapping[str, Schema], words: tuple[str, ...], names: _Names) -> Type:
    name = names.type_name(words)
    fields = stated.get("properties", {})
    needed = set(stated.get("required", ()))
    members = tuple(
        _member(key, expand(raw, definitions, closed=False), words, names, required=key in needed)
        for key, raw in fields.items()
    )
    opened = stated.get("additionalProperties", False) is not False
    return Type(("object",), (), name, members, opened)


def _member(key: str, schema: Schema, words: tuple[str, ...], names: _Names, *, required: bool) -> Field:
    inner = _type(schema, (*words, *_ascii_words(key)), names)
    return Field(key, inner, required, str(schema.get("description", "")))


def _type(schema: Schema, words: tuple[str, ...], names: _Names) -> Type:
    choices = _choices(schema)
    if choices:
        return Type(choices=choices)
    stated = schema.get("type", ())
    kinds = (stated,) if isinstance(stated, str) else tuple(stated)
    if not kinds and "properties" in schema:
        kinds = ("object",)
    items = schema.get("items")
    inside = _type(items, (*words, "item"), names) if "array" in kinds and isinstance(items, Mapping) else None
    if "object" in kinds and schema.get("properties"):
        declared = _object(schema, {}, words, names)
        return Type(kinds, (), declared.name, declared.fields, declared.open, inside)
    return Type(kinds, items=inside)


def _choices(schema: Schema) -> tuple[Any, ...]:
    options = [schema["const"]] if "const" in schema else schema.get("enum", [])
    plain = all(option is None or isinstance(option, str | int | float | bool) for option in options)
    return tuple(options) if plain and len(options) <= MAX_CHOICES else ()


def plain_text(text: str) -> str:
    """A description as one line that ends no comment and no string."""
    return re.sub(r"\s+", " ", text).replace("*/", "* /").replace("\\", "/").replace('"', "'").strip()
