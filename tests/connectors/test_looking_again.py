"""The second look through databases: what it finds in columns of any type, and what it takes for nobody's."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.message import Identifier
from tests.outside import ADA, erased, left, rows, run, systems

KEEP = """
dataset: shop
url_env: SHOP_URL
tables:
  people:
    rows: keep
    fields:
      email: {category: user.contact.email, identity: email, erasure: "null"}
      login: {category: null}
      invoice: {category: user.financial, erasure: keep, ground: "bookkeeping (Art. 17(3)(b) GDPR)"}
"""


def test_what_is_said_to_be_about_nobody_is_looked_through_and_what_is_kept_on_a_ground_is_not(
    outside_url: str,
) -> None:
    run(
        outside_url,
        "CREATE TABLE people (email varchar(60), login varchar(60), invoice varchar(60))",
        "INSERT INTO people VALUES ('ada@example.test', 'ADA@example.test', 'to ada@example.test')",
    )
    with systems({KEEP: outside_url}) as made:
        erased(made)
        assert left(made, ADA) == {"shop.people.login": 1}


ODD = {
    "sqlite": ("json", "clob", "", "text COLLATE NOCASE", "decimal(10,2)", "blob"),
    "postgresql": (
        *("mood", "tag", "text[]", "uuid", "inet", "json", "jsonb", "point", "tsvector", "int4range", "money"),
        *("bytea", '"char"', "bit(3)", "interval", "macaddr", "name", "mood[]", "oid", "pair", "char(80)"),
    ),
    "mariadb": (
        *("enum('a','b')", "set('a','b')", "json", "uuid", "inet6", "year", "bit(3)", "point", "time", "longblob"),
        *("varchar(60) CHARACTER SET latin1", "binary(4)", "double", "geometry", "char(60)", "mediumtext"),
    ),
}
TYPES = (
    "CREATE TYPE mood AS ENUM ('sad', 'glad')",
    "CREATE DOMAIN tag AS text CHECK (value <> '')",
    "CREATE TYPE pair AS (one text, other text)",
)


def engine_of(url: str) -> str:
    return {"sqlite": "sqlite", "postgresql+psycopg": "postgresql"}.get(url.split(":")[0], "mariadb")


def test_columns_of_any_type_stop_no_erasure(outside_url: str) -> None:
    engine = engine_of(outside_url)
    if engine == "postgresql":
        run(outside_url, *TYPES)
    columns = ", ".join(f"c{at} {kind}" for at, kind in enumerate(ODD[engine]))
    run(
        outside_url,
        "CREATE TABLE customers (email varchar(60))",
        f"CREATE TABLE odd (id integer primary key, {columns})",
        "INSERT INTO customers VALUES ('ada@example.test')",
        "INSERT INTO odd (id) VALUES (1)",
    )
    text = """
dataset: shop
url_env: SHOP_URL
without_people: {odd: things of many kinds}
tables:
  customers: {rows: delete, fields: {email: {category: user, identity: email}}}
"""
    with systems({text: outside_url}) as made:
        erased(made)
        assert left(made, ADA) == {}
        assert left(made, [Identifier("phone", "+493090182006")]) == {}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("tag", "'ada@example.test'"),
        ("text[]", "ARRAY['bob@example.test', 'Ada@example.test']"),
        ("jsonb", """'{"to": ["ada@example.test"]}'"""),
        ("pair", "ROW('x', 'ada@example.test')"),
        ("char(80)", "'ada@example.test'"),
    ],
)
def test_addresses_are_found_in_texts_of_any_type(postgres_url: str, kind: str, value: str) -> None:
    run(postgres_url, *TYPES, f"CREATE TABLE odd (c {kind})", f"INSERT INTO odd VALUES ({value})")
    run(postgres_url, "CREATE TABLE people (email tag, login text, invoice text)")
    run(postgres_url, "INSERT INTO people VALUES ('ADA@example.test', NULL, NULL)")
    with systems({KEEP.replace("tables:", "without_people: {odd: things}\ntables:"): postgres_url}) as made:
        assert left(made, ADA) == {"shop.odd.c": 1, "shop.people.email": 1}
        erased(made)
    assert rows(postgres_url, "SELECT email FROM people") == [(None,)], "a domain is compared in any letters, too"


NUM = """
dataset: num
url_env: NUM_URL
without_people: {shoes: a catalogue of sizes}
tables:
  users: {rows: delete, fields: {id: {category: user.unique_id, identity: user_id}}}
  notes:
    rows: keep
    fields:
      by: {category: user.unique_id, identity: user_id, erasure: hash}
      about: {category: null}
