"""The identity policy: what the file must say, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from identity_rules import ROOT, shipped_rules

from registry.documents import parse
from registry.identity.rules import IdentityRules
from registry.model.errors import DocumentInvalid, InvalidInput

TEXT = Path(ROOT / "policies/identity.yaml").read_text()


def test_the_shipped_policy_lets_a_person_have_one_user_id_and_puts_it_first() -> None:
    rules = shipped_rules()
    assert next(iter(rules.kinds)) == "user_id"
    assert rules.kinds["user_id"].limit == 1
    assert {kind for kind, rule in rules.kinds.items() if rule.anonymous} == {"anonymous_id", "device_id"}


@pytest.mark.parametrize(
    ("old", "new", "pointer"),
    [
        ("kind: crm_id", "kind: email", "/kinds/2/kind"),
        ("priority: 2", "priority: 1", "/kinds/1/priority"),
        ("/context/device/id", "/userId", "/kinds/5/at/0"),
        ("limit: 1\n", "limit: 2\n", "/kinds"),
        ('"[0:-]*"', '"[0:-"', "/blocked/patterns/0"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused_with_the_place(old: str, new: str, pointer: str) -> None:
    document = parse(TEXT.replace(old, new, 1), file="identity.yaml")
    with pytest.raises(DocumentInvalid) as caught:
        IdentityRules.from_document(document)
    assert caught.value.pointer == pointer


def test_an_unknown_kind_is_refused_without_echoing_it() -> None:
    with pytest.raises(InvalidInput) as caught:
        shipped_rules().rule("marker@shop.example")
    assert "marker" not in f"{caught.value} {caught.value.hint} {caught.value.pointer}"
    assert "email" in str(caught.value.hint)
