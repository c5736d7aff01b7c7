"""JSON Schemas of whole messages, as others write them, and the parts of a plan that say the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.plans.schemas import Schema, expand

DRAFT_07 = "http://json-schema.org/draft-07/schema#"

_KEPT = ("properties", "required", "additionalProperties", "minProperties")
_OF_EVENT = {"x-purposes": "purposes", "x-categories": "categories", "x-owner": "owner", "x-id": "id"}


def schema_of(plan: Mapping[str, Any], event: Schema, section: str) -> dict[str, Any]:
    """The schema of the messages of an event; `section` is `properties` or `traits`.

    References are written out: others keep no definitions beside their rules.
    """
    stated = event.get("traits", {}) if section == "traits" else event
    inner = section_schema(plan, stated)
    inner |= {annotation: event[member] for annotation, member in _OF_EVENT.items() if member in event}
    whole: dict[str, Any] = {"$schema": DRAFT_07, "type": "object", "properties": {section: inner}}
    if event.get("description"):
        whole["description"] = event["description"]
    if inner.get("required"):
        whole["required"] = [section]
    return whole


def section_schema(plan: Mapping[str, Any], stated: Schema) -> dict[str, Any]:
    """One object of a message as a schema of its own."""
    definitions = plan.get("definitions", {})
    schema: dict[str, Any] = {"type": "object"}
    schema |= {name: stated[name] for name in _KEPT if name in stated}
    fields = stated.get("properties", {})
    schema["properties"] = {name: expand(field, definitions, closed=False) for name, field in fields.items()}
    schema.setdefault("additionalProperties", False)
    return schema


def section_of(schema: Mapping[str, Any], section: str) -> dict[str, Any]:
    """What a message's schema says of one of its objects, as a section of a plan."""
    inner = schema.get("properties", {}).get(section, {})
    return {name: inner[name] for name in _KEPT if name in inner and _says_something(name, inner[name])}


def event_of(schema: Mapping[str, Any], section: str = "properties") -> dict[str, Any]:
    """The members of an event that a message's schema states."""
    inner = schema.get("properties", {}).get(section, {})
    event = {member: inner[annotation] for annotation, member in _OF_EVENT.items() if annotation in inner}
    if schema.get("description"):
        event["description"] = schema["description"]
    fields = section_of(schema, section)
    return event | ({"traits": fields} if section == "traits" else fields)


def _says_something(name: str, value: object) -> bool:
    if name == "additionalProperties":
        return value is True  # a plan's objects take only what they declare anyway
    return value not in ({}, []) or name == "properties"
