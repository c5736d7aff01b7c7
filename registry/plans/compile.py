"""From a reviewed plan to rules that hold events against it: once per version, then shared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from registry.documents import Document
from registry.model.errors import DocumentInvalid
from registry.model.message import CallType, Message, Violation
from registry.plans.enforcement import Enforcement, Mode
from registry.plans.explain import bounded
from registry.plans.inspection import DIALECTS, PATTERNS, Inspection, no_retrieval
from registry.plans.rule import Rule
from registry.plans.schemas import Schema, escape
from registry.plans.sections import FieldDeclaration, Section, section
from registry.plans.transform import Transformation, transform, transformations
from registry.plans.transform import faults as transformation_faults
from registry.plans.verdict import Verdict

Key = tuple[CallType, str]
Origins = dict[str, tuple[str, Schema]]

SECTION_OF = {
    CallType.TRACK: "properties",
    CallType.PAGE: "properties",
    CallType.SCREEN: "properties",
    CallType.IDENTIFY: "traits",
    CallType.GROUP: "traits",
}


@dataclass(frozen=True, slots=True, eq=False)
class CompiledPlan:
    """A plan version, ready for use. It is immutable, equal to itself alone, and shared between threads.

    Attributes:
        enforcement: what the plan says for all sources; a source may say otherwise.
        purposes: every purpose that something in the plan serves.
        rules: by call and name; the empty name holds for every name of that call.
        unplanned: by call, the rule that events without one are taken in by, where they are.
        default_purposes: what events without purposes of their own serve.
    """

    name: str
    version: str
    enforcement: Enforcement
    purposes: frozenset[str]
    rules: Mapping[Key, Rule]
    unplanned: Mapping[CallType, Rule]
    default_purposes: frozenset[str]
    declarations: tuple[FieldDeclaration, ...]
    transformations: tuple[Transformation, ...] = ()

    @property
    def identity(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    def check(self, message: Message, enforcement: Enforcement) -> Verdict:
        """Hold a message, whose envelope has been checked, against the plan.

        A track event is planned by its name; a page or screen by its name, or by the rule for all; of
        the other calls there is one rule each. An alias carries nothing but identifiers.
        """
        rule = self.rules.get((message.call, message.name)) or self.rules.get((message.call, ""))
        if rule is not None:
            return rule.check(message.body, enforcement)
        if message.call is CallType.ALIAS:
            return Verdict(True, (), "alias", self.identity, 0, (), ())
        return self._unplanned(message, enforcement)

    def transform(self, message: Message) -> tuple[Message, tuple[str, ...]]:
        """The message after the plan's transformations, and the pointers of those that changed it."""
        return transform(message, self.transformations, SECTION_OF) if self.transformations else (message, ())

    def field_declarations(self) -> tuple[FieldDeclaration, ...]:
        """What the plan declares of each field, for the census."""
        return self.declarations

    def retentions(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """(event, ISO 8601 duration, path in the message) of every field with a retention of its own."""
        return tuple(
            (rule.event, period, path)
            for rule in self.rules.values()
            if rule.event is not None
            for section in rule.sections
            for period, path in section.retentions()
        )

    def trait_purposes(self, trait: str) -> frozenset[str]:
        """What a trait of `identify` may be used for; nothing, for one that the plan does not declare."""
        rule = self.rules.get((CallType.IDENTIFY, ""))
        return rule.sections[0].purposes.get(trait, frozenset()) if rule is not None else frozenset()

    def _unplanned(self, message: Message, enforcement: Enforcement) -> Verdict:
        path = "/event" if message.call is CallType.TRACK else "/type"
        violation = Violation("unplanned_event", path, "/events", "an event that the plan declares")
        rule = self.unplanned[message.call]
        mode = enforcement.unplanned_events
        verdict = rule.check(message.body, replace(enforcement, unplanned_properties=mode))
        violations = bounded((violation, *verdict.violations))
        if mode is Mode.BLOCK:
            return Verdict(False, (violation,), None, self.identity, 0, (), verdict.identifiers)
        return replace(verdict, violations=violations)


def compile_plan(document: Document | Mapping[str, object]) -> CompiledPlan:
    """The rules of a plan that conforms to `schemas/tracking-plan.schema.json`.

    A mapping is taken for the value of a file without positions.

    Raises:
        DocumentInvalid: what JSON Schema cannot say of it, every fault with its line: a reference that
            leaves the file, leads nowhere or back to itself; a schema that is none or is too large; a
            pattern that is not linear; purposes where they would go unheeded; an event declared twice;
            a required field that is not declared.
    """
    if not isinstance(document, Document):
        document = Document(document, "plan", "", {})
    return _Compiler(document).compile()


@dataclass(frozen=True, slots=True)
class _Entry:
    """One rule as the plan states it: whose it is, where, and the fields of its section."""

    key: Key
    pointer: str
    event: str
    purposes: frozenset[str]
    categories: tuple[str, ...]
    section_pointer: str
    origins: Origins
    rest: dict[str, Any]


class _Compiler:
    def __init__(self, document: Document) -> None:
        self.value = cast("Mapping[str, Any]", document.value)
        self.identity = f"{self.value['plan']}@{self.value['version']}"
        self.definitions: Mapping[str, Schema] = self.value.get("definitions", {})
        self.default = frozenset(self.value["purposes"])
        self.common: Schema = self.value.get("common", {})
        self.inspection = Inspection(document, self.definitions, self._dialect())
        self.transformations = transformations(self.value.get("transformations", ()))
        self.declarations: list[FieldDeclaration] = []

    def compile(self) -> CompiledPlan:
        entries = list(self._entries())
        self._inspect(entries)
        if self.inspection.faults:
            raise DocumentInvalid(self.inspection.faults)
        stated = self.value.get("context", {})
        context = self._section("context", "/context", _origins(stated, "/context"), _rest(stated), self.default)
        self.declarations += context.declarations("context", (), self.definitions)
        rules = {entry.key: self._rule(entry, context) for entry in entries}
        served = (d.purposes for d in self.declarations)
        return CompiledPlan(
            name=self.value["plan"],
            version=self.value["version"],
            enforcement=Enforcement.from_plan(self.value),
            purposes=frozenset().union(self.default, *served, *(entry.purposes for entry in entries)),
            rules=rules,
            unplanned={call: self._unplanned(call, context) for call in SECTION_OF},
            default_purposes=self.default,
            declarations=tuple(self.declarations),
            transformations=self.transformations,
        )

    def _entries(self) -> Iterator[_Entry]:
        common = _origins(self.common, "/common")
        for name in ("identify", "group"):
            event = self.value.get(name)
            if event is not None:
                traits, pointer = event.get("traits", {}), f"/{name}/traits"
                yield self._entry(
                    (CallType(name), ""), f"/{name}", event, pointer, _origins(traits, pointer), _rest(traits)
                )
        for position, event in enumerate(self.value.get("events", ())):
            pointer = f"/events/{position}"
            rest = {**_rest(self.common), **_rest(event)}
            required = dict.fromkeys([*self.common.get("required", ()), *event.get("required", ())])
            origins = {**common, **_origins(event, pointer)}
            key = (CallType(event["type"]), event.get("name", ""))
            yield self._entry(key, pointer, event, pointer, origins, {**rest, "required": list(required)})

    def _entry(
        self, key: Key, pointer: str, event: Schema, section_pointer: str, origins: Origins, rest: dict[str, Any]
    ) -> _Entry:
        purposes = frozenset(event.get("purposes", self.default))
        categories = tuple(event.get("categories", ()))
        identity = str(event.get("id") or _slug(key))
        return _Entry(key, pointer, identity, purposes, categories, section_pointer, origins, rest)

    def _inspect(self, entries: list[_Entry]) -> None:
        """Gather the faults of everything that is declared."""
        inspection, keys, ids = self.inspection, set[Key](), set[str]()
        stated = self.value.get("context", {})
        every = {
            p: raw for o in (_origins(stated, "/context"), _origins(self.common, "/common")) for p, raw in o.values()
        }
        for entry in entries:
            if entry.key in keys:
                inspection.fault(entry.pointer, "this event is declared twice")
            elif entry.event in ids:
                inspection.fault(entry.pointer, f"the id {entry.event} is another event's")
            keys.add(entry.key)
            ids.add(entry.event)
            every |= dict(entry.origins.values())
            required = entry.rest.get("required", [])
            closed = entry.rest.get("additionalProperties", False) is False
            declared = {name: raw for name, (_, raw) in entry.origins.items()}
            inspection.required(f"{entry.section_pointer}/required", required, declared, closed=closed)
        for pointer, raw in every.items():
            inspection.schema(pointer, raw)
        for entry in entries:
            inspection.sizes(entry.pointer, {name: raw for name, (_, raw) in entry.origins.items()})
        inspection.sizes("/context", stated.get("properties", {}))
        for pointer, reason in transformation_faults(self.transformations, {entry.key: entry for entry in entries}):
            inspection.fault(pointer, reason)

    def _rule(self, entry: _Entry, context: Section) -> Rule:
        name = SECTION_OF[entry.key[0]]
        own = self._section(name, entry.section_pointer, entry.origins, entry.rest, entry.purposes)
        self.declarations += own.declarations(entry.event, entry.categories, self.definitions)
        return self._compiled(entry.event, entry.pointer, own, replace(context, default=entry.purposes))

    def _unplanned(self, call: CallType, context: Section) -> Rule:
        """The rule of events without one: what the plan says of all events, and nothing more."""
        common = self.common if SECTION_OF[call] == "properties" else {}
        own = self._section(SECTION_OF[call], "/common", _origins(common, "/common"), _rest(common), self.default)
        return self._compiled(None, "/common", own, context)

    def _section(
        self, name: str, pointer: str, origins: Origins, rest: dict[str, Any], purposes: frozenset[str]
    ) -> Section:
        return section(
            name, pointer, origins, rest, purposes, closed=name != "context", definitions=self.definitions
        )  # fmt: skip

    def _compiled(self, event: str | None, pointer: str, own: Section, context: Section) -> Rule:
        draft, validator = DIALECTS[self._dialect()]
        sections = (own, context)
        schema: dict[str, Any] = {"$schema": draft, "type": "object", "properties": {}}
        for part in sections:
            needed = bool(part.schema.get("required") or part.schema.get("minProperties"))
            schema["properties"][part.name] = {**part.schema, "type": "object" if needed else ["object", "null"]}
            if needed:
                schema.setdefault("required", []).append(part.name)
        compiled = validator(schema, retriever=no_retrieval, pattern_options=PATTERNS, validate_formats=True)
        identifiers = tuple(found for part in sections for found in part.identifiers())
        required: dict[str | int, frozenset[str]] = {
            part.name: frozenset(part.schema.get("required", ())) for part in sections
        }
        return Rule(
            event, self.identity, pointer, compiled, schema, sections, self.definitions, identifiers, required,
            counted=any("minProperties" in part.schema for part in sections),
        )  # fmt: skip

    def _dialect(self) -> str:
        return str(self.value.get("dialect", "2020-12"))


def _origins(stated: Schema, pointer: str) -> Origins:
    """The fields of a section, each with its place in the plan."""
    fields = stated.get("properties", {})
    return {name: (f"{pointer}/properties/{escape(name)}", schema) for name, schema in fields.items()}


def _rest(stated: Schema) -> dict[str, Any]:
    """The keywords of a section's object, besides its fields."""
    return {k: stated[k] for k in ("required", "minProperties", "additionalProperties") if k in stated}


def _slug(key: Key) -> str:
    """The id of an event that states none: its name in small letters, or its call."""
    call, name = key
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or call.value
