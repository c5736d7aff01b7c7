"""Rows of a file of requests: what they ask for, and what is wrong with them, without a value of them."""

from __future__ import annotations

from datetime import date

import pytest

from registry.dsr.agents import Party
from registry.dsr.bulk import COLUMNS, LONGEST, asked, check_columns
from registry.dsr.requests import Kind
from registry.dsr.verification import MandateKind
from registry.model.errors import InvalidInput

ROW = {"reference": "T-1", "kind": "access", "subject_kind": "email", "subject_value": "ada@example.com"}


def test_a_row_asks_for_what_it_says() -> None:
    found, faults = asked(ROW | {"jurisdiction": "", "received_at": "2026-01-01", "language": "de"})
    assert faults == []
    assert found is not None
    assert (found.kind, found.received_at, found.language, found.jurisdiction) == (
        Kind.ACCESS, date(2026, 1, 1), "de", None,
    )  # fmt: skip
    assert "ada" not in repr(found)


def test_purposes_are_told_apart_by_semicolons_and_corrections_are_json() -> None:
    objection, _ = asked(ROW | {"kind": "objection", "purposes": "marketing; analytics"})
    correction, _ = asked(ROW | {"kind": "rectification", "traits": '{"first_name": "Ada"}'})
    assert objection is not None
    assert correction is not None
    assert objection.details == {"purposes": ["marketing", "analytics"]}
    assert correction.details == {"traits": {"first_name": "Ada"}}


def test_an_agent_has_a_name_and_may_lack_a_mandate() -> None:
    found, _ = asked(ROW | {"agent_name": "B", "mandate": "power_of_attorney", "deliver_to": "agent"})
    without, _ = asked(ROW | {"agent_name": "B"})
    assert found is not None
    assert found.claim is not None
    assert (found.claim.mandate, found.claim.deliver_to) == (MandateKind.POWER_OF_ATTORNEY, Party.AGENT)
    assert without is not None
    assert without.claim is not None
    assert without.claim.mandate is None


@pytest.mark.parametrize(
    ("wrong", "column"),
    [
        ({"kind": "a look"}, "kind"),
        ({"kind": ""}, "kind"),
        ({"reference": " "}, "reference"),
        ({"subject_value": ""}, "subject_value"),
        ({"received_at": "last Monday"}, "received_at"),
        ({"received_at": "2026-02-30"}, "received_at"),
        ({"kind": "correct", "traits": "first_name=Ada"}, "traits"),
        ({"kind": "correct"}, "traits"),
        ({"agent_name": "B", "mandate": "a note"}, "mandate"),
        ({"agent_name": "B", "deliver_to": "me"}, "deliver_to"),
        ({"agent_name": "B", "mandate_sha256": "abc"}, "mandate_sha256"),
        ({"agent_email": "b@example.com"}, "agent_name"),
        ({"agent_name": "B", "agent_email": "at home"}, "agent_email"),
        ({"language": "x" * (LONGEST + 1)}, "language"),
        ({"language": "fr"}, "language"),
    ],
)
def test_a_fault_names_its_column_and_no_value(wrong: dict[str, str], column: str) -> None:
    found, faults = asked(ROW | wrong)
    assert found is None
    assert column in {fault.column for fault in faults}
    assert not [fault for fault in faults if any(value.strip() and value in fault.expected for value in wrong.values())]


def test_a_file_has_the_columns_that_are_needed_and_no_other() -> None:
    check_columns(COLUMNS)
    for names, said in ((["reference", "kind"], "subject_kind"), ([*COLUMNS, "ada@example.com"], "column 18")):
        with pytest.raises(InvalidInput) as caught:
            check_columns(names)
        assert said in caught.value.detail
        assert "ada" not in caught.value.detail
