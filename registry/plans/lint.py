"""A plan read as a reviewer would: what is allowed, but should not be left as it is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from registry.documents import Document
from registry.model.message import CallType, Message
from registry.plans.compile import SECTION_OF, CompiledPlan, compile_plan
from registry.plans.enforcement import Enforcement, Mode
from registry.plans.personal_names import personal_category, words_of
from registry.plans.personal_values import Confidence, match_value
from registry.plans.schemas import Schema, definition_name, escape, expand
from registry.plans.taxonomy import is_data_category

NO_YEAR = 0
"""A plan has no date of its own: dates in it are not taken for births."""

STRICT = Enforcement(Mode.BLOCK, Mode.BLOCK, Mode.BLOCK)

_SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TITLE_CASE = re.compile(r"[A-Z0-9][A-Za-z0-9]*( ([A-Z0-9][A-Za-z0-9]*|to|from|of|in|on|and|for|the|a|an|with|by))*")


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    """Personal data would be handled wrongly, or the plan contradicts itself: do not publish."""
    WARNING = "warning"
    """The plan leaves open what a reviewer needs to know."""
    ADVICE = "advice"
    """A matter of habit."""


CODES: Mapping[str, Severity] = {
    "personal_unannotated": Severity.ERROR,
    "personal_value": Severity.ERROR,
    "category_unknown": Severity.ERROR,
    "example_breaks_plan": Severity.ERROR,
    "description_missing": Severity.WARNING,
    "purposes_missing": Severity.WARNING,
    "categories_missing": Severity.WARNING,
    "free_form": Severity.WARNING,
    "near_duplicate": Severity.WARNING,
    "event_name_convention": Severity.ADVICE,
    "property_name_convention": Severity.ADVICE,
}
"""Every code of a finding. `x-lint-allow: [code]` on a field says that it is meant so."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to reconsider. `line` counts from 1."""

    code: str
    severity: Severity
    pointer: str
    line: int
    message: str


def lint(document: Document, plan: CompiledPlan | None = None) -> list[Finding]:
    """What a reviewer would say of a plan, in the order of the file.

    Args:
        plan: the document's plan, where it is compiled already.

    Raises:
        DocumentInvalid: the plan does not compile; mend that first.
    """
    review = _Review(document, plan or compile_plan(document))
    review.events()
    review.shared()
    review.names()
    return sorted(review.findings, key=lambda finding: (finding.line, finding.pointer, finding.code))


