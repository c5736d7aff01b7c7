"""Rows that a database hides, keeps, or takes along by itself: none goes, or stays, without anybody's decision."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
import sqlalchemy as sa

from registry.model.errors import LinkedSystemUnavailable
from tests.outside import ADA, erased, left, rows, run, systems

CUSTOMERS = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id}
      email: {category: user.contact.email, identity: email}
"""
TWO = (
    "CREATE TABLE customers (id integer PRIMARY KEY, email varchar(60))",
    "INSERT INTO customers VALUES (1, 'ada@example.test'), (2, 'bob@example.test')",
)


def refused(text: str, url: str, *more: str) -> list[tuple[str, str]]:
    """The places that block; an erasure changes nothing."""
    with systems({text: url} | dict.fromkeys(more, url)) as made:
        found = made[0].findings()
        assert found
        with pytest.raises(LinkedSystemUnavailable, match="nobody has decided"):
            erased(made)
    return [(one.table, one.reason) for one in found]


def test_rows_about_nobody_do_not_go_with_a_person_whom_they_refer_to(outside_url: str) -> None:
    run(
        outside_url,
        *TWO,
        """CREATE TABLE products (id integer PRIMARY KEY, made_by integer,
        FOREIGN KEY (made_by) REFERENCES customers (id) ON DELETE CASCADE)""",
        "INSERT INTO products VALUES (1, 1), (2, 2)",
    )
    without = CUSTOMERS.replace("tables:", "without_people: {products: a catalogue}\ntables:")
    [(table, reason)] = refused(without, outside_url)
    assert table == "products"
    assert "take these along" in reason
    described = f"""{CUSTOMERS}
  products:
    rows: keep
    fields:
      id: {{category: null}}
      made_by: {{category: user.unique_id, mentions: customers.id, erasure: "null"}}
"""
    with systems({described: outside_url}) as made:
        erased(made)
    assert rows(outside_url, "SELECT id, made_by FROM products ORDER BY id") == [(1, None), (2, 2)]


def test_rows_of_another_schema_do_not_go_unseen_with_those_that_they_refer_to(postgres_url: str) -> None:
    run(
        postgres_url,
        *TWO,
        "CREATE SCHEMA crm",
        "CREATE TABLE crm.notes (id integer PRIMARY KEY, customer integer REFERENCES customers (id) ON DELETE CASCADE)",
        "INSERT INTO crm.notes VALUES (7, 1), (8, 2)",
    )
    [(schema, _), (table, reason)] = refused(CUSTOMERS, postgres_url)
    assert (schema, table, reason.partition(" ")[0]) == ("crm.*", "customers", "crm.notes")
    notes = """
dataset: crm
url_env: SHOP_URL
schema: crm
tables:
  notes:
    rows: delete
    fields:
      id: {category: null}
      customer: {category: user.unique_id, references: shop.customers.id}
"""
    with systems({notes: postgres_url, CUSTOMERS: postgres_url}) as made:
        assert [one.findings() for one in made] == [[], []]
        erased(made)
    assert rows(postgres_url, "SELECT id FROM crm.notes") == [(8,)]


def test_what_a_trigger_keeps_in_another_schema_goes_too_or_stays_by_decision(postgres_url: str) -> None:
    run(
        postgres_url,
        *TWO,
        "CREATE SCHEMA empty",
        "CREATE SCHEMA audit",
        "CREATE TABLE audit.log (id serial PRIMARY KEY, customer integer, told text)",
        """CREATE FUNCTION audit.keep() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO audit.log (customer, told) VALUES (old.id, old.email); RETURN old; END $$""",
        "CREATE TRIGGER keeps AFTER DELETE ON customers FOR EACH ROW EXECUTE FUNCTION audit.keep()",
    )
    [(schema, _)] = refused(CUSTOMERS, postgres_url)
    assert schema == "audit.*", "a schema without tables asks for nothing"
    guessed = CUSTOMERS.replace("tables:", "without_people: {audit.*: {reason: a guess, guess: true}}\ntables:")
    refused(guessed, postgres_url)
    log = """
dataset: trail
url_env: SHOP_URL
schema: audit
tables:
  log:
    rows: delete
    fields:
      id: {category: null}
      customer: {category: user.unique_id, references: shop.customers.id}
      told: {category: user.contact.email, identity: email}
"""
    with systems({CUSTOMERS: postgres_url, log: postgres_url}) as made:
        assert [one.findings() for one in made] == [[], []]
        erased(made)
        assert left(made, ADA) == {}
        run(postgres_url, "CREATE SCHEMA archive", "CREATE TABLE archive.customers AS SELECT * FROM customers")
        assert {one.table for system in made for one in system.findings()} == {"archive.*"}
    assert rows(postgres_url, "SELECT told FROM audit.log") == []
    without = CUSTOMERS.replace(
        "tables:", "without_people: {audit.*: a trail of keys alone, archive.*: emptied each night}\ntables:"
    )
    with systems({without: postgres_url}) as made:
        assert made[0].findings() == []


