"""Whether a plan's schemas are safe and sensible to compile, with the place of every fault.

A plan is data from outside: it must not make the registry fetch anything, recurse without end, grow
without bound, or match patterns in more than linear time; nor state a purpose where nobody would heed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import jsonschema_rs

from registry.documents import Document
from registry.plans.schemas import ANNOTATIONS, Schema, below, definition_name, escape

DIALECTS = {
    "2020-12": ("https://json-schema.org/draft/2020-12/schema", jsonschema_rs.Draft202012Validator),
    "draft-07": ("http://json-schema.org/draft-07/schema#", jsonschema_rs.Draft7Validator),
}

MAX_DEPTH = 32
MAX_SCHEMAS = 20_000
"""Schemas in one event after references are written out: a few lines of doubling references are millions."""
MAX_PATTERN = 1_000

# Rust's `regex` crate: finite automata, time linear in the text whatever the pattern. It refuses
# look-around and back references, which are what lets a pattern of the plan stall ingest (ReDoS);
# `size_limit` bounds the memory of counted repetitions.
PATTERNS = jsonschema_rs.RegexOptions(size_limit=1 << 20)

_REFUSED = frozenset({
    "$id", "$schema", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary",
    "$defs", "definitions",
})  # fmt: skip
_HEEDED_ON_FIELDS = ("x-purposes",)
_NOT_IN_BRANCHES = (
    "x-purposes",
    "x-identifier",
    "x-categories",
    "x-retention",
    "x-personal",
    "x-sensitivity",
    "x-subject",
)


def no_retrieval(_uri: str) -> NoReturn:
    """The retriever of every validator: refuses."""
    raise ValueError("a plan refers to nothing outside itself")


_NOT_DESCRIBED = "is no object: what is declared is described"
"""Said of `true` and `false`, which are schemas, but say nothing of what is there."""


class Inspection:
    """Gathers the faults of one plan's schemas."""

    def __init__(self, document: Document, definitions: Mapping[str, Schema], dialect: str) -> None:
        self.faults: list[dict[str, object]] = []
        self._document = document
        self._definitions = definitions
        self._validator = DIALECTS[dialect][1]
        self._sizes: dict[str, tuple[int, int]] = {}
        self._following: list[str] = []
        for name, schema in definitions.items():
            self.schema(f"/definitions/{escape(name)}", schema)
        for name in definitions:
            self._size_of(name)

    def fault(self, pointer: str, reason: str) -> None:
        """Note a fault, once."""
        fault = self._document.fault(pointer, reason)
        if fault not in self.faults:
            self.faults.append(fault)

    def schema(self, pointer: str, schema: Schema | bool) -> None:
        """Inspect the schema of a field, or a definition."""
        if isinstance(schema, bool):
            self.fault(pointer, _NOT_DESCRIBED)
            return
        before = len(self.faults)
        self._walk(pointer, schema, 0, nested=False, branch=False)
        if len(self.faults) == before:
            self._against_draft(pointer, schema)

    def sizes(self, pointer: str, fields: Mapping[str, Schema]) -> None:
        """Hold what one event's fields come to against the bounds."""
        measured = [self._measure(schema) for schema in fields.values()]
        if sum(count for count, _ in measured) > MAX_SCHEMAS:
            self.fault(pointer, f"comes to more than {MAX_SCHEMAS} schemas when its references are written out")
        if any(depth > MAX_DEPTH for _, depth in measured):
            self.fault(pointer, f"is nested deeper than {MAX_DEPTH} when its references are written out")

    def required(self, pointer: str, required: list[str], declared: Mapping[str, Schema], *, closed: bool) -> None:
        """Refuse a rule that no event can keep: one that requires what it would refuse."""
        for position, name in enumerate(required):
            if closed and name not in declared:
                self.fault(f"{pointer}/{position}", f"requires {name}, which is not declared")

    def _walk(self, pointer: str, schema: Schema, depth: int, *, nested: bool, branch: bool) -> None:
        if depth > MAX_DEPTH:
            self.fault(pointer, f"is nested deeper than {MAX_DEPTH}")
            return
        for keyword in schema.keys() & _REFUSED:
            self.fault(
                f"{pointer}/{keyword}", f"{keyword} is not allowed here: definitions stand at the top of the plan"
            )
        self._annotations(pointer, schema, nested=nested, branch=branch)
        if "$ref" in schema:
            self._reference(pointer, schema, nested=nested or branch)
        declared = schema.get("properties")
        if isinstance(declared, Mapping) and not branch:
            for name in (name for name, inner in declared.items() if isinstance(inner, bool)):
                self.fault(f"{pointer}/properties/{escape(name)}", _NOT_DESCRIBED)
        for pattern, place in _patterns(schema):
            self._pattern(f"{pointer}/{place}", pattern)
        for steps, inner, in_branch in below(schema):
            path = "".join(f"/{escape(step)}" for step in steps)
            self._walk(pointer + path, inner, depth + 1, nested=True, branch=branch or in_branch)

    def _annotations(self, pointer: str, schema: Schema, *, nested: bool, branch: bool) -> None:
        for name in _NOT_IN_BRANCHES:
            if name not in schema:
                continue
            if branch:
                self.fault(f"{pointer}/{name}", f"{name} is heeded only where a field is declared, not in a branch")
            elif nested and name in _HEEDED_ON_FIELDS:
                self.fault(f"{pointer}/{name}", "purposes are those of the whole field: state them on the topmost one")

    def _reference(self, pointer: str, schema: Schema, *, nested: bool) -> None:
        name = definition_name(str(schema["$ref"]))
        if name not in self._definitions:
            self.fault(f"{pointer}/$ref", "refers to none of this plan's definitions (#/$defs/NAME)")
            return
        for beside in schema.keys() - ANNOTATIONS - {"$ref"}:
            if not beside.startswith("x-"):
                self.fault(f"{pointer}/{beside}", "only annotations may stand beside a reference: use allOf")
        if nested and self._states_purposes(name):
            self.fault(f"{pointer}/$ref", "the definition states purposes, which only the topmost field can")

    def _states_purposes(self, name: str, *seen: str) -> bool:
        schema: Schema | bool = self._definitions.get(name, {})
        if isinstance(schema, bool):
            return False
        if "x-purposes" in schema:
            return True
        further = definition_name(str(schema.get("$ref", "")))
        return bool(further) and further not in (name, *seen) and self._states_purposes(further, name, *seen)

    def _pattern(self, pointer: str, pattern: str) -> None:
        if len(pattern) > MAX_PATTERN:
            self.fault(pointer, f"is a pattern of more than {MAX_PATTERN} characters")
            return
        try:
            self._validator({"pattern": pattern}, pattern_options=PATTERNS)
        except ValueError:
            reason = "is no pattern that runs in linear time and bounded memory (no look-around, no back references)"
            self.fault(pointer, reason)

    def _against_draft(self, pointer: str, schema: Schema) -> None:
        options: dict[str, Any] = {"pattern_options": PATTERNS, "retriever": no_retrieval}
        try:
            self._validator(_without_references(schema), validate_formats=True, ignore_unknown_formats=False, **options)
        except jsonschema_rs.ValidationError as error:
            path = "".join(f"/{escape(str(step))}" for step in error.instance_path)
            self.fault(pointer + path, f"is no valid JSON Schema: {error.message[:150]}")
        except ValueError as error:
            self.fault(pointer, f"is no valid JSON Schema: {str(error)[:150]}")

    def _size_of(self, name: str) -> tuple[int, int]:
        """How many schemas a definition comes to, and how deep."""
        if name in self._following:
            self.fault(f"/definitions/{escape(name)}", "leads back to itself: a plan's data has a depth")
            return 1, 1
        if name not in self._sizes:
            self._following.append(name)
            self._sizes[name] = self._measure(self._definitions[name])
            self._following.pop()
        return self._sizes[name]

    def _measure(self, schema: Schema | bool) -> tuple[int, int]:
        if isinstance(schema, bool):
            return 1, 1
        name = definition_name(str(schema.get("$ref", "")))
        if name in self._definitions:
            return self._size_of(name)
        inner = [self._measure(value) for _, value, _ in below(schema)]
        return 1 + sum(count for count, _ in inner), 1 + max((depth for _, depth in inner), default=0)


def _patterns(schema: Schema) -> list[tuple[str, str]]:
    """Each pattern of a schema, and its place in it."""
    found = [(schema["pattern"], "pattern")] if isinstance(schema.get("pattern"), str) else []
    named = schema.get("patternProperties")
    if isinstance(named, Mapping):
        found += [(pattern, f"patternProperties/{escape(pattern)}") for pattern in named]
    return found


def _without_references(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {key: inner for key, inner in value.items() if key != "$ref" or not isinstance(inner, str)}
        return {key: _without_references(inner) for key, inner in kept.items()}
    return [_without_references(inner) for inner in value] if isinstance(value, list) else value
