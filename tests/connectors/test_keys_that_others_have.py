"""References to what no key of the database is: another person's row may have the same value there."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier
from tests.outside import ADA, erased, left, rows, run, systems

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      email: {category: user.contact.email, identity: email}
      phone: {category: user.contact.phone_number, identity: phone}
      name: {category: user.name}
      address: {category: user.unique_id}
"""
TICKETS = """
  tickets:
    rows: delete
    fields:
      customer: {category: user.name, references: customers.name}
      sent_from: {category: user.contact.email, identity: email}
"""
ADDRESSES = """
  addresses:
    rows: delete
    fields:
      id: {category: user.unique_id, references: customers.address}
      street: {category: user.contact.address.street}
"""
ORDERS = """
  orders:
    rows: delete
    fields:
      sent_to: {category: user.contact.email, identity: email}
      product: {category: user.behavior}
  products:
    rows: keep
    fields:
      id: {category: null, references: orders.product}
      title: {category: null, access: export}
"""
TABLES = (
    "CREATE TABLE customers (email varchar(80), phone varchar(20), name varchar(40), address integer)",
    "CREATE TABLE tickets (customer varchar(40), sent_from varchar(80))",
    "CREATE TABLE addresses (id integer PRIMARY KEY, street varchar(40))",
    "INSERT INTO customers VALUES ('ada@example.test', '+12025550123', 'Ada Smith', 1)",
    "INSERT INTO addresses VALUES (1, 'Long Road 1'), (2, 'Short Road 2')",
    "INSERT INTO tickets VALUES ('Ada Smith', 'ada@example.test'), ('Ada Smith', 'namesake@example.test')",
)
WITH_TICKETS = SHOP + TICKETS + "without_people: {addresses: of warehouses}\n"
WITH_ADDRESSES = SHOP + ADDRESSES + "without_people: {tickets: of machines}\n"
NAMESAKE = "INSERT INTO customers VALUES ('namesake@example.test', NULL, 'Ada Smith', 2)"
FLATMATE = "INSERT INTO customers VALUES ('bob@example.test', NULL, 'Bob Jones', 1)"


@pytest.mark.parametrize(
    ("described", "other", "key"), [(WITH_TICKETS, NAMESAKE, "name"), (WITH_ADDRESSES, FLATMATE, "address")]
)
def test_what_rows_of_two_people_lead_to_is_nobodys(outside_url: str, described: str, other: str, key: str) -> None:
    run(outside_url, *TABLES, other)
    with systems({described: outside_url}) as made:
        known = reach_of(made, ADA)
        assert {one.value for one in known if one.kind == "email"} == {"ada@example.test"}
        for kind in (Kind.ACCESS, Kind.ERASURE, Kind.RECTIFICATION):
            with pytest.raises(LinkedSystemUnavailable, match=f"rows of others have the same {key}"):
                made[0].plan(kind, known)
            with pytest.raises(LinkedSystemUnavailable, match="rows of others"):
                made[0].run("r", kind, known, {})
        with pytest.raises(LinkedSystemUnavailable, match="rows of others"):
            list(made[0].export(known))
    assert len(rows(outside_url, "SELECT 1 FROM customers")) == 2
    assert len(rows(outside_url, "SELECT 1 FROM tickets")) == 2


def test_what_came_to_be_anothers_while_it_was_erased_goes_nowhere(outside_url: str) -> None:
    run(outside_url, *TABLES)
    with systems({WITH_ADDRESSES: outside_url}) as made:
        known = reach_of(made, ADA)
        planned, standing = made[0]._planned(Kind.ERASURE, known)
        run(outside_url, FLATMATE)
        with pytest.raises(LinkedSystemUnavailable, match="rows of others have the same address"):
            made[0]._erased(planned.accounts, standing, known)
    assert len(rows(outside_url, "SELECT 1 FROM addresses")) == 2


@pytest.mark.parametrize("also", ["('ada.home@example.test', '+12025550123', 'Ada Smith', 1)", None])
def test_what_only_rows_of_the_person_lead_to_is_theirs(outside_url: str, also: str | None) -> None:
    """The second is found by the telephone number of the first, and makes it no other's."""
    run(outside_url, *TABLES, *([f"INSERT INTO customers VALUES {also}"] if also else []))
    with systems({WITH_ADDRESSES: outside_url}) as made:
        people = [*ADA, Identifier("phone", "+12025550123")]
        if also:
            people += [Identifier("email", "ada.home@example.test")]
        erased(made, people)
        assert left(made, people).keys() <= {"shop.tickets.sent_from"}
    assert rows(outside_url, "SELECT id FROM addresses") == [(2,)]


