"""Reviewed files: every value with its place, and no text that can mean two things or stall its reader."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from registry.documents import parse
from registry.documents.loading import MAX_BYTES, MAX_DEPTH, MAX_NODES
from registry.model.errors import DocumentInvalid

AT_ONCE = 5.0
"""Seconds of computing in which any text must have been read or refused: machines differ, but not by so much."""

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Zl", "Zp"], exclude_characters="\ufeff"))
"""What may stand unescaped in a YAML file on one line; JSON may escape more."""

KEY = TEXT.filter(lambda text: len(json.dumps(text)) <= 1_000)
"""A key on one line has at most 1,024 characters, as it is written (YAML 1.2.2, 7.4.2)."""

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEY, inner, max_size=4),
    max_leaves=20,
)


def value(text: str) -> Any:
    return parse(text, file="a.yaml").value


def fault(text: str) -> dict[str, Any]:
    with pytest.raises(DocumentInvalid) as caught:
        parse(text, file="a.yaml")
    [only] = caught.value.faults
    return only


def test_every_node_has_its_line_and_column() -> None:
    document = parse("a: 1\nb:\n  - x\n  - c: {d: 2}\n", file="a.yaml")
    places = {"": (1, 1), "/a": (1, 1), "/b": (2, 1), "/b/0": (3, 5), "/b/1": (4, 5), "/b/1/c": (4, 5)}
    assert {pointer: document.position(pointer) for pointer in places} == places
    assert document.position("/b/1/c/d") == (4, 9)


def test_what_is_not_in_the_file_stands_where_what_would_hold_it_stands() -> None:
    document = parse("a:\n  b: {c: 1}\n", file="a.yaml")
    assert document.position("/a/b/missing/below") == document.position("/a/b") == (2, 3)
    assert document.position("/nothing") == (1, 1)


def test_a_name_with_slash_or_tilde_has_a_pointer_of_its_own() -> None:
    document = parse("a/b: 1\nc~d: 2\na: {b: 3}\n", file="a.yaml")
    assert [document.position(p) for p in ("/a~1b", "/c~0d", "/a/b")] == [(1, 1), (2, 1), (3, 5)]


def test_a_fault_names_file_line_column_pointer_and_reason() -> None:
    document = parse("a:\n  b: 1\n", file="policies/x.yaml")
    assert document.fault("/a/b", "is odd") == {
        "file": "policies/x.yaml", "line": 2, "column": 3, "pointer": "/a/b", "reason": "is odd",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("true", True), ("False", False), ("~", None), ("null", None), ("", None),
        ("2026-01-31", "2026-01-31"), ("12:30", "12:30"), ("1_000", "1_000"), ("=", "="), ("1.0.0", "1.0.0"),
        ("010", 10), ("+1", 1), (".5", 0.5), ("1e3", 1000.0), ("'1'", "1"), ("!!str 1", "1"), ("!!float 1", 1.0),
    ],
)  # fmt: skip
def test_scalars_are_read_as_yaml_1_2_reads_them(text: str, expected: object) -> None:
    found = value(f"a: {text}")["a"]
    assert (found, type(found)) == (expected, type(expected))


def test_a_merge_key_is_a_key_like_any_other() -> None:
    assert value("a: &x {b: 1}\nc: {<<: *x}")["c"] == {"<<": {"b": 1}}


@given(VALUES)
def test_json_of_any_layout_is_read_as_json(content: Any) -> None:
    tabs, spaces = json.dumps(content, indent="\t"), json.dumps(content, indent=2, ensure_ascii=False)
    for text in (json.dumps(content), tabs, spaces):
        assert value(text) == content


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_that_json_can_escape_is_read_exactly(text: str) -> None:
    assert value(json.dumps({text[:100]: [text]})) == {text[:100]: [text]}


@given(VALUES.filter(lambda content: content is not None))
def test_every_pointer_leads_to_where_the_value_was_written(content: Any) -> None:
    text = json.dumps({"top": content}, indent=1)
    document = parse(text, file="a.json")
    lines = text.split("\n")

    def look(inside: Any, pointer: str) -> None:
        line, column = document.position(pointer)
        assert 1 <= line <= len(lines)
        assert lines[line - 1][column - 1 :].strip()
        children = inside.items() if isinstance(inside, dict) else enumerate(inside) if isinstance(inside, list) else ()
        for name, child in children:
            below = f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"
            if isinstance(inside, dict):
                place = document.position(below)
                assert lines[place[0] - 1][place[1] - 1 :].startswith(json.dumps(name))
            look(child, below)

    look(document.value, "")


@pytest.mark.parametrize(
    ("text", "place", "pointer"),
    [
        ("a: 1\nb: 2\na: 3", (3, 1), "/a"),
        ("a: {b: 1, 'b': 2}", (1, 11), "/a/b"),
        ('{"a": 1, "\\u0061": 2}', (1, 10), "/a"),
    ],
)
def test_a_key_that_stands_twice_is_refused_at_the_second(text: str, place: tuple[int, int], pointer: str) -> None:
    found = fault(text)
    assert (found["line"], found["column"], found["pointer"]) == (*place, pointer)
    assert found["reason"] == "a key stands twice"


@pytest.mark.parametrize("key", ["1", "true", "~", "[a]", "{a: b}", "1.5", "!!int 1", "!own a"])
def test_a_key_that_is_no_text_is_refused(key: str) -> None:
    assert fault(f"a: 1\n? {key}\n: x")["line"] == 2


@pytest.mark.parametrize(
    "node",
    ["!own x", "!!python/object/apply:os.system [x]", "!!binary aGk=", "!!set {a}", "!!timestamp 2026-01-01",
     "!!int x", "!!int 1.5", "!!float x", "!!bool yes", "!!null x", "!!map x", "!!seq {a: b}", "!!str {a: b}", "! x"],
)  # fmt: skip
def test_a_tag_of_its_own_or_one_that_does_not_fit_is_refused(node: str) -> None:
    if node == "! x":  # the one tag that only says: this is text
        assert value(f"a: {node}") == {"a": "x"}
    else:
        assert "tag" in fault(f"a: {node}")["reason"]


@pytest.mark.parametrize("number", ["9" * 30, "-9223372036854775809", "18446744073709551616", "9" * 5000, "1e999"])
def test_a_number_that_readers_disagree_on_is_refused(number: str) -> None:
    assert fault(f"a: 1\nb: {number}")["line"] == 2


def test_the_largest_numbers_of_64_bits_are_read_exactly() -> None:
    assert value("[9223372036854775807, 18446744073709551615, -9223372036854775808]") == [
        2**63 - 1,
        2**64 - 1,
        -(2**63),
    ]


@pytest.mark.parametrize("text", ['a: "\\ud800"', 'a: "\\ude00\\ud83d"', "a: \ud800", "a: \0", "a: \x07"])
def test_text_that_is_not_unicode_is_refused(text: str) -> None:
    assert fault(text)["line"] == 1


def test_a_character_that_json_escapes_in_two_halves_is_one() -> None:
    assert value('{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


@pytest.mark.parametrize(
    ("text", "line"),
    [("", 1), ("# only words\n", 1), ("a: 1\n---\nb: 2\n", 2), ("a: [1\nb: 2", 2), ("a: b: c", 1), ("a: *nowhere", 1),
     ("a: 1\n\tb: 2", 2), ("a: 'x", 1)],
)  # fmt: skip
def test_what_is_not_one_yaml_document_is_refused_with_the_line(text: str, line: int) -> None:
    assert fault(text)["line"] == line


def _bomb(levels: int = 12) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        _bomb(),
        "&a [*a]",
        "a: &a {b: *a}",
        "[" * 100_000,
        "- " * 100_000 + "x",
        "{a: " * 1000 + "x" + "}" * 1000,
        "[" + "a," * (MAX_NODES + 1) + "]",
        "x" * (MAX_BYTES + 1),
        "a: &k {" + "k" * 1000 + ": [" + "1," * 49_000 + "]}",
        "? " + "k" * 100_000 + "\n: [" + "1," * 1000 + "]",
    ],
    ids=["bomb", "itself", "itself-inside", "flow", "block", "objects", "flat", "long", "long-key", "longer-key"],
)
def test_a_file_made_to_stall_its_reader_is_refused_at_once(text: str) -> None:
    start = time.process_time()
    fault(text)
    assert time.process_time() - start < AT_ONCE


def test_aliases_that_stay_within_bounds_are_followed_and_keep_their_first_place() -> None:
    document = parse("a: &x {b: [1, 2]}\nc: *x\n", file="a.yaml")
    assert document.value == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}
    assert document.position("/a/b") == (1, 8)


def test_depth_is_allowed_up_to_the_bound() -> None:
    assert value("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH) != []
    assert "deeper" in fault("[" * (MAX_DEPTH + 1) + "1" + "]" * (MAX_DEPTH + 1))["reason"]


@given(st.text(st.sampled_from(list("ab:-[]{},&*!|>'\"%@#~ \n\t?0.\\/")), max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        found = value(text)
    except DocumentInvalid as error:
        assert all(f["line"] >= 1 and f["column"] >= 1 for f in error.faults)
    else:
        if not any(mark in text for mark in "!&*"):  # what needs none of these means the same to any YAML reader
            assert found == value(yaml.safe_dump(found))
