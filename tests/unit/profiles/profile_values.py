"""The trust policy as shipped, and short ways to write assertions, for the tests of profiles."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from registry.documents import check, parse
from registry.model.clock import DAY
from registry.model.compartment import compartment_of
from registry.model.ids import FragmentId, SourceId
from registry.model.provenance import Method, Provenance
from registry.profiles.assertion import TraitAssertion
from registry.profiles.trust import TrustPolicy

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "policies/trust.yaml").read_text()


@cache
def shipped_policy() -> TrustPolicy:
    """The policy of `policies/trust.yaml`, checked against its schema."""
    return policy_of(TEXT)


def policy_of(text: str) -> TrustPolicy:
    """The policy of a text, checked against its schema."""
    document = parse(text, file="trust.yaml")
    check(document, json.loads((ROOT / "schemas/policies/trust.schema.json").read_text()))
    return TrustPolicy.from_document(document)


def asserted(
    value: object,
    method: str,
    day: int,
    source: str = "web",
    *,
    trait: str = "email",
    trust: int | None = None,
) -> TraitAssertion:
    """An assertion that a source made on a day, with the rank that the shipped policy gives."""
    rank = shipped_policy().rank(source, Method(method)) if trust is None else trust
    provenance = Provenance(
        source_id=SourceId(source.encode().ljust(16, b"\0")),
        source_name=source,
        message_id=f"m-{source}-{day}",
        observed_at=day * DAY,
        received_at=day * DAY + 1,
        method=Method(method),
        trust=rank,
    )
    return TraitAssertion(trait, value, provenance, FragmentId(bytes(16)), compartment_of(["service", "marketing"]))
