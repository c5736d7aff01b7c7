"""Rows as messages: what a cell means, what is reported, and that a row always has the same message id."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from registry.documents import check, parse
from registry.model.errors import DocumentInvalid
from registry.plans.rows import ImportMapping
from registry.reviewed import shipped_schema

HEAD = "version: 1\nimport: crm\nuser_id: nr\n"


def mapping(text: str, head: str = HEAD) -> ImportMapping:
    document = parse(head + text, file="mapping.yaml")
    check(document, shipped_schema("import-mapping.schema.json"))
    return ImportMapping.from_document(document)


def trait(told: str, value: object) -> Any:
    call, faults = mapping(f"traits:\n  it: {told}\n").call(1, {"nr": "1", "x": value})
    return [fault.expected for fault in faults] if faults else call["traits"].get("it")


@pytest.mark.parametrize(
    ("told", "value", "expected"),
    [
        ("x", "  Ada ", "Ada"),
        ("x", " ", None),
        ("x", None, None),
        ("x", 5, 5),
        ("x", Decimal("5"), 5),
        ("x", Decimal("5.25"), 5.25),
        ("x", date(1990, 1, 2), "1990-01-02"),
        ("x", datetime(1990, 1, 2, 3, tzinfo=UTC), "1990-01-02T03:00:00+00:00"),
        ("x", b"\0", ["text"]),
        ("{column: x, type: text}", 12, "12"),
        ("{column: x, type: integer}", "12", 12),
        ("{column: x, type: integer}", "12.5", ["a whole number"]),
        ("{column: x, type: number}", "12.5", 12.5),
        ("{column: x, type: boolean}", "Yes", True),
        ("{column: x, type: boolean}", 0, False),
        ("{column: x, type: boolean}", "perhaps", ["yes or no, true or false, 1 or 0"]),
        ('{column: x, type: date, format: "%d.%m.%Y"}', "02.01.1990", "1990-01-02"),
        ('{column: x, type: date, format: "%d.%m.%Y"}', "31.02.1990", ["a date"]),
        ("{column: x, type: date}", "1990-01-02", "1990-01-02"),
        ("{column: x, type: time}", "1990-01-02 03:04:05", "1990-01-02T03:04:05+00:00"),
        ("{column: x, words: {G: gold, S: silver}}", "G", "gold"),
        ("{column: x, words: {G: gold}}", "B", ["one of the words of the mapping"]),
        ("{value: legacy}", "anything", "legacy"),
    ],
)
def test_a_cell_means_what_the_mapping_says(told: str, value: object, expected: object) -> None:
    assert trait(told, value) == expected


def test_a_row_becomes_one_identify_call_with_an_id_of_its_own() -> None:
    made = mapping(
        "row_id: nr\nobserved_at: changed\nidentifiers: {crm_id: crm}\n"
        "traits: {email: mail, address.city: city, address.street: street}\nconsent: {Advertising: ads}\n"
    )
    row = {"nr": 7, "crm": "c-7", "mail": "a@example.com", "city": "Berlin", "street": "", "ads": "no",
           "changed": "2024-03-01"}  # fmt: skip
    call, faults = made.call(3, row)
    assert faults == []
    assert call == {
        "type": "identify", "messageId": "crm:7", "userId": "7",
        "traits": {"email": "a@example.com", "address": {"city": "Berlin"}},
        "context": {
            "consent": {"categoryPreferences": {"Advertising": False}},
            "externalIds": [{"id": "c-7", "type": "crm_id", "collection": "users", "encoding": "none"}],
        },
        "timestamp": "2024-03-01T00:00:00+00:00",
    }  # fmt: skip
    assert made.call(99, row)[0]["messageId"] == "crm:7"
    assert made.columns == {"nr", "crm", "mail", "city", "street", "ads", "changed"}
    _, faults = made.call(3, row | {"nr": None})
    assert [(fault.code, fault.path) for fault in faults] == [("cell_unreadable", "/nr")]


def test_members_of_objects_are_reached_by_their_path_and_rows_without_a_name_by_their_number() -> None:
    made = mapping("traits: {city: address.city, tags: tags}\n")
    call, _ = made.call(4, {"nr": "1", "address": {"city": "Berlin"}, "tags": ["a"]})
    assert (call["traits"], call["messageId"]) == ({"city": "Berlin", "tags": ["a"]}, "crm:4")


@pytest.mark.parametrize(
    "text",
    ["traits: {}", "traits: {a: {}}", "traits: {a: {column: x, type: money}}",
     "traits: {a: x}\ntable: t\nquery: SELECT 1"],
)  # fmt: skip
def test_a_mapping_that_says_nothing_or_too_much_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(DocumentInvalid) as raised:
        mapping(text)
    assert raised.value.faults[0]["file"] == "mapping.yaml"
