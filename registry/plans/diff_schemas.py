"""Two JSON Schemas of one field, before and after: what changed, and whether all that fitted still fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from registry.plans.schemas import Schema

_DESCRIBING = frozenset({
    "title", "description", "examples", "default", "deprecated", "$comment", "x-categories", "x-sensitivity",
    "x-retention", "x-personal", "x-subject", "x-lint-allow",
})  # fmt: skip
_NAMES = {"x-purposes": "purpose", "x-identifier": "identifier"}
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_HANDLED = frozenset({
    "type", "enum", "const", "properties", "required", "additionalProperties", "items", *_LOWER, *_UPPER, *_DESCRIBING,
    *_NAMES,
})  # fmt: skip
_ALL_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One difference between two schemas; `steps` lead to it from the schema that was compared."""

    code: str
    breaking: bool
    steps: tuple[str, ...]
    message: str


def compare(old: Schema, new: Schema, steps: tuple[str, ...] = ()) -> Iterator[SchemaChange]:
    """Every change from one schema to another, references written out in both."""
    yield from _types(old, new, steps)
    yield from _choices(old, new, steps)
    yield from _bounds(old, new, steps)
    yield from _members(old, new, steps)
    yield from _annotations(old, new, steps)
    if isinstance(old.get("items"), Mapping) and isinstance(new.get("items"), Mapping):
        yield from compare(old["items"], new["items"], (*steps, "items"))
    elif old.get("items") != new.get("items"):
        yield _rule("items", old, new, steps)
    for keyword in sorted((old.keys() | new.keys()) - _HANDLED):
        if old.get(keyword) != new.get(keyword) and not keyword.startswith("x-"):
            yield _rule(keyword, old, new, steps)


def _types(old: Schema, new: Schema, steps: tuple[str, ...]) -> Iterator[SchemaChange]:
    before, after = _kinds(old), _kinds(new)
    if before == after:
        return
    shown = f"{_words(old)} became {_words(new)}"
    if before <= after:
        yield SchemaChange("type_widened", False, (*steps, "type"), shown)
    else:
        yield SchemaChange("type_narrowed", True, (*steps, "type"), shown)


def _kinds(schema: Schema) -> frozenset[str]:
    stated = schema.get("type")
    if stated is None:
        return _ALL_TYPES
    kinds = {stated} if isinstance(stated, str) else set(stated)
    return frozenset(kinds | {"integer"}) if "number" in kinds else frozenset(kinds)


def _words(schema: Schema) -> str:
    stated = schema.get("type", "anything")
    return stated if isinstance(stated, str) else " or ".join(stated)


def _choices(old: Schema, new: Schema, steps: tuple[str, ...]) -> Iterator[SchemaChange]:
    before, after = _options(old), _options(new)
    if before == after:
        return
    keyword = "enum" if "enum" in new or "enum" in old else "const"
    place = (*steps, keyword)
    if after is None:
        yield SchemaChange("enum_removed", False, place, "takes any value now")
    elif before is None:
        yield SchemaChange("enum_added", True, place, "takes only listed values now")
    else:
        if any(option not in after for option in before):
            yield SchemaChange("enum_narrowed", True, place, "no longer takes a value that it took")
        if any(option not in before for option in after):
            yield SchemaChange("enum_widened", False, place, "takes a further value")


def _options(schema: Schema) -> list[tuple[str, Any]] | None:
    """The allowed values, each with its kind: to JSON, true is not 1."""
    options = schema["enum"] if "enum" in schema else [schema["const"]] if "const" in schema else None
    return None if options is None else [("boolean" if isinstance(o, bool) else "", o) for o in options]


def _bounds(old: Schema, new: Schema, steps: tuple[str, ...]) -> Iterator[SchemaChange]:
    for keywords, tighter in ((_LOWER, _more), (_UPPER, _less)):
        for keyword in keywords:
            was, now = old.get(keyword), new.get(keyword)
            if was == now:
                continue
            breaking = now is not None and (was is None or tighter(now, was))
            code = "bound_tightened" if breaking else "bound_loosened"
            yield SchemaChange(code, breaking, (*steps, keyword), f"{keyword}: {_said(was)} became {_said(now)}")


_more: Callable[[Any, Any], bool] = lambda now, was: bool(now > was)  # noqa: E731 - the two ends of a range
_less: Callable[[Any, Any], bool] = lambda now, was: bool(now < was)  # noqa: E731


def _said(bound: object) -> str:
    return "none" if bound is None else str(bound)


def _members(old: Schema, new: Schema, steps: tuple[str, ...]) -> Iterator[SchemaChange]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed, needs = frozenset(old.get("required", ())), frozenset(new.get("required", ()))
    was_open, is_open = old.get("additionalProperties", True), new.get("additionalProperties", True)
    for name in dict.fromkeys([*before, *after]):
        place = (*steps, "properties", name)
        if name not in after:
            yield SchemaChange("property_removed", True, place, "is no longer planned")
        elif name not in before:
            required = name in needs
            code, message = ("required_added", "is new and required") if required else ("property_added", "is new")
            yield SchemaChange(code, required or was_open is not False, place, message)
        else:
            yield from compare(before[name], after[name], place)
    for name in sorted((needed ^ needs) & (before.keys() & after.keys())):
        place = (*steps, "required")
        if name in needs:
            yield SchemaChange("required_added", True, place, f"{name} is required now")
        else:
            yield SchemaChange("required_removed", False, place, f"{name} is no longer required")
    if was_open != is_open:
        opened = is_open is True
        code = "properties_opened" if opened else "properties_closed"
        message = "takes properties that are not declared" if opened else "takes only declared properties now"
        yield SchemaChange(code, not opened, (*steps, "additionalProperties"), message)


def _annotations(old: Schema, new: Schema, steps: tuple[str, ...]) -> Iterator[SchemaChange]:
    for keyword in sorted(_DESCRIBING):
        if old.get(keyword) != new.get(keyword):
            yield SchemaChange("described", False, (*steps, keyword), f"{keyword} changed")
    for keyword, noun in _NAMES.items():
        if old.get(keyword) != new.get(keyword):
            yield SchemaChange(f"{noun}_changed", True, (*steps, keyword), f"its {noun} is another")


def _rule(keyword: str, old: Schema, new: Schema, steps: tuple[str, ...]) -> SchemaChange:
    """A keyword whose values cannot be compared: without it, more fits; with another, who knows."""
    if keyword not in new:
        return SchemaChange("rule_removed", False, (*steps, keyword), f"the rule {keyword} is gone")
    code = "rule_changed" if keyword in old else "rule_added"
    return SchemaChange(
        code, True, (*steps, keyword), f"the rule {keyword} is {'another' if keyword in old else 'new'}"
    )
