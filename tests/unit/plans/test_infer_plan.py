"""From traffic to a first plan, and to what a plan overlooks. Every value is made up."""

from __future__ import annotations

import json
from typing import Any

import yaml
from plan_values import schema_file

from registry.documents import check, parse
from registry.model.message import CallType, Message
from registry.plans.compile import compile_plan
from registry.plans.infer import infer
from registry.plans.inventory import undeclared
from registry.plans.lint import STRICT, lint
from registry.plans.sample import Sample


def order(number: int, **more: Any) -> dict[str, Any]:
    fields = {"order_id": f"o-{number}", "total": 12.5 * number, "note": None if number % 2 else "wrapped"}
    products = [{"sku": f"s-{number}", "price": number}]
    return {
        "type": "track",
        "event": "Order Completed",
        "userId": "u",
        "properties": {**fields, "products": products, **more},
    }


def sampled(calls: list[Any]) -> Sample:
    sample = Sample(2026)
    sample.add(calls)
    return sample


TRAFFIC = [
    *[order(n) for n in range(12)],
    *[{"type": "identify", "userId": "u", "traits": {"mail": f"p{n}@shop.example", "vip": True}} for n in range(12)],
    {
        "type": "page",
        "anonymousId": "a",
        "properties": {"url": "https://shop.example/"},
        "context": {"ip": "203.0.113.9"},
    },
]


def inferred(calls: list[Any]) -> dict[str, Any]:
    return infer(sampled(calls), name="shop", purposes=["service"])


def test_an_inferred_plan_is_sound_and_takes_the_traffic_that_it_came_from() -> None:
    document = parse(yaml.safe_dump(inferred(TRAFFIC)), file="plan.yaml")
    check(document, schema_file("tracking-plan.schema.json"))
    plan = compile_plan(document)
    for call in TRAFFIC:
        message = Message(CallType(call["type"]), call.get("event", ""), "m", call, 0, 0)
        assert plan.check(message, STRICT).violations == ()
    assert {finding.code for finding in lint(document, plan)} >= {"description_missing", "purposes_missing"}


def test_it_states_types_and_what_was_always_there() -> None:
    plan = inferred(TRAFFIC)
    event = next(event for event in plan["events"] if event.get("name") == "Order Completed")
    assert event["required"] == ["note", "order_id", "products", "total"]
    assert event["properties"]["total"] == {"type": "number"}
    assert event["properties"]["note"] == {"type": ["null", "string"]}
    assert event["properties"]["products"]["items"]["properties"]["price"] == {"type": "integer"}
    assert plan["identify"]["traits"]["properties"]["mail"]["x-categories"] == ["user.contact.email"]
    assert inferred([order(1)])["events"][0].get("required") is None


def test_times_without_an_offset_are_text_as_its_own_check_wants_one() -> None:
    calls = [order(n, paid_at="2026-01-01T10:00:00Z", packed_at="2026-01-01T10:00:00") for n in range(12)]
    document = parse(yaml.safe_dump(inferred(calls)), file="plan.yaml")
    fields = inferred(calls)["events"][0]["properties"]
    assert (fields["paid_at"].get("format"), fields["packed_at"].get("format")) == ("date-time", None)
    for call in calls:
        message = Message(CallType.TRACK, call["event"], "m", call, 0, 0)
        assert compile_plan(document).check(message, STRICT).violations == ()


def test_no_value_stands_in_it_nor_a_name_that_is_one() -> None:
    secret = "jane.doe@shop.example"
    calls = [order(1, **{secret: 1}), {**order(2), "event": f"Mail to {secret}"}, order(3, lookup={secret: "x-7"})]
    text = json.dumps(inferred([*calls, *TRAFFIC]))
    assert secret not in text
    assert "o-1" not in text
    assert "x-7" not in text


def test_an_object_with_hundreds_of_names_is_taken_for_a_dictionary() -> None:
    calls = [order(n, stock={f"item{n}{m}": 1 for m in range(40)}) for n in range(12)]
    field = inferred(calls)["events"][0]["properties"]["stock"]
    assert field == {"type": "object", "additionalProperties": True}


def test_undeclared_personal_data_is_found_and_never_said() -> None:
    secret = "jane.doe@shop.example"
    fields = {
        "note": {"type": "string", "x-personal": False},
        "mail": {"type": "string", "x-categories": ["user.contact"]},
    }
    plan = compile_plan(
        {"plan": "shop", "version": "1.0.0", "purposes": ["service"],
         "events": [{"type": "track", "name": "Order Completed", "properties": fields}]}
    )  # fmt: skip
    calls = [
        {
            "type": "track",
            "event": "Order Completed",
            "properties": {"note": f"ask {secret}", "mail": secret, "other": secret},
        },
        {"type": "track", "event": secret, "properties": {}},
        {"type": "track", "event": "Unknown", "properties": {"x": secret}},
    ]
    found = undeclared(plan, sampled(calls))
    assert [(f.event, f.path, f.category, f.count) for f in found] == [
        (None, "/*", "user.contact.email", 1),
        ("order_completed", "/properties/*", "user.contact.email", 1),
        ("order_completed", "/properties/note", "user.contact.email", 1),
    ]
    assert secret not in repr(found) + json.dumps([f.as_json() for f in found])


def test_what_is_no_call_is_passed_over_whatever_it_holds() -> None:
    sample = Sample(2026)
    sample.add([None, "call", [], {}, {"type": []}, {"type": {}}, {"type": "nonsense"}, {"type": 5}])
    assert sample.calls == 0