def test_a_row_that_is_found_later_to_be_the_persons_is_no_other(outside_url: str) -> None:
    run(outside_url, *TABLES, "INSERT INTO customers VALUES (NULL, '+12025550123', 'Ada S.', 1)")
    with systems({WITH_ADDRESSES: outside_url}) as made:
        erased(made)
    assert rows(outside_url, "SELECT id FROM addresses") == [(2,)]
    assert rows(outside_url, "SELECT name FROM customers") == []


def test_what_is_about_nobody_may_be_referred_to_by_everybody(outside_url: str) -> None:
    run(
        outside_url,
        *TABLES,
        "CREATE TABLE orders (sent_to varchar(80), product integer)",
        "CREATE TABLE products (id integer PRIMARY KEY, title varchar(40))",
        "INSERT INTO orders VALUES ('ada@example.test', 5), ('bob@example.test', 5)",
        "INSERT INTO products VALUES (5, 'Tea'), (6, 'Milk')",
    )
    described = SHOP + ORDERS + "without_people: {addresses: of warehouses, tickets: of machines}\n"
    with systems({described: outside_url}) as made:
        given = [row for table, row in made[0].export(reach_of(made, ADA)) if table == "products"]
        assert given == [{"title": "Tea"}]
    about_people = described.replace("title: {category: null", "title: {category: user.behavior, erasure: 'null'")
    with systems({about_people: outside_url}) as made, pytest.raises(LinkedSystemUnavailable, match="the same product"):
        made[0].plan(Kind.ACCESS, reach_of(made, ADA))


def test_nothing_is_emptied_that_may_point_at_somebody_else(outside_url: str) -> None:
    run(outside_url, *TABLES, NAMESAKE)
    described = WITH_TICKETS.replace("references: customers.name", "erasure: 'null', mentions: customers.name")
    described = described.replace("tickets:\n    rows: delete", "tickets:\n    rows: keep")
    described = described.replace("identity: email}\nwithout", "identity: email, erasure: 'null'}\nwithout")
    with systems({described: outside_url}) as made, pytest.raises(LinkedSystemUnavailable, match="the same name"):
        erased(made)
    assert len(rows(outside_url, "SELECT 1 FROM tickets WHERE customer = 'Ada Smith'")) == 2


def test_a_value_that_others_have_leads_into_no_other_database(outside_url: str, tmp_path: Path) -> None:
    run(outside_url, *TABLES, NAMESAKE)
    desk = f"sqlite:///{tmp_path / 'desk.db'}"
    run(desk, "CREATE TABLE calls (who text, said text)", "INSERT INTO calls VALUES ('Ada Smith', 'x')")
    calls = """
dataset: desk
url_env: DESK_URL
tables:
  calls:
    rows: delete
    fields: {who: {category: user.name, references: shop.customers.name}, said: {category: user.content}}
"""
    described = SHOP + "without_people: {addresses: of warehouses, tickets: of machines}\n"
    with systems({described: outside_url, calls: desk}) as made:
        known = reach_of(made, ADA)
        assert list(made[1].export(known)) == []
        with pytest.raises(LinkedSystemUnavailable, match="rows of others"):
            made[0].plan(Kind.ERASURE, known)


@pytest.mark.parametrize("name", ["", "gone"])
def test_what_is_empty_or_masked_leads_nowhere_and_stops_nobody(outside_url: str, name: str) -> None:
    """An address that is kept finds the row again, beside those of others who were erased before."""
    run(
        outside_url,
        *TABLES,
        f"UPDATE customers SET name = '{name}'",
        f"INSERT INTO customers VALUES ('bob@example.test', NULL, '{name}', 2)",
        f"INSERT INTO tickets VALUES ('{name}', 'bob@example.test')",
    )
    described = WITH_TICKETS.replace("customers:\n    rows: delete", "customers:\n    rows: keep")
    described = described.replace(
        "identity: email}\n      phone", "identity: email, erasure: keep, ground: lawful}\n      phone"
    )
    described = described.replace("identity: phone}", "identity: phone, erasure: 'null'}")
    described = described.replace("user.name}\n      address: {category: user.unique_id}",
                                  "user.name, erasure: mask, mask: gone}\n      address: {category: null}")  # fmt: skip
    with systems({described: outside_url}) as made:
        assert made[0].findings() == []
        erased(made)
        assert left(made, ADA) == {}
        assert {one.rows for one in made[0].plan(Kind.ERASURE, ADA).accounts if one.table == "customers"} == {1}
    assert rows(outside_url, "SELECT sent_from FROM tickets ORDER BY 1") == [
        ("bob@example.test",), ("namesake@example.test",),
    ]  # fmt: skip
