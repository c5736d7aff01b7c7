"""What says a time, a number, a place or a language is of its form, or refused with a sentence about the form."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.house import Desk

ADA = {"kind": "user_id", "value": "ada"}
QUESTION = {"subject": ADA, "purpose": "marketing"}
RECORD = QUESTION | {"status": "granted"}
NO_TIMES = ["2026-01-31T12:00:00", "2026-01-31", "20260131T120000Z", "2026-W05-6T12:00:00Z", "2026-01-31T12:00Z"]


def refused(desk: Desk, path: str, body: dict[str, Any], pointer: str, **headers: str) -> str:
    answer = desk.app.post(path, json=body, headers=headers)
    told = answer.json()
    assert (answer.status_code, told["code"], told["pointer"]) == (400, "invalid-input", pointer), answer.text
    return str(told["detail"])


@pytest.mark.parametrize("text", NO_TIMES)
def test_a_time_is_of_rfc_3339_with_its_offset(either_desk: Desk, text: str) -> None:
    for path, body, member in (
        ("/v1/consent/records", RECORD, "acted_at"),
        ("/v1/consent/records", RECORD, "expires_at"),
        ("/v1/consent/check", QUESTION, "at"),
        ("/v1/consent/explain", QUESTION, "at"),
        ("/v1/consent/explain", QUESTION, "known_at"),
    ):
        assert "RFC 3339 time with its offset" in refused(either_desk, path, body | {member: text}, f"/{member}")


@pytest.mark.parametrize("text", ["2020-01-31T12:00:00Z", "2020-01-31t13:00:00.25+01:00", "2020-01-31 12:00:00-00:00"])
def test_every_form_of_it_is_taken(either_desk: Desk, text: str) -> None:
    answer = either_desk.app.post("/v1/consent/records", json=RECORD | {"acted_at": text})
    assert answer.status_code == 201
    assert answer.json()["acted_at"].startswith("2020-01-31T12:00:00")


@pytest.mark.parametrize("number", [True, "16", 16.5, "yes"])
def test_an_age_is_a_number(either_desk: Desk, number: object) -> None:
    refused(either_desk, "/v1/consent/records", RECORD | {"age_at_least": number}, "/age_at_least")


@pytest.mark.parametrize("number", [True, "60", 60.5])
def test_so_are_seconds(either_desk: Desk, number: object) -> None:
    refused(either_desk, "/v1/consent/token", QUESTION | {"lifetime_s": number}, "/lifetime_s")
    refused(either_desk, "/v1/preferences/links", {"subject": ADA, "lifetime_s": number}, "/lifetime_s")


@pytest.mark.parametrize("place", ["Germany", "de", "DEU", "US-", "US-CALI", "", "DE\n"])
def test_the_place_of_a_record_is_one_that_a_check_takes(either_desk: Desk, place: str) -> None:
    said = refused(either_desk, "/v1/consent/records", RECORD | {"jurisdiction": place}, "/jurisdiction")
    assert "ISO 3166-1 or -2, as DE or US-CA" in said
    refused(either_desk, "/v1/consent/check", QUESTION | {"jurisdiction": place}, "/jurisdiction")


@pytest.mark.parametrize("tag", ["nonsense lang", "", "d", "de_DE", "de-", "-de", "de--AT", "deutschsprachig", "de\n"])
def test_a_language_is_a_tag_of_bcp_47(either_desk: Desk, tag: str) -> None:
    said = refused(either_desk, "/v1/consent/records", RECORD | {"language": tag}, "/language")
    assert "BCP 47" in said


@pytest.mark.parametrize(
    "tag",
    ["de", "pt-BR", "zh-Hant-TW", "es-419", "sl-rozaj-biske", "de-CH-1996", "en-u-ca-gregory", "x-shop", "i-mingo"],
)
def test_every_form_of_one_is_taken(either_desk: Desk, tag: str) -> None:
    answer = either_desk.app.post("/v1/consent/records", json=RECORD | {"language": tag, "jurisdiction": "US-CA"})
    assert answer.status_code == 201
    records = either_desk.app.post("/v1/consent/history", json={"subject": ADA}).json()["records"]
    assert (records[-1]["language"], records[-1]["jurisdiction"]) == (tag, "US-CA")


def test_a_key_of_no_letters_protects_nothing_and_is_refused(either_desk: Desk) -> None:
    refused(either_desk, "/v1/consent/records", RECORD, "/header/idempotency-key", **{"idempotency-key": ""})


def test_how_long_google_s_tags_wait_says_nothing_of_the_person(either_desk: Desk) -> None:
    ads = {"ad_storage": "granted", "ad_user_data": "granted", "ad_personalization": "granted"}
    body = {"subject": ADA, "google": ads | {"wait_for_update": 500}}
    answer = either_desk.app.post("/v1/consent/signals", json=body)
    assert answer.status_code == 201, answer.text
    assert [(one["purpose"], one["status"]) for one in answer.json()["records"]] == [("marketing", "granted")]
    for wrong in ({"ad_storage": 1}, {"wait_for_update": True}, {"wait_for_update": [500]}, {"another": 500}):
        answer = either_desk.app.post("/v1/consent/signals", json={"subject": ADA, "google": ads | wrong})
        assert answer.status_code == 400, wrong
