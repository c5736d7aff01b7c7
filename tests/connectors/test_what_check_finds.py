"""Decisions that could not work for everybody: a mask that stands twice in a key, and data that a row only names."""

from __future__ import annotations

import pytest

from registry.flows.dsr.linked import reach_of
from registry.model.message import Identifier
from tests.outside import ADA, erased, left, rows, run, systems

MEMBERS = """
dataset: shop
url_env: SHOP_URL
tables:
  members:
    rows: keep
    fields:
      id: {{category: null}}
      shop: {{category: null}}
      customer: {{category: null}}
      email: {{category: user.contact.email, identity: email, erasure: hash}}
      nick: {{category: user.name, erasure: mask{mask}}}
"""
FILES = """
dataset: shop
url_env: SHOP_URL
tables:
  files:
    rows: delete
    fields:
      email: {category: user.contact.email, identity: email}
      scan: {category: user.government_id}
"""


@pytest.mark.parametrize(
    ("key", "mask", "is_found"),
    [
        ("shop, nick", ", mask: gone", True),
        ("shop, nick", "", False),
        ("id, nick", ", mask: gone", False),  # no two rows have one id
        ("email, nick", ", mask: gone", False),  # which is another one for each person
    ],
)
def test_a_mask_that_would_stand_twice_in_a_key_of_several_columns(
    outside_url: str, key: str, mask: str, is_found: bool
) -> None:
    run(
        outside_url,
        "CREATE TABLE members (id integer primary key, shop integer, customer integer, email varchar(60), "
        f"nick varchar(20), UNIQUE ({key}))",
        "INSERT INTO members VALUES (1, 1, 1, 'ada@example.test', 'ada'), (2, 1, 2, 'bob@example.test', 'bob')",
    )
    with systems({MEMBERS.format(mask=mask): outside_url}) as made:
        found = made[0].findings()
        assert [(one.field, "beside one shop" in one.reason) for one in found] == ([("nick", True)] if is_found else [])
        if not is_found:
            erased(made)
            erased(made, [ADA[0]._replace(value="bob@example.test")])
            assert len(set(rows(outside_url, "SELECT nick FROM members"))) == (1 if mask else 2)


def test_a_large_object_does_not_go_with_its_row(postgres_url: str) -> None:
    run(postgres_url, "CREATE TABLE files (email text, scan oid)", "INSERT INTO files VALUES ('ada@example.test', 42)")
    with systems({FILES: postgres_url}) as made:
        assert made[0].findings() == [], "a number, where the database has none"
        run(postgres_url, "UPDATE files SET scan = lo_from_bytea(0, 'a passport')")
        [found] = made[0].findings()
        assert (found.table, found.field) == ("files", "scan")
        assert "large object" in found.reason
    withheld = "scan: {category: user.government_id, access: withhold, erasure: keep, ground: 'by law (KYC)'}"
    kept = FILES.replace("rows: delete", "rows: keep").replace("scan: {category: user.government_id}", withheld)
    kept = kept.replace("identity: email}", "identity: email, erasure: mask}")
    with systems({kept: postgres_url}) as made:
        assert made[0].findings() == []
        assert [row for _, row in made[0].export(reach_of(made, ADA))] == [{"email": "ada@example.test"}]


KEYS = """
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
      customer_id: {category: user.unique_id, references: customers.id}
"""


@pytest.mark.parametrize(
    ("kind", "value", "is_found"),
    [("float", "1.1", True), ("real", "1.1", True), ("double precision", "1.1", False), ("decimal(5,1)", "1.1", False)],
)
def test_a_number_that_is_never_what_was_read_leads_nowhere_and_is_said_to(
    outside_url: str, kind: str, value: str, is_found: bool
) -> None:
    """PostgreSQL's `float` and MariaDB's `real` are wide, as are all of SQLite's: those lead on."""
    wide = {"postgresql": "float", "mariadb": "real", "sqlite": kind}[outside_url.partition(":")[0].partition("+")[0]]
    run(
        outside_url,
        f"CREATE TABLE customers (id {kind}, email varchar(60))",
        f"CREATE TABLE orders (customer_id {kind})",
        f"INSERT INTO customers VALUES ({value}, 'ada@example.test')",
        f"INSERT INTO orders VALUES ({value})",
    )
    with systems({KEYS: outside_url}) as made:
        found = [(one.table, one.field) for one in made[0].findings()]
        if is_found and kind != wide:
            assert found == [("customers", "id"), ("orders", "customer_id")]
            return
        assert found == []
        assert {table for table, _ in made[0].export(reach_of(made, ADA))} == {"customers", "orders"}