"""


def test_an_identifier_too_short_to_be_told_by_text_is_looked_for_where_its_kind_stands(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'num.db'}"
    run(
        url,
        "CREATE TABLE users (id integer primary key)",
        "CREATE TABLE shoes (size text)",
        'CREATE TABLE notes ("by" text, about text)',
        "INSERT INTO users VALUES (42), (43)",
        "INSERT INTO shoes VALUES ('42')",
        "INSERT INTO notes VALUES ('42', '42'), ('43', '42')",
    )
    people = [Identifier("user_id", "42")]
    with systems({NUM: url}) as made:
        assert left(made, people) == {"num.users.id": 1, "num.notes.by": 1}
        erased(made, people)
        assert left(made, people) == {}


def test_an_address_names_a_person_however_short_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'num.db'}"
    run(
        url,
        "CREATE TABLE shoes (size text)",
        "INSERT INTO shoes VALUES ('for A@b.de'), ('aa@b.de'), ('a@b.de.example')",
    )
    with systems({NUM: url}) as made:
        assert left(made, [Identifier("email", "a@b.de")]) == {"num.shoes.size": 1}


def test_a_long_number_names_a_person_wherever_it_stands(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'num.db'}"
    run(url, "CREATE TABLE shoes (size text)", "INSERT INTO shoes VALUES ('12345678'), ('1234567890')")
    with systems({NUM: url}) as made:
        assert left(made, [Identifier("user_id", "12345678")]) == {}
        assert left(made, [Identifier("user_id", "1234567890")]) == {"num.shoes.size": 1}


@pytest.mark.parametrize("kind", ["bigint", "numeric(20)", "numeric(20, 2)", "double precision"])
def test_a_long_number_names_a_person_in_columns_of_numbers_too(outside_url: str, kind: str) -> None:
    run(
        outside_url,
        "CREATE TABLE people (email varchar(60), login varchar(60), invoice varchar(60))",
        f"CREATE TABLE calls (small integer, caller {kind}, said varchar(20))",
        "INSERT INTO calls VALUES (1, 493090182006, 'hello'), (2, 1234567890, 'yes'), (1234567890, 493090182007, 'no')",
    )
    described = KEEP.replace("tables:", "without_people: {calls: numbers of machines}\ntables:")
    with systems({described: outside_url}) as made:
        assert left(made, [Identifier("phone", "+493090182006")]) == {"shop.calls.caller": 1}
        assert left(made, [Identifier("user_id", "1234567890")]) == {"shop.calls.caller": 1, "shop.calls.small": 1}


@pytest.mark.parametrize("kind", ["integer", "decimal(9,2)", "datetime", "date", "boolean", "blob", ""])
def test_a_text_is_found_in_a_column_of_sqlite_of_any_type(tmp_path: Path, kind: str) -> None:
    url = f"sqlite:///{tmp_path / 'any.db'}"
    run(
        url,
        "CREATE TABLE people (email varchar(60), login varchar(60), invoice varchar(60))",
        f"CREATE TABLE log (said {kind}, at datetime)",
        "INSERT INTO log VALUES ('by ada@example.test', 'today'), ('by bob@example.test', NULL)",
    )
    described = KEEP.replace("tables:", "without_people: {log: what machines said}\ntables:")
    with systems({described: url}) as made:
        assert left(made, ADA) == {"shop.log.said": 1}


def test_a_telephone_number_is_found_in_any_text_however_it_is_written(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE people (email varchar(60), login varchar(60), invoice varchar(60))",
        "INSERT INTO people VALUES (NULL, 'call +49 (30) 9018-2006 at 8', NULL)",
        "INSERT INTO people VALUES (NULL, 'call +49 30 9018 2007', NULL), (NULL, '9a0b1c8d2e0f0g6', NULL)",
        "INSERT INTO people VALUES (NULL, '+49 30 90182006 12 times', NULL)",
    )
    with systems({KEEP: outside_url}) as made:
        assert left(made, [Identifier("phone", "+493090182006")]) == {"shop.people.login": 2}


def test_rows_of_others_that_carry_a_strong_identifier_of_the_person_are_found(tmp_path: Path) -> None:
    text = """
dataset: shop
url_env: SHOP_URL
tables:
  people:
    rows: keep
    fields:
      email: {category: user.contact.email, identity: email, erasure: "null"}
      phone: {category: user.contact.phone_number, identity: phone, erasure: "null"}
      said: {category: user.content, erasure: "null"}
"""
    url, family = f"sqlite:///{tmp_path / 'shop.db'}", "+4930111222"
    run(
        url,
        "CREATE TABLE people (email text, phone text, said text)",
        f"INSERT INTO people VALUES ('ada@example.test', '{family}', 'hello')",
        f"INSERT INTO people VALUES ('bob@example.test', '{family}', 'ada@example.test is my wife')",
        f"INSERT INTO people VALUES ('bob@example.test', '{family}', 'hello')",
    )
    with systems({text: url}) as made:
        known = reach_of(made, [*ADA, Identifier("phone", family)])
        assert made[0].plan(Kind.ERASURE, known).others == {"people": 2}
        erased(made, known)
        assert left(made, known) == {"shop.people.said": 1}
        assert left(made, [*ADA, Identifier("phone", family)]) == {"shop.people.said": 1}
