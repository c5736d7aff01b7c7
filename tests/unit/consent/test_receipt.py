"""Receipts: the specification's sections are there, and no identifier is."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
from consent_values import said, shipped_catalogue
from fideslang.default_taxonomy import DEFAULT_TAXONOMY
from pyld import jsonld

from registry.consent import kantara
from registry.consent.receipt import Controller, receipt_claims
from registry.model.canonical import canonical
from registry.model.clock import SECOND

CONTROLLER = Controller(
    name="Synthetic Shop",
    address="1 Example Street",
    contact="privacy@shop.example",
    privacy_notice="https://shop.example/privacy",
    withdrawal_method="https://shop.example/privacy/choices",
    storage_locations=("DE",),
)


def claims(status: str, expires_at: int | None = None) -> dict[str, object]:
    record = said(status, 5 * SECOND, expires_at=expires_at)
    purpose = shipped_catalogue().purpose("marketing")
    return receipt_claims(
        record,
        purpose,
        CONTROLLER,
        "p-1",
        receipt_id="r-1",
        issuer="https://shop.example",
        issued_at=7 * SECOND,
    )


def test_a_receipt_has_every_mandatory_section_and_field() -> None:
    receipt = claims("granted", 65 * SECOND)
    assert {"schema_version", "receipt_id", "record_id", "pii_principal_id"} <= receipt.keys()
    processing = receipt["pii_processing"]
    assert isinstance(processing, dict)
    (purpose,) = processing["purposes"]
    assert purpose["lawful_basis"] == "consent"
    assert purpose["purpose_title"] == "Über Angebote informieren"
    assert purpose["retention_period"] == "P730D"
    assert {"pii_type": "user.contact"} in purpose["pii_information"]
    for field in (
        "pii_controllers",
        "storage_locations",
        "jurisdiction",
        "recipient_third_parties",
        "withdrawal_method",
    ):
        assert purpose[field]
    assert receipt["party_identification"] == [
        {
            "party_id": "https://shop.example",
            "party_type": "controller",
            "party_name": "Synthetic Shop",
            "party_address": "1 Example Street",
            "party_contact": "privacy@shop.example",
        }
    ]
    assert receipt["events"] == [
        {
            "event_time": "1970-01-01T00:00:05Z",
            "recorded_time": "1970-01-01T00:00:05Z",
            "event_type": "explicit",
            "event_state": "granted",
            "consent_status": "dpv:ConsentGiven",
            "entity_id": "p-1",
            "validity_duration": "PT60S",
            "valid_until": "1970-01-01T00:01:05Z",
        }
    ]
    assert (receipt["iat"], receipt["sub"], receipt["jti"]) == (7, "p-1", "r-1")


def test_a_withdrawal_has_a_receipt_too_and_no_end() -> None:
    (event,) = claims("withdrawn", 65 * SECOND)["events"]  # type: ignore[misc, attr-defined]
    assert event["event_state"] == "withdrawn"
    assert event["valid_until"] is event["validity_duration"] is None


def test_a_receipt_is_json_ld_in_the_terms_of_dpv() -> None:
    [record] = jsonld.expand(claims("granted", 65 * SECOND))
    dpv = "https://w3id.org/dpv#"
    assert record["@type"] == [f"{dpv}ConsentRecord"]
    [processing] = record[f"{dpv}hasProcess"]
    [purpose] = processing[f"{dpv}hasPurpose"]
    assert purpose[f"{dpv}hasLegalBasis"] == [{"@id": f"{dpv}Consent"}]
    assert purpose["http://purl.org/dc/terms/title"] == [{"@value": "Über Angebote informieren"}]
    [event] = record["urn:registry:receipt:events"]
    assert event[f"{dpv}hasConsentStatus"] == [{"@id": f"{dpv}ConsentGiven"}]
    [party] = record[f"{dpv}hasEntity"]
    assert (party["@id"], party[f"{dpv}hasName"]) == ("https://shop.example", [{"@value": "Synthetic Shop"}])
    [withdrawn] = jsonld.expand(claims("withdrawn"))[0]["urn:registry:receipt:events"]
    assert withdrawn[f"{dpv}hasConsentStatus"] == [{"@id": f"{dpv}ConsentWithdrawn"}]


def test_a_receipt_can_be_signed_as_canonical_json() -> None:
    assert canonical(claims("denied")).startswith(b'{"@context":{')


def test_a_receipt_conforms_to_its_schema_and_says_the_same_in_kantara_s_names() -> None:
    schema = json.loads((Path(__file__).parents[3] / "schemas" / "receipt.schema.json").read_text())
    for status in ("granted", "withdrawn", "unattested"):
        receipt = claims(status)
        jsonschema.Draft202012Validator(schema).validate(receipt)
        told = receipt["kantara"]
        assert isinstance(told, dict)
        assert told["consentReceiptID"] == receipt["receipt_id"]
        assert told["consentTimestamp"] == 5
        [service] = told["services"]
        [purpose] = service["purposes"]
        assert (purpose["consentType"], purpose["purpose"]) == ("EXPLICIT", "Über Angebote informieren")
        assert purpose["thirdPartyName"] == "mail service, advertising networks"
        assert (told["sensitive"], told["spiCat"]) == (False, [])


def test_what_is_special_is_named_also_where_a_category_only_holds_it() -> None:
    categories = ["user.name", "user.demographic", "user.health_and_medical.genetic"]
    assert kantara._sensitive(categories) == ["user.demographic", "user.health_and_medical.genetic"]
    assert kantara._sensitive([]) == list(kantara.SENSITIVE), "a purpose without categories covers all"
    known = {category.fides_key for category in DEFAULT_TAXONOMY.data_category}
    assert known.issuperset(kantara.SENSITIVE)
