"""A schema that one file names, and that is the connection's own to another: one and the same tables."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from registry.connectors.sql.system import SqlSystem
from tests.outside import ADA, erased, left, rows, run, systems

TABLES = (
    "CREATE TABLE customers (id integer PRIMARY KEY, email varchar(80))",
    "CREATE TABLE orders (id integer PRIMARY KEY, customer integer, note varchar(80))",
    "INSERT INTO customers VALUES (1, 'ada@example.test'), (2, 'bob@example.test')",
    "INSERT INTO orders VALUES (1, 1, 'for ada@example.test'), (2, 2, 'for bob')",
)
CUSTOMERS = """
dataset: crm
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields: {id: {category: user.unique_id}, email: {category: user.contact.email, identity: email}}
"""
ORDERS = """
dataset: shop
url_env: SHOP_URL
schema: %s
tables:
  orders:
    rows: delete
    fields:
      id: {category: user.unique_id}
      customer: {category: user.unique_id, references: crm.customers.id}
      note: {category: user.content}
"""


@pytest.fixture(params=["postgresql", "mariadb"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("postgres_url" if request.param == "postgresql" else "mariadb_url"))


def test_two_files_of_one_schema_by_and_without_its_name_each_look_after_their_own(url: str) -> None:
    run(url, *TABLES)
    own = "public" if url.startswith("postgresql") else str(sa.make_url(url).database)
    with systems({CUSTOMERS: url, ORDERS % own: url}) as made:
        assert [one for system in made for one in system.findings()] == []
        erased(made)
        assert left(made, ADA) == {}
    assert rows(url, "SELECT id FROM orders") == rows(url, "SELECT id FROM customers") == [(2,)]


def test_the_schema_of_a_connection_is_described_by_its_name(postgres_url: str) -> None:
    run(postgres_url, *TABLES, "CREATE SCHEMA archive", "CREATE TABLE archive.orders AS SELECT * FROM orders")
    archive = ORDERS.replace("dataset: shop", "dataset: archive") % "archive"
    named = CUSTOMERS.replace(
        "url_env: SHOP_URL", "url_env: SHOP_URL\nschema: public\nwithout_people: {orders: of metal}"
    )

    def found(*made: SqlSystem) -> list[str]:
        return [one.table for system in made for one in system.findings()]

    with systems({named: postgres_url, archive: postgres_url}) as made:
        assert found(*made) == []
    with systems({named: postgres_url}) as made:
        assert found(*made) == ["archive.*"]
