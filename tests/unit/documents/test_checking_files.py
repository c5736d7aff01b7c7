"""A file against its JSON Schema: every fault at once, each at its place, in the order of the file."""

from __future__ import annotations

from typing import Any

import pytest

from registry.documents import check, parse
from registry.model.errors import DocumentInvalid

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "size"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "size": {"type": "integer", "maximum": 9},
        "mode": {"enum": ["block", "omit"]},
        "either": {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"a": {"const": 1}}}]},
        "by_name": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}},
        "many": {"type": "array", "uniqueItems": True, "items": {"type": ["string", "null"]}},
    },
}  # fmt: skip


def faults(text: str) -> list[dict[str, Any]]:
    with pytest.raises(DocumentInvalid) as caught:
        check(parse(text, file="a.yaml"), SCHEMA)
    return list(caught.value.faults)


def places(text: str) -> list[tuple[int, int, str]]:
    return [(fault["line"], fault["column"], fault["pointer"]) for fault in faults(text)]


def test_a_file_that_conforms_passes() -> None:
    check(parse("name: a\nsize: 1\nmode: omit\neither: {a: 1}\nby_name: {x: 1}\nmany: [a, ~]\n", file="a.yaml"), SCHEMA)


def test_every_fault_is_listed_in_the_order_of_the_file() -> None:
    text = "mode: other\nsize: 10\nmany:\n  - 1\n  - a\n  - 2\nname: A\n"
    assert places(text) == [(1, 1, "/mode"), (2, 1, "/size"), (4, 5, "/many/0"), (6, 5, "/many/2"), (7, 1, "/name")]


def test_the_error_names_the_first_fault_and_how_many_more_there_are() -> None:
    with pytest.raises(DocumentInvalid) as caught:
        check(parse("mode: other\nsize: 10\nname: A\n", file="policies/a.yaml"), SCHEMA)
    assert str(caught.value) == "policies/a.yaml:1:1: is none of block, omit (and 2 more)"
    assert caught.value.pointer == "/mode"


def test_each_name_that_is_not_known_has_a_fault_of_its_own() -> None:
    text = "name: a\nsize: 1\nnmae: b\nmany: []\nsiez: 2\n"
    assert places(text) == [(3, 1, "/nmae"), (5, 1, "/siez")]
    assert "known are" in faults(text)[0]["reason"]
    assert "name" in faults(text)[0]["reason"]


def test_missing_names_are_one_fault_where_they_are_missing() -> None:
    [fault] = faults("mode: omit\n")
    assert (fault["line"], fault["pointer"], fault["reason"]) == (1, "", "lacks name, size")


def test_a_wrong_key_is_a_fault_at_the_key() -> None:
    assert places("name: a\nsize: 1\nby_name:\n  ok: 1\n  No: 2\n") == [(5, 3, "/by_name/No")]


def test_of_alternatives_the_one_that_came_closest_is_reported() -> None:
    assert places("name: a\nsize: 1\neither:\n  a: 2\n") == [(4, 3, "/either/a")]


def test_where_no_alternative_came_close_the_alternatives_are_reported() -> None:
    [fault] = faults("name: a\nsize: 1\neither: 5\n")
    assert (fault["line"], fault["pointer"]) == (3, "/either")
    assert "under any of the given schemas" in fault["reason"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name: 1\nsize: 1", "is not of type string"),
        ("name: A\nsize: 1", "does not match ^[a-z]+$"),
        ("name: a\nsize: x", "is not of type integer"),
        ("name: a\nsize: true", "is not of type integer"),
        ("name: a\nsize: 1\nmode: ~", "is none of block, omit"),
        ("name: a\nsize: 1\nmany: [1]", "is not of type string or null"),
        ("name: a\nsize: 10", "10 is greater than the maximum of 9"),
        ("[]", "is not of type object"),
        ("'" + "x" * 500 + "'", "is not of type object"),
    ],
)
def test_the_reason_says_what_is_wanted(text: str, reason: str) -> None:
    assert [fault["reason"] for fault in faults(text)] == [reason]


def test_a_reason_does_not_repeat_a_long_value() -> None:
    [fault] = faults(f"name: a\nsize: 1\nmany: [{'x' * 300}, {'x' * 300}]")
    assert len(fault["reason"]) < 120
    assert "uniqueItems" in fault["reason"]
