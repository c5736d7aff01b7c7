"""What holds for any event whatever: the second engine agrees, nothing leaks, nothing is lost or doubled."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st
from plan_instances import MARKER, PLAN, messages, rules
from plan_values import ecommerce, kept, modes

from registry.model.message import CallType, Message
from registry.plans.compile import SECTION_OF

MODES = st.sampled_from(["block", "omit", "allow"])
ENFORCEMENTS = st.builds(modes, MODES, MODES, MODES)
STRICT = modes(properties="block")


def closed(schema: Any) -> Any:
    """The plan's rule on undeclared names, applied by other means than the compiler's."""
    if isinstance(schema, list):
        return [closed(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    below = {key: closed(inner) for key, inner in schema.items()}
    fields = isinstance(schema.get("properties"), dict) and ("type" in schema or "required" in schema)
    return {"additionalProperties": False, **below} if fields else below


@cache
def oracle(call: str, name: str) -> jsonschema.Draft202012Validator:
    """`jsonschema` on the plan as it stands in the file, its references left for it to follow."""
    fields, required = rules()[call, name]
    section = {"type": ["object", "null"], "properties": fields, "required": required}
    if required:
        section["type"] = "object"
    schema = {
        "type": "object",
        "properties": {
            SECTION_OF[CallType(call)]: closed(section),
            "context": {"type": ["object", "null"], **PLAN["context"]},
        },
        "$defs": closed(PLAN["definitions"]),
    }
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


@given(messages())
def test_a_second_engine_finds_the_same_events_valid(message: Message) -> None:
    errors = list(oracle(message.call.value, message.name).iter_errors(message.body))
    assert ecommerce().check(message, STRICT).accepted == (not errors)
    only_unplanned = all(error.validator == "additionalProperties" for error in errors)
    assert ecommerce().check(message, modes()).accepted == only_unplanned


@given(messages(), ENFORCEMENTS)
def test_no_violation_holds_a_value_or_a_name_that_the_plan_does_not_know(message: Message, enforcement: Any) -> None:
    verdict = ecommerce().check(message, enforcement)
    shown = [f"{v.code} {v.path} {v.rule} {v.expected}" for v in verdict.violations]
    assert MARKER not in " ".join([*shown, repr(verdict), str(verdict.plan_event), repr(verdict.parts)])
    assert all(violation.rule.startswith("/") for violation in verdict.violations)


@given(messages(), st.text(min_size=1))
def test_the_name_of_an_unplanned_event_is_never_shown(message: Message, name: str) -> None:
    hidden = f"{MARKER}{name}"
    unplanned = Message(CallType.TRACK, hidden, "m-1", {**message.body, "event": hidden}, 0, 0)
    for mode in ("block", "omit", "allow"):
        verdict = ecommerce().check(unplanned, modes(events=mode))
        assert verdict.violations[0].code == "unplanned_event"
        assert MARKER not in repr(verdict.violations) + str(verdict.plan_event)


@given(messages(), ENFORCEMENTS)
def test_what_is_kept_keeps_the_plan_unless_a_source_allows_otherwise(message: Message, enforcement: Any) -> None:
    before = deepcopy(message.body)
    verdict = ecommerce().check(message, enforcement)
    assert message.body == before
    if not verdict.accepted or "allow" in (enforcement.unplanned_properties, enforcement.violations):
        return
    again = Message(message.call, message.name, "m-2", {"type": message.call.value, **kept(verdict)}, 0, 0)
    assert ecommerce().check(again, STRICT).violations == ()


@given(messages(), ENFORCEMENTS)
def test_each_field_is_in_exactly_one_part_and_under_its_own_purposes(message: Message, enforcement: Any) -> None:
    verdict = ecommerce().check(message, enforcement)
    rule = ecommerce().rules[message.call, message.name]
    seen: list[tuple[str, str]] = []
    for part in verdict.parts:
        assert part.purposes
        for section in rule.sections:
            for name in part.content.get(section.name, {}):
                seen.append((section.name, name))
                assert part.purposes == section.purposes.get(name, section.default)
    assert len(seen) == len(set(seen))
    assert len({part.purposes for part in verdict.parts}) == len(verdict.parts)
    if verdict.accepted and verdict.omitted == 0:
        sent = {(s.name, n) for s in rule.sections for n in message.body.get(s.name) or ()}
        assert set(seen) == sent


@given(messages())
def test_a_stricter_mode_never_accepts_more(message: Message) -> None:
    def accepts(properties: str, violations: str) -> bool:
        return ecommerce().check(message, modes(properties=properties, violations=violations)).accepted

    for violations in ("block", "omit", "allow"):
        assert accepts("block", violations) <= accepts("omit", violations) <= accepts("allow", "allow")
    for properties in ("block", "omit", "allow"):
        assert accepts(properties, "block") <= accepts(properties, "omit") <= accepts(properties, "allow")
