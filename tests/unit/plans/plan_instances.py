"""Events drawn from the shipped plan's own declarations: mostly right, often wrong somewhere."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from plan_values import ecommerce_document

from registry.model.message import CallType, Message

PLAN: dict[str, Any] = ecommerce_document().value
MARKER = "Marker-7f3a"
"""Stands in values and names that must not come out anywhere."""

_CALLS = {"track": "properties", "page": "properties", "screen": "properties", "identify": "traits", "group": "traits"}
_MARKED_NAMES = st.sampled_from([MARKER, f"{MARKER}/a~b", f"jane.{MARKER}@shop.example"])
_STRANGE = st.one_of(
    st.none(), st.booleans(), st.just(MARKER), st.just(-1), st.just(1.5), st.just(""), st.just([MARKER]),
    st.just({MARKER: MARKER}), st.just("x" * 2_050),
)  # fmt: skip
_PATTERNED = {"^[A-Z]{3}$": st.sampled_from(["EUR", "USD", "eur", "EURO", f"{MARKER}"])}
_FORMATTED = {  # only what every implementation of the format agrees on
    "email": st.sampled_from(["a@shop.example", "no mail", f"{MARKER} "]),
    "date": st.sampled_from(["2001-02-03", "2001-02-30", MARKER]),
    "date-time": st.sampled_from(["2026-01-02T03:04:05Z", "yesterday", MARKER]),
}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of the plan with the reference at its top followed."""
    while "$ref" in schema:
        schema = PLAN["definitions"][schema["$ref"].removeprefix("#/$defs/")]
    return schema


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values for a schema of the plan, wrong about one time in eight."""
    schema = resolved(schema)
    kinds = schema.get("type", "string")
    right = st.one_of([_of_kind(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds)])
    return st.integers(0, 7).flatmap(lambda n: _STRANGE if n == 0 else right)


def _of_kind(kind: str, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if kind == "object":
        return objects(schema.get("properties", {}), schema.get("required", []))
    if kind == "array":
        return st.lists(values(schema["items"]), max_size=3)
    if kind == "boolean":
        return st.booleans()
    if kind in ("integer", "number"):
        return st.integers(0, 120) if kind == "integer" else st.sampled_from([0, 1, 12.5, 99_999_999])
    if "pattern" in schema:
        return _PATTERNED[schema["pattern"]]
    return _FORMATTED[schema["format"]] if "format" in schema else st.sampled_from(["a", "chess set", MARKER])


def objects(fields: dict[str, Any], required: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these fields, now and then without a required one or with an unknown one."""
    names = st.lists(st.sampled_from(sorted(fields)), max_size=6, unique=True) if fields else st.just([])
    unknown = st.dictionaries(_MARKED_NAMES, _STRANGE, max_size=1)

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Any]:
        chosen = draw(names)
        if draw(st.integers(0, 9)):
            chosen = [*required, *(name for name in chosen if name not in required)]
        value = {name: draw(values(fields[name])) for name in chosen}
        return value | draw(unknown) if draw(st.integers(0, 4)) == 0 else value

    return drawn()


def rules() -> dict[tuple[str, str], tuple[dict[str, Any], list[str]]]:
    """Fields and required names of every rule of the plan, by call and name."""
    found = {("identify", ""): PLAN["identify"]["traits"], ("group", ""): PLAN["group"]["traits"]}
    found |= {(event["type"], event.get("name", "")): event for event in PLAN["events"]}
    return {key: (stated.get("properties", {}), stated.get("required", [])) for key, stated in found.items()}


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """A call of any event of the plan."""
    call, name = draw(st.sampled_from(sorted(rules())))
    fields, required = rules()[call, name]
    body: dict[str, Any] = {"type": call, "userId": "u-1", "event": name, _CALLS[call]: draw(objects(fields, required))}
    if draw(st.booleans()):
        body["context"] = draw(objects(PLAN["context"]["properties"], []))
    return Message(CallType(call), name, "m-1", body, 0, 0)
