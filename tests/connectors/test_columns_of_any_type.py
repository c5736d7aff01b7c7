"""SQLite keeps any value in any column, whatever type that was declared with: rows are found by what stands there."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.message import Identifier
from tests.outside import ADA, erased, left, rows, run, systems

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id}
      since: {category: user.behavior}
      email: {category: user.contact.email, identity: email, trait: email}
  orders:
    rows: delete
    references: [{fields: [customer_id, since], to: customers, at: [id, since]}]
    fields:
      customer_id: {category: user.unique_id, references: customers.id}
      since: {category: user.behavior}
      note: {category: user.content}
"""
VISITS = """
dataset: shop
url_env: SHOP_URL
tables:
  visits:
    rows: keep
    fields:
      email: {category: user.contact.email, identity: email, erasure: "null"}
      at: {category: user.behavior, erasure: mask}
      day: {category: user.behavior, erasure: hash}
      until: {category: user.behavior, erasure: mask}
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'outside.db'}"


@pytest.mark.parametrize("kind", ["STRING", "VARIANT", "NUM", ""])
def test_an_address_is_found_in_any_letters_whatever_its_column_is_called(url: str, kind: str) -> None:
    run(url, f"CREATE TABLE customers (id integer primary key, since text, email {kind})")
    run(url, "CREATE TABLE orders (customer_id integer, since text, note text)")
    run(url, "INSERT INTO customers VALUES (1, 'x', 'ADA@Example.test'), (2, 'x', 'bob@example.test')")
    run(url, "INSERT INTO orders VALUES (1, 'x', 'for ada'), (2, 'x', 'for bob')")
    with systems({SHOP: url}) as made:
        known = reach_of(made, ADA)
        assert [table for table, _ in made[0].export(known)] == ["customers", "orders"]
        made[0].run("r", Kind.RECTIFICATION, known, {"email": "ada@new.test"})
        assert rows(url, "SELECT email FROM customers ORDER BY id") == [("ada@new.test",), ("bob@example.test",)]
        run(url, "UPDATE customers SET email = 'ADA@Example.test' WHERE id = 1")
        erased(made)
        assert left(made, known) == {}
    assert rows(url, "SELECT note FROM orders") == [("for bob",)]


@pytest.mark.parametrize("kind", ["STRING", "UUID", "BLOB", "NUMERIC", "DATETIME", "INT", "DECIMAL(12, 0)", "REAL"])
@pytest.mark.parametrize("key", ["'A1'", "'0012'", "12", "x'00ff'", "'2020-01-02 03:04:05'", "1.5"])
def test_a_key_leads_on_whatever_type_its_column_has(url: str, kind: str, key: str) -> None:
    """And a time is the key that it was written as: a driver writes it in another way."""
    run(url, f"CREATE TABLE customers (id {kind}, since DATETIME, email text, primary key (id, since))")
    run(url, f"CREATE TABLE orders (customer_id {kind}, since DATETIME, note text)")
    run(url, f"INSERT INTO customers VALUES ({key}, '2020-01-02 03:04:05', 'ada@example.test')")
    run(url, "INSERT INTO customers VALUES (77, '2020-01-02 03:04:05', 'bob@example.test')")
    run(url, f"INSERT INTO orders VALUES ({key}, '2020-01-02 03:04:05', 'for ada')")
    run(url, "INSERT INTO orders VALUES (77, '2020-01-02 03:04:05', 'for bob')")
    for described in (SHOP, SHOP.replace(", references: customers.id", "")):  # by one column, and by both
        with systems({described: url}) as made:
            known = reach_of(made, ADA)
            assert [table for table, _ in made[0].export(known)] == ["customers", "orders"]
    with systems({SHOP.replace(", references: customers.id", ""): url}) as made:
        erased(made)
        assert left(made, known) == {}
    assert rows(url, "SELECT note FROM orders") == [("for bob",)]


def test_a_time_is_masked_as_it_was_written_in_a_table_without_a_key(url: str) -> None:
    run(url, "CREATE TABLE visits (email text, at TIME, day DATE, until DATETIME)")
    run(url, "INSERT INTO visits VALUES ('ada@example.test', '10:11:12', '1990-03-03', '2020-01-02 03:04:05')")
    run(url, "INSERT INTO visits VALUES ('bob@example.test', '10:11:12', '1990-03-03', '2020-01-02 03:04:05')")
    with systems({VISITS: url}) as made:
        erased(made)
    [gone, bob] = rows(url, "SELECT * FROM visits ORDER BY email")
    assert bob == ("bob@example.test", "10:11:12", "1990-03-03", "2020-01-02 03:04:05")
    assert gone[0] is None
    assert not set(gone) & set(bob)


def test_a_time_that_is_masked_by_now_is_left_as_it_is_when_an_erasure_is_done_again(url: str) -> None:
    run(url, "CREATE TABLE visits (email text, at TIME, day DATE, until DATETIME)")
    run(url, "INSERT INTO visits VALUES ('ada@example.test', '10:11:12', '1990-03-03', '2020-01-02 03:04:05')")
    kept = VISITS.replace('identity: email, erasure: "null"', 'identity: email, erasure: keep, ground: "by law"')
    with systems({kept: url}) as made:
        erased(made)
        before = rows(url, "SELECT * FROM visits")
        erased(made)  # as after a crash
    assert rows(url, "SELECT * FROM visits") == before


def test_a_row_whose_key_is_a_time_is_changed_where_it_stays(url: str) -> None:
    run(url, "CREATE TABLE visits (email text, at TIME, day DATE, until DATETIME primary key)")
    run(url, "INSERT INTO visits VALUES ('ada@example.test', '10:11:12', '1990-03-03', '2020-01-02 03:04:05')")
    kept = VISITS.replace("until: {category: user.behavior, erasure: mask}", "until: {category: null}")
    with systems({kept: url}) as made:
        erased(made)
    [(email, at, _, until)] = rows(url, "SELECT * FROM visits")
    assert (email, until) == (None, "2020-01-02 03:04:05")
    assert at != "10:11:12"


NUMBERED = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id, identity: user_id}
      name: {category: user.content}
  orders:
    rows: delete
    fields:
      customer_id: {category: user.unique_id, references: customers.id}
      note: {category: user.content}
"""
STORAGES = ["42000001", "'42000001'"]


