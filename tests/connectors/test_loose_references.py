"""References of a database in which it takes different letters for one: what refers so is the person's, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from registry.flows.dsr.linked import reach_of
from tests.outside import ADA, erased, left, rows, run, systems

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      code: {category: user.unique_id}
      email: {category: user.contact.email, identity: email}
  orders:
    rows: delete
    fields:
      id: {category: user.unique_id}
      code: {category: user.unique_id, references: customers.code}
      note: {category: user.content}
  items:
    rows: delete
    fields:
      order_id: {category: user.unique_id, references: orders.id}
      engraving: {category: user.content}
"""


def type_of(url: str) -> str:
    """Texts of which capital letters tell nothing apart."""
    engine = sa.make_url(url).get_backend_name()
    if engine == "postgresql":
        run(url, "CREATE EXTENSION citext")
    return {"postgresql": "citext", "sqlite": "varchar(20) COLLATE NOCASE"}.get(engine, "varchar(20)")


def filled(url: str, key: str, reference: str, deleting: str = "") -> None:
    run(
        url,
        f"CREATE TABLE customers (code {key} primary key, email varchar(60))",
        f"CREATE TABLE orders (id integer primary key, code {reference}, note varchar(20), "
        f"FOREIGN KEY (code) REFERENCES customers (code) {deleting})",
        "CREATE TABLE items (order_id integer, engraving varchar(20))",
        "INSERT INTO customers VALUES ('a1', 'ada@example.test'), ('b1', 'bob@example.test')",
        "INSERT INTO orders VALUES (2, 'a1', 'hers, too'), (1, 'A1', 'hers'), (3, 'B1', 'bobs')",
        "INSERT INTO items VALUES (1, 'for ada'), (3, 'for bob')",
    )


@pytest.mark.parametrize("deleting", ["", "ON DELETE SET NULL", "ON DELETE CASCADE"])
def test_what_refers_in_other_letters_is_given_out_and_erased(outside_url: str, deleting: str) -> None:
    loose = type_of(outside_url)
    filled(outside_url, loose, loose, deleting)
    with systems({SHOP: outside_url}) as made:
        known = reach_of(made, ADA)
        given = [row for _, row in made[0].export(known)]
        assert [row["note"] for row in given if "note" in row] in (["hers", "hers, too"], ["hers, too", "hers"])
        assert [row["engraving"] for row in given if "engraving" in row] == ["for ada"]
        erased(made)
        assert left(made, known) == {}
    assert rows(outside_url, "SELECT note FROM orders") == [("bobs",)]
    assert rows(outside_url, "SELECT engraving FROM items") == [("for bob",)]


def test_the_letters_of_the_key_decide_and_not_those_of_what_refers(tmp_path: Path) -> None:
    """SQLite takes the collation of the key: two customers, of which each has one order."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    filled(url, "varchar(20)", "varchar(20) COLLATE NOCASE", "DEFERRABLE INITIALLY DEFERRED")
    run(url, "INSERT INTO customers VALUES ('A1', 'eve@example.test'), ('B1', 'joe@example.test')")
    with systems({SHOP: url}) as made:
        erased(made)
    assert rows(url, "SELECT id FROM orders ORDER BY id") == [(1,), (3,)]


def test_a_reference_that_the_database_does_not_hold_counts_as_it_is_written(outside_url: str) -> None:
    loose = type_of(outside_url)
    run(
        outside_url,
        f"CREATE TABLE customers (code {loose}, email varchar(60))",
        f"CREATE TABLE orders (id integer primary key, code {loose}, note varchar(20))",
        "CREATE TABLE items (order_id integer, engraving varchar(20))",
        "INSERT INTO customers VALUES ('a1', 'ada@example.test'), ('A1', 'bob@example.test')",
        "INSERT INTO orders VALUES (1, 'A1', 'bobs'), (2, 'a1', 'hers')",
    )
    with systems({SHOP: outside_url}) as made:
        erased(made)
    assert rows(outside_url, "SELECT note FROM orders") == [("bobs",)]


def test_keys_of_several_fields_refer_in_other_letters_too(outside_url: str) -> None:
    loose = type_of(outside_url)
    text = (
        SHOP.replace(
            "    rows: delete\n    fields:\n      id:",
            "    rows: delete\n    references: [{fields: [shop, code], to: customers, at: [shop, code]}]\n"
            "    fields:\n      shop: {category: null}\n      id:",
        )
        .replace(", references: customers.code", "")
        .replace("      code:", "      shop: {category: null}\n      code:", 1)
    )
    run(
        outside_url,
        f"CREATE TABLE customers (shop integer, code {loose}, email varchar(60), PRIMARY KEY (shop, code))",
        f"CREATE TABLE orders (shop integer, id integer primary key, code {loose}, note varchar(20), "
        "FOREIGN KEY (shop, code) REFERENCES customers (shop, code))",
        "CREATE TABLE items (order_id integer, engraving varchar(20))",
        "INSERT INTO customers VALUES (1, 'a1', 'ada@example.test'), (2, 'a1', 'bob@example.test')",
        "INSERT INTO orders VALUES (1, 1, 'A1', 'hers'), (2, 2, 'A1', 'bobs')",
        "INSERT INTO items VALUES (1, 'for ada'), (2, 'for bob')",
    )
    with systems({text: outside_url}) as made:
        assert made[0].findings() == []
        erased(made)
    assert rows(outside_url, "SELECT note FROM orders") == [("bobs",)]
    assert rows(outside_url, "SELECT engraving FROM items") == [("for bob",)]


def test_a_row_that_refers_to_another_of_its_table_in_other_letters(outside_url: str) -> None:
    loose = type_of(outside_url)
    run(
        outside_url,
        f"CREATE TABLE parts (code {loose} primary key, whole {loose}, email varchar(60), "
        "FOREIGN KEY (whole) REFERENCES parts (code))",
        "INSERT INTO parts VALUES ('a1', NULL, 'ada@example.test'), ('b1', NULL, 'bob@example.test')",
        "INSERT INTO parts VALUES ('a2', 'A1', NULL), ('b2', 'B1', NULL)",
    )
    text = """
dataset: shop
url_env: SHOP_URL
tables:
  parts:
    rows: delete
    fields:
      code: {category: user.unique_id}
      whole: {category: user.unique_id, references: parts.code}
      email: {category: user.contact.email, identity: email}
"""
    with systems({text: outside_url}) as made:
        erased(made)
    assert rows(outside_url, "SELECT code FROM parts ORDER BY code") == [("b1",), ("b2",)]
