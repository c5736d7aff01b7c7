"""Databases outside: found across, given out, erased in order, looked through again. The data is synthetic."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry.connectors.datasets import Dataset
from registry.connectors.sql import SqlSystems
from registry.documents.document import check, parse
from registry.dsr.accounting import unaccounted
from registry.dsr.requests import Kind
from registry.model.errors import DocumentInvalid, LinkedSystemUnavailable
from registry.model.message import Identifier

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "dataset.schema.json").read_text())
SHOP = """
dataset: shop
url_env: SHOP_URL
without_people: {products: a catalogue of goods}
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id}
      email: {category: user.contact.email, identity: email}
      card: {category: user.financial, identity: card}
  orders:
    rows: delete
    fields:
      id: {category: null}
      customer_id: {category: user.unique_id, references: customers.id}
"""
CRM = """
dataset: crm
url_env: CRM_URL
tables:
  notes:
    rows: keep
    fields:
      card: {category: user.unique_id, identity: card, erasure: hash}
      author: {category: user.name, erasure: mask, mask: erased}
      text: {category: user.content, erasure: "null"}
      total: {category: user.financial, erasure: keep, ground: "GDPR Art. 17(3)(b): bookkeeping"}
"""
ADA = [Identifier("email", "ada@example.test")]


def dataset(text: str) -> Dataset:
    document = parse(text, file="dataset.yaml")
    check(document, SCHEMA)
    return Dataset.from_document(document)


@pytest.fixture
def urls(database_url: str, tmp_path: Path) -> dict[str, str]:
    """A shop on either engine and a CRM on SQLite, filled."""
    crm = f"sqlite:///{tmp_path / 'crm.db'}"
    run(
        database_url,
        "CREATE TABLE products (id integer primary key, title text)",
        "CREATE TABLE customers (id integer primary key, email text, card text)",
        "CREATE TABLE orders (id integer primary key, customer_id integer references customers (id))",
        "INSERT INTO customers VALUES (1, 'ada@example.test', 'c1'), (2, 'bob@example.test', 'c2')",
        "INSERT INTO orders VALUES (10, 1), (11, 1), (12, 2)",
    )
    run(
        crm,
        "CREATE TABLE notes (card text, author text, text text, total integer)",
        "INSERT INTO notes VALUES ('c1', 'Ada', 'called', 5), ('c1', 'Ada', 'wrote', 6), ('c2', 'Bob', 'called', 7)",
    )
    return {"shop": database_url, "crm": crm}


@pytest.fixture
def systems(urls: dict[str, str]) -> Iterator[SqlSystems]:
    made = SqlSystems([dataset(SHOP), dataset(CRM)], urls)
    yield made
    made.close()


def run(url: str, *statements: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(sa.text(query))]
    engine.dispose()
    return found


def test_what_is_found_in_one_database_leads_into_the_next(systems: SqlSystems) -> None:
    given = list(systems.export(ADA))
    assert sorted(table for table, _ in given) == ["crm.notes"] * 2 + ["shop.customers"] + ["shop.orders"] * 2
    assert "bob" not in repr(given).lower()


def test_a_plan_accounts_for_every_field_and_changes_nothing(systems: SqlSystems, urls: dict[str, str]) -> None:
    plan = systems.plan(Kind.ERASURE, ADA)
    declared = [(f.address.dataset, f.address.table, f.address.field) for d in (SHOP, CRM) for f in dataset(d).fields]
    assert unaccounted(declared, plan.accounts) == []
    assert not plan.undecided
    assert rows(urls["shop"], "SELECT count(*) FROM orders") == [(3,)]


def test_an_erasure_takes_the_person_and_nobody_else(systems: SqlSystems, urls: dict[str, str]) -> None:
    systems.run("r", Kind.ERASURE, ADA)
    assert rows(urls["shop"], "SELECT id FROM customers") == [(2,)]
    assert rows(urls["shop"], "SELECT id FROM orders") == [(12,)]
    [first, second, bob] = rows(urls["crm"], "SELECT author, text, total, card FROM notes ORDER BY total")
    assert first[:3] == ("erased", None, 5)
    assert first[3] == second[3] != "c1"
    assert bob == ("Bob", "called", 7, "c2")
    assert not systems.remaining(Kind.ERASURE, ADA)
    assert {account.rows for account in systems.run("r", Kind.ERASURE, ADA)} == {0}


def test_the_second_look_finds_what_the_dataset_does_not_know(systems: SqlSystems, urls: dict[str, str]) -> None:
    run(urls["shop"], "INSERT INTO products VALUES (1, 'ada@example.test')")
    systems.run("r", Kind.ERASURE, ADA)
    assert systems.remaining(Kind.ERASURE, ADA) == {"shop.products": 1}


def test_a_new_column_blocks_until_somebody_decides(systems: SqlSystems, urls: dict[str, str]) -> None:
    run(urls["shop"], "ALTER TABLE orders ADD COLUMN gift_note text")
    assert systems.plan(Kind.ACCESS, ADA).undecided == [("shop.orders", "gift_note")]
    with pytest.raises(LinkedSystemUnavailable):
        systems.run("r", Kind.ERASURE, ADA)
    assert rows(urls["shop"], "SELECT count(*) FROM orders") == [(3,)]


def test_a_circle_of_deletions_is_refused() -> None:
    circle = SHOP.replace("{category: user.unique_id}", "{category: user.unique_id, references: orders.id}", 1)
    with pytest.raises(DocumentInvalid, match="circle"):
        SqlSystems([dataset(circle)], {})


def test_a_personal_field_that_is_kept_needs_a_ground() -> None:
    with pytest.raises(DocumentInvalid, match="without a ground"):
        dataset(CRM.replace(', ground: "GDPR Art. 17(3)(b): bookkeeping"', ""))