@pytest.mark.parametrize("column", ["", "INTEGER", "TEXT"])
@pytest.mark.parametrize("refers", ["", "INTEGER", "TEXT", "BLOB", "ANY"])
@pytest.mark.parametrize("stands", STORAGES)
@pytest.mark.parametrize("written", STORAGES)
def test_a_number_is_found_as_text_and_as_number(url: str, column: str, refers: str, stands: str, written: str) -> None:
    run(
        url,
        f"CREATE TABLE customers (id {column}, name text)",
        f"CREATE TABLE orders (customer_id {refers}, note text) {'STRICT' if refers == 'ANY' else ''}",
        f"INSERT INTO customers VALUES ({stands}, 'ada'), (77, 'bob')",
        f"INSERT INTO orders VALUES ({written}, 'for ada'), (77, 'for bob')",
    )
    with systems({NUMBERED: url}) as made:
        known = reach_of(made, [Identifier("user_id", "42000001")])
        assert [table for table, _ in made[0].export(known)] == ["customers", "orders"]
        erased(made, known)
        assert left(made, known) == {}
        run(url, f"INSERT INTO orders VALUES ({written}, 'again')")
        assert left(made, known) == {"shop.orders.customer_id": 1}
    assert rows(url, "SELECT name FROM customers") == [("bob",)]
    assert rows(url, "SELECT note FROM orders") == [("for bob",), ("again",)]
