"""A plan's JSON Schemas as trees: what stands below what, references expanded, objects closed.

A plan may refer only to its own definitions, so every rule can be written out in full before it is
compiled: the validator then resolves nothing, and a path in it says at once where in the plan it came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

ANNOTATIONS = frozenset({"title", "description", "examples", "default", "deprecated", "$comment"})
"""What may stand beside a `$ref`, with every `x-` annotation: the drafts differ on anything else."""

_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas"})
_LISTED = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
_SINGLE = frozenset({
    "items", "additionalItems", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else",
    "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
_BRANCHES = frozenset({
    "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "contains", "propertyNames",
})  # fmt: skip
"""Keywords whose schemas speak of a value that another schema declares: they restrict, and declare nothing."""


def below(schema: Schema) -> Iterator[tuple[tuple[str, ...], Schema, bool]]:
    """Each schema right below one: its steps, itself, and whether it stands in a branch."""
    for keyword, value in schema.items():
        branch = keyword in _BRANCHES
        if keyword in _NAMED and isinstance(value, Mapping):
            for name, inner in value.items():
                if isinstance(inner, Mapping):
                    yield (keyword, name), inner, branch
        elif keyword in _LISTED and isinstance(value, list):
            for position, inner in enumerate(value):
                if isinstance(inner, Mapping):
                    yield (keyword, str(position)), inner, branch
        elif keyword in _SINGLE and isinstance(value, Mapping):
            yield (keyword,), value, branch


def expand(schema: Schema, definitions: Mapping[str, Schema], *, closed: bool) -> dict[str, Any]:
    """The schema with its references written out.

    With `closed`, an object that declares properties takes no others, unless it says so itself. Schemas
    in branches stay open: a branch of two names must not refuse the names that stand beside it.
    The references must have been inspected: this follows them as far as they lead.
    """
    reference = schema.get("$ref")
    if isinstance(reference, str):
        target = expand(definitions[definition_name(reference)], definitions, closed=closed)
        return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    expanded = dict(schema)
    for steps, inner, branch in below(schema):
        value = expand(inner, definitions, closed=closed and not branch)
        if len(steps) == 1:
            expanded[steps[0]] = value
            continue
        keyword, step = steps
        if expanded[keyword] is schema[keyword]:
            expanded[keyword] = schema[keyword].copy()
        expanded[keyword][int(step) if isinstance(schema[keyword], list) else step] = value
    if closed and isinstance(schema.get("properties"), Mapping) and "unevaluatedProperties" not in schema:
        expanded.setdefault("additionalProperties", False)
    return expanded


def definition_name(reference: str) -> str:
    """The definition that `#/$defs/NAME` (or `#/definitions/NAME`) means; empty for any other reference."""
    for prefix in ("#/$defs/", "#/definitions/"):
        if reference.startswith(prefix):
            return reference.removeprefix(prefix).replace("~1", "/").replace("~0", "~")
    return ""


def pointer_of(pointer: str, schema: Schema, steps: Sequence[str | int], definitions: Mapping[str, Schema]) -> str:
    """Where in the plan file the steps lead from a schema that stands at `pointer`.

    It goes through references, and as deep as the file does: what expansion added has no place of its own.
    """
    current: Any = schema
    for step in steps:
        while isinstance(current, Mapping) and isinstance(current.get("$ref"), str):
            name = definition_name(current["$ref"])
            pointer, current = f"/definitions/{escape(name)}", definitions[name]
        try:
            current = current[step]
        except (KeyError, IndexError, TypeError):
            return pointer
        pointer = f"{pointer}/{escape(str(step))}"
    return pointer


def escape(token: str) -> str:
    """A name as a token of a JSON pointer (RFC 6901)."""
    return token.replace("~", "~0").replace("/", "~1")
