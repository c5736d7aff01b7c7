"""Receipts in the terms of the W3C Data Privacy Vocabulary (DPV 2, https://w3id.org/dpv), by a JSON-LD context."""

from __future__ import annotations

from registry.consent.purposes import LawfulBasis
from registry.consent.records import ConsentStatus

_TERM = {"@type": "@vocab"}

CONTEXT: dict[str, object] = {
    "@vocab": "urn:registry:receipt:",
    "dpv": "https://w3id.org/dpv#",
    "dct": "http://purl.org/dc/terms/",
    "record_id": "dct:identifier",
    "pii_principal_id": {"@id": "dpv:hasDataSubject", **_TERM},
    "pii_processing": "dpv:hasProcess",
    "privacy_notice": "dpv:hasNotice",
    "language": "dct:language",
    "purposes": "dpv:hasPurpose",
    "purpose_title": "dct:title",
    "purpose_text": "dct:description",
    "legal_basis": {"@id": "dpv:hasLegalBasis", **_TERM},
    "pii_information": "dpv:hasPersonalData",
    "pii_controllers": {"@id": "dpv:hasDataController", **_TERM},
    "storage_locations": "dpv:hasLocation",
    "retention_period": "dpv:hasDuration",
    "jurisdiction": "dpv:hasJurisdiction",
    "recipient_third_parties": "dpv:hasRecipient",
    "privacy_rights": "dpv:hasRight",
    "party_identification": "dpv:hasEntity",
    "party_id": "@id",
    "party_name": "dpv:hasName",
    "party_address": "dpv:hasAddress",
    "party_contact": "dpv:hasContact",
    "consent_status": {"@id": "dpv:hasConsentStatus", **_TERM},
    "event_time": "dct:date",
}
"""What is in no vocabulary keeps its own name under `urn:registry:receipt:`, so that nothing is lost."""

BASIS_TERMS = {
    LawfulBasis.CONSENT: "dpv:Consent",
    LawfulBasis.CONTRACT: "dpv:Contract",
    LawfulBasis.LEGAL_OBLIGATION: "dpv:LegalObligation",
    LawfulBasis.VITAL_INTERESTS: "dpv:VitalInterest",
    LawfulBasis.PUBLIC_TASK: "dpv:PublicInterest",
    LawfulBasis.LEGITIMATE_INTERESTS: "dpv:LegitimateInterest",
    LawfulBasis.OPT_OUT: "dpv:LegalBasis",
}

STATUS_TERMS = {
    ConsentStatus.GRANTED: "dpv:ConsentGiven",
    ConsentStatus.UNATTESTED: "dpv:ConsentStatusInvalidForProcessing",
    ConsentStatus.DENIED: "dpv:ConsentRefused",
    ConsentStatus.WITHDRAWN: "dpv:ConsentWithdrawn",
    ConsentStatus.EXPIRED: "dpv:ConsentExpired",
}
"""An objection (GDPR Art. 21) is no status of consent, and has none."""
