"""The identity policy as shipped, for the tests of this room."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from registry.documents import check, parse
from registry.identity.rules import IdentityRules

ROOT = Path(__file__).parents[3]


@cache
def shipped_rules() -> IdentityRules:
    """The rules of `policies/identity.yaml`, checked against their schema."""
    document = parse((ROOT / "policies/identity.yaml").read_text(), file="policies/identity.yaml")
    check(document, json.loads((ROOT / "schemas/policies/identity.schema.json").read_text()))
    return IdentityRules.from_document(document)