class _Review:
    def __init__(self, document: Document, plan: CompiledPlan) -> None:
        self.findings: list[Finding] = []
        self._document = document
        self._value: Mapping[str, Any] = document.value
        self._plan = plan
        self._definitions: Mapping[str, Schema] = self._value.get("definitions", {})
        self._spellings: dict[tuple[str, str], dict[str, str]] = {}

    def events(self) -> None:
        """Each event, `identify` and `group`, and what they hold."""
        for name in ("identify", "group"):
            event = self._value.get(name)
            if event is not None:
                self._event(f"/{name}", event)
                self._fields(f"/{name}/traits", event.get("traits", {}), event, of_person=name == "identify")
        for position, event in enumerate(self._value.get("events", ())):
            pointer = f"/events/{position}"
            self._event(pointer, event)
            self._fields(pointer, event, event)
            name = event.get("name")
            if event["type"] == CallType.TRACK and not _TITLE_CASE.fullmatch(name):
                self._note(
                    "event_name_convention", f"{pointer}/name", "events are named in Title Case: Order Completed"
                )
            self._examples(pointer, event)

    def shared(self) -> None:
        """What holds for every event."""
        for name in ("common", "context"):
            self._fields(f"/{name}", self._value.get(name, {}), {})
        for name, field in self._value.get("context", {}).get("properties", {}).items():
            if "x-purposes" not in expand(field, self._definitions, closed=True):
                pointer = f"/context/properties/{escape(name)}"
                self._note("purposes_missing", pointer, "state x-purposes: it comes with every event", field)

    def names(self) -> None:
        """Names that differ only in their spelling."""
        for spellings in self._spellings.values():
            first, *others = spellings
            for other in others:
                self._note("near_duplicate", spellings[other], f"{first} is the same name in another spelling")

    def _event(self, pointer: str, event: Schema) -> None:
        if not event.get("description"):
            self._note("description_missing", pointer, "say when it is sent")
        if not event.get("purposes"):
            self._note("purposes_missing", pointer, "state purposes: the plan's default may be too wide")
        if event.get("type") == CallType.TRACK:
            self._spelling("event", event["name"], f"{pointer}/name", event)
        self._categories(f"{pointer}/categories", event.get("categories", ()))

    def _fields(self, pointer: str, stated: Schema, event: Schema, *, of_person: bool = False) -> None:
        for name, raw in stated.get("properties", {}).items():
            place = f"{pointer}/properties/{escape(name)}"
            schema = expand(raw, self._definitions, closed=True)
            if not schema.get("description"):
                self._note("description_missing", place, "say what it holds", schema)
            personal = schema.get("x-personal", True)
            if personal and not schema.get("x-categories") and not event.get("categories"):
                message = "state x-categories, or x-personal: false"
                self._note("categories_missing", place, message, schema)
            self._field(place, name, raw, schema, annotated=False, of_person=of_person)

    def _field(
        self, pointer: str, name: str, raw: Schema, schema: Schema, *, annotated: bool, of_person: bool = False
    ) -> None:
        """One field, and those inside it; a list's items have no name. `annotated`: what holds it says what it is."""
        annotated = annotated or bool(schema.get("x-categories")) or schema.get("x-personal") is False
        guess = personal_category(name, of_person=of_person)
        if guess is not None and not annotated:
            message = f"by its name it holds personal data: state x-categories (perhaps {guess}), or x-personal: false"
            self._note("personal_unannotated", pointer, message, schema)
        if name and not pointer.startswith("/context/"):  # there, names are the SDKs'
            if not _SNAKE_CASE.fullmatch(name):
                self._note("property_name_convention", pointer, "properties are named in snake_case", schema)
            self._spelling("property", name, pointer, schema)
        self._values(pointer, schema, annotated=annotated)
        self._categories(f"{pointer}/x-categories", schema.get("x-categories", ()))
        if _is_free_form(schema):
            self._note("free_form", pointer, "anything fits: declare its type, and an object's properties", schema)
        if "$ref" in raw:  # what is inside a definition is read once, where it stands
            pointer, raw = self._definition(raw)
        for steps, inner_name, inner in _inside(raw):
            expanded = expand(inner, self._definitions, closed=True)
            self._field(f"{pointer}{steps}", inner_name, inner, expanded, annotated=annotated)

    def _values(self, pointer: str, schema: Schema, *, annotated: bool) -> None:
        """The values that a field's schema shows: what looks personal there says what the field holds."""
        shown = [*schema.get("examples", ()), *schema.get("enum", ()), schema.get("const"), schema.get("default")]
        for value in shown:
            matches = match_value(value, year=NO_YEAR) if isinstance(value, str) and not annotated else ()
            if matches and matches[0].confidence is not Confidence.LOW:
                found = matches[0]
                message = f"a value of it looks like {found.kind}: state x-categories (perhaps {found.category})"
                self._note("personal_value", pointer, message, schema)

    def _definition(self, raw: Schema) -> tuple[str, Schema]:
        pointer = ""
        while "$ref" in raw:
            name = definition_name(raw["$ref"])
            pointer, raw = f"/definitions/{escape(name)}", self._definitions[name]
        return pointer, raw

    def _categories(self, pointer: str, categories: Collection[str]) -> None:
        unknown = [category for category in categories if not is_data_category(category)]
        if unknown:
            self._note("category_unknown", pointer, f"fideslang's taxonomy has no {', '.join(unknown)}")

    def _examples(self, pointer: str, event: Schema) -> None:
        call = CallType(event["type"])
        for position, example in enumerate(event.get("examples", ())):
            message = Message(call, event.get("name", ""), "example", {SECTION_OF[call]: example}, 0, 0)
            verdict = self._plan.check(message, STRICT)
            if not verdict.accepted:
                faults = "; ".join(f"{fault.path}: {fault.expected}" for fault in verdict.violations[:3])
                self._note("example_breaks_plan", f"{pointer}/examples/{position}", faults)

    def _spelling(self, kind: str, name: str, pointer: str, schema: Schema) -> None:
        if "near_duplicate" not in schema.get("x-lint-allow", ()):
            words = "".join(word.removesuffix("s") if kind == "event" else word for word in words_of(name))
            self._spellings.setdefault((kind, words), {}).setdefault(name, pointer)

    def _note(self, code: str, pointer: str, message: str, schema: Schema | None = None) -> None:
        if schema is not None and code in schema.get("x-lint-allow", ()):
            return
        finding = Finding(code, CODES[code], pointer, self._document.position(pointer)[0], message)
        if finding not in self.findings:
            self.findings.append(finding)


def _inside(schema: Schema) -> Iterator[tuple[str, str, Schema]]:
    """The fields inside a field: pointer steps, name (empty for a list's items), schema."""
    for name, inner in schema.get("properties", {}).items():
        if isinstance(inner, Mapping):
            yield f"/properties/{escape(name)}", name, inner
    if isinstance(schema.get("items"), Mapping):
        yield "/items", "", schema["items"]


def _is_free_form(schema: Schema) -> bool:
    """Whether a field takes values of any shape."""
    if schema.keys() & {"enum", "const", "anyOf", "oneOf", "allOf"}:
        return False
    kind = schema.get("type")
    if kind is None:
        return "properties" not in schema
    kinds = {kind} if isinstance(kind, str) else set(kind)
    return ("object" in kinds and not schema.get("properties")) or ("array" in kinds and "items" not in schema)
