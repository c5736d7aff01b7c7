"""A shop that is open while a person is erased from it: what comes in between is erased, too, or waited for."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.errors import LinkedSystemUnavailable
from tests.outside import ADA, left, rows, run, systems

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id}
      email: {category: user.contact.email, identity: email}
  orders:
    rows: delete
    fields:
      id: {category: user.unique_id}
      customer_id: {category: user.unique_id, references: customers.id}
  items:
    rows: keep
    fields:
      id: {category: null}
      order_id: {category: user.unique_id, references: orders.id, erasure: "null"}
      engraving: {category: user.content, erasure: "null"}
"""


def filled(url: str) -> str:
    run(
        url,
        "CREATE TABLE customers (id integer primary key, email varchar(60))",
        "CREATE TABLE orders (id integer primary key, customer_id integer)",
        "CREATE TABLE items (id integer primary key, order_id integer, engraving varchar(20))",
        "INSERT INTO customers VALUES (1, 'ada@example.test')",
        "INSERT INTO orders VALUES (10, 1)",
        "INSERT INTO items VALUES (100, 10, 'for ada')",
    )
    return url


def test_what_leads_on_and_came_after_the_person_was_asked_about_is_not_passed_over(outside_url: str) -> None:
    with systems({SHOP: filled(outside_url)}) as made:
        known = reach_of(made, ADA)
        run(outside_url, "INSERT INTO orders VALUES (11, 1)", "INSERT INTO items VALUES (101, 11, 'for ada, too')")
        with pytest.raises(LinkedSystemUnavailable, match="came meanwhile") as caught:
            made[0].run("r", Kind.ERASURE, known, {})
        assert "ada" not in str(caught.value)
        assert len(rows(outside_url, "SELECT id FROM orders")) == 2, "nothing was touched"
        known = reach_of(made, known)
        accounts = made[0].run("r", Kind.ERASURE, known, {})
        assert left(made, known) == {}
        assert {one.table: one.rows for one in accounts} == {"customers": 1, "orders": 2, "items": 2}
        assert made[0].run("r", Kind.ERASURE, known, {})[0].rows == 0, "done again, nothing is left to do"
    assert rows(outside_url, "SELECT engraving FROM items") == [(None,), (None,)]


def test_the_rows_that_were_erased_are_counted_and_not_those_that_were_foreseen(outside_url: str) -> None:
    begun = list[object]()

    def a_row_comes(connection: object) -> None:
        begun.append(connection)
        if len(begun) == 2:  # it was planned, and what is erased is about to be counted
            run(outside_url, "INSERT INTO items VALUES (101, 10, 'for ada, too')")

    with systems({SHOP: filled(outside_url)}) as made:
        known = reach_of(made, ADA)
        sa.event.listen(made[0]._engine, "begin", a_row_comes)
        accounts = made[0].run("r", Kind.ERASURE, known, {})
    assert {one.table: one.rows for one in accounts} == {"customers": 1, "orders": 1, "items": 2}
