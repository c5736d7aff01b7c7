"""What every call must have, and that the published schema says the same."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_values import schema_file

from registry.plans.envelope import MAX_NESTING, check_envelope

TRACK = {"type": "track", "event": "Order Completed", "userId": "u-1"}


def found(**members: Any) -> list[tuple[str, str]]:
    return [(fault.code, fault.path) for fault in check_envelope({**TRACK, **members})]


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "call",
    [
        TRACK,
        {"type": "track", "event": "E", "userId": None, "anonymousId": "a-1", "context": None, "properties": None},
        {"type": "identify", "userId": "u-1", "traits": {}},
        {"type": "page", "anonymousId": "a-1", "name": None},
        {"type": "screen", "anonymousId": "a-1", "name": "Home", "category": "x"},
        {"type": "group", "groupId": "g-1", "userId": "u-1"},
        {"type": "alias", "previousId": "a-1", "userId": "u-1"},
        {**TRACK, "context": {"consent": {"categoryPreferences": {"Analytics": True, "Advertising": False}}}},
        {**TRACK, "messageId": "m" * 100, "timestamp": "2026-11-23T12:40:25.039Z", "integrations": {"All": True}},
    ],
)
def test_what_real_senders_send_has_no_fault(call: dict[str, Any]) -> None:
    assert check_envelope(call) == []


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"userId": None}, ("no_user_anon_id", "")),
        ({"userId": ""}, ("no_user_anon_id", "")),
        ({"userId": 42}, ("id_not_string", "/userId")),
        ({"userId": "u" * 513}, ("id_too_long", "/userId")),
        ({"anonymousId": True}, ("id_not_string", "/anonymousId")),
        ({"event": None}, ("event_not_defined", "/event")),
        ({"event": ""}, ("event_not_defined", "/event")),
        ({"event": 7}, ("event_not_string", "/event")),
        ({"event": "e" * 256}, ("event_too_long", "/event")),
        ({"messageId": "m" * 101}, ("message_id_too_long", "/messageId")),
        ({"messageId": 5}, ("message_id_not_string", "/messageId")),
        ({"properties": []}, ("properties_not_object", "/properties")),
        ({"traits": "x"}, ("traits_not_object", "/traits")),
        ({"context": 1}, ("context_not_object", "/context")),
        ({"context": {"consent": []}}, ("consent_fields_should_be_object", "/context/consent")),
        ({"type": "page", "name": 3}, ("name_not_string", "/name")),
        ({"type": "screen", "category": []}, ("category_not_string", "/category")),
        ({"type": "group"}, ("id_required", "/groupId")),
        ({"type": "alias"}, ("id_required", "")),
        ({"type": "Track"}, ("type_unknown", "/type")),
        ({"type": []}, ("type_unknown", "/type")),
    ],
)
def test_a_fault_of_the_envelope_is_named(members: dict[str, Any], fault: tuple[str, str]) -> None:
    assert found(**members) == [fault]


@pytest.mark.parametrize("preference", ["yes", "true", 1, 0, None, [], {}])
def test_consent_that_is_no_yes_or_no_is_refused_and_the_category_not_named(preference: object) -> None:
    context = {"consent": {"categoryPreferences": {"Analytics": True, "jane@marker.example": preference}}}
    assert found(context=context) == [
        ("consent_categorypreferences_fields_should_be_bool", "/context/consent/categoryPreferences/*")
    ]


@pytest.mark.parametrize("raw", [None, [], "track", 1, True])
def test_a_call_that_is_no_object_is_refused(raw: object) -> None:
    assert [fault.code for fault in check_envelope(raw)] == ["call_not_object"]


def test_nesting_is_bounded() -> None:
    assert found(properties=nested(MAX_NESTING - 1)) == []
    assert found(properties=nested(MAX_NESTING)) == [("nested_too_deep", "")]


_SCALARS = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x", "u" * 101, "u" * 256, "u" * 513])
_VALUES = _SCALARS | st.just({}) | st.just([]) | st.just({"a": 1})
_PREFERENCES = st.none() | st.just([]) | st.dictionaries(st.sampled_from("AB"), st.booleans() | st.integers(0, 1))
_CONSENT = st.none() | st.just(1) | st.fixed_dictionaries({}, optional={"categoryPreferences": _PREFERENCES})
_NAMES = (
    "userId",
    "anonymousId",
    "groupId",
    "previousId",
    "messageId",
    "event",
    "name",
    "category",
    "properties",
    "traits",
)
_CALLS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["track", "identify", "page", "screen", "group", "alias", "other", 3]),
        "context": st.none() | st.just([]) | st.fixed_dictionaries({}, optional={"consent": _CONSENT}),
        **dict.fromkeys(_NAMES, _VALUES),
    },
)


@given(_CALLS | _VALUES)
def test_the_published_schema_and_the_check_agree(raw: Any) -> None:
    schema = jsonschema_rs.Draft202012Validator(schema_file("event-envelope.schema.json"))
    assert schema.is_valid(raw) == (check_envelope(raw) == [])
