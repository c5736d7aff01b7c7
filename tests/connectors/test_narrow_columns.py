"""What takes a value's place in columns that are narrow, or that hold a number near the one that was written."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from registry.connectors.sql.stand_ins import in_form
from tests.outside import ADA, erased, left, rows, run, systems

SIZES = """
dataset: shop
url_env: SHOP_URL
tables:
  sizes:
    rows: keep
    fields:
      email: {{category: user.contact.email, identity: email, erasure: {how}}}
      waist: {{category: user.health, erasure: {how}}}
      height: {{category: user.health, erasure: {how}}}
"""
CODES = """
dataset: shop
url_env: SHOP_URL
tables:
  members:
    rows: keep
    fields:
      email: {category: user.contact.email, identity: email, erasure: "null"}
      code: {category: user.unique_id, erasure: hash}
  cards:
    rows: keep
    fields:
      email: {category: user.contact.email, identity: email, erasure: "null"}
      code: {category: user.unique_id, erasure: hash}
"""


@pytest.mark.parametrize("key", ["", "id integer primary key, "])
@pytest.mark.parametrize("how", ["mask", "hash"])
def test_numbers_with_a_point_are_changed_in_tables_with_and_without_a_key(
    outside_url: str, how: str, key: str
) -> None:
    single = "real" if "mariadb" not in outside_url else "float"
    at = "2, " if key else ""
    run(
        outside_url,
        f"CREATE TABLE sizes ({key}email varchar(60), waist {single}, height double precision)",
        f"INSERT INTO sizes VALUES ({at.replace('2', '1')}'ada@example.test', 81.1, 170.123456789)",
        f"INSERT INTO sizes VALUES ({at}'ada@example.test', 1.2345678, NULL)",
        f"INSERT INTO sizes VALUES ({at.replace('2', '3')}'bob@example.test', 81.1, 170.123456789)",
    )
    text = SIZES.format(how=how)
    if key:
        text = text.replace("    fields:\n", "    fields:\n      id: {category: null}\n")
    with systems({text: outside_url}) as made:
        assert made[0].findings() == []
        erased(made)
        assert left(made, ADA) == {}
    found = rows(outside_url, "SELECT waist, height, email FROM sizes")
    [bobs] = [row for row in found if row[2] == "bob@example.test"]
    assert bobs[:2] == (pytest.approx(81.1), pytest.approx(170.123456789))
    assert [row for row in found if row != bobs and row[1] == bobs[1]] == []
    assert len(found) == 3


@pytest.mark.parametrize("how", ["mask", "hash"])
@pytest.mark.parametrize(
    ("kind", "most"),
    [("tinyint", 127), ("tinyint unsigned", 255), ("smallint", 32767), ("mediumint", 8388607), ("bigint", 2**63 - 1)],
)
def test_a_whole_number_fits_into_a_narrow_column(mariadb_url: str, how: str, kind: str, most: int) -> None:
    run(
        mariadb_url,
        f"CREATE TABLE sizes (email varchar(60), waist {kind}, height {kind})",
        *(f"INSERT INTO sizes VALUES ('ada@example.test', {most}, {most})" for _ in range(20)),
    )
    with systems({SIZES.format(how=how): mariadb_url}) as made:
        erased(made)
        assert left(made, ADA) == {}


def test_a_number_with_a_point_that_stands_once_gets_one_that_stands_nowhere(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE sizes (id integer primary key, email varchar(60), waist double precision unique, height real)",
        "INSERT INTO sizes VALUES (1, 'ada@example.test', 81.25, 170.5), (2, 'bob@example.test', 82.5, 170.5)",
    )
    text = SIZES.format(how="mask").replace("    fields:\n", "    fields:\n      id: {category: null}\n")
    with systems({text: outside_url}) as made:
        erased(made)
    [[waist]] = rows(outside_url, "SELECT waist FROM sizes WHERE id = 1")
    assert waist not in (81.25, 82.5)


def test_a_number_keeps_its_form_where_a_program_is_told_its_text() -> None:
    made = in_form("-170.25", sa.Column("height", sa.Float))
    assert made < -99
    assert len(str(made)) <= 7
    assert isinstance(in_form("Infinity", sa.Column("height", sa.Float)), float)


def test_one_value_has_one_stand_in_in_columns_of_any_length(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE members (email varchar(60), code varchar(64))",
        "CREATE TABLE cards (email varchar(60), code varchar(12))",
        "INSERT INTO members VALUES ('ada@example.test', 'C-123')",
        "INSERT INTO cards VALUES ('ada@example.test', 'C-123')",
    )
    with systems({CODES: outside_url}) as made:
        erased(made)
    [[long]], [[short]] = rows(outside_url, "SELECT code FROM members"), rows(outside_url, "SELECT code FROM cards")
    assert (len(long), len(short), long[:12]) == (32, 12, short)
