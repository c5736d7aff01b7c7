"""Consent receipts: what is told the person about one record, to be signed elsewhere.

The fields are those of ISO/IEC TS 27560:2023, in its four sections, with those that GDPR needs though
the specification leaves them open (lawful basis, the parties' roles). A refusal, a withdrawal or an
expiry has a receipt like a grant. It is JSON-LD too: its context puts the fields into W3C DPV's terms.
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.consent.dpv import BASIS_TERMS, CONTEXT, STATUS_TERMS
from registry.consent.kantara import kantara
from registry.consent.purposes import LawfulBasis, Purpose
from registry.consent.records import ConsentRecord, ConsentStatus
from registry.model.clock import SECOND, Micros, rfc3339
from registry.model.ids import text_id

SCHEMA_VERSION = "ISO/IEC TS 27560:2023"

RIGHTS = ("access", "rectification", "erasure", "restriction", "portability", "objection", "withdrawal")
"""GDPR Art. 7(3), 15 to 18, 20 and 21."""

UNNAMED = "the controller of this registry"
"""What stands for the controller's name until the operator says it."""


@dataclass(frozen=True, slots=True)
class Controller:
    """Who answers for the processing, as told to the person."""

    name: str
    address: str
    contact: str
    privacy_notice: str
    withdrawal_method: str
    storage_locations: tuple[str, ...]
    representative: str = "not stated"
    data_protection_officer: str = "not stated"
    transfers: str = "not stated"

    @property
    def is_named(self) -> bool:
        """Whether the operator has said who it is."""
        return self.name != UNNAMED


def receipt_claims(
    record: ConsentRecord,
    purpose: Purpose,
    controller: Controller,
    subject_pseudonym: str,
    *,
    receipt_id: str,
    issuer: str,
    issued_at: Micros,
) -> dict[str, object]:
    """The claims of a receipt: JSON of text, integers, lists and objects, with no identifier in it.

    Args:
        subject_pseudonym: stands for the person; an opaque text.
        issuer: the `iss` of the JWT (RFC 7519), also the controller's party id.
    """
    claims: dict[str, object] = {
        "iss": issuer,
        "sub": subject_pseudonym,
        "jti": receipt_id,
        "iat": issued_at // SECOND,
        "@context": CONTEXT,
        "@type": "dpv:ConsentRecord",
        "schema_version": SCHEMA_VERSION,
        "receipt_id": receipt_id,
        "record_id": text_id(record.record_id),
        "pii_principal_id": subject_pseudonym,
        "pii_processing": {
            "privacy_notice": controller.privacy_notice,
            "notice_version": record.notice_version,
            "language": record.language or next(iter(purpose.title)),
            "purposes": [_purpose(record, purpose, controller, issuer)],
        },
        "party_identification": [
            {
                "party_id": issuer,
                "party_type": "controller",
                "party_name": controller.name,
                "party_address": controller.address,
                "party_contact": controller.contact,
            }
        ],
        "events": [_event(record, subject_pseudonym)],
    }
    explicit = purpose.basis_in(record.jurisdiction) is LawfulBasis.CONSENT
    return claims | {"kantara": kantara(claims, consent_at_s=record.acted_at // SECOND, explicit=explicit)}


def _purpose(record: ConsentRecord, purpose: Purpose, controller: Controller, issuer: str) -> dict[str, object]:
    title, text = purpose.told_in(record.language)
    as_told = record.purpose_version == purpose.version  # of an earlier wording only the version is known
    basis = purpose.basis_in(record.jurisdiction)
    return {
        "purpose": purpose.name,
        "purpose_version": record.purpose_version,
        "purpose_title": title if as_told else None,
        "purpose_text": text if as_told else None,
        "lawful_basis": basis.value,
        "legal_basis": BASIS_TERMS[basis],
        "pii_information": [{"pii_type": category} for category in purpose.categories],
        "pii_controllers": [issuer],
        "collection_method": record.channel,
        "storage_locations": list(controller.storage_locations),
        "retention_period": f"P{purpose.retention_days}D",
        "jurisdiction": record.jurisdiction,
        "recipient_third_parties": list(purpose.recipients),
        "withdrawal_method": controller.withdrawal_method,
        "privacy_rights": list(RIGHTS),
    }


def _event(record: ConsentRecord, subject_pseudonym: str) -> dict[str, object]:
    expires_at = record.expires_at if record.status is ConsentStatus.GRANTED else None
    return {
        "event_time": rfc3339(record.acted_at),
        "recorded_time": rfc3339(record.recorded_at),
        "event_type": "explicit",
        "event_state": record.status.value,
        "consent_status": STATUS_TERMS.get(record.status),
        "entity_id": subject_pseudonym,
        "validity_duration": f"PT{max(0, expires_at - record.acted_at) // SECOND}S" if expires_at else None,
        "valid_until": rfc3339(expires_at) if expires_at else None,
    }
