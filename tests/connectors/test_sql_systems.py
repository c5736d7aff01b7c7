"""Databases outside, on SQLite, PostgreSQL and MariaDB: found across, given out, erased, looked through again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.connectors.sql.streams import ROWS_AT_ONCE
from registry.connectors.sql.system import SqlSystem
from registry.dsr.accounting import Disposition, unaccounted
from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.errors import DocumentInvalid, LinkedSystemUnavailable
from registry.model.message import Identifier
from tests.outside import ADA, dataset, erased, left, rows, run, systems

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
      first_name: {category: user.name, trait: first_name}
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
      said: {category: user.content, erasure: "null"}
      total: {category: user.financial, erasure: keep, ground: "GDPR Art. 17(3)(b): bookkeeping"}
  calls:
    rows: delete
    fields:
      customer: {category: user.unique_id, references: shop.customers.id}
      minutes: {category: user.behavior}
"""


@pytest.fixture
def urls(outside_url: str, tmp_path: Path) -> dict[str, str]:
    """A shop on one engine and a CRM on SQLite, filled."""
    crm = f"sqlite:///{tmp_path / 'crm.db'}"
    run(
        outside_url,
        "CREATE TABLE products (id integer primary key, title varchar(100))",
        "CREATE TABLE customers (id integer primary key, email varchar(100), first_name varchar(20), card varchar(20))",
        "CREATE TABLE orders (id integer primary key, customer_id integer, "
        "FOREIGN KEY (customer_id) REFERENCES customers (id))",
        "INSERT INTO customers VALUES (1, 'Ada@example.test', 'Ada', 'c1'), (2, 'bob@example.test', 'Bob', 'c2')",
        "INSERT INTO orders VALUES (10, 1), (11, 1), (12, 2)",
    )
    run(
        crm,
        "CREATE TABLE notes (card text, author text, said text, total integer)",
        "CREATE TABLE calls (customer text, minutes integer)",
        "INSERT INTO notes VALUES ('c1', 'Ada', 'called', 5), ('c1', 'Ada', 'wrote', 6), ('c2', 'Bob', 'called', 7)",
        "INSERT INTO calls VALUES ('1', 3), ('2', 4), ('11', 5)",
    )
    return {SHOP: outside_url, CRM: crm}


@pytest.fixture
def made(urls: dict[str, str]) -> Iterator[list[SqlSystem]]:
    with systems(urls) as both:
        yield both


def test_what_is_found_in_one_database_leads_into_the_next(made: list[SqlSystem]) -> None:
    known = reach_of(made, ADA)
    given = [(one.name, table, row) for one in made for table, row in one.export(known)]
    counts = sorted(f"{system}.{table}" for system, table, _ in given)
    assert counts == ["crm.calls", "crm.notes", "crm.notes", "shop.customers", "shop.orders", "shop.orders"]
    assert "bob" not in repr(given).lower()


def test_many_rows_are_given_out_each_once_on_one_connection(made: list[SqlSystem], outside_url: str) -> None:
    known, more = reach_of(made, ADA), range(100, 100 + 2 * ROWS_AT_ONCE + 7)
    run(outside_url, "INSERT INTO orders VALUES " + ", ".join(f"({order}, 1)" for order in more))
    [shop] = [one for one in made if one.name == "shop"]
    orders = []
    for table, row in shop.export(known):
        orders += [row] if table == "orders" else []
        assert shop._engine.pool.checkedout() == 1, "many exports at once do not wait for each other's"  # type: ignore[attr-defined]
    assert orders == [{"customer_id": 1}] * (2 + len(more))
    assert shop._engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_plan_accounts_for_every_field_and_changes_nothing(made: list[SqlSystem], urls: dict[str, str]) -> None:
    known = reach_of(made, ADA)
    accounts = [account for one in made for account in one.plan(Kind.ERASURE, known).accounts]
    declared = [(f.dataset, f.table, f.name) for text in urls for f in dataset(text).fields]
    assert unaccounted(declared, accounts) == []
    assert {a.rows for a in accounts if a.table == "orders"} == {2}
    assert rows(urls[SHOP], "SELECT count(*) FROM orders") == [(3,)]


def test_an_erasure_takes_the_person_and_nobody_else(made: list[SqlSystem], urls: dict[str, str]) -> None:
    known = reach_of(made, ADA)
    erased(made, known)
    assert rows(urls[SHOP], "SELECT id FROM customers") == [(2,)]
    assert rows(urls[SHOP], "SELECT id FROM orders") == [(12,)]
    assert rows(urls[CRM], "SELECT customer FROM calls ORDER BY 1") == [("11",), ("2",)]
    [first, second, bob] = rows(urls[CRM], "SELECT author, said, total, card FROM notes ORDER BY total")
    assert first[:3] == ("erased", None, 5)
    assert first[3] == second[3] != "c1"
    assert bob == ("Bob", "called", 7, "c2")
    assert left(made, known) == {}
    assert {account.rows for account in erased(made, known)} == {0}