def test_a_table_of_another_database_is_a_table_that_somebody_decides_on(postgres_url: str) -> None:
    run(
        postgres_url,
        *TWO,
        "CREATE EXTENSION postgres_fdw",
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw",
        "CREATE FOREIGN TABLE newsletter (email varchar(60)) SERVER elsewhere",
    )
    with systems({CUSTOMERS: postgres_url}) as made:
        assert [one[:2] for one in made[0].findings()] == [("newsletter", "email")]
        run(postgres_url, "DROP FOREIGN TABLE newsletter")
        assert made[0].findings() == []


def test_a_table_that_keeps_what_its_rows_were_blocks_an_erasure(mariadb_url: str) -> None:
    run(mariadb_url, *TWO)
    with systems({CUSTOMERS: mariadb_url}) as made:
        assert made[0].findings() == []
        run(mariadb_url, "ALTER TABLE customers ADD SYSTEM VERSIONING")
        assert [one[:2] for one in made[0].findings()] == [("customers", "every field")]
    [(_, reason)] = refused(CUSTOMERS, mariadb_url)
    assert "versions" in reason
    run(mariadb_url, "ALTER TABLE customers DROP SYSTEM VERSIONING")
    with systems({CUSTOMERS: mariadb_url}) as made:
        erased(made)


@pytest.mark.parametrize("over", ["customers", "recent"])
def test_a_view_of_a_table_that_keeps_what_its_rows_were_blocks_an_erasure(mariadb_url: str, over: str) -> None:
    run(
        mariadb_url,
        *TWO,
        "CREATE VIEW recent AS SELECT * FROM customers",
        f"CREATE VIEW shoppers AS SELECT * FROM {over}",
    )
    viewed = CUSTOMERS.replace("  customers:\n", "  shoppers:\n") + "without_people: {customers: read by the view}\n"
    with systems({viewed: mariadb_url}) as made:
        assert made[0].findings() == []
        run(mariadb_url, "ALTER TABLE customers ADD SYSTEM VERSIONING")
        assert [one[:2] for one in made[0].findings()] == [("shoppers", "every field")]


