"""What a database lacked when a request looked there, and has when it is tried again, leads on as everything does."""

from __future__ import annotations

import pytest

from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.errors import LinkedSystemUnavailable
from tests.outside import ADA, run, systems

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id}
      email: {category: user.contact.email, identity: email}
      name: {category: user.name}
  orders:
    rows: delete
    fields:
      customer_id: {category: user.unique_id, references: customers.id}
      note: {category: user.content}
"""
GONE = {
    "a column": ("ALTER TABLE customers DROP COLUMN name", "ALTER TABLE customers ADD COLUMN name varchar(40)"),
    "a table": ("ALTER TABLE customers RENAME TO put_aside", "ALTER TABLE put_aside RENAME TO customers"),
}


@pytest.mark.parametrize("what", GONE)
def test_an_access_that_waited_for_it_gives_out_what_it_leads_to(outside_url: str, what: str) -> None:
    goes, comes = GONE[what]
    run(
        outside_url,
        "CREATE TABLE customers (id integer primary key, email varchar(40), name varchar(40))",
        "CREATE TABLE orders (customer_id integer, note varchar(40))",
        "INSERT INTO customers VALUES (1, 'ada@example.test', 'Ada')",
        "INSERT INTO orders VALUES (1, 'for ada')",
        goes,
    )
    with systems({SHOP: outside_url}) as made:
        with pytest.raises(LinkedSystemUnavailable, match="nobody has decided"):
            made[0].run("r", Kind.ACCESS, reach_of(made, ADA), {})
        run(outside_url, comes)
        known = reach_of(made, ADA)
        accounts = made[0].run("r", Kind.ACCESS, known, {})
        assert {one.table: one.rows for one in accounts} == {"customers": 1, "orders": 1}
        assert [table for table, _ in made[0].export(known)] == ["customers", "orders"]


def test_a_package_is_never_short_of_a_table_that_is_away(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE customers (id integer primary key, email varchar(40), name varchar(40))",
        "CREATE TABLE orders (customer_id integer, note varchar(40))",
        "INSERT INTO customers VALUES (1, 'ada@example.test', 'Ada')",
        "INSERT INTO orders VALUES (1, 'for ada')",
    )
    with systems({SHOP: outside_url}) as made:
        known = reach_of(made, ADA)
        run(outside_url, "ALTER TABLE orders RENAME TO put_aside")
        assert made[0].plan(Kind.ACCESS, known).undecided
        with pytest.raises(LinkedSystemUnavailable, match="not all there"):
            list(made[0].export(known))
        run(outside_url, "ALTER TABLE put_aside RENAME TO orders")
        assert [table for table, _ in made[0].export(known)] == ["customers", "orders"]


@pytest.mark.parametrize("kind", [Kind.ACCESS, Kind.RECTIFICATION])
def test_what_was_away_only_when_it_was_asked_where_it_leads_is_not_passed_over(outside_url: str, kind: Kind) -> None:
    run(
        outside_url,
        "CREATE TABLE put_aside (id integer primary key, email varchar(40), name varchar(40))",
        "CREATE TABLE orders (customer_id integer, note varchar(40))",
        "INSERT INTO put_aside VALUES (1, 'ada@example.test', 'Ada')",
        "INSERT INTO orders VALUES (1, 'for ada')",
    )
    with systems({SHOP: outside_url}) as made:
        known = reach_of(made, ADA)
        run(outside_url, "ALTER TABLE put_aside RENAME TO customers")
        for _ in range(2):
            with pytest.raises(LinkedSystemUnavailable, match="were away"):
                made[0].run("r", kind, known, {})
        with pytest.raises(LinkedSystemUnavailable, match="were away"):
            list(made[0].export(known))
        accounts = made[0].run("r", kind, reach_of(made, ADA), {})
        assert {one.table: one.rows for one in accounts} == {"customers": 1, "orders": 1}