def test_a_range_is_no_key(postgres_url: str) -> None:
    run(
        postgres_url, "CREATE TABLE customers (id int4range, email text)", "CREATE TABLE orders (customer_id int4range)"
    )
    with systems({KEYS: postgres_url}) as made:
        assert [one.field for one in made[0].findings()] == ["id", "customer_id"]


TEAMS = """
dataset: shop
url_env: SHOP_URL
tables:
  members:
    rows: delete
    fields:
      team: {category: user.unique_id}
      number: {category: null}
      email: {category: user.contact.email, identity: email}
  notes:
    rows: delete
    fields:
      team: {category: user.unique_id, references: members.team}
"""


@pytest.mark.parametrize("index", ["(team, lower(email))", "(team) WHERE number = 1"])
def test_what_is_unique_in_some_rows_or_beside_an_expression_is_no_key_of_one_person(
    database_url: str, index: str
) -> None:
    """Each team has one first member: its notes are not theirs alone for that."""
    run(
        database_url,
        "CREATE TABLE members (team integer, number integer, email varchar(60), PRIMARY KEY (team, number))",
        f"CREATE UNIQUE INDEX one ON members {index}",
        "CREATE TABLE notes (team integer)",
    )
    with systems({TEAMS: database_url}) as made:
        [found] = made[0].findings()
    assert (found.table, found.field) == ("notes", "team")
    assert "a part of members (team, number)" in found.reason


ONCE = """
dataset: shop
url_env: SHOP_URL
tables:
  members:
    rows: keep
    fields:
      id: {category: null}
      email: {category: user.contact.email, identity: email, erasure: "%s"}
      phone: {category: user.contact.phone_number, erasure: "null"}
      team: {category: null}
"""


@pytest.mark.parametrize(
    ("key", "email", "found"),
    [
        ("UNIQUE NULLS NOT DISTINCT (email)", "null", {"email"}),
        ("UNIQUE NULLS NOT DISTINCT (email)", "hash", set()),
        ("UNIQUE NULLS NOT DISTINCT (email, phone)", "null", {"email", "phone"}),
        ("UNIQUE NULLS NOT DISTINCT (email, phone)", "hash", set()),
        ("UNIQUE NULLS NOT DISTINCT (team, phone)", "hash", {"phone"}),
        ("UNIQUE NULLS NOT DISTINCT (id, phone)", "hash", set()),
        ("UNIQUE (email)", "null", set()),
    ],
)
def test_what_may_be_empty_in_one_row_is_not_emptied(postgres_url: str, key: str, email: str, found: set[str]) -> None:
    run(
        postgres_url,
        f"CREATE TABLE members (id integer PRIMARY KEY, email text, phone text, team integer, {key})",
        "INSERT INTO members VALUES (1, 'ada@example.test', '1', 7), (2, 'bob@example.test', '2', 7)",
    )
    with systems({ONCE % email: postgres_url}) as made:
        told = made[0].findings()
        assert (
            {one.field for one in told if "no two rows may be empty" in one.reason} == found == {f.field for f in told}
        )
        for person in ("ada", "bob") if not found else ():
            erased(made, [Identifier("email", f"{person}@example.test")])


def test_a_domain_of_a_domain_is_as_long_and_as_full_as_what_it_narrows(postgres_url: str) -> None:
    run(
        postgres_url,
        "CREATE DOMAIN short AS varchar(12) NOT NULL",
        "CREATE DOMAIN shorter AS short",
        "CREATE TABLE members (id integer PRIMARY KEY, email text, phone shorter, team integer)",
        "INSERT INTO members VALUES (1, 'ada@example.test', '1', 7)",
    )
    with systems({ONCE % "hash": postgres_url}) as made:
        assert [(one.field, one.reason) for one in made[0].findings()] == [
            ("phone", "to be emptied, and the column is NOT NULL")
        ]
    with systems({(ONCE % "hash").replace('"null"', "hash"): postgres_url}) as made:
        assert made[0].findings() == []
        erased(made)
    [(phone,)] = rows(postgres_url, "SELECT phone FROM members")
    assert phone != "1" and len(phone) == 12


def test_a_key_leads_to_a_domain_of_a_domain(postgres_url: str) -> None:
    run(
        postgres_url,
        "CREATE DOMAIN word AS text",
        "CREATE DOMAIN number AS word",
        "CREATE TABLE customers (id integer PRIMARY KEY, email number)",
        "CREATE TABLE orders (customer_id number)",
        "INSERT INTO customers VALUES (1, 'Ada@example.test'), (2, 'bob@example.test')",
        "INSERT INTO orders VALUES ('1'), ('2')",
    )
    with systems({KEYS: postgres_url}) as made:
        erased(made)
        assert left(made, ADA) == {}
    assert rows(postgres_url, "SELECT customer_id FROM orders") == [("2",)]
