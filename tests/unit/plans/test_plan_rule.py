"""What is done with an event under each mode, and which part of it may be used for what."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from plan_values import by_purposes, codes, identify, kept, modes, small, track

from registry.model.message import CallType, Message

PLAN = small("""
context:
  properties:
    ip: {type: string, x-purposes: [security]}
    library:
      type: object
      x-purposes: [service]
      properties:
        name: {type: string}
        build: {type: object, properties: {number: {type: integer}}}
    page: {type: object, x-purposes: [analytics], additionalProperties: true, properties: {url: {type: string}}}
identify:
  purposes: [service]
  traits:
    properties:
      email: {type: string, x-purposes: [service, marketing], x-identifier: email}
      address: {type: object, properties: {city: {type: string}}}
      plan: {type: string}
events:
  - type: track
    name: Thing Done
    id: thing_done
    purposes: [service, analytics]
    properties:
      thing_id: {type: string, x-identifier: device_id}
      total: {type: number, minimum: 0}
      coupon: {type: string, x-purposes: [marketing]}
      parts:
        type: array
        items: {type: object, required: [part_id], properties: {part_id: {type: string}, colour: {enum: [red, blue]}}}
    required: [thing_id]
  - type: page
    purposes: [analytics]
    properties: {title: {type: string}}
  - type: page
    name: Checkout
    id: checkout_page
    purposes: [service]
    properties: {step: {type: integer}}
""")


def test_a_valid_event_comes_in_under_its_own_name() -> None:
    verdict = PLAN.check(track({"thing_id": "t-1", "total": 3}), modes())
    assert (verdict.accepted, verdict.violations, verdict.omitted) == (True, (), 0)
    assert (verdict.plan_event, verdict.plan_version) == ("thing_done", "small@1.2.3")
    assert by_purposes(verdict) == {"analytics+service": {"properties": {"thing_id": "t-1", "total": 3}}}


def test_fields_that_all_serve_the_same_are_not_copied() -> None:
    message = track({"thing_id": "t-1", "total": 3})
    (part,) = PLAN.check(message, modes()).parts
    assert part.content["properties"] is message.body["properties"]


def test_each_field_goes_to_the_purposes_that_it_states() -> None:
    context = {
        "ip": "203.0.113.9",
        "library": {"name": "sdk"},
        "page": {"url": "/", "any": 1},
        "traits": {"email": "x"},
    }
    verdict = PLAN.check(track({"thing_id": "t-1", "coupon": "SPRING"}, context=context), modes())
    assert by_purposes(verdict) == {
        "analytics+service": {"properties": {"thing_id": "t-1"}},
        "marketing": {"properties": {"coupon": "SPRING"}},
        "security": {"context": {"ip": "203.0.113.9"}},
        "service": {"context": {"library": {"name": "sdk"}}},
        "analytics": {"context": {"page": {"url": "/", "any": 1}}},
    }
    assert (verdict.violations, verdict.omitted) == ((), 1)


def test_undeclared_context_is_left_out_without_a_violation_at_every_depth() -> None:
    library = {"name": "sdk", "secret": 1, "build": {"number": 3, "host": "h"}}
    message = track({"thing_id": "t-1"}, context={"library": library, "userAgentData": {"mobile": True}})
    verdict = PLAN.check(message, modes())
    assert kept(verdict)["context"] == {"library": {"name": "sdk", "build": {"number": 3}}}
    assert (verdict.violations, verdict.omitted) == ((), 3)
    assert library == {"name": "sdk", "secret": 1, "build": {"number": 3, "host": "h"}}


def test_undeclared_context_comes_in_for_the_events_purposes_where_a_source_allows_it() -> None:
    verdict = PLAN.check(track({"thing_id": "t-1"}, context={"screen": 7, "ip": "::1"}), modes(properties="allow"))
    assert by_purposes(verdict) == {
        "analytics+service": {"properties": {"thing_id": "t-1"}, "context": {"screen": 7}},
        "security": {"context": {"ip": "::1"}},
    }


@pytest.mark.parametrize(("mode", "accepted"), [("block", False), ("omit", True), ("allow", True)])
def test_unplanned_properties_by_mode(mode: str, accepted: bool) -> None:
    properties = {"thing_id": "t-1", "extra": 1, "parts": [{"part_id": "p", "extra": 2}]}
    before = deepcopy(properties)
    verdict = PLAN.check(track(properties), modes(properties=mode))
    assert (verdict.accepted, codes(verdict)) == (
        accepted,
        [("unplanned_property", "/properties/parts/0/*"), ("unplanned_property", "/properties/*")],
    )
    assert properties == before
    expected = {"block": {}, "omit": {"thing_id": "t-1", "parts": [{"part_id": "p"}]}, "allow": before}[mode]
    assert kept(verdict).get("properties", {}) == expected
    assert verdict.omitted == (2 if mode == "omit" else 0)
    assert verdict.unplanned == (frozenset({"extra"}) if mode == "allow" else frozenset())


@pytest.mark.parametrize(("mode", "accepted"), [("block", False), ("omit", True), ("allow", True)])
def test_violations_by_mode(mode: str, accepted: bool) -> None:
    properties = {"thing_id": "t-1", "total": -1, "parts": [{"part_id": "p"}, {"part_id": "p", "colour": "green"}]}
    verdict = PLAN.check(track(properties), modes(violations=mode))
    assert verdict.accepted is accepted
    assert sorted(codes(verdict)) == [
        ("not_in_enum", "/properties/parts/1/colour"),
        ("out_of_range", "/properties/total"),
    ]
    expected = {"block": {}, "omit": {"thing_id": "t-1"}, "allow": properties}[mode]
    assert kept(verdict).get("properties", {}) == expected


@pytest.mark.parametrize("properties", [{}, None, {"thing_id": 5}, {"total": 1}])
def test_what_is_missing_cannot_be_left_out(properties: Any) -> None:
    verdict = PLAN.check(track(properties), modes(violations="omit"))
    assert (verdict.accepted, verdict.parts) == (False, ())


def test_what_is_left_after_leaving_out_must_hold_by_itself() -> None:
    plan = small("""
