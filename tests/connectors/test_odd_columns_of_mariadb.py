"""What MariaDB shows in ways that a library does not read, or that no row is found again by."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from registry.connectors.sql.catalogue import Catalogue
from registry.connectors.sql.columns import CHARSET
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
      "code (short)": {category: user.unique_id, identity: user_id}
      email: {category: user.contact.email, identity: email}
  orders:
    rows: delete
    references: [{fields: ["of (short)"], to: customers, at: ["code (short)"]}]
    fields:
      "of (short)": {category: user.unique_id}
      note: {category: user.content}
"""
KEPT = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: keep
    fields:
      code: {category: null}
      email: {category: user.contact.email, identity: email, erasure: "null"}
"""


def test_a_reference_whose_columns_have_a_bracket_in_the_name_leads_on_in_other_letters(mariadb_url: str) -> None:
    run(
        mariadb_url,
        "CREATE TABLE customers (`code (short)` varchar(20) PRIMARY KEY, email varchar(60))",
        "CREATE TABLE orders (`of (short)` varchar(20), note text, "
        "FOREIGN KEY (`of (short)`) REFERENCES customers (`code (short)`) ON DELETE CASCADE)",
        "INSERT INTO customers VALUES ('a1', 'ada@example.test'), ('b2', 'bob@example.test')",
        "INSERT INTO orders VALUES ('A1', 'of ada'), ('B2', 'of bob')",
    )
    with systems({SHOP: mariadb_url}) as made:
        assert made[0].findings() == []
        given = made[0].export([*ADA, *reach_of(made, ADA)])
        assert [row["note"] for table, row in given if table == "orders"] == ["of ada"]
        erased(made)
        assert left(made, [*ADA, Identifier("user_id", "a1")]) == {}
    assert rows(mariadb_url, "SELECT note FROM orders") == [("of bob",)]


@pytest.mark.parametrize(("kind", "value"), [("SET('a', 'b')", "'a,b'"), ("float", "1.1")])
def test_a_key_that_no_row_is_found_again_by_is_found_before_anything_is_changed(
    mariadb_url: str, kind: str, value: str
) -> None:
    run(
        mariadb_url,
        f"CREATE TABLE customers (code {kind} PRIMARY KEY, email varchar(60))",
        f"INSERT INTO customers VALUES ({value}, 'ada@example.test')",
    )
    with systems({KEPT: mariadb_url}) as made:
        [finding] = made[0].findings()
        assert finding.field == "code"
        assert "no row is found again" in finding.reason
    with systems({KEPT.replace("rows: keep", "rows: delete").replace(', erasure: "null"', ""): mariadb_url}) as made:
        assert made[0].findings() == []
        erased(made)
    assert rows(mariadb_url, "SELECT * FROM customers") == []


def test_another_character_set_is_seen_while_a_server_runs(mariadb_url: str) -> None:
    run(mariadb_url, "CREATE TABLE customers (code int PRIMARY KEY, email varchar(60) CHARACTER SET utf8mb4)")
    catalogue, engine = Catalogue(None, ()), sa.create_engine(mariadb_url)
    with engine.connect() as connection:
        assert CHARSET not in catalogue.tables(connection)["customers"].c.email.info
    run(mariadb_url, "ALTER TABLE customers MODIFY email varchar(60) CHARACTER SET latin1")
    with engine.connect() as connection:
        assert catalogue.tables(connection)["customers"].c.email.info[CHARSET] == "latin1"
    engine.dispose()


@pytest.mark.parametrize("name", ["e\nmail", "e``mail"])
def test_a_column_that_a_library_does_not_read_is_a_finding_and_nothing_is_erased(mariadb_url: str, name: str) -> None:
    run(
        mariadb_url,
        f"CREATE TABLE customers (code int PRIMARY KEY, email varchar(60), `{name}` varchar(60) UNIQUE)",
        f"CREATE TABLE machines (code int PRIMARY KEY, `{name}` varchar(60) REFERENCES customers (`{name}`))",
        f"CREATE TABLE tools (code int PRIMARY KEY, it varchar(60) REFERENCES customers (`{name}`))",
        "INSERT INTO customers VALUES (1, 'ada@example.test', 'ada@example.test')",
    )
    with systems({KEPT + "without_people: {machines: of metal, tools: of metal}\n": mariadb_url}) as made:
        found = {(one.table, one.field) for one in made[0].findings() if "nothing here reads it" in one.reason}
        assert found == {(table, name.replace("``", "`")) for table in ("customers", "machines")}
        with pytest.raises(LinkedSystemUnavailable, match="nobody has decided"):
            erased(made)
