"""From a reviewed plan to rules that hold events against it: once per version, then shared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import jsonschema_rs

from registry.documents import Document
from registry.model.errors import DocumentInvalid
from registry.model.message import CallType, Message, Violation
from registry.plans.enforcement import Enforcement, Mode
from registry.plans.rule import Rule
from registry.plans.sections import FieldDeclaration, Schema, Section, purposes_in, resolve, section
from registry.plans.verdict import Part, Verdict

DIALECTS = {
    "2020-12": ("https://json-schema.org/draft/2020-12/schema", jsonschema_rs.Draft202012Validator),
    "draft-07": ("http://json-schema.org/draft-07/schema#", jsonschema_rs.Draft7Validator),
}

MAX_DEPTH = 32
MAX_PATTERN = 1_000

# Rust's `regex` crate: finite automata, time linear in the text whatever the pattern. It refuses
# look-around and back references, which are what makes a pattern run away.
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=1 << 20)

Key = tuple[CallType, str]


@dataclass(frozen=True, slots=True)
class CompiledPlan:
    """A plan version, ready for use. It is immutable and shared between threads."""

    name: str
    version: str
    enforcement: Enforcement
    purposes: frozenset[str]
    rules: Mapping[Key, Rule]
    default_purposes: frozenset[str]
    declarations: tuple[FieldDeclaration, ...]

    @property
    def identity(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    def check(self, message: Message, enforcement: Enforcement) -> Verdict:
        """Hold a message against the plan.

        A track event is planned by its name; a page or screen by its name, or by the rule for all; of
        the other calls there is one rule each. An alias carries nothing but identifiers.
        """
        rule = self.rules.get((message.call, message.name)) or self.rules.get((message.call, ""))
        if rule is not None:
            return rule.check(message, enforcement)
        if message.call is CallType.ALIAS:
            return Verdict(True, (), "alias", self.identity, 0, (), ())
        violation = Violation("unplanned_event", "", "/events", "an event that the plan declares")
        if enforcement.unplanned_events is Mode.BLOCK:
            return Verdict(False, (violation,), None, self.identity, 0, (), ())
        parts: tuple[Part, ...] = ()
        names: frozenset[str] = frozenset()
        if enforcement.unplanned_events is Mode.ALLOW:
            content = {name: message.body[name] for name in ("properties", "traits") if message.body.get(name)}
            parts = (Part(self.default_purposes, content),) if content else ()
            names = frozenset(name for value in content.values() if isinstance(value, dict) for name in value)
        return Verdict(True, (violation,), None, self.identity, 0, parts, (), names)


def compile_plan(document: Document) -> CompiledPlan:
    """The rules of a plan that conforms to `schemas/tracking-plan.schema.json`.

    Raises:
        DocumentInvalid: what JSON Schema cannot say of it: a reference that leaves the file or leads
            nowhere, a schema that is none, a pattern that the engine refuses, an event declared twice.
    """
    return _Compiler(document).compile()


class _Compiler:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.value = cast(Mapping[str, Any], document.value)
        self.identity = f"{self.value['plan']}@{self.value['version']}"
        self.definitions: Mapping[str, Schema] = self.value.get("definitions", {})
        self.default = frozenset(self.value["purposes"])
        self.faults: list[dict[str, object]] = []
        self.declarations: list[FieldDeclaration] = []

    def compile(self) -> CompiledPlan:
        self._walk("", self.value, 0)
        self._refuse()
        context = section(
            "context", self.value.get("context", {}), self.default, closed=False, definitions=self.definitions
        )
        self._declare("context", "/context", context)
        rules: dict[Key, Rule] = {}
        for key, pointer, event, schema, name in self._entries():
            if key in rules:
                self.faults.append(self.document.fault(pointer, "this event is declared twice"))
                continue
            purposes = frozenset(event.get("purposes") or self.default)
            own = section(name, schema, purposes, closed=True, definitions=self.definitions)
            identity = str(event.get("id") or key[0].value)
            self._declare(identity, pointer, own)
            rules[key] = self._rule(identity, pointer, own, context)
        self._refuse()
        modes = self.value.get("enforcement", {})
        used = frozenset().union(*(d.purposes for d in self.declarations), self.default)
        return CompiledPlan(
            name=self.value["plan"],
            version=self.value["version"],
            enforcement=Enforcement().override(**modes),
            purposes=used,
            rules=rules,
            default_purposes=self.default,
            declarations=tuple(self.declarations),
        )

    def _entries(self) -> Iterator[tuple[Key, str, Mapping[str, Any], dict[str, Any], str]]:
        common: Schema = self.value.get("common", {})
        for name in ("identify", "group"):
            event = self.value.get(name)
            if event is not None:
                yield (CallType(name), ""), f"/{name}", event, _closed(event.get("traits", {})), "traits"
        for position, event in enumerate(self.value.get("events", ())):
            schema = _closed({
                "properties": {**common.get("properties", {}), **event.get("properties", {})},
                "required": [*common.get("required", ()), *event.get("required", ())],
            })  # fmt: skip
            yield (CallType(event["type"]), event.get("name", "")), f"/events/{position}", event, schema, "properties"

    def _rule(self, event: str, pointer: str, own: Section, context: Section) -> Rule:
        dialect, validator = DIALECTS[self.value.get("dialect", "2020-12")]
        members = {own.name: {"type": ["object", "null"], **own.schema}, "context": {"type": ["object", "null"], **context.schema}}
        schema: dict[str, Any] = {
            "$schema": dialect,
            "type": "object",
            "properties": members,
            "$defs": {name: _closed_below(inner) for name, inner in self.definitions.items()},
            "definitions": {},
        }
        if own.schema.get("required"):
            schema["required"] = [own.name]
            members[own.name]["type"] = "object"
        identifiers = tuple(
            (str(known["x-identifier"]), (part.name, name))
            for part in (own, context)
            for name, inner in part.schema.get("properties", {}).items()
            if "x-identifier" in (known := resolve(inner, self.definitions))
        )
        try:
            compiled = validator(schema, retriever=_no_retrieval, pattern_options=_PATTERNS, validate_formats=True)
        except (ValueError, jsonschema_rs.ReferencingError):
            self.faults.append(self.document.fault(pointer, "is no valid JSON Schema, or refers to what is not there"))
            compiled = validator({})
        return Rule(event, self.identity, pointer, compiled, schema, (own, context), identifiers)

    def _declare(self, event: str, pointer: str, own: Section) -> None:
        for name, inner in own.schema.get("properties", {}).items():
            known = resolve(inner, self.definitions)
            self.declarations.append(
                FieldDeclaration(
                    event=event,
                    pointer=f"{pointer}/{own.name}/{name}",
                    purposes=purposes_in(known, own.default),
                    categories=tuple(known.get("x-categories", ())),
                    identifier=known.get("x-identifier"),
                    retention=known.get("x-retention"),
                    personal=bool(known.get("x-personal", True)),
                )
            )

    def _walk(self, pointer: str, value: object, depth: int) -> None:
        """Refuse what makes a schema unsafe, wherever it stands."""
        if depth > MAX_DEPTH:
            self.faults.append(self.document.fault(pointer, f"is nested deeper than {MAX_DEPTH}"))
            return
        if isinstance(value, Mapping):
            for key, inner in value.items():
                below = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
                if key in ("$ref", "$dynamicRef", "$recursiveRef") and isinstance(inner, str):
                    self._reference(below, inner)
                if key == "pattern" and isinstance(inner, str):
                    self._pattern(below, inner)
                self._walk(below, inner, depth + 1)
        elif isinstance(value, list):
            for position, inner in enumerate(value):
                self._walk(f"{pointer}/{position}", inner, depth + 1)

    def _reference(self, pointer: str, reference: str) -> None:
        for prefix in ("#/$defs/", "#/definitions/"):
            if reference.startswith(prefix) and reference.removeprefix(prefix) in self.definitions:
                return
        self.faults.append(self.document.fault(pointer, "refers to none of this plan's definitions (#/$defs/NAME)"))

    def _pattern(self, pointer: str, pattern: str) -> None:
        if len(pattern) > MAX_PATTERN:
            self.faults.append(self.document.fault(pointer, f"is a pattern of more than {MAX_PATTERN} characters"))
            return
        try:
            jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=_PATTERNS)
        except ValueError:
            reason = "is no pattern that runs in linear time (no look-around, no back references)"
            self.faults.append(self.document.fault(pointer, reason))

    def _refuse(self) -> None:
        if self.faults:
            raise DocumentInvalid(self.faults)


def _closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema whose objects take only what they declare, unless they say otherwise."""
    return cast(dict[str, Any], _closed_below({"additionalProperties": False, **schema}))


def _closed_below(value: Any) -> Any:
    if isinstance(value, Mapping):
        closed = {key: _closed_below(inner) for key, inner in value.items()}
        if isinstance(value.get("$ref"), str):
            closed["$ref"] = value["$ref"].replace("#/definitions/", "#/$defs/")
        if isinstance(value.get("properties"), Mapping) and "type" in value:
            closed.setdefault("additionalProperties", False)
        return closed
    return [_closed_below(inner) for inner in value] if isinstance(value, list) else value


def _no_retrieval(_uri: str) -> NoReturn:
    raise ValueError("a plan refers to nothing outside itself")
