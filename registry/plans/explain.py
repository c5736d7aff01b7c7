"""From a validator's error to a violation: what was expected, in the plan's words, never the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from registry.model.message import Violation
from registry.plans.sections import Schema, resolve

CODES = {
    "required": "required_missing",
    "type": "type_mismatch",
    "enum": "not_in_enum",
    "constant": "not_in_enum",
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
}

_LIMITS = {
    "minimum": "at least {limit}",
    "maximum": "at most {limit}",
    "exclusiveMinimum": "more than {limit}",
    "exclusiveMaximum": "less than {limit}",
    "minLength": "at least {limit} characters",
    "maxLength": "at most {limit} characters",
    "minItems": "at least {limit} items",
    "maxItems": "at most {limit} items",
}


def violation_of(
    keyword: str,
    details: Mapping[str, Any],
    path: Sequence[str | int],
    schema_path: Sequence[str | int],
    schema: Schema,
    pointer: str,
) -> Violation:
    """The violation of one validator error.

    Args:
        details: what the validator says of the keyword, from the schema (and unexpected names, unused).
        path: where in the message.
        schema_path: where in the compiled schema.
        pointer: of the event's rule in the plan file.
    """
    tokens = _masked(path, schema)
    if keyword == "required":
        tokens.append(str(details["property"]))
    elif keyword in ("additionalProperties", "unevaluatedProperties"):
        tokens.append("*")
    rule = "/".join((pointer, *(str(step) for step in schema_path)))
    return Violation(CODES.get(keyword, "rule_broken"), "".join(f"/{t}" for t in tokens), rule, _expected(keyword, details))


def _expected(keyword: str, details: Mapping[str, Any]) -> str:
    if keyword in _LIMITS:
        return _LIMITS[keyword].format(limit=details.get("limit"))
    if keyword == "required":
        return "to be present"
    if keyword in ("additionalProperties", "unevaluatedProperties"):
        return "only what the plan declares"
    if keyword == "type":
        types = details.get("types") or details.get("type")
        return " or ".join(str(t) for t in types) if isinstance(types, (list, tuple)) else str(types)
    if keyword == "enum":
        return f"one of {', '.join(str(option) for option in details.get('options', ()))}"
    if keyword == "pattern":
        return f"to match {details.get('pattern')}"
    if keyword == "format":
        return f"the format {details.get('format')}"
    return f"to keep the plan's rule {keyword}"


def _masked(path: Sequence[str | int], schema: Schema) -> list[str]:
    """The path with every name that the plan does not declare written as `*`."""
    tokens: list[str] = []
    definitions = schema.get("$defs", {})
    current: Schema = schema
    for step in path:
        current = resolve(current, definitions)
        if isinstance(step, int):
            tokens.append(str(step))
            items = current.get("items", {})
            current = items if isinstance(items, Mapping) else {}
            continue
        declared = current.get("properties", {})
        tokens.append(step if step in declared else "*")
        current = declared.get(step, {})
    return tokens
