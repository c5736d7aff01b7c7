"""A description held against its database, on SQLite, PostgreSQL and MariaDB: what cannot be right blocks."""

from __future__ import annotations

import pytest
import yaml

from registry.connectors.sql.scaffold import scaffold
from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.errors import LinkedSystemUnavailable
from tests.outside import ADA, dataset, erased, run, systems


def described(tables: str) -> str:
    return f"dataset: shop\nurl_env: SHOP_URL\ntables:\n{tables}"


CUSTOMERS = """
  customers: {rows: delete, fields: {id: {category: user}, email: {category: user, identity: email}}}
"""
MADE = (
    "CREATE TABLE customers (id integer primary key, email varchar(60))",
    "INSERT INTO customers VALUES (1, 'ada@example.test'), (2, 'bob@example.test'), (3, 'cid@example.test')",
)


def test_a_table_that_no_path_from_a_person_leads_to_blocks(outside_url: str) -> None:
    """Its rows would never be found, and the certificate would say that none were there."""
    run(outside_url, *MADE, "CREATE TABLE floating (customer_no integer, birthday date, diary varchar(60))")
    run(outside_url, "CREATE TABLE pages (diary varchar(60), page varchar(60))")
    text = described(
        CUSTOMERS
        + """
  floating:
    rows: delete
    fields: {customer_no: {category: user}, birthday: {category: user}, diary: {category: user}}
  pages: {rows: delete, fields: {diary: {category: user, references: floating.diary}, page: {category: user}}}
"""
    )
    with systems({text: outside_url}) as made:
        told = {one.table: one.reason for one in made[0].findings()}
        assert set(told) == {"floating", "pages"}, "what only leads on from there is not reached either"
        assert "no path from a person leads here" in told["floating"]
        assert made[0].plan(Kind.ERASURE, ADA).undecided == [("floating", "every field"), ("pages", "every field")]
        with pytest.raises(LinkedSystemUnavailable, match="nobody has decided on"):
            erased(made)
    led = text.replace("customer_no: {category: user}", "customer_no: {category: user, references: customers.id}")
    with systems({led: outside_url}) as made:
        assert made[0].findings() == []
    nobody = described(
        CUSTOMERS
        + """
  floating:
    rows: keep
    fields: {customer_no: {category: null}, birthday: {category: null}, diary: {category: null}}
"""
    ).replace("tables:", "without_people: {pages: empty pages}\ntables:", 1)
    with systems({nobody: outside_url}) as made:
        assert made[0].findings() == [], "each field is said to be about nobody"


def test_tables_of_two_databases_that_only_lead_to_each_other_are_not_reached(outside_url: str) -> None:
    run(outside_url, *MADE, "CREATE TABLE a (id integer)", "CREATE TABLE b (id integer)")
    text = described(CUSTOMERS + "\n  a: {rows: delete, fields: {id: {category: user, references: other.b.id}}}")
    text = text.replace("tables:", "without_people: {b: of the other one}\ntables:", 1)
    other = "dataset: other\nurl_env: O\nwithout_people: {a: of the shop, customers: of the shop}\ntables:\n"
    other += "  b: {rows: delete, fields: {id: {category: user, references: shop.a.id}}}"
    with systems({text: outside_url, other: outside_url}) as made:
        assert [[one.table for one in system.findings()] for system in made] == [["a"], ["b"]]


SHOPS = (
    "CREATE TABLE customers (id integer primary key, email varchar(60))",
    "INSERT INTO customers VALUES (1, 'ada@example.test'), (2, 'bob@example.test')",
    (
        "CREATE TABLE order_items (shop integer, order_id integer, sku integer, customer integer, name varchar(9), "
        "PRIMARY KEY (shop, order_id, sku), FOREIGN KEY (customer) REFERENCES customers (id))"
    ),
    (
        "CREATE TABLE item_notes (id integer primary key, shop integer, order_id integer, sku integer, "
        "diary varchar(9), FOREIGN KEY (shop, order_id, sku) REFERENCES order_items (shop, order_id, sku))"
    ),
    "INSERT INTO order_items VALUES (1, 10, 5, 1, 'x'), (1, 11, 5, 2, 'x')",
    "INSERT INTO item_notes VALUES (1, 1, 10, 5, 'hers'), (2, 1, 11, 5, 'his')",
)


def confirmed(url: str) -> str:
    """What scaffold guesses, as somebody has it who only removes what says that it is a guess."""
    guessed = scaffold(url, "shop", "SHOP_URL")
    for table in guessed["tables"].values():
        for field in table["fields"].values():
            del field["guess"]
            if "ground" in field:
                field["ground"] = "GDPR Art. 17(3)(b): bookkeeping"
    return str(yaml.safe_dump(guessed))


def test_a_reference_over_several_fields_is_guessed_as_one(outside_url: str) -> None:
    run(outside_url, *SHOPS)
    text = confirmed(outside_url)
    [link] = dataset(text).tables["item_notes"].links
    assert (link.fields, link.to.fields) == (("shop", "order_id", "sku"),) * 2
    with systems({text: outside_url}) as made:
        assert made[0].findings() == []
        accounts = made[0].plan(Kind.ACCESS, reach_of(made, ADA)).accounts
    assert {one.rows for one in accounts if one.table == "item_notes"} == {1}


def test_a_reference_by_a_part_of_a_key_blocks_since_others_share_it(outside_url: str) -> None:
    run(outside_url, *SHOPS, "CREATE TABLE parcels (shop integer, order_id integer)")
    text = described("""
  customers: {rows: delete, fields: {id: {category: user}, email: {category: user, identity: email}}}
  order_items:
    rows: delete
    fields: {shop: {category: null}, order_id: {category: user}, sku: {category: null}, name: {category: user},
             customer: {category: user, references: customers.id}}
  item_notes:
    rows: delete
    fields: {id: {category: user}, shop: {category: null, references: order_items.shop}, diary: {category: user},
             order_id: {category: user}, sku: {category: null, references: order_items.sku}}
  parcels:
    rows: delete
    references: [{fields: [shop, order_id], to: order_items, at: [shop, order_id]}]
    fields: {shop: {category: null}, order_id: {category: user}}
""")
    with systems({text: outside_url}) as made:
        found = {(one.table, one.field): one.reason for one in made[0].findings()}
    assert set(found) == {("item_notes", "shop"), ("item_notes", "sku"), ("parcels", "shop, order_id")}
    assert "(shop, order_id, sku), which others share" in found["item_notes", "sku"]


def test_a_table_between_two_others_leads_by_a_part_of_its_key(outside_url: str) -> None:
    run(
        outside_url,
        *MADE,
        "CREATE TABLE addresses (id integer primary key, street varchar(60))",
        "CREATE TABLE lives (customer integer, address integer, PRIMARY KEY (customer, address), "
        "FOREIGN KEY (customer) REFERENCES customers (id), FOREIGN KEY (address) REFERENCES addresses (id))",
    )
    text = described(
        CUSTOMERS
        + """
  lives:
    rows: delete
    fields: {customer: {category: user, references: customers.id}, address: {category: user}}
  addresses:
    rows: delete
    fields: {id: {category: user, references: lives.address}, street: {category: user}}
"""
    )
    with systems({text: outside_url}) as made:
        assert [one for one in made[0].findings() if one.table == "addresses"] == []
