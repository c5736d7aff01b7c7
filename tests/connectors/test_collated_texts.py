"""PostgreSQL's columns with a collation of their own, by which letters that are different bytes may count as one.

Such a collation takes a server that is built with ICU. Where this one is not, it is held what one would be asked.
"""

from __future__ import annotations

import sqlalchemy as sa

from registry.connectors.sql.catalogue import Catalogue
from registry.connectors.sql.columns import as_text, exactly
from registry.flows.dsr.linked import reach_of
from tests.outside import ADA, erased, left, rows, run, systems

ANY_CASE = "provider=icu, locale='und-u-ks-level1', deterministic=false"
SHOP = """
dataset: shop
url_env: SHOP_URL
without_people: {sizes: sizes of shoes}
tables:
  customers:
    rows: delete
    fields:
      code: {category: user.unique_id}
      email: {category: user.contact.email, identity: email}
      tags: {category: user}
  orders:
    rows: delete
    fields:
      code: {category: user.unique_id, references: customers.code}
      note: {category: user.content}
"""


def filled(url: str, collation: str) -> None:
    run(
        url,
        f'CREATE DOMAIN address AS text COLLATE "{collation}"',
        f'CREATE TABLE customers (code text COLLATE "{collation}" primary key, email address, '
        f'tags text[] COLLATE "{collation}")',
        f'CREATE TABLE orders (code text COLLATE "{collation}" references customers, note text COLLATE "{collation}")',
        f'CREATE TABLE sizes (size bpchar COLLATE "{collation}")',
        "INSERT INTO customers VALUES ('a1', 'Ada@example.test', '{x}'), ('b1', 'bob@example.test', '{y}')",
        "INSERT INTO orders VALUES ('a1', 'hers'), ('b1', 'bobs')",
        "INSERT INTO sizes VALUES ('42')",
    )


def collation(url: str) -> str:
    """One by which letters count as one, where the server has any; else one of its own all the same."""
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE COLLATION any_case ({ANY_CASE})")
    except sa.exc.NotSupportedError:
        return "POSIX"
    finally:
        engine.dispose()
    return "any_case"


def test_letters_that_count_as_one_are_looked_through(postgres_url: str) -> None:
    used = collation(postgres_url)
    filled(postgres_url, used)
    run(postgres_url, f"INSERT INTO orders VALUES ('{'a1' if used == 'POSIX' else 'A1'}', 'hers, too')")
    with systems({SHOP: postgres_url}) as made:
        known = reach_of(made, ADA)
        assert {row.get("note") for _, row in made[0].export(known)} == {None, "hers", "hers, too"}
        erased(made)
        assert left(made, known) == {}
    assert rows(postgres_url, "SELECT note FROM orders") == [("bobs",)]


def test_a_text_with_a_collation_of_its_own_is_looked_through_by_its_bytes(postgres_url: str) -> None:
    filled(postgres_url, "POSIX")
    with systems({SHOP: postgres_url}) as made:
        known = reach_of(made, ADA)
        erased(made)
        assert left(made, known) == {}
    engine = sa.create_engine(postgres_url)
    with engine.connect() as connection:
        tables = Catalogue(None, ()).tables(connection)
    engine.dispose()
    columns = [column for table in tables.values() for column in table.c]
    assert [str(as_text(one)).count('COLLATE "C"') for one in columns] == [1] * 6
    assert str(exactly(tables["customers"].c.email)).endswith('COLLATE "C"')


def test_several_values_of_a_domain_are_given_out_as_they_stand(postgres_url: str) -> None:
    filled(postgres_url, "POSIX")
    run(postgres_url, "ALTER TABLE customers ALTER tags TYPE address[]")
    with systems({SHOP: postgres_url}) as made:
        [told] = [row["tags"] for table, row in made[0].export(reach_of(made, ADA)) if table == "customers"]
    assert told == "{x}"
