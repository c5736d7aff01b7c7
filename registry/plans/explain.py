"""From a validator's error to a violation: what was expected, in the plan's words, never the value.

The validator's own messages are not used: even with values masked they hold the names of unexpected
properties, and such a name may be anything, a person's e-mail address included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema_rs

from registry.model.message import Violation
from registry.plans.schemas import Schema, escape, pointer_of
from registry.plans.sections import Section

MAX_VIOLATIONS = 100
"""Per event; more are counted in one last violation, not listed."""

UNPLANNED = frozenset({"additionalProperties", "unevaluatedProperties"})

Explained = dict[tuple[tuple[str | int, ...], tuple[str | int, ...], str], Violation]
"""Violations by the path of the rule in the compiled schema, the path in the event, and the name that is missing."""

CODES = {
    "required": "required_missing",
    "type": "type_mismatch",
    "enum": "not_in_enum",
    "const": "not_in_enum",
    "pattern": "pattern_mismatch",
    "format": "format_mismatch",
    "additionalProperties": "unplanned_property",
    "unevaluatedProperties": "unplanned_property",
    "minimum": "out_of_range",
    "maximum": "out_of_range",
    "exclusiveMinimum": "out_of_range",
    "exclusiveMaximum": "out_of_range",
    "multipleOf": "out_of_range",
    "minLength": "length_out_of_range",
    "maxLength": "length_out_of_range",
    "minItems": "length_out_of_range",
    "maxItems": "length_out_of_range",
    "minProperties": "length_out_of_range",
    "maxProperties": "length_out_of_range",
    "uniqueItems": "items_not_unique",
}

_WORDS = {
    "required": "to be present",
    "additionalProperties": "only what the plan declares",
    "unevaluatedProperties": "only what the plan declares",
    "uniqueItems": "no item twice",
    "anyOf": "one of the forms that the plan allows",
    "oneOf": "exactly one of the forms that the plan allows",
    "falseSchema": "to be absent",
    "minimum": "at least {limit}",
    "maximum": "at most {limit}",
    "exclusiveMinimum": "more than {limit}",
    "exclusiveMaximum": "less than {limit}",
    "multipleOf": "a multiple of {multiple_of}",
    "minLength": "at least {limit} characters",
    "maxLength": "at most {limit} characters",
    "minItems": "at least {limit} items",
    "maxItems": "at most {limit} items",
    "minProperties": "at least {limit} members",
    "maxProperties": "at most {limit} members",
    "pattern": "to match {pattern}",
    "format": "the format {format}",
    "const": "{expected_value}",
}


def explain(
    error: jsonschema_rs.ValidationError,
    path: tuple[str | int, ...],
    schema: Schema,
    pointer: str,
    sections: Sequence[Section],
    definitions: Mapping[str, Schema],
    explained: Explained,
) -> Violation:
    """The violation of one validator error.

    Args:
        path: of the instance, from the error.
        schema: the compiled schema of the rule.
        pointer: of the rule in the plan file.
        explained: what was explained before. Only places that the plan declares by name are added, so that it is
            as small as the plan and holds nothing of any event.
    """
    kind = error.kind
    keyword = kind.name
    missing = str(kind.as_dict()["property"]) if keyword == "required" else ""
    key = (tuple(error.schema_path), path, missing)
    known = explained.get(key)
    if known is not None:
        return known
    tokens = masked(path, schema)
    declared = not any(isinstance(step, int) for step in path) and "*" not in tokens
    if missing:
        tokens.append(escape(missing))
    elif keyword in UNPLANNED:
        tokens.append("*")
    rule = _rule(error.schema_path, pointer, sections, definitions)
    expected = _expected(keyword, kind.as_dict())
    violation = Violation(CODES.get(keyword, "rule_broken"), "".join(f"/{t}" for t in tokens), rule, expected)
    if declared:
        explained[key] = violation
    return violation


def bounded(violations: Sequence[Violation]) -> tuple[Violation, ...]:
    """The violations without repetitions, and not more of them than anybody reads."""
    distinct = tuple(dict.fromkeys(violations))
    if len(distinct) <= MAX_VIOLATIONS:
        return distinct
    more = Violation("further_violations", "", "", f"{len(distinct) - MAX_VIOLATIONS} more are not listed")
    return (*distinct[:MAX_VIOLATIONS], more)


def masked(path: Sequence[str | int], schema: Schema) -> list[str]:
    """The path's tokens, with every name that the plan does not declare written as `*`."""
    tokens: list[str] = []
    current: Any = schema
    for step in path:
        below: Any = None
        if isinstance(current, Mapping):
            place = "items" if isinstance(step, int) else "properties"
            below = current.get(place)
        if isinstance(step, int):
            tokens.append(str(step))
            current = below
        elif isinstance(below, Mapping) and step in below:
            tokens.append(escape(step))
            current = below[step]
        else:
            tokens.append("*")
            current = None
    return tokens


def _rule(
    path: Sequence[str | int], pointer: str, sections: Sequence[Section], definitions: Mapping[str, Schema]
) -> str:
    """The pointer in the plan file of a place in the compiled schema: `/properties/SECTION/...`."""
    section = next((s for s in sections if list(path[:2]) == ["properties", s.name]), None)
    if section is None:  # the whole section is missing, or the message is no object
        return f"{pointer}/required" if "required" in path else pointer
    steps = list(path[2:])
    if len(steps) > 1 and steps[0] == "properties" and steps[1] in section.origins:
        place, raw = section.origins[str(steps[1])]
        return pointer_of(place, raw, steps[2:], definitions)
    return f"{section.pointer}/required" if "required" in steps else section.pointer


def _expected(keyword: str, details: Mapping[str, Any]) -> str:
    """What the rule asks for. `details` come from the schema, but for the unexpected names, unused here."""
    if keyword == "type":
        types = details.get("types", ())
        return " or ".join(str(name) for name in types)
    if keyword == "enum":
        return f"one of {', '.join(str(option) for option in details.get('options', ()))}"
    words = _WORDS.get(keyword, f"to keep the plan's rule {keyword}")
    return words.format(**details) if "{" in words else words
