"""What a plan changes of events before it judges them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_values import modes, small, track

from registry.model.errors import DocumentInvalid
from registry.plans.transform import cast

PLAN = """
transformations:
  - {do: rename_event, event: Thing done, to: Thing Done}
  - {do: rename, event: Thing Done, field: thingId, to: thing_id}
  - {do: cast, field: total, to: number}
  - {do: drop, field: debug}
  - {do: constant, event: Thing Done, field: channel, value: web}
events:
  - type: track
    name: Thing Done
    properties: {thing_id: {type: string}, total: {type: number}, channel: {const: web}}
    required: [thing_id, channel]
"""


def test_they_run_in_order_and_are_named() -> None:
    plan = small(PLAN)
    sent = track({"thingId": "t", "total": "12.50", "debug": 1}, event="Thing done")
    before = dict(sent.body)
    message, applied = plan.transform(sent)
    assert message.name == message.body["event"] == "Thing Done"
    assert message.body["properties"] == {"thing_id": "t", "total": 12.5, "channel": "web"}
    assert applied == tuple(f"/transformations/{n}" for n in range(5))
    assert plan.check(message, modes(properties="block")).violations == ()
    assert sent.body == before
    assert sent.name == "Thing done"


def test_what_has_nothing_to_change_is_left_as_it_is() -> None:
    plan = small("transformations: [{do: drop, field: debug}]\nevents: [{type: track, name: Thing Done}]")
    sent = track({"a": 1})
    assert plan.transform(sent) == (sent, ())
    assert small("events: [{type: track, name: Thing Done}]").transform(sent) == (sent, ())


def test_a_rename_overwrites_nothing() -> None:
    message, applied = small(PLAN).transform(track({"thingId": "old", "thing_id": "new"}))
    properties: Any = message.body["properties"]
    assert properties["thing_id"] == "new"
    assert "/transformations/1" not in applied


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [("1", "integer", 1), ("1.5", "integer", "1.5"), (2.0, "integer", 2), ("1e3", "number", 1000.0),
     ("1e999", "number", "1e999"), (" 7 ", "number", 7), ("x", "number", "x"), ("TRUE", "boolean", True),
     ("yes", "boolean", "yes"), (True, "string", "true"), (1.5, "string", "1.5"), (None, "string", None),
     ([1], "string", [1]), ("9" * 40, "integer", "9" * 40), (True, "number", True)],
)  # fmt: skip
def test_a_cast_says_the_same_or_does_nothing(value: Any, kind: str, expected: Any) -> None:
    made = cast(value, kind)
    assert made == expected
    assert type(made) is type(expected)


@given(st.text(max_size=40), st.sampled_from(["string", "number", "integer", "boolean"]))
def test_no_text_breaks_a_cast(value: str, kind: str) -> None:
    cast(value, kind)


@pytest.mark.parametrize(
    "wrong",
    ["{do: rename_event, event: a, to: Nothing}", "{do: rename_event, to: Thing Done}", "{do: rename, field: a}",
     "{do: cast, field: a, to: date}", "{do: constant, field: a}", "{do: run, field: a}", "{do: drop}"],
)  # fmt: skip
def test_a_wrong_transformation_is_refused(wrong: str) -> None:
    with pytest.raises(DocumentInvalid):
        small(f"transformations: [{wrong}]\nevents: [{{type: track, name: Thing Done}}]")
