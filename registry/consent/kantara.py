"""A receipt's fields under the names of the Kantara Initiative's Consent Receipt Specification 1.1.

ISO/IEC TS 27560 grew from it. What both know has two names in one receipt; the table is in docs/reference/formats.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

VERSION = "KI-CR-v1.1.0"

SENSITIVE = (
    "user.authorization.biometric",
    "user.biometric",
    "user.criminal_history",
    "user.demographic.political_opinion",
    "user.demographic.race_ethnicity",
    "user.demographic.religious_belief",
    "user.demographic.sexual_orientation",
    "user.health_and_medical",
)
"""The fideslang keys of what GDPR Art. 9(1) and 10 call special."""


def kantara(claims: Mapping[str, Any], *, consent_at_s: int, explicit: bool) -> dict[str, object]:
    """The same receipt in Kantara's names.

    Args:
        claims: of `receipt_claims`.
        consent_at_s: when the person acted, in seconds since 1970.
        explicit: whether the purpose rests on consent.
    """
    processing, [purpose] = claims["pii_processing"], claims["pii_processing"]["purposes"]
    [party] = claims["party_identification"]
    third_parties = purpose["recipient_third_parties"]
    categories = [one["pii_type"] for one in purpose["pii_information"]]
    sensitive = _sensitive(categories)
    return {
        "version": VERSION,
        "jurisdiction": purpose["jurisdiction"] or "not stated",
        "consentTimestamp": consent_at_s,
        "collectionMethod": purpose["collection_method"],
        "consentReceiptID": claims["receipt_id"],
        "language": processing["language"],
        "piiPrincipalId": claims["pii_principal_id"],
        "piiControllers": [
            {
                "piiController": party["party_name"],
                "onBehalf": False,
                "contact": party["party_contact"],
                "address": {"streetAddress": party["party_address"]},
            }
        ],
        "policyUrl": processing["privacy_notice"],
        "services": [
            {
                "service": party["party_name"],
                "purposes": [
                    {
                        "purpose": purpose["purpose_title"] or purpose["purpose"],
                        "consentType": "EXPLICIT" if explicit else "NOT CONSENT",
                        "piiCategory": categories,
                        "primaryPurpose": purpose["lawful_basis"] == "contract",
                        "termination": purpose["withdrawal_method"],
                        "thirdPartyDisclosure": bool(third_parties),
                        "thirdPartyName": ", ".join(third_parties),
                    }
                ],
            }
        ],
        "sensitive": bool(sensitive),
        "spiCat": sensitive,
    }


def _sensitive(categories: Sequence[str]) -> list[str]:
    """Those of a purpose's categories that are special, lie under one or hold one; a purpose without any covers all."""
    if not categories:
        return list(SENSITIVE)
    return [
        one for one in categories
        if any(one == key or one.startswith(f"{key}.") or key.startswith(f"{one}.") for key in SENSITIVE)
    ]  # fmt: skip