@pytest.fixture
def reader(postgres_url: str) -> Iterator[str]:
    """A user whom row security shows one tenant's rows of customers."""
    name = f"reader_{uuid4().hex}"
    run(
        postgres_url,
        *TWO,
        "INSERT INTO customers VALUES (3, 'ada@example.test')",
        "ALTER TABLE customers ENABLE ROW LEVEL SECURITY",
        f"CREATE ROLE {name} LOGIN",
        f"GRANT ALL ON customers TO {name}",
        f"CREATE POLICY own_rows ON customers TO {name} USING (id < 3)",
    )
    yield str(sa.make_url(postgres_url).set(username=name))
    run(postgres_url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.mark.parametrize("way", ["policy", "bypass", "off"])
def test_rows_that_row_security_hides_are_not_taken_for_gone(postgres_url: str, reader: str, way: str) -> None:
    assert [table for table, _ in refused(CUSTOMERS, reader)] == ["customers"]
    name = sa.make_url(reader).username
    match way:
        case "policy":
            run(postgres_url, f"CREATE POLICY every_row ON customers TO {name} USING (true)")
        case "bypass":
            run(postgres_url, f"ALTER ROLE {name} BYPASSRLS")
        case _:
            run(postgres_url, "ALTER TABLE customers DISABLE ROW LEVEL SECURITY")
    with systems({CUSTOMERS: reader}) as made:
        assert made[0].findings() == []
        erased(made)
        assert left(made, ADA) == {}
        run(postgres_url, f"CREATE POLICY fewer ON customers AS RESTRICTIVE TO {name} USING (id < 3)")
        assert bool(made[0].findings()) is (way == "policy")
    assert rows(postgres_url, "SELECT id FROM customers") == [(2,)]


def test_a_key_that_is_filled_up_with_spaces_leads_where_it_is_written_without(postgres_url: str) -> None:
    run(
        postgres_url,
        "CREATE TABLE customers (id char(10) PRIMARY KEY, email char(60))",
        "CREATE TABLE orders (customer varchar(10), note text)",
        "INSERT INTO customers VALUES ('A1', 'ada@example.test'), ('B2', 'bob@example.test')",
        "INSERT INTO orders VALUES ('A1', 'hers'), ('B2', 'his')",
    )
    text = f"""{CUSTOMERS}
  orders:
    rows: delete
    fields: {{customer: {{category: user, references: customers.id}}, note: {{category: user}}}}
"""
    with systems({text: postgres_url}) as made:
        erased(made)
    assert rows(postgres_url, "SELECT note FROM orders") == [("his",)]


KEYS = [
    ("numeric(10,2)", "integer", "7"), ("integer", "numeric(10,2)", "7"),
    ("date", "date", "'2026-02-28'"), ("varchar(9)", "varchar(9)", "'A 1'"),
]  # fmt: skip
OF_POSTGRESQL = [
    ("inet", "inet", "'10.0.0.1'"), ("macaddr", "macaddr", "'08:00:2b:01:02:03'"), ("time", "time", "'10:00'"),
    ("uuid", "text", "'11111111-1111-1111-1111-111111111111'"),
]  # fmt: skip


def _leads(url: str, key: str, refers: str, value: str) -> None:
    run(
        url,
        f"CREATE TABLE customers (id {key} PRIMARY KEY, email varchar(60))",
        f"CREATE TABLE orders (customer {refers}, note varchar(9))",
        f"INSERT INTO customers VALUES ({value}, 'ada@example.test')",
        f"INSERT INTO orders VALUES ({value}, 'hers'), (NULL, 'nobody')",
    )
    text = f"""{CUSTOMERS}
  orders:
    rows: delete
    fields: {{customer: {{category: user, references: customers.id}}, note: {{category: user}}}}
"""
    with systems({text: url}) as made:
        assert made[0].findings() == []
        erased(made)
    assert rows(url, "SELECT note FROM orders") == [("nobody",)]


@pytest.mark.parametrize(("key", "refers", "value"), KEYS)
def test_a_key_leads_on_whatever_its_type(outside_url: str, key: str, refers: str, value: str) -> None:
    _leads(outside_url, key, refers, value)


@pytest.mark.parametrize(("key", "refers", "value"), OF_POSTGRESQL)
def test_a_key_of_a_type_of_postgresql_leads_on(postgres_url: str, key: str, refers: str, value: str) -> None:
    _leads(postgres_url, key, refers, value)


def test_a_key_leads_on_though_a_part_of_it_is_true_or_false(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE customers (company boolean, id integer, email varchar(60), PRIMARY KEY (company, id))",
        "CREATE TABLE orders (company boolean, customer integer, note varchar(9))",
        "INSERT INTO customers VALUES (true, 1, 'ada@example.test'), (false, 1, 'bob@example.test')",
        "INSERT INTO orders VALUES (true, 1, 'hers'), (false, 1, 'his')",
    )
    text = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields: {company: {category: user}, id: {category: user}, email: {category: user.contact.email, identity: email}}
  orders:
    rows: delete
    references: [{fields: [company, customer], to: customers, at: [company, id]}]
    fields: {company: {category: user}, customer: {category: user}, note: {category: user}}
"""
    with systems({text: outside_url}) as made:
        erased(made)
    assert rows(outside_url, "SELECT note FROM orders") == [("his",)]


@pytest.mark.parametrize(("kind", "value"), [("integer[]", "'{1,2}'"), ("jsonb", "'[1]'"), ("interval", "'1 day'")])
def test_a_reference_by_a_column_that_holds_no_key_is_refused(postgres_url: str, kind: str, value: str) -> None:
    run(postgres_url, *TWO, f"CREATE TABLE orders (customer {kind})", f"INSERT INTO orders VALUES ({value})")
    text = f"""{CUSTOMERS}
  orders: {{rows: delete, fields: {{customer: {{category: user, references: customers.id}}}}}}
"""
    [(table, reason)] = refused(text, postgres_url)
    assert table == "orders"
    assert reason.startswith("nothing refers by")


MANY = 10_050
"""More values than one statement takes."""


def test_rows_that_very_many_values_lead_to_in_two_ways_are_each_found_once(outside_url: str) -> None:
    run(outside_url, *TWO, "CREATE TABLE orders (id integer PRIMARY KEY, customer integer)",
        "CREATE TABLE payments (id integer PRIMARY KEY, order_id integer, payer varchar(60))")  # fmt: skip
    engine = sa.create_engine(outside_url)
    with engine.begin() as connection:
        metadata = sa.MetaData()
        metadata.reflect(connection)
        every = [{"id": n, "customer": 1} for n in range(MANY)] + [{"id": MANY, "customer": 2}]
        connection.execute(sa.insert(metadata.tables["orders"]), every)
        paid = [{"id": n, "order_id": n, "payer": "ada@example.test" if n % 2 else None} for n in range(MANY + 1)]
        paid[-1] |= {"payer": "bob@example.test"}
        connection.execute(sa.insert(metadata.tables["payments"]), paid)
    engine.dispose()
    text = f"""{CUSTOMERS}
  orders:
    rows: delete
    fields: {{id: {{category: user}}, customer: {{category: user, references: customers.id}}}}
  payments:
    rows: delete
    fields:
      id: {{category: user}}
      order_id: {{category: user, references: orders.id}}
      payer: {{category: user.contact.email, identity: email}}
"""
    with systems({text: outside_url}) as made:
        told = {account.table: account.rows for account in erased(made)}
        assert told == {"customers": 1, "orders": MANY, "payments": MANY}
    assert rows(outside_url, "SELECT id, payer FROM payments") == [(MANY, "bob@example.test")]
