"""MariaDB keeps texts in several character sets: rows are found in each, and what one has no letters for is nowhere."""

from __future__ import annotations

import pytest

from registry.flows.dsr.linked import reach_of
from registry.model.message import Identifier
from tests.outside import erased, left, rows, run, systems

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: keep
    fields:
      shop: {category: null}
      name: {category: user.unique_id, erasure: keep, ground: "the books need it"}
      number: {category: user.unique_id, identity: user_id, erasure: "null"}
      email: {category: user.contact.email, identity: email, erasure: "null"}
  orders:
    rows: delete
    references: [{fields: [shop, customer], to: customers, at: [shop, name]}]
    fields:
      shop: {category: null}
      customer: {category: user.unique_id}
      note: {category: user.content}
"""
ZHANNA = [Identifier("user_id", "Жанна-1775"), Identifier("email", "жанна@example.test")]


@pytest.mark.parametrize("charset", ["latin1", "cp1250", "ucs2", "utf16", "utf8mb3", "utf8mb4"])
def test_a_key_of_several_columns_leads_on_in_each_character_set(mariadb_url: str, charset: str) -> None:
    told = f"varchar(40) CHARACTER SET {charset}"
    run(
        mariadb_url,
        f"CREATE TABLE customers (shop int, name {told}, number {told}, email {told}, PRIMARY KEY (shop, name))",
        f"CREATE TABLE orders (shop int, customer {told}, note text)",
        "INSERT INTO customers VALUES (1, 'Müller', 'u-1775', 'MÜLLER@example.test')",
        "INSERT INTO customers VALUES (2, 'Müller', 'u-1775', 'müller@example.test')",
        "INSERT INTO customers VALUES (3, 'Müller', 'u-1776', 'bob@example.test')",
        "INSERT INTO orders VALUES (1, 'Müller', 'one'), (2, 'Müller', 'two'), (3, 'Müller', 'of bob')",
    )
    with systems({SHOP: mariadb_url}) as made:
        known = reach_of(made, [Identifier("email", "müller@example.test")])
        assert sorted(row["note"] for table, row in made[0].export(known) if table == "orders") == ["one", "two"]
        erased(made, known)
        assert left(made, known) == {}
    assert rows(mariadb_url, "SELECT note FROM orders") == [("of bob",)]
    assert rows(mariadb_url, "SELECT email FROM customers WHERE email IS NOT NULL") == [("bob@example.test",)]


@pytest.mark.parametrize("charset", ["latin1", "ascii", "ucs2", "utf8mb4"])
def test_nobody_waits_for_a_column_that_has_no_letters_for_the_name(mariadb_url: str, charset: str) -> None:
    told = f"varchar(40) CHARACTER SET {charset}"
    run(
        mariadb_url,
        f"CREATE TABLE customers (shop int, name {told}, number {told}, email {told}, PRIMARY KEY (shop, name))",
        f"CREATE TABLE orders (shop int, customer {told}, note text)",
        "INSERT INTO customers VALUES (1, 'Muller', 'u-1775', 'muller@example.test')",
    )
    key = Identifier("shop.customers.(shop,name)", '[["int","1"],["text","Жанна"]]')
    with systems({SHOP: mariadb_url}) as made:
        erased(made, [*ZHANNA, key])
        assert left(made, [*ZHANNA, key]) == {}
    assert len(rows(mariadb_url, "SELECT * FROM customers WHERE email IS NOT NULL")) == 1
