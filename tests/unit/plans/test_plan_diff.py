"""Whom a change of a plan breaks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from plan_instances import PLAN, messages
from plan_values import ecommerce_document

from registry.model.message import Message
from registry.plans.compile import compile_plan
from registry.plans.diff import diff
from registry.plans.lint import STRICT
from registry.plans.versions import Version, allows, is_range, newest


def plan(**members: Any) -> dict[str, Any]:
    """A small plan; `fields` are the properties of its one event."""
    fields = members.pop("fields", {"total": {"type": "number"}})
    event = {"type": "track", "name": "Order Completed", "properties": fields, **members.pop("event", {})}
    return {"plan": "shop", "version": "1.0.0", "purposes": ["service"], "events": [event], **members}


def codes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, bool]:
    """The codes of the changes, and whether each breaks."""
    return {change.code: change.breaking for change in diff(old, new).changes}


def field(**schema: Any) -> dict[str, Any]:
    return plan(fields={"total": schema})


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (plan(), plan(), {}),
        (plan(), plan(description="What it is."), {"described": False}),
        (field(type="integer"), field(type="number"), {"type_widened": False}),
        (field(type="number"), field(type="integer"), {"type_narrowed": True}),
        (field(type="number"), field(), {"type_widened": False}),
        (field(), field(type="number"), {"type_narrowed": True}),
        (field(enum=[1]), field(enum=[1, 2]), {"enum_widened": False}),
        (field(enum=[1, 2]), field(enum=[1]), {"enum_narrowed": True}),
        (field(enum=[1]), field(enum=[True]), {"enum_narrowed": True, "enum_widened": False}),
        (field(enum=[1]), field(), {"enum_removed": False}),
        (field(), field(const=1), {"enum_added": True}),
        (field(maximum=9), field(maximum=8), {"bound_tightened": True}),
        (field(maximum=9), field(maximum=10), {"bound_loosened": False}),
        (field(minimum=9), field(), {"bound_loosened": False}),
        (field(), field(pattern="a"), {"rule_added": True}),
        (field(pattern="a"), field(pattern="b"), {"rule_changed": True}),
        (field(format="email"), field(), {"rule_removed": False}),
        (plan(), plan(fields={}), {"property_removed": True}),
        (plan(fields={}), plan(), {"property_added": False}),
        (plan(fields={}), plan(event={"required": ["total"]}), {"required_added": True}),
        (plan(), plan(event={"required": ["total"]}), {"required_added": True}),
        (plan(event={"required": ["total"]}), plan(), {"required_removed": False}),
        (plan(event={"additionalProperties": True}), plan(), {"properties_closed": True}),
        (plan(), plan(event={"additionalProperties": True}), {"properties_opened": False}),
        (plan(), plan(events=[]), {"event_removed": True}),
        (plan(events=[]), plan(), {"event_added": False}),
        (plan(), plan(event={"purposes": ["marketing"]}), {"purpose_added": True}),
        (field(), field(**{"x-purposes": ["legal"]}), {"purpose_changed": True}),
        (field(), field(**{"x-identifier": "email"}), {"identifier_changed": True}),
        (plan(), plan(enforcement={"violations": "allow"}), {"enforcement_looser": False}),
        (plan(enforcement={"violations": "allow"}), plan(), {"enforcement_stricter": True}),
        (plan(), plan(dialect="draft-07"), {"dialect_changed": True}),
        (plan(), plan(identify={"traits": {}}), {"event_added": False}),
        (plan(), plan(common={"properties": {"page": {}}}), {"property_added": False}),
        (
            field(items={"type": "string"}, type="array"),
            field(items={"type": "integer"}, type="array"),
            {"type_narrowed": True},
        ),
    ],
)
def test_each_change_is_classed(old: dict[str, Any], new: dict[str, Any], expected: dict[str, bool]) -> None:
    assert codes(old, new) == expected


def test_a_change_of_a_definition_is_seen_where_it_is_used() -> None:
    def with_money(**schema: Any) -> dict[str, Any]:
        return plan(fields={"total": {"$ref": "#/$defs/money"}}, definitions={"money": schema})

    found = diff(with_money(type="number"), with_money(type="integer")).changes
    assert [change.pointer for change in found] == ["/events/0/properties/total/type"]


@pytest.mark.parametrize(
    ("old", "new", "least"),
    [("1.2.3", plan(events=[]), "2.0.0"), ("0.2.3", plan(events=[]), "0.3.0"),
     ("1.2.3", plan(description="x"), "1.2.4"), ("1.2.3", plan(), "1.2.3"),
     ("1.2.3", plan(event={"additionalProperties": True}), "1.3.0")],
)  # fmt: skip
def test_the_least_version_says_what_changed(old: str, new: dict[str, Any], least: str) -> None:
    found = diff(plan(version=old), {**new, "version": "1.3.0"})
    assert found.least_version == least
    assert found.version_suffices == (Version(1, 3, 0) >= Version.parse(least))


LOOSER = {**PLAN, "events": [{**event, "required": []} for event in PLAN["events"]]}


@given(messages())
def test_what_kept_the_old_plan_keeps_one_without_breaking_changes(message: Message) -> None:
    assert not diff(PLAN, LOOSER).breaking
    assert diff(LOOSER, PLAN).breaking
    if ECOMMERCE.check(message, STRICT).accepted:
        assert LOOSER_PLAN.check(message, STRICT).accepted


ECOMMERCE, LOOSER_PLAN = compile_plan(ecommerce_document()), compile_plan(LOOSER)


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [("1.2.0", ["1.2.0"], ["1.2.1", "1.1.9"]), ("^1.2.0", ["1.2.0", "1.9.9"], ["2.0.0", "1.1.0"]),
     ("^0.2.0", ["0.2.5"], ["0.3.0"]), ("~1.2.3", ["1.2.9"], ["1.3.0", "1.2.2"]),
     ("1.x", ["1.0.0", "1.9.0"], ["2.0.0"]),
     ("1.2.x", ["1.2.0", "1.2.7"], ["1.3.0"]), ("*", ["0.0.1", "9.9.9"], []), ("nothing", [], ["1.0.0"])],
)  # fmt: skip
def test_ranges_allow_what_they_say(range_: str, inside: list[str], outside: list[str]) -> None:
    assert is_range(range_) == (range_ != "nothing")
    assert all(allows(range_, version) for version in inside)
    assert not any(allows(range_, version) for version in outside)
    assert newest(range_, [*inside, *outside]) == max(inside, key=Version.parse, default=None)
