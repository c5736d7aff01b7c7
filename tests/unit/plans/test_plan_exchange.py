"""Plans that go out and come back, and plans that others wrote."""

from __future__ import annotations

import csv
import io
from typing import Any

import orjson
import pytest
from hypothesis import given
from plan_instances import PLAN, messages
from plan_values import ecommerce_document

from registry.model.errors import InvalidInput
from registry.model.message import Message
from registry.plans.compile import compile_plan
from registry.plans.diff import diff
from registry.plans.exchange import Form, export_plan, import_plan
from registry.plans.lint import STRICT

ECOMMERCE = compile_plan(ecommerce_document())


def there_and_back(plan: dict[str, Any], form: Form) -> dict[str, Any]:
    return import_plan(export_plan(plan, form), form, name=plan["plan"], purposes=plan["purposes"])


BACK = {form: there_and_back(PLAN, form) for form in Form}
COMPILED = {form: compile_plan(plan) for form, plan in BACK.items()}


@pytest.mark.parametrize("form", Form)
def test_a_plan_that_went_out_comes_back_the_same(form: Form) -> None:
    loses = {"plan"} if form is Form.CSV else {"plan", "context", "common"}  # dialect and owner of the plan itself
    found = [change for change in diff(PLAN, BACK[form]).changes if change.event not in loses]
    assert [change for change in found if change.code != "described"] == []


@pytest.mark.parametrize("form", Form)
@given(messages())
def test_it_judges_events_as_before(form: Form, message: Message) -> None:
    body = {name: value for name, value in message.body.items() if name != "context"}
    message = Message(message.call, message.name, "m", body, 0, 0)
    assert COMPILED[form].check(message, STRICT).accepted == ECOMMERCE.check(message, STRICT).accepted


def test_segments_answers_of_both_interfaces_are_read() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "labels": {},
        "properties": {
            "context": {}, "traits": {},
            "properties": {
                "type": "object", "properties": {"total": {"type": ["number", "null"]}}, "required": ["total"],
            },
        },
    }  # fmt: skip
    newer = {
        "data": {
            "trackingPlan": {"name": "Shop"},
            "rules": [
                {"type": "TRACK", "key": "Order Completed", "version": 1, "jsonSchema": {}},
                {"type": "TRACK", "key": "Order Completed", "version": 2, "jsonSchema": schema},
            ],
        }
    }
    older = {"name": "x", "rules": {"events": [{"name": "Order Completed", "rules": schema}], "global": {}}}
    expected = [
        {"type": "track", "name": "Order Completed", "properties": {"total": {"type": ["number", "null"]}},
         "required": ["total"]},
    ]  # fmt: skip
    for stated in (newer, newer["data"], older):
        plan = import_plan(orjson.dumps(stated).decode(), Form.SEGMENT, name="shop", purposes=["service"])
        assert plan["events"] == expected
        compile_plan(plan)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("text", ["", "[]", "{}", "nothing", '{"rules": 3}', "type,event,property\r\n\r\nx,y\0,a.b"])
def test_what_is_no_plan_is_refused(form: Form, text: str) -> None:
    with pytest.raises(InvalidInput):
        import_plan(text, form, name="shop", purposes=["service"])


def test_no_cell_of_a_table_is_a_formula() -> None:
    evil = "=HYPERLINK(1)"
    plan = {
        "plan": "shop", "version": "1.0.0", "purposes": ["service"],
        "events": [{"type": "track", "name": evil, "description": "@x", "properties": {"+a": {"type": "string"}}}],
    }  # fmt: skip
    cells = [cell for row in csv.reader(io.StringIO(export_plan(plan, Form.CSV))) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert there_and_back(plan, Form.CSV)["events"] == plan["events"]


def test_members_and_items_have_rows_of_their_own() -> None:
    fields = {
        "products": {"type": "array", "items": {"type": "object", "required": ["sku"], "properties": {
            "sku": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}}}},
        "a.b": {"type": "object", "properties": {"c": {"enum": [1, None]}}},
    }  # fmt: skip
    plan = {
        "plan": "shop", "version": "1.0.0", "purposes": ["service"],
        "events": [{"type": "track", "name": "A", "properties": fields}],
    }  # fmt: skip
    text = export_plan(plan, Form.CSV)
    assert "products[].tags[]" in text
    assert there_and_back(plan, Form.CSV)["events"] == plan["events"]
