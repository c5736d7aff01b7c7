"""Segment's tracking plans as its Public API has them: a plan and its rules, each a draft-07 schema.

Read are the API's answers (`{"data": {"trackingPlan": …, "rules": […]}}`, or what is inside), and the
export of the older Config API, in which events stand in `rules.events`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.plans.exchange.whole_message import DRAFT_07, event_of, schema_of, section_of, section_schema

_OLDER = {"global": "COMMON", "identify": "IDENTIFY", "group": "GROUP"}


def from_plan(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan as the body with which the Public API replaces a tracking plan's rules."""
    rules = []
    shared = {
        section: section_schema(plan, plan[member])
        for member, section in (("common", "properties"), ("context", "context"))
        if member in plan
    }
    if "context" in shared and "additionalProperties" not in plan["context"]:
        shared["context"]["additionalProperties"] = True
    if shared:
        rules.append(_rule("COMMON", "", {"$schema": DRAFT_07, "type": "object", "properties": shared}))
    people = [name for name in ("identify", "group") if name in plan]
    rules += [_rule(name.upper(), "", schema_of(plan, plan[name], "traits")) for name in people]
    rules += [_rule(e["type"].upper(), e.get("name", ""), schema_of(plan, e, "properties")) for e in plan["events"]]
    about = {"name": plan["plan"], "description": plan.get("description", ""), "type": "LIVE"}
    return {"data": {"trackingPlan": about, "rules": rules}}


def _rule(kind: str, key: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, **({"key": key} if key else {}), "version": 1, "jsonSchema": schema}


def to_plan(value: Mapping[str, Any]) -> dict[str, Any]:
    """The members of the plan that a tracking plan states.

    Raises:
        KeyError, TypeError, AttributeError: it is none.
    """
    value = value.get("data", value)
    about = value.get("trackingPlan", value)
    plan: dict[str, Any] = {"dialect": "draft-07", "events": []}
    if about.get("description"):
        plan["description"] = about["description"]
    for rule in _newest(_rules(value["rules"])):
        kind, schema = rule["type"], rule["jsonSchema"]
        if kind == "COMMON":
            for section, member in (("properties", "common"), ("context", "context")):
                stated = section_of(schema, section)
                if stated.get("properties"):
                    plan[member] = stated
        elif kind in ("IDENTIFY", "GROUP"):
            plan[kind.lower()] = event_of(schema, "traits")
        else:
            name = {"name": rule["key"]} if rule.get("key") else {}
            plan["events"].append({"type": kind.lower(), **name, **event_of(schema)})
    return plan


def _rules(value: Any) -> list[dict[str, Any]]:
    """The rules of the Public API; the Config API's are turned into such."""
    if isinstance(value, list):
        return value
    rules = [
        {"type": kind, "jsonSchema": value[name]}
        for name, kind in _OLDER.items()
        if value.get(name, {}).get("properties")
    ]
    for event in value["events"]:
        schema = event["rules"]
        if event.get("description"):
            schema = {**schema, "description": event["description"]}
        rules.append({"type": "TRACK", "key": event["name"], "jsonSchema": schema, "version": event.get("version", 1)})
    return rules


def _newest(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the versions of an event's rule, which stand beside each other, the last that is not deprecated."""
    chosen: dict[tuple[str, str], dict[str, Any]] = {}
    for rule in sorted(rules, key=lambda rule: int(rule.get("version") or 1)):
        if not rule.get("deprecatedAt"):
            chosen[rule["type"], rule.get("key", "")] = rule
    return list(chosen.values())
