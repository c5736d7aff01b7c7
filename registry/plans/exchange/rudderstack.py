"""RudderStack's tracking plans: events, each with the draft-07 schema of its whole message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.plans.exchange.whole_message import event_of, schema_of


def from_plan(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan as RudderStack's tracking plan API takes it."""
    common = plan.get("common", {})
    events = [
        _event(name, "", schema_of(plan, plan[name], "traits"), plan[name])
        for name in ("identify", "group")
        if name in plan
    ]
    for event in plan["events"]:
        whole = {
            **event,
            "properties": {**common.get("properties", {}), **event.get("properties", {})},
            "required": list(dict.fromkeys([*common.get("required", ()), *event.get("required", ())])),
        }
        events.append(_event(event["type"], event.get("name", ""), schema_of(plan, whole, "properties"), event))
    return {"name": plan["plan"], "version": plan["version"], "events": events}


def _event(kind: str, name: str, schema: dict[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    description = stated.get("description", "")
    return {"name": name, "description": description, "eventType": kind, "version": "1-0-0", "rules": schema}


def to_plan(value: Mapping[str, Any]) -> dict[str, Any]:
    """The members of the plan that a tracking plan states; its version is kept where it is one of ours.

    Raises:
        KeyError, TypeError, AttributeError: it is none.
    """
    value = value.get("trackingPlan", value)
    stated = value["events"] if "events" in value else value["rules"]["events"]
    plan: dict[str, Any] = {"dialect": "draft-07", "events": []}
    for event in stated:
        kind, schema = event.get("eventType", "track").lower(), event["rules"]
        if event.get("description"):
            schema = {"description": event["description"], **schema}
        if kind in ("identify", "group"):
            section = event.get("identitySection") or "traits"
            plan[kind] = event_of(_under_traits(schema, section), "traits")
        else:
            name = {"name": event["name"]} if event.get("name") else {}
            plan["events"].append({"type": kind, **name, **event_of(schema)})
    return plan


def _under_traits(schema: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    """The schema of an identify call with its traits where Segment has them: RudderStack may hold them in `context`."""
    sections = schema.get("properties", {})
    if "traits" in sections or section == "traits":
        return schema
    inside = sections.get("context", {}).get("properties", {}).get("traits", {})
    return {**schema, "properties": {"traits": inside}}