events:
  - type: track
    name: Thing Done
    properties: {a: {type: object, minProperties: 1, properties: {b: {type: string}}}, c: {type: string}}
""")
    message = track({"a": {"z": 1}, "c": "x"})
    assert not plan.check(message, modes()).accepted
    verdict = plan.check(message, modes(violations="omit"))
    assert kept(verdict) == {"properties": {"c": "x"}}
    assert codes(verdict) == [("unplanned_property", "/properties/a/*"), ("length_out_of_range", "/properties/a")]


@pytest.mark.parametrize(
    ("mode", "accepted", "properties"), [("block", False, {}), ("omit", True, {}), ("allow", True, {"a": 1})]
)
def test_unplanned_events_by_mode(mode: str, accepted: bool, properties: dict[str, int]) -> None:
    message = track({"a": 1}, event="Secret Thing", context={"ip": "::1", "other": 1})
    verdict = PLAN.check(message, modes(events=mode))
    assert (verdict.accepted, verdict.plan_event) == (accepted, None)
    assert codes(verdict)[0] == ("unplanned_event", "/event")
    assert kept(verdict).get("properties", {}) == properties
    if mode == "omit":
        assert by_purposes(verdict) == {"security": {"context": {"ip": "::1"}}}
    if mode == "allow":
        assert by_purposes(verdict)["service"]["properties"] == {"a": 1}
        assert verdict.unplanned == {"a"}


def test_unknown_traits_that_an_open_section_takes_are_told_apart() -> None:
    plan = small("identify: {traits: {additionalProperties: true, properties: {plan: {type: string}}}}\nevents: []\n")
    verdict = plan.check(identify({"plan": "x", "jane@marker.example": 1}), modes())
    assert (verdict.accepted, verdict.unplanned) == (True, {"jane@marker.example"})


def test_an_unknown_name_deep_down_does_not_make_a_declared_trait_unknown() -> None:
    verdict = PLAN.check(identify({"email": "e", "address": {"email": "q"}}), modes(properties="allow"))
    assert verdict.unplanned == frozenset()


def test_identifiers_are_found_also_in_a_refused_event() -> None:
    verdict = PLAN.check(identify({"email": "a@shop.example", "plan": 5}), modes())
    assert (verdict.accepted, verdict.identifiers) == (False, (("email", "a@shop.example"),))
    assert PLAN.check(identify({"email": ""}), modes()).identifiers == ()


def test_a_page_is_planned_by_its_name_or_by_the_rule_for_all() -> None:
    def page(name: str, properties: dict[str, object]) -> Message:
        return Message(CallType.PAGE, name, "m", {"type": "page", "name": name, "properties": properties}, 0, 0)

    assert PLAN.check(page("Checkout", {"step": 1}), modes()).plan_event == "checkout_page"
    assert PLAN.check(page("About", {"title": "About"}), modes()).plan_event == "page"
    assert PLAN.check(page("", {}), modes()).accepted


def test_an_alias_carries_nothing_but_identifiers() -> None:
    body: dict[str, object] = {"type": "alias", "previousId": "a", "userId": "u", "properties": {"x": 1}}
    verdict = PLAN.check(Message(CallType.ALIAS, "", "m", body, 0, 0), modes())
    assert (verdict.accepted, verdict.parts) == (True, ())


def test_a_section_that_is_no_object_never_reaches_a_part() -> None:
    verdict = PLAN.check(track([1, 2]), modes(violations="allow"))
    assert (verdict.accepted, verdict.parts) == (True, ())


def test_many_violations_are_counted_not_listed() -> None:
    parts = [{"part_id": "p", "colour": "green"}] * 500
    verdict = PLAN.check(track({"thing_id": "t", "parts": parts}), modes())
    assert len(verdict.violations) == 101
    assert verdict.violations[-1].expected == "400 more are not listed"


@pytest.mark.parametrize(
    ("properties", "path", "rule", "expected"),
    [
        ({}, "/properties/thing_id", "/events/0/required", "to be present"),
        ({"thing_id": 1}, "/properties/thing_id", "/events/0/properties/thing_id/type", "string"),
        ({"thing_id": "t", "total": -1}, "/properties/total", "/events/0/properties/total/minimum", "at least 0"),
        (
            {"thing_id": "t", "parts": [{"part_id": "p", "colour": 1}]},
            "/properties/parts/0/colour",
            "/events/0/properties/parts/items/properties/colour/enum",
            "one of red, blue",
        ),
        (
            {"thing_id": "t", "parts": [{}]},
            "/properties/parts/0/part_id",
            "/events/0/properties/parts/items/required",
            "to be present",
        ),
    ],
)
def test_a_violation_says_where_by_which_rule_and_what_was_expected(
    properties: dict[str, Any], path: str, rule: str, expected: str
) -> None:
    (violation,) = PLAN.check(track(properties), modes()).violations
    assert (violation.path, violation.rule, violation.expected) == (path, rule, expected)


@pytest.mark.parametrize(
    ("schema", "value", "code", "expected"),
    [
        ("{const: 3}", "MARK", "not_in_enum", "3"),
        ("{type: [string, 'null']}", 1, "type_mismatch", "null or string"),
        ("{type: string, pattern: '^[a-z]$'}", "MARK", "pattern_mismatch", "to match ^[a-z]$"),
        ("{type: string, format: email}", "MARK", "format_mismatch", "the format email"),
        ("{type: number, multipleOf: 5}", 7, "out_of_range", "a multiple of 5"),
        ("{type: number, exclusiveMinimum: 5}", 5, "out_of_range", "more than 5"),
        ("{type: string, maxLength: 3}", "MARK", "length_out_of_range", "at most 3 characters"),
        ("{type: array, uniqueItems: true}", ["MARK", "MARK"], "items_not_unique", "no item twice"),
        ("{anyOf: [{type: integer}, {const: x}]}", "MARK", "rule_broken", "one of the forms that the plan allows"),
        (
            "{oneOf: [{type: string}, {maxLength: 9}]}",
            "MARK",
            "rule_broken",
            "exactly one of the forms that the plan allows",
        ),
        (
            "{oneOf: [{type: object}, {type: array}]}",
            "MARK",
            "rule_broken",
            "exactly one of the forms that the plan allows",
        ),
        (
            "{type: object, propertyNames: {pattern: '^[a-z]+$'}}",
            {"MARK": 1},
            "rule_broken",
            "to keep the plan's rule propertyNames",
        ),
        ("{not: {type: string}}", "MARK", "rule_broken", "to keep the plan's rule not"),
    ],
)
def test_what_was_expected_is_said_in_the_plans_words(schema: str, value: Any, code: str, expected: str) -> None:
    plan = small(f"events:\n  - {{type: track, name: Thing Done, properties: {{a: {schema}}}}}\n")
    (violation,) = plan.check(track({"a": value}), modes()).violations
    assert (violation.code, violation.path, violation.expected) == (code, "/properties/a", expected)
    assert violation.rule.startswith("/events/0/properties/a/")


def test_a_rule_in_a_definition_is_pointed_at_there() -> None:
    plan = small("""
definitions:
  size: {type: object, properties: {width: {type: number, maximum: 10}}}
  box: {$ref: "#/$defs/size"}
events:
  - {type: track, name: Thing Done, properties: {boxes: {type: array, items: {$ref: "#/$defs/box"}}}}
""")
    (violation,) = plan.check(track({"boxes": [{"width": 11}]}), modes()).violations
    assert (violation.path, violation.rule) == (
        "/properties/boxes/0/width",
        "/definitions/size/properties/width/maximum",
    )


def test_a_verdict_hides_what_it_holds() -> None:
    verdict = PLAN.check(identify({"email": "jane@marker.example"}), modes())
    assert "marker" not in repr(verdict) + repr(verdict.parts)
