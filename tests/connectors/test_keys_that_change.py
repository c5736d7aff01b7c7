"""Keys that say something, such as an address: what refers by one follows when it is masked, and is erased."""

from __future__ import annotations

import pytest

from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from tests.outside import ADA, rows, run, systems

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: keep
    fields:
      email: {category: user.contact.email, identity: email, erasure: mask}
"""
KEPT = """
  notes:
    rows: keep
    fields:
      email: {category: user.unique_id, references: customers.email, erasure: keep, ground: "it follows the customer"}
      note: {category: user.content, erasure: "null"}
"""
DELETED = """
  notes:
    rows: delete
    fields:
      email: {category: user.unique_id, references: customers.email}
      note: {category: user.content}
"""


@pytest.mark.parametrize(("notes", "key"), [(KEPT, ""), (KEPT, "PRIMARY KEY"), (DELETED, "")])
def test_what_follows_a_key_that_is_masked_is_erased_first(outside_url: str, notes: str, key: str) -> None:
    run(
        outside_url,
        "CREATE TABLE customers (email varchar(60) PRIMARY KEY)",
        f"CREATE TABLE notes (email varchar(60) {key}, note varchar(20), "
        "FOREIGN KEY (email) REFERENCES customers (email) ON UPDATE CASCADE)",
        "INSERT INTO customers VALUES ('ada@example.test'), ('bob@example.test')",
        "INSERT INTO notes VALUES ('ada@example.test', 'Ada'), ('bob@example.test', 'Bob')",
    )
    with systems({SHOP + notes: outside_url}) as [shop]:
        known = reach_of([shop], ADA)
        shop.run("r", Kind.ERASURE, known, {})
        assert shop.remaining(Kind.ERASURE, known) == {}
    left = rows(outside_url, "SELECT note FROM notes")
    assert sorted(left, key=str) == ([("Bob",)] if notes is DELETED else [("Bob",), (None,)])
