"""What a message says about who it is about."""

from __future__ import annotations

import pytest
from identity_rules import shipped_rules

from registry.identity.extract import MAX_EXTERNAL_IDS, Extracted, extract
from registry.identity.normalise import Blocked, BlockReason
from registry.model.errors import InvalidInput

RULES = shipped_rules()


def of(body: dict[str, object], *found: tuple[str, str]) -> Extracted:
    return extract(body, RULES, found)


def pairs(result: Extracted) -> list[tuple[str, str]]:
    return [(identifier.kind, identifier.value) for identifier in result.identifiers]


def test_identifiers_come_strongest_first_and_once() -> None:
    result = of(
        {
            "anonymousId": "a-1",
            "userId": "u-1",
            "traits": {"email": "Ada@Shop.example"},
            "context": {
                "traits": {"email": "ada@shop.example", "phone": "+12025550143"},
                "device": {"id": "d-1"},
            },
        },
        ("user_id", "u-1"),
        ("email", "other@shop.example"),
    )
    assert pairs(result) == [
        ("user_id", "u-1"),
        ("email", "ada@shop.example"),
        ("email", "other@shop.example"),
        ("phone", "+12025550143"),
        ("anonymous_id", "a-1"),
        ("device_id", "d-1"),
    ]
    assert result.blocked == ()


def test_external_ids_count_by_their_kind_unless_of_another_collection_or_encoding() -> None:
    entries = [
        {"id": "c-1", "type": "crm_id", "collection": "users", "encoding": "none"},
        {"id": "c-2", "type": "crm_id"},
        {"id": "c-3", "type": "crm_id", "collection": "accounts"},
        {"id": "c-4", "type": "crm_id", "encoding": "sha256"},
        {"id": "c-5", "type": "ga_client_id"},
        {"id": 7, "type": "crm_id"},
        {"id": "c-6", "type": ["crm_id"]},
        "c-7",
    ]
    assert pairs(of({"context": {"externalIds": entries}})) == [("crm_id", "c-1"), ("crm_id", "c-2")]


def test_external_ids_beyond_the_bound_are_reported_not_taken() -> None:
    entries = [{"id": f"c-{n}", "type": "crm_id"} for n in range(MAX_EXTERNAL_IDS + 2)]
    result = of({"context": {"externalIds": entries}})
    assert len(result.identifiers) == MAX_EXTERNAL_IDS
    assert result.blocked == (Blocked("crm_id", BlockReason.TOO_MANY),) * 2


def test_the_previous_id_of_an_alias_is_an_anonymous_id() -> None:
    assert pairs(of({"previousId": "a-1", "userId": "u-1"})) == [("user_id", "u-1"), ("anonymous_id", "a-1")]


def test_blocked_and_malformed_texts_are_named_by_kind_and_reason_only() -> None:
    result = of({"userId": "null", "anonymousId": "a-1", "traits": {"email": "marker@"}})
    assert pairs(result) == [("anonymous_id", "a-1")]
    assert result.blocked == (
        Blocked("user_id", BlockReason.BLOCKED_VALUE),
        Blocked("email", BlockReason.MALFORMED),
    )
    assert "marker" not in repr(result)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"userId": None, "anonymousId": 7},
        {"traits": "x", "context": []},
        {"userId": "", "context": {"device": 1}},
    ],
)
def test_a_message_without_identifiers_has_none(body: dict[str, object]) -> None:
    assert of(body) == Extracted((), ())


def test_a_kind_that_only_the_plan_knows_is_an_error() -> None:
    with pytest.raises(InvalidInput):
        of({}, ("passport", "x"))
