"""The parts of a plan's rule that concern use: which purposes each field serves, and which identify."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FieldDeclaration:
    """What the plan declares of one field, for the census (DESIGN section 16)."""

    event: str
    pointer: str
    purposes: frozenset[str]
    categories: tuple[str, ...]
    identifier: str | None
    retention: str | None
    personal: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One object of a message (`properties`, `traits` or `context`) as the plan declares it.

    Attributes:
        purposes: per declared field.
        closed: whether undeclared fields are unplanned; in `context` they are merely left out.
        uniform: the purposes of every field, where all have the same.
        nested: per declared field that is an object, the names declared inside it.
    """

    name: str
    schema: Schema
    purposes: Mapping[str, frozenset[str]]
    default: frozenset[str]
    closed: bool
    uniform: frozenset[str] | None
    nested: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def split(self, value: Mapping[str, Any]) -> tuple[dict[frozenset[str], dict[str, Any]], int]:
        """The fields by the purposes that they serve, and how many undeclared ones were left out.

        Undeclared fields of a closed section have been dealt with before: those still here were let
        in, and serve what the event serves.
        """
        if self.uniform is not None and self.closed:
            return {self.uniform: dict(value)}, 0
        groups: dict[frozenset[str], dict[str, Any]] = {}
        omitted = 0
        for name, content in value.items():
            purposes = self.purposes.get(name)
            if purposes is None:
                if not self.closed:
                    omitted += 1
                    continue
                purposes = self.default
            known = self.nested.get(name)
            if known is not None and isinstance(content, dict) and not content.keys() <= known:
                omitted += len(content.keys() - known)
                content = {key: inner for key, inner in content.items() if key in known}
            group = groups.get(purposes)
            if group is None:
                groups[purposes] = {name: content}
            else:
                group[name] = content
        return groups, omitted


def section(
    name: str, schema: Schema, default: frozenset[str], *, closed: bool, definitions: Mapping[str, Schema]
) -> Section:
    """The section of a JSON Schema for one object of a message, whose fields without purposes of
    their own serve `default`."""
    fields: Mapping[str, Schema] = schema.get("properties", {})
    purposes = {key: purposes_in(resolve(inner, definitions), default) for key, inner in fields.items()}
    distinct = set(purposes.values()) | {default}
    nested: dict[str, frozenset[str]] = {}
    if not closed:  # a closed section's validator has found what is unplanned inside its objects
        for key, inner in fields.items():
            known = resolve(inner, definitions)
            if "properties" in known and known.get("additionalProperties", False) is False:
                nested[key] = frozenset(known["properties"])
    uniform = next(iter(distinct)) if len(distinct) == 1 else None
    return Section(name, schema, purposes, default, closed, uniform, nested)


def purposes_in(schema: Schema, default: frozenset[str]) -> frozenset[str]:
    """The purposes that a field's schema states, or those of what holds it."""
    stated = schema.get("x-purposes")
    return frozenset(stated) if stated else default


def resolve(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """A field's schema with its local `$ref` followed; what stands beside the reference wins."""
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    target = definitions.get(reference.rpartition("/")[2], {})
    return {**resolve(target, definitions), **{key: value for key, value in schema.items() if key != "$ref"}}