def test_what_led_to_rows_is_enough_to_go_on_where_an_erasure_was_stopped(
    made: list[SqlSystem], urls: dict[str, str]
) -> None:
    known = reach_of(made, ADA)
    made[0].run("r", Kind.ERASURE, known, {})  # and then the process is killed
    assert rows(urls[CRM], "SELECT count(*) FROM calls") == [(3,)]
    made[1].run("r", Kind.ERASURE, known, {})
    assert rows(urls[CRM], "SELECT count(*) FROM calls") == [(2,)]


def test_the_second_look_finds_what_no_description_knows(made: list[SqlSystem], urls: dict[str, str]) -> None:
    run(urls[SHOP], "INSERT INTO products VALUES (1, 'made for ADA@example.test, with love'), (2, 'bada@example.test')")
    erased(made)
    assert left(made, ADA) == {"shop.products.title": 1}


def test_a_new_column_blocks_until_somebody_decides(made: list[SqlSystem], urls: dict[str, str]) -> None:
    assert made[0].plan(Kind.ACCESS, ADA).undecided == []
    run(urls[SHOP], "ALTER TABLE orders ADD COLUMN gift_note text")
    assert made[0].plan(Kind.ACCESS, ADA).undecided == [("orders", "gift_note")]
    with pytest.raises(LinkedSystemUnavailable):
        erased(made)
    assert rows(urls[SHOP], "SELECT count(*) FROM orders") == [(3,)]


def test_a_correction_is_written_where_the_trait_is_held(made: list[SqlSystem], urls: dict[str, str]) -> None:
    done = made[0].run("r", Kind.RECTIFICATION, reach_of(made, ADA), {"first_name": "Augusta", "city": "London"})
    assert rows(urls[SHOP], "SELECT first_name FROM customers ORDER BY id") == [("Augusta",), ("Bob",)]
    grounds = {account.field: account.ground for account in done}
    assert "corrected" in (grounds["first_name"] or "")
    assert "changes nothing" in (grounds["email"] or "")
    assert {account.disposition for account in done} == {Disposition.RETAINED}


NAMES = """
dataset: names
url_env: NAMES_URL
tables:
  people:
    rows: delete
    fields:
      email: {category: user.contact.email, identity: email}
      name: {category: user.name, trait: last_name}
      more: {category: user, trait: more}
"""


@pytest.mark.parametrize("right", ["Muller", "Müller", None])
def test_a_correction_of_letters_that_the_database_takes_for_the_same_is_written(
    outside_url: str, right: str | None
) -> None:
    engine = outside_url.split(":")[0].partition("+")[0]
    kind = {"sqlite": "varchar(20) COLLATE NOCASE", "postgresql": "citext"}.get(engine, "varchar(20)")
    more = ["CREATE EXTENSION citext"] if engine == "postgresql" else []
    run(
        outside_url,
        *more,
        f"CREATE TABLE people (email varchar(40), name {kind}, more varchar(9))",
        "INSERT INTO people VALUES ('ada@example.test', 'MULLER', NULL), ('bob@example.test', 'MULLER', NULL)",
    )
    with systems({NAMES: outside_url}) as [names]:
        names.run("r", Kind.RECTIFICATION, ADA, {"last_name": right})
    assert rows(outside_url, "SELECT name FROM people ORDER BY email") == [(right,), ("MULLER",)]


@pytest.mark.parametrize("kind", ["json", "{}", "varchar(9) GENERATED ALWAYS AS (name) STORED"])
def test_a_column_in_which_no_correction_can_be_written_holds_no_trait(outside_url: str, kind: str) -> None:
    bytes_type = "bytea" if outside_url.startswith("postgresql") else "blob"
    of_kind = kind.format(bytes_type)
    run(outside_url, f"CREATE TABLE people (email varchar(40), name varchar(9), more {of_kind})")
    with systems({NAMES: outside_url}) as [names]:
        [(table, field, reason)] = names.findings()
    assert (table, field) == ("people", "more")
    assert "no correction is written" in reason


def test_restricting_changes_nothing_and_says_on_which_ground(made: list[SqlSystem], urls: dict[str, str]) -> None:
    before = rows(urls[SHOP], "SELECT * FROM customers")
    done = made[0].run("r", Kind.RESTRICTION, ADA, {})
    assert all(account.ground for account in done)
    assert rows(urls[SHOP], "SELECT * FROM customers") == before


def test_a_value_that_no_column_can_hold_leads_nowhere(made: list[SqlSystem]) -> None:
    far = [Identifier("shop.customers.id", '[["int","99999999999999999999"]]'), *ADA]
    assert made[0].plan(Kind.ACCESS, far).accounts[0].rows == 1


def test_a_personal_field_that_is_kept_needs_a_ground() -> None:
    with pytest.raises(DocumentInvalid, match="without a ground"):
        dataset(CRM.replace(', ground: "GDPR Art. 17(3)(b): bookkeeping"', ""))


def test_a_reference_that_leads_nowhere_is_a_fault() -> None:
    with pytest.raises(DocumentInvalid, match="no file describes"), systems({CRM: "sqlite://"}):
        pass
