"""Plans to hold events against: the shipped one, and small ones written in the test; and calls."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from registry.documents import Document, check, parse
from registry.model.message import CallType, Message
from registry.plans.compile import CompiledPlan, compile_plan
from registry.plans.enforcement import Enforcement
from registry.plans.verdict import Verdict

SCHEMAS = Path(__file__).parents[3] / "schemas"
HEAD = "plan: small\nversion: 1.2.3\npurposes: [service]\n"


@cache
def schema_file(name: str) -> Any:
    """One of the published JSON Schemas."""
    return json.loads((SCHEMAS / name).read_text())


@cache
def ecommerce_document() -> Document:
    """The shipped plan, read and held against the schema of plan files."""
    document = parse((SCHEMAS / "plans" / "ecommerce.yaml").read_text(), file="ecommerce.yaml")
    check(document, schema_file("tracking-plan.schema.json"))
    return document


@cache
def ecommerce() -> CompiledPlan:
    """The shipped plan, compiled."""
    return compile_plan(ecommerce_document())


def small_document(rest: str) -> Document:
    """A plan whose head is given, held against the schema of plan files."""
    document = parse(HEAD + rest, file="small.yaml")
    check(document, schema_file("tracking-plan.schema.json"))
    return document


def small(rest: str) -> CompiledPlan:
    """A plan whose head is given, compiled."""
    return compile_plan(small_document(rest))


def track(properties: Any = None, event: str = "Thing Done", context: Any = None) -> Message:
    """A track call."""
    body = {"type": "track", "event": event, "userId": "u-1", "properties": properties, "context": context}
    return Message(CallType.TRACK, event, "m-1", body, 0, 0)


def identify(traits: Any, context: Any = None) -> Message:
    """An identify call."""
    body = {"type": "identify", "userId": "u-1", "traits": traits, "context": context}
    return Message(CallType.IDENTIFY, "", "m-1", body, 0, 0)


def modes(events: str = "block", properties: str = "omit", violations: str = "block") -> Enforcement:
    """An enforcement."""
    return Enforcement().override(unplanned_events=events, unplanned_properties=properties, violations=violations)


def kept(verdict: Verdict) -> dict[str, dict[str, Any]]:
    """What a verdict lets in, its parts put together again."""
    merged: dict[str, dict[str, Any]] = {}
    for part in verdict.parts:
        for section, content in part.content.items():
            merged.setdefault(section, {}).update(content)
    return merged


def by_purposes(verdict: Verdict) -> dict[str, dict[str, Any]]:
    """What a verdict lets in, by its purposes in one word."""
    return {"+".join(sorted(part.purposes)): part.content for part in verdict.parts}


def codes(verdict: Verdict) -> list[tuple[str, str]]:
    """Code and path of each violation."""
    return [(violation.code, violation.path) for violation in verdict.violations]
