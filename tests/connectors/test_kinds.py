"""A kind of identifier that nobody tells would find nobody: a request would be complete without having looked."""

from __future__ import annotations

import pytest

from registry.connectors.configured import linked_systems
from registry.connectors.datasets import Dataset
from registry.connectors.kinds import check_kinds
from registry.connectors.outgoing import LOOPBACK, Outgoing
from registry.connectors.services.description import Service
from registry.model.errors import DocumentInvalid
from tests.outside import RULES, dataset, document

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id}
      email: {category: user.contact.email, identity: email}
      card: {category: user.unique_id}
  points:
    rows: delete
    fields: {card: {category: user.unique_id, references: customers.card}}
"""
CLUB = """
service: club
url: https://club.example/api
find:
  - {by: email, method: POST, path: /search, body: {email: "{identifier}"}}
erase:
  - {by: email, method: POST, path: /forget, body: {email: "{identifier}"}}
fields:
  email: {category: user.contact.email, identity: email}
  card: {category: user.unique_id}
"""
CALLS = ["service.yaml/find/0/by", "service.yaml/erase/0/by"]


def described(shop: str = SHOP, club: str = CLUB) -> tuple[list[Dataset], list[Service]]:
    return [dataset(shop)], [Service.from_document(document(club, "service"))]


def faults(shop: str = SHOP, club: str = CLUB) -> list[str]:
    try:
        check_kinds(*described(shop, club), RULES.kinds)
    except DocumentInvalid as error:
        assert all("identity policy has" in str(fault["reason"]) for fault in error.faults)
        return [f"{fault['file']}{fault['pointer']}" for fault in error.faults]
    return []


def test_kinds_of_the_policy_are_known() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("shop", "club", "places"),
    [
        (
            SHOP.replace("identity: email", "identity: emial"),
            CLUB,
            ["dataset.yaml/tables/customers/fields/email/identity"],
        ),
        (SHOP, CLUB.replace("identity: email", "identity: mail"), ["service.yaml/fields/email/identity"]),
        (SHOP, CLUB.replace("find:\n  - {by: email", "find:\n  - {by: e-mail"), ["service.yaml/find/0/by"]),
        (SHOP, CLUB.replace("by: email", "by: e-mail"), CALLS),
        (SHOP, CLUB.replace("by: email", "by: shop.customer.id"), CALLS),
    ],
    ids=["field of a table", "field of a service", "search", "search and order of one service", "key that is none"],
)
def test_a_kind_that_nobody_tells_is_a_fault(shop: str, club: str, places: list[str]) -> None:
    assert faults(shop, club) == places


def test_a_kind_that_another_system_tells_is_known() -> None:
    told = SHOP.replace(
        "      card: {category: user.unique_id}", "      card: {category: user.unique_id, identity: card}"
    )
    assert faults(told, CLUB.replace("by: email", "by: card")) == []
    assert faults(SHOP, CLUB.replace("by: email", "by: shop.customers.id")) == []


def test_nothing_is_served_with_such_a_description() -> None:
    told = [document(CLUB.replace("by: email", "by: e-mail"), "service")]
    with pytest.raises(DocumentInvalid):
        linked_systems(told, {}, Outgoing(LOOPBACK), RULES)
