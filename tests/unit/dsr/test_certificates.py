"""A finished request accounts for every field, and says so in a certificate of the published form."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from registry.documents import parse
from registry.dsr.accounting import Disposition, FieldAccount, unaccounted
from registry.dsr.certificate import Destroyed, Outcome, certificate_claims
from registry.dsr.requests import EFFECTS, Effect, Kind
from registry.dsr.retention import Retention
from registry.model.canonical import canonical
from registry.model.clock import DAY

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "certificate.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)

ERASED = FieldAccount("registry", "event", "body", Disposition.ERASED, 3)
KEPT = FieldAccount("registry", "invoice", "amount", Disposition.RETAINED, 1, "HGB section 257")
OUTCOME = Outcome(
    request_id="0198a1b2-0000-7000-8000-000000000001",
    kind="erasure",
    jurisdiction="gdpr",
    subject="ab" * 16,
    received_at=1_767_225_600_000_000,
    respond_by=1_769_903_999_999_999,
    completed_at=1_767_312_000_000_000,
    accounts=[ERASED, KEPT],
    destroyed=Destroyed(keys=2, kek_generation=1, remaining=0),
)

NAMES = st.tuples(*[st.sampled_from(["a", "b", "c"])] * 3)


def claims(outcome: Outcome = OUTCOME) -> dict[str, Any]:
    return certificate_claims(
        outcome,
        issuer="0198a1b2-0000-7000-8000-000000000002",
        controller="A synthetic shop",
        audit_size=7,
        audit_root="cd" * 32,
        version="1.2.3",
    )


def test_a_certificate_conforms_to_its_schema_and_can_be_signed() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    VALIDATOR.validate(claims())
    assert json.loads(canonical(claims())) == claims()


def test_the_schema_knows_every_kind_and_disposition() -> None:
    assert set(SCHEMA["properties"]["request"]["properties"]["kind"]["enum"]) == {kind.value for kind in Kind}
    dispositions = SCHEMA["properties"]["fields"]["items"]["properties"]["disposition"]["enum"]
    assert set(dispositions) == {disposition.value for disposition in Disposition}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("accounts", [[ERASED], [KEPT, ERASED]])
def test_every_kind_with_any_accounts_conforms(kind: Kind, accounts: list[FieldAccount]) -> None:
    erases = EFFECTS[kind] is Effect.ERASE
    destroyed = OUTCOME.destroyed if erases else None
    VALIDATOR.validate(claims(replace(OUTCOME, kind=kind.value, accounts=accounts, destroyed=destroyed)))
    with pytest.raises(ValidationError):
        other = None if erases else OUTCOME.destroyed
        VALIDATOR.validate(claims(replace(OUTCOME, kind=kind.value, accounts=accounts, destroyed=other)))


def test_it_states_what_was_done_and_when() -> None:
    stated = claims()
    assert stated["iat"] == 1_767_312_000
    assert stated["request"]["received"] == "2026-01-01T00:00:00Z"
    assert stated["request"]["respond_by"] == "2026-01-31T23:59:59.999999Z"
    assert stated["fields"][0] == {
        "system": "registry", "table": "event", "field": "body", "disposition": "erased", "rows": 3,
    }  # fmt: skip
    assert stated["fields"][1]["ground"] == "HGB section 257"
    assert (stated["jti"], stated["sub"], stated["iss"]) == (OUTCOME.request_id, OUTCOME.subject, stated["iss"])


@pytest.mark.parametrize(("late_by", "in_time"), [(-1, True), (0, True), (1, False)])
def test_it_says_whether_the_answer_came_in_time(late_by: int, in_time: bool) -> None:
    outcome = replace(OUTCOME, completed_at=OUTCOME.respond_by + late_by)
    assert claims(outcome)["request"]["in_time"] is in_time


@pytest.mark.parametrize(("remaining", "passed"), [(0, True), (1, False)])
def test_verification_passed_only_if_the_second_look_found_nothing(remaining: int, passed: bool) -> None:
    assert claims(replace(OUTCOME, destroyed=Destroyed(2, 1, remaining)))["verification"] == {
        "rows_found_by_second_look": remaining,
        "passed": passed,
    }


def test_it_names_the_kinds_that_were_too_short_to_be_told_by_text_alone() -> None:
    told = claims(replace(OUTCOME, destroyed=Destroyed(2, 1, 0, ["user_id"])))["verification"]
    assert told["looked_for_where_described"] == ["user_id"]


@pytest.mark.parametrize(
    "change",
    [
        {"sub": "somebody@shop.example"}, {"format": 2}, {"email": "x"}, {"audit": {"size": 1, "root": "xyz"}},
        {"fields": [KEPT.as_json() | {"ground": ""}]}, {"fields": [ERASED.as_json() | {"value": "x"}]},
        {"fields": [ERASED.as_json() | {"disposition": "retained"}]}, {"fields": [ERASED.as_json() | {"rows": -1}]},
        {"request": {}},
    ],
)  # fmt: skip
def test_the_schema_refuses_what_a_certificate_must_not_say(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        VALIDATOR.validate(claims() | change)


def test_what_is_not_mentioned_is_not_accounted_for() -> None:
    declared = [("registry", "event", "body"), ("registry", "invoice", "amount"), ("crm", "lead", "email")]
    assert unaccounted(declared, [ERASED, KEPT]) == [("crm", "lead", "email")]
    assert unaccounted([], [ERASED]) == []


@pytest.mark.parametrize("ground", [None, ""])
def test_what_is_kept_without_a_ground_is_not_accounted_for(ground: str | None) -> None:
    kept = KEPT._replace(ground=ground)
    assert unaccounted([("registry", "invoice", "amount")], [kept]) == [("registry", "invoice", "amount")]


@given(st.lists(NAMES), st.lists(st.tuples(NAMES, st.sampled_from(Disposition), st.sampled_from([None, "law"]))))
def test_a_field_is_either_accounted_for_or_listed_once(declared: list[Any], settled: list[Any]) -> None:
    accounts = [FieldAccount(*names, disposition, 1, ground) for names, disposition, ground in settled]
    missing = unaccounted(declared, accounts)
    sound = {names for names, disposition, ground in settled if disposition is not Disposition.RETAINED or ground}
    assert missing == sorted(set(missing))
    assert set(missing) | sound >= set(declared)
    assert not set(missing) & sound


def test_quarantine_is_kept_as_many_days_as_the_policy_says() -> None:
    assert Retention.from_document(parse("version: 1\nquarantine_days: 7\n", file="r.yaml")).quarantine_for == 7 * DAY
