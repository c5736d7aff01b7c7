"""The purposes policy as shipped, and short ways to write records, for the tests of consent."""

from __future__ import annotations

import json
from functools import cache
from itertools import count
from pathlib import Path

from registry.consent.decide import Side, Standing
from registry.consent.purposes import PurposeCatalogue
from registry.consent.records import ConsentRecord, ConsentStatus
from registry.documents import check, parse
from registry.model.ids import FragmentId, RecordId

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "policies/purposes.yaml").read_text()
_numbers = count(1)


@cache
def shipped_catalogue() -> PurposeCatalogue:
    """The catalogue of `policies/purposes.yaml`, checked against its schema."""
    return catalogue_of(TEXT)


def catalogue_of(text: str) -> PurposeCatalogue:
    """The catalogue of a policy's text, checked against its schema."""
    document = parse(text, file="purposes.yaml")
    check(document, json.loads((ROOT / "schemas/policies/purposes.schema.json").read_text()))
    return PurposeCatalogue.from_document(document)


def said(
    status: str,
    acted_at: int = 10,
    *,
    purpose: str = "marketing",
    expires_at: int | None = None,
    recorded_at: int | None = None,
    number: int | None = None,
) -> ConsentRecord:
    """A record of somebody saying something at a time."""
    return ConsentRecord(
        record_id=RecordId((next(_numbers) if number is None else number).to_bytes(16, "big")),
        fragment_id=FragmentId(bytes(16)),
        purpose=purpose,
        status=ConsentStatus(status),
        acted_at=acted_at,
        recorded_at=acted_at if recorded_at is None else recorded_at,
        expires_at=expires_at,
        purpose_version=1,
        notice_version="2024-1",
        language="de-AT",
        jurisdiction="AT",
        channel="web_form",
        actor="subject",
        source_name="shop",
    )


def identified(*records: ConsentRecord) -> Side:
    """An identified fragment's side."""
    return Side(False, records)


def anonymous(*records: ConsentRecord) -> Side:
    """An anonymous fragment's side."""
    return Side(True, records)


def person(*sides: Side, joined_at: int = 0, restricted: bool = False) -> Standing:
    """Somebody known, made of sides."""
    return Standing(True, sides, joined_at, restricted)
