"""A table whose rows refer to rows of several others: a view for each sort of them is described in its place."""

from __future__ import annotations

import pytest

from registry.flows.dsr.linked import reach_of
from tests.outside import ADA, erased, left, rows, run, systems

SHOP = """
dataset: shop
url_env: SHOP_URL
without_people: {comments: described by its views}
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id}
      email: {category: user.contact.email, identity: email}
  customer_comments:
    rows: delete
    fields:
      id: {category: null}
      subject_id: {category: user.unique_id, references: customers.id}
      body: {category: user.content}
"""


@pytest.mark.parametrize("engine", ["postgres_url", "mariadb_url"])
def test_rows_are_given_out_and_erased_by_a_view_of_them(engine: str, request: pytest.FixtureRequest) -> None:
    url = str(request.getfixturevalue(engine))
    run(
        url,
        "CREATE TABLE customers (id integer primary key, email varchar(60))",
        "CREATE TABLE comments (id integer primary key, subject_type varchar(9), subject_id integer, body varchar(60))",
        "CREATE VIEW customer_comments AS SELECT id, subject_id, body FROM comments WHERE subject_type = 'customer'",
        "INSERT INTO customers VALUES (1, 'ada@example.test')",
        "INSERT INTO comments VALUES (1, 'customer', 1, 'of ada'), (2, 'order', 1, 'of bob')",
    )
    with systems({SHOP: url}) as made:
        assert made[0].findings() == []
        known = reach_of(made, ADA)
        assert [row["body"] for table, row in made[0].export(known) if table != "customers"] == ["of ada"]
        erased(made)
        assert left(made, known) == {}
    assert rows(url, "SELECT body FROM comments") == [("of bob",)]
