"""Schemas and instances that hypothesis makes up: the plan's verdict is that of `jsonschema`.

In CI a bounded number; `make fuzz` runs as many as its profile says.
"""

from __future__ import annotations

from typing import Any

import jsonschema
from hypothesis import assume, given
from hypothesis import strategies as st
from known_differences import REFUSED

from registry.model.errors import DocumentInvalid
from registry.model.message import CallType, Message
from registry.plans.compile import compile_plan
from registry.plans.lint import STRICT

NAMES = st.sampled_from(["a", "b", "c"])
NUMBERS = st.one_of(st.integers(-3, 12), st.sampled_from([0.5, -1.5, 2.0, 10.0]))
TEXTS = st.sampled_from(["", "a", "ab", "abc", "12", "é", "2026-01-02", "a@b.example"])
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
INSTANCES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)
TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
SMALL = st.integers(0, 3)

LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.one_of(TYPES, st.lists(TYPES, min_size=1, max_size=3, unique=True)),
        "enum": st.lists(SCALARS, min_size=1, max_size=4, unique_by=repr),
        "const": SCALARS,
        "minimum": NUMBERS, "maximum": NUMBERS, "exclusiveMinimum": NUMBERS, "exclusiveMaximum": NUMBERS,
        "multipleOf": st.sampled_from([1, 2, 0.5, 3]),
        "minLength": SMALL, "maxLength": SMALL,
        "pattern": st.sampled_from(["^a", "b$", "[0-9]+", "^(ab|cd)*$", "."]),
        "minItems": SMALL, "maxItems": SMALL, "uniqueItems": st.booleans(),
        "minProperties": SMALL, "maxProperties": SMALL,
        "required": st.lists(NAMES, max_size=2, unique=True),
    },
)  # fmt: skip


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    declared, inner = inner, st.one_of(inner, st.booleans())  # what is declared is described, the rest may be yes or no
    several = st.lists(inner, min_size=1, max_size=3)
    # Open objects: that a plan's objects are closed unless they say otherwise is a known difference.
    objects = st.fixed_dictionaries(
        {
            "properties": st.dictionaries(NAMES, declared, max_size=3),
            "additionalProperties": st.one_of(st.just(True), inner),
        }
    )
    branches = st.fixed_dictionaries(
        {},
        optional={
            "allOf": several, "anyOf": several, "oneOf": several, "not": inner, "if": inner, "then": inner,
            "else": inner,
            "items": inner, "contains": inner, "patternProperties": st.dictionaries(st.just("^a"), inner, max_size=1),
            "propertyNames": st.fixed_dictionaries({"maxLength": SMALL}),
        },
    )  # fmt: skip
    return st.builds(lambda one, two, three: {**one, **two, **three}, LEAVES, branches, st.one_of(st.just({}), objects))


SCHEMAS = st.recursive(LEAVES, _nested, max_leaves=6)
ORACLES: dict[str, Any] = {"2020-12": jsonschema.Draft202012Validator, "draft-07": jsonschema.Draft7Validator}


@given(st.sampled_from(sorted(ORACLES)), SCHEMAS, st.lists(INSTANCES, min_size=1, max_size=5))
def test_a_plan_judges_as_jsonschema_does(dialect: str, schema: dict[str, Any], instances: list[Any]) -> None:
    event = {"type": "track", "name": "E", "properties": {"x": schema}}
    stated = {"plan": "made-up", "version": "1.0.0", "dialect": dialect, "purposes": ["service"], "events": [event]}
    try:
        plan = compile_plan(stated)
    except DocumentInvalid as refused:
        reasons = [str(fault["reason"]) for fault in refused.faults]
        assert all(any(known in reason for known in REFUSED) for reason in reasons), reasons
        assume(False)
        raise
    oracle = ORACLES[dialect](schema)
    for instance in instances:
        body = {"type": "track", "event": "E", "properties": {"x": instance}}
        verdict = plan.check(Message(CallType.TRACK, "E", "m", body, 0, 0), STRICT)
        assert verdict.accepted == oracle.is_valid(instance)
        assert all(violation.path.startswith("/properties/x") for violation in verdict.violations)
