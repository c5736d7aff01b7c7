"""An entry is one sequence of bytes, conforms to the published schema, and names only acts that there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from registry.audit.entry import AuditAction, Entry
from registry.model.errors import InvalidInput

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "audit-entry.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
ENTRY = Entry(5, "operator", "dsr:rows:erased", "done", "ab" * 32, {"rows": 3, "request": "r"})
BYTES = (
    b'{"action":"dsr:rows:erased","actor":"operator","at":5,"fields":{"request":"r","rows":3},"format":1,'
    b'"outcome":"done","subject":"' + b"ab" * 32 + b'"}'
)

FIELDS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(codec="utf-8"), max_size=8),
    max_size=4,
)
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


def test_its_bytes_are_canonical_json() -> None:
    assert ENTRY.canonical() == BYTES


@given(st.integers(0, 2**63 - 1), TEXT, st.sampled_from(list(AuditAction)), TEXT, FIELDS)
def test_what_was_written_is_what_is_read_and_the_order_of_fields_does_not_matter(
    at: int, name: str, action: AuditAction, outcome: str, fields: dict[str, int | str]
) -> None:
    entry = Entry(at, f"app:{name}", action.value, outcome, None, fields)
    turned = Entry(at, f"app:{name}", action.value, outcome, None, dict(reversed(fields.items())))
    assert entry.canonical() == turned.canonical()
    assert Entry.parse(entry.canonical()) == entry
    VALIDATOR.validate(json.loads(entry.canonical()))


def test_an_act_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Entry(1, "operator", "events:batch:forgotten", "done").canonical()


@pytest.mark.parametrize("fields", [{"share": 0.5}, {"when": b"x"}, {1: "x"}])
def test_fields_that_have_no_canonical_form_are_refused(fields: Any) -> None:
    with pytest.raises(InvalidInput):
        Entry(1, "operator", "workspace:created", "done", None, fields).canonical()


def _with(**changed: object) -> bytes:
    return json.dumps(json.loads(BYTES) | changed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_the_bytes_that_the_next_test_changes_are_otherwise_an_entry() -> None:
    assert Entry.parse(_with()) == ENTRY


@pytest.mark.parametrize(
    "data",
    [
        _with(at="5"), _with(at=True), _with(at=5.0), _with(actor=None), _with(subject=1), _with(fields=[]),
        _with(fields={"a": {}}), _with(fields={"a": None}), _with(fields={"a": True}), _with(format=2), _with(more=1),
        BYTES.replace(b'"at":5,', b""), BYTES.replace(b'"at":5', b'"at":4,"at":5'), BYTES.replace(b":5,", b": 5,"),
        BYTES + b"\n", BYTES.replace(b"operator", b"op\\u0065rator"), BYTES.replace(b"operator", b"\xffoperator"),
        BYTES.replace(b'"at":5', b'"at":' + b"9" * 30), BYTES.replace(b'"at":5', b'"at":' + b"[" * 2000), b"5", b'""',
    ],
)  # fmt: skip
def test_another_spelling_or_another_type_is_no_entry(data: bytes) -> None:
    assert data != BYTES
    with pytest.raises(InvalidInput):
        Entry.parse(data)


@given(st.binary(max_size=60))
def test_bytes_that_are_no_entry_are_refused_and_not_shown(data: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        Entry.parse(data)
    assert str(caught.value) == "these bytes are not an audit entry"


def test_the_published_schema_names_every_act() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]["action"]["enum"]) == {action.value for action in AuditAction}
    assert set(SCHEMA["required"]) == set(SCHEMA["properties"]) == set(json.loads(BYTES))
