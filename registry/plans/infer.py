"""A first plan from traffic: what came, as a draft that a person reviews before it is published.

It states what was seen and nothing more: types and formats, what was always there, which events there
are. What it cannot see it leaves open, so that `lint` asks for it: descriptions, categories, purposes.
It holds no value of the traffic, no list of values included.
"""

from __future__ import annotations

from typing import Any

from registry.model.message import CallType
from registry.plans.personal_names import personal_category
from registry.plans.personal_values import Confidence
from registry.plans.sample import Sample, Shape

ENOUGH = 10
"""How often an event must have come before what was always there counts as required."""
SHARE = 0.2
"""The share of a field's texts that must match before the field is taken to hold personal data."""

_PERSONAL_CONFIDENCE = (Confidence.HIGH, Confidence.MEDIUM)


def infer(sample: Sample, *, name: str, purposes: list[str]) -> dict[str, Any]:
    """The plan (as the value of its file) that the sampled traffic keeps.

    Args:
        purposes: what everything in it serves until a reviewer says it more narrowly.
    """
    plan: dict[str, Any] = {
        "plan": name,
        "version": "0.1.0",
        "description": f"Inferred from {sample.calls} calls; to be reviewed.",
        "purposes": purposes,
        "enforcement": {"unplanned_events": "block", "unplanned_properties": "omit", "violations": "block"},
    }
    context = _object(sample.context, of_person=False)
    if context.get("properties"):
        plan["context"] = {"properties": context["properties"]}
    for call in (CallType.IDENTIFY, CallType.GROUP):
        shape = sample.events.get((call, ""))
        if shape is not None:
            plan[call.value] = {"traits": _section(shape, of_person=call is CallType.IDENTIFY)}
    plan["events"] = [
        {"type": call.value, **({"name": event} if event else {}), **_section(shape, of_person=False)}
        for (call, event), shape in sorted(sample.events.items())
        if call not in (CallType.IDENTIFY, CallType.GROUP)
    ]
    return plan


def _section(shape: Shape, *, of_person: bool) -> dict[str, Any]:
    """The members of an event, or of a person's traits."""
    found = _object(shape, of_person=of_person)
    found.pop("type", None)
    if shape.names is None:
        return {"properties": {}, "additionalProperties": True}
    return {"properties": found.get("properties", {}), **{k: found[k] for k in ("required",) if k in found}}


def _object(shape: Shape, *, of_person: bool) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    if shape.names is None:
        return {**schema, "additionalProperties": True}
    if shape.names:
        schema["properties"] = {
            name: _field(name, inner, of_person=of_person) for name, inner in sorted(shape.names.items())
        }
    required = [name for name, inner in sorted(shape.names.items()) if inner.seen == shape.objects >= ENOUGH]
    return {**schema, "required": required} if required else schema


def _field(name: str, shape: Shape, *, of_person: bool) -> dict[str, Any]:
    kinds = set(shape.kinds)
    if "number" in kinds:
        kinds.discard("integer")
    schema: dict[str, Any] = {"type": min(kinds)} if len(kinds) == 1 else {"type": sorted(kinds)}
    if "string" in kinds:
        formats = [known for known, count in shape.formats.items() if count == shape.texts]
        if formats:
            schema["format"] = formats[0]
    if "object" in kinds:
        inner = _object(shape, of_person=False)
        schema |= {key: value for key, value in inner.items() if key != "type"}
    if shape.items is not None and shape.items.seen:
        schema["items"] = _field("", shape.items, of_person=False)
    category = _category(name, shape, of_person=of_person)
    if category is not None:
        schema["x-categories"] = [category]
    return schema


def _category(name: str, shape: Shape, *, of_person: bool) -> str | None:
    """What its values hold, or else what its name says: a proposal for the reviewer."""
    if set(shape.kinds) <= {"object", "array", "null"}:
        return None
    looked_at = max(1, min(shape.texts, 2_000))
    for match, count in shape.found.most_common():
        if match.confidence in _PERSONAL_CONFIDENCE and count >= SHARE * looked_at:
            return match.category
    return personal_category(name, of_person=of_person) if name else None
