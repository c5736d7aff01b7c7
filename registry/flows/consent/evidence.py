"""What was recorded as proof of an act, held against what comes again."""

from __future__ import annotations

import hmac

import orjson

from registry.flows.deployment import Deployment
from registry.keys.envelope import open_sealed, record_aad
from registry.model.compartment import IDENTITY
from registry.model.errors import SealBroken
from registry.model.grants import OpenGrant
from registry.model.stored import StoredConsent


def is_evidence_of(deployment: Deployment, row: StoredConsent, evidence: object) -> bool:
    """Whether a record holds this evidence; none is not the same as some. What does not open is another.

    Raises:
        KmsUnavailable, KeyMissing, StoreUnavailable: it cannot be opened now.
    """
    if row.sealed is None or not evidence:
        return row.sealed is None and not evidence
    grant = OpenGrant(row.workspace_id, frozenset({IDENTITY}), "consent: an act that is sent again")
    aad = record_aad(b"consent", row.workspace_id, row.fragment_id, row.record_id, b"evidence")
    try:
        bundles = deployment.keyring.for_opening(grant, {row.fragment_id: (IDENTITY,)})
        key = bundles[row.fragment_id].key(IDENTITY)
        held = open_sealed(key, row.sealed, aad, grant, IDENTITY)
    except (KeyError, SealBroken):
        return False
    return hmac.compare_digest(held, orjson.dumps(evidence))
