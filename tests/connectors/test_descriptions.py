"""A description held against its database, on SQLite, PostgreSQL and MariaDB: what cannot be right blocks."""

from __future__ import annotations

import pytest

from registry.dsr.requests import Kind
from registry.model.errors import LinkedSystemUnavailable
from tests.outside import ADA, erased, run, systems


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
