"""A description held against its database, on SQLite, PostgreSQL and MariaDB: what cannot be right blocks."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from registry.connectors.sql.scaffold import scaffold
from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier
from tests.outside import ADA, dataset, erased, left, rows, run, systems


def described(tables: str) -> str:
    return f"dataset: shop\nurl_env: SHOP_URL\ntables:\n{tables}"


CUSTOMERS = """
  customers: {rows: delete, fields: {id: {category: user}, email: {category: user, identity: email}}}
"""
MADE = (
    "CREATE TABLE customers (id integer primary key, email varchar(60))",
    "INSERT INTO customers VALUES (1, 'ada@example.test'), (2, 'bob@example.test'), (3, 'cid@example.test')",
)


def test_a_table_that_no_path_from_a_person_leads_to_blocks(outside_url: str) -> None:
    """Its rows would never be found, and the certificate would say that none were there."""
    run(outside_url, *MADE, "CREATE TABLE floating (customer_no integer, birthday date, diary varchar(60))")
    run(outside_url, "CREATE TABLE pages (diary varchar(60), page varchar(60))")
    text = described(
        CUSTOMERS
        + """
  floating:
    rows: delete
    fields: {customer_no: {category: user}, birthday: {category: user}, diary: {category: user}}
  pages: {rows: delete, fields: {diary: {category: user, references: floating.diary}, page: {category: user}}}
"""
    )
    with systems({text: outside_url}) as made:
        told = {one.table: one.reason for one in made[0].findings()}
        assert set(told) == {"floating", "pages"}, "what only leads on from there is not reached either"
        assert "no path from a person leads here" in told["floating"]
        assert made[0].plan(Kind.ERASURE, ADA).undecided == [("floating", "every field"), ("pages", "every field")]
        with pytest.raises(LinkedSystemUnavailable, match="nobody has decided on"):
            erased(made)
    led = text.replace("customer_no: {category: user}", "customer_no: {category: user, references: customers.id}")
    with systems({led: outside_url}) as made:
        assert made[0].findings() == []
    nobody = described(
        CUSTOMERS
        + """
  floating:
    rows: keep
    fields: {customer_no: {category: null}, birthday: {category: null}, diary: {category: null}}
"""
    ).replace("tables:", "without_people: {pages: empty pages}\ntables:", 1)
    with systems({nobody: outside_url}) as made:
        assert made[0].findings() == [], "each field is said to be about nobody"


def test_tables_of_two_databases_that_only_lead_to_each_other_are_not_reached(outside_url: str) -> None:
    run(outside_url, *MADE, "CREATE TABLE a (id integer)", "CREATE TABLE b (id integer)")
    text = described(CUSTOMERS + "\n  a: {rows: delete, fields: {id: {category: user, references: other.b.id}}}")
    text = text.replace("tables:", "without_people: {b: of the other one}\ntables:", 1)
    other = "dataset: other\nurl_env: O\nwithout_people: {a: of the shop, customers: of the shop}\ntables:\n"
    other += "  b: {rows: delete, fields: {id: {category: user, references: shop.a.id}}}"
    with systems({text: outside_url, other: outside_url}) as made:
        assert [[one.table for one in system.findings()] for system in made] == [["a"], ["b"]]


SHOPS = (
    "CREATE TABLE customers (id integer primary key, email varchar(60))",
    "INSERT INTO customers VALUES (1, 'ada@example.test'), (2, 'bob@example.test')",
    (
        "CREATE TABLE order_items (shop integer, order_id integer, sku integer, customer integer, name varchar(9), "
        "PRIMARY KEY (shop, order_id, sku), FOREIGN KEY (customer) REFERENCES customers (id))"
    ),
    (
        "CREATE TABLE item_notes (id integer primary key, shop integer, order_id integer, sku integer, "
        "diary varchar(9), FOREIGN KEY (shop, order_id, sku) REFERENCES order_items (shop, order_id, sku))"
    ),
    "INSERT INTO order_items VALUES (1, 10, 5, 1, 'x'), (1, 11, 5, 2, 'x')",
    "INSERT INTO item_notes VALUES (1, 1, 10, 5, 'hers'), (2, 1, 11, 5, 'his')",
)


def confirmed(url: str) -> str:
    """What scaffold guesses, as somebody has it who only removes what says that it is a guess."""
    guessed = scaffold(url, "shop", "SHOP_URL")
    for table in guessed["tables"].values():
        for field in table["fields"].values():
            del field["guess"]
            if "ground" in field:
                field["ground"] = "GDPR Art. 17(3)(b): bookkeeping"
    return str(yaml.safe_dump(guessed))


def test_a_reference_over_several_fields_is_guessed_as_one(outside_url: str) -> None:
    run(outside_url, *SHOPS)
    text = confirmed(outside_url)
    [link] = dataset(text).tables["item_notes"].links
    assert (link.fields, link.to.fields) == (("shop", "order_id", "sku"),) * 2
    with systems({text: outside_url}) as made:
        assert made[0].findings() == []
        accounts = made[0].plan(Kind.ACCESS, reach_of(made, ADA)).accounts
    assert {one.rows for one in accounts if one.table == "item_notes"} == {1}


def test_a_reference_by_a_part_of_a_key_blocks_since_others_share_it(outside_url: str) -> None:
    run(outside_url, *SHOPS, "CREATE TABLE parcels (shop integer, order_id integer)")
    text = described("""
  customers: {rows: delete, fields: {id: {category: user}, email: {category: user, identity: email}}}
  order_items:
    rows: delete
    fields: {shop: {category: null}, order_id: {category: user}, sku: {category: null}, name: {category: user},
             customer: {category: user, references: customers.id}}
  item_notes:
    rows: delete
    fields: {id: {category: user}, shop: {category: null, references: order_items.shop}, diary: {category: user},
             order_id: {category: user}, sku: {category: null, references: order_items.sku}}
  parcels:
    rows: delete
    references: [{fields: [shop, order_id], to: order_items, at: [shop, order_id]}]
    fields: {shop: {category: null}, order_id: {category: user}}
""")
    with systems({text: outside_url}) as made:
        found = {(one.table, one.field): one.reason for one in made[0].findings()}
    assert set(found) == {("item_notes", "shop"), ("item_notes", "sku"), ("parcels", "shop, order_id")}
    assert "(shop, order_id, sku), which others share" in found["item_notes", "sku"]


def test_a_reference_by_a_part_of_a_key_of_another_database_blocks_too(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE members (team integer, usr integer, email varchar(60), PRIMARY KEY (team, usr))",
        "CREATE TABLE docs (id integer primary key, team integer)",
        "CREATE TABLE seats (team integer primary key)",
    )
    shop = described("""
  members:
    rows: delete
    fields: {team: {category: null}, usr: {category: null}, email: {category: user, identity: email}}
""")
    desk = """
dataset: desk
url_env: DESK_URL
tables:
  docs: {rows: delete, fields: {id: {category: null}, team: {category: user, references: shop.members.team}}}
  seats: {rows: delete, fields: {team: {category: user, references: shop.members.team}}}
"""
    with systems({desk: outside_url, shop: outside_url}) as made:
        found = {one.table: one.reason for one in made[0].findings() if "others share" in one.reason}
    assert set(found) == {"docs"}, "a row of seats leads to one team"
    assert "a part of members (team, usr)" in found["docs"]


def test_a_table_between_two_others_leads_by_a_part_of_its_key(outside_url: str) -> None:
    run(
        outside_url,
        *MADE,
        "CREATE TABLE addresses (id integer primary key, street varchar(60))",
        "CREATE TABLE lives (customer integer, address integer, PRIMARY KEY (customer, address), "
        "FOREIGN KEY (customer) REFERENCES customers (id), FOREIGN KEY (address) REFERENCES addresses (id))",
    )
    text = described(
        CUSTOMERS
        + """
  lives:
    rows: delete
    fields: {customer: {category: user, references: customers.id}, address: {category: user}}
  addresses:
    rows: delete
    fields: {id: {category: user, references: lives.address}, street: {category: user}}
"""
    )
    with systems({text: outside_url}) as made:
        assert [one for one in made[0].findings() if one.table == "addresses"] == []


def kept(field: str, extra: str = "") -> str:
    return (
        described(f"""
  people:
    rows: keep
    fields:
      id: {{category: null}}
      email: {{category: user.contact.email, identity: email, erasure: mask}}
      v: {{category: user, {field}}}
""")
        + extra
    )


REFUSED = {
    "mariadb": [
        ("set('a','b')", "'a,b'", "certain values", "a,b"),
        ("year", "1990", "no random value is known for the type YEAR", "1970"),
        ("bit(8)", "b'101'", "no random value is known for the type BIT", None),
        ("inet4", "'10.0.0.1'", "no random value is known for the type that this driver", "240.0.0.1"),
    ],
    "postgresql": [
        ("int4range", "'[1,5]'", "no random value is known for the type INT4RANGE", None),
        ("macaddr", "'08:00:2b:01:02:03'", "no random value is known for the type MACADDR", "02:00:00:00:00:00"),
        ("integer GENERATED ALWAYS AS (id + 1) STORED", "DEFAULT", "the database itself writes it", None),
        ("date UNIQUE", "'1990-01-01'", "no value may stand twice there", None),
    ],
    "sqlite": [
        ("date UNIQUE", "'1990-01-01'", "no value may stand twice there", None),
    ],
}
METHODS = [
    (engine, *case, method) for engine, cases in REFUSED.items() for case in cases for method in ("hash", "mask")
]


@pytest.mark.parametrize(("engine", "kind", "written", "reason", "text", "method"), METHODS)
def test_a_method_that_a_column_does_not_take_is_refused_and_another_one_works(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str, kind: str, written: str, reason: str,
    text: str | None, method: str,
) -> None:  # fmt: skip
    url = f"sqlite:///{tmp_path / 'one.db'}" if engine == "sqlite" else ""
    url = url or str(request.getfixturevalue("postgres_url" if engine == "postgresql" else "mariadb_url"))
    run(url, f"CREATE TABLE people (id integer primary key, email varchar(60), v {kind})",
        f"INSERT INTO people VALUES (1, 'ada@example.test', {written})")  # fmt: skip
    with systems({kept(f"erasure: {method}"): url}) as made:
        [found] = made[0].findings()
        assert found[:2] == ("people", "v")
        assert reason in found.reason
    if "GENERATED" in kind:
        return
    with systems({kept(f"erasure: mask, mask: '{text}'" if text else 'erasure: "null"'): url}) as made:
        assert made[0].findings() == []
        erased(made)
    shown = "CAST(v AS char(40))" if engine == "mariadb" else "CAST(v AS text)"
    assert rows(url, f"SELECT {shown} FROM people") == [(text,)]


def test_another_value_of_a_key_that_others_hold_is_refused_on_either_side(outside_url: str) -> None:
    run(outside_url, *MADE, "CREATE TABLE orders (id integer primary key, customer integer NOT NULL, "
        "FOREIGN KEY (customer) REFERENCES customers (id))", "INSERT INTO orders VALUES (1, 1)")  # fmt: skip
    text = described("""
  customers:
    rows: keep
    fields: {id: {category: user, erasure: ID}, email: {category: user, identity: email, erasure: mask}}
  orders:
    rows: keep
    fields: {id: {category: null}, customer: {category: user, references: customers.id, erasure: CUSTOMER}}
""")
    ground = "keep, ground: GDPR Art. 17(3)(b)"
    with systems({text.replace("ID", "hash", 1).replace("CUSTOMER", "hash"): outside_url}) as made:
        found = {(one.table, one.field): one.reason for one in made[0].findings()}
        assert "orders refers to it" in found["customers", "id"]
        assert "where no row has another value" in found["orders", "customer"]
    with systems({text.replace("ID", ground, 1).replace("CUSTOMER", ground): outside_url}) as made:
        assert made[0].findings() == []
        erased(made)
    guessed = scaffold(outside_url, "shop", "SHOP_URL")["tables"]
    assert guessed["orders"]["fields"]["customer"]["erasure"] == "keep"
    for table in guessed.values():
        for field in table["fields"].values():
            del field["guess"]
    whole = {"dataset": "shop", "url_env": "SHOP_URL", "tables": guessed}
    with systems({str(yaml.safe_dump(whole)): outside_url}) as made:
        assert {one.reason for one in made[0].findings()} == {"a guess that nobody has confirmed"}, "its ground is one"


def test_an_identity_in_a_column_that_holds_no_identifiers_blocks_and_the_plan_is_there(outside_url: str) -> None:
    blob = "bytea" if outside_url.startswith("postgresql") else "blob"
    run(outside_url, f"CREATE TABLE people (id integer primary key, v {blob}, born date)")
    text = described("""
  people:
    rows: delete
    fields:
      id: {category: user}
      v: {category: user, identity: email}
      born: {category: user, identity: birthday}
""")
    with systems({text: outside_url}) as made:
        assert {one.field for one in made[0].findings()} == {"v", "born"}
        planned = made[0].plan(Kind.ERASURE, [*ADA, Identifier("birthday", "in spring")])
    assert planned.undecided == [("people", "born"), ("people", "v")]


def test_what_fails_all_the_same_names_its_column_and_no_value(outside_url: str) -> None:
    run(outside_url, "CREATE TABLE people (id integer)")
    for columns in ("id integer primary key, ", ""):
        run(outside_url, "DROP TABLE people")
        run(outside_url, f"CREATE TABLE people ({columns}email varchar(60), v varchar(20), CHECK (v <> 'b'))")
        first, field = ("1, ", "id: {category: null}") if columns else ("", "")
        run(outside_url, f"INSERT INTO people VALUES ({first}'ada@example.test', 'a')")
        text = kept("erasure: mask, mask: b").replace("id: {category: null}", field)
        with systems({text: outside_url}) as made:
            assert made[0].findings() == []
            with pytest.raises(LinkedSystemUnavailable) as refused:
                erased(made)
        assert refused.value.detail.startswith("shop.people.v: ")
        assert rows(outside_url, "SELECT v FROM people") == [("a",)]


def test_rows_of_a_table_that_inherits_go_with_either(postgres_url: str) -> None:
    run(
        postgres_url,
        "CREATE TABLE people (id integer, email varchar(60))",
        "CREATE TABLE staff (room integer) INHERITS (people)",
        "INSERT INTO staff VALUES (1, 'ada@example.test', 7), (2, 'bob@example.test', 8)",
        "INSERT INTO people VALUES (3, 'ada@example.test')",
    )
    text = described("""
  people: {rows: delete, fields: {id: {category: user}, email: {category: user, identity: email}}}
  staff:
    rows: delete
    fields: {id: {category: user}, email: {category: user, identity: email}, room: {category: user}}
""")
    with systems({text: postgres_url}) as made:
        erased(made)
        assert left(made, ADA) == {}
    assert rows(postgres_url, "SELECT id FROM people") == [(2,)]


@pytest.mark.parametrize(
    ("how", "email", "boss"),
    [("delete", "", "category: user, mentions: people.id"), ("keep", ", erasure: mask", "category: null")],
)
def test_a_key_of_a_table_is_none_of_those_that_inherit_from_it(
    postgres_url: str, how: str, email: str, boss: str
) -> None:
    run(
        postgres_url,
        "CREATE TABLE people (id integer primary key, email varchar(60), boss integer REFERENCES people (id))",
        "CREATE TABLE staff (PRIMARY KEY (id)) INHERITS (people)",
        "INSERT INTO people VALUES (1, 'ada@example.test')",
        "INSERT INTO staff VALUES (1, 'bob@example.test')",
    )
    fields = f"id: {{category: null}}, email: {{category: user, identity: email{email}}}, boss: {{{boss}}}"
    fields = f"{{rows: {how}, fields: {{{fields}}}}}"
    with systems({described(f"\n  people: {fields}\n  staff: {fields}\n"): postgres_url}) as made:
        erased(made)
        assert left(made, ADA) == {}
    assert rows(postgres_url, "SELECT * FROM staff") == [(1, "bob@example.test", None)]


def test_what_refers_to_one_of_two_tables_of_which_one_inherits_leads_to_neither_s_person(postgres_url: str) -> None:
    run(
        postgres_url,
        "CREATE TABLE people (id integer primary key, email varchar(60))",
        "CREATE TABLE staff (PRIMARY KEY (id)) INHERITS (people)",
        "CREATE TABLE orders (person integer REFERENCES people (id), what varchar(9))",
        "INSERT INTO people VALUES (1, 'bob@example.test'), (3, 'ada@example.test')",
        "INSERT INTO staff VALUES (1, 'cid@example.test')",
        "INSERT INTO orders VALUES (1, 'wig'), (3, 'hat')",
    )
    fields = "{rows: delete, fields: {id: {category: user}, email: {category: user, identity: email}}}"
    orders = "{rows: delete, fields: {person: {category: user, references: people.id}, what: {category: user}}}"
    with systems({described(f"\n  people: {fields}\n  staff: {fields}\n  orders: {orders}\n"): postgres_url}) as made:
        with pytest.raises(LinkedSystemUnavailable, match="rows of tables that inherit have the same id"):
            erased(made, [ADA[0]._replace(value="cid@example.test")])
        erased(made)
    assert rows(postgres_url, "SELECT what FROM orders") == [("wig",)]


def test_scaffold_sees_the_tables_that_check_sees(postgres_url: str) -> None:
    run(
        postgres_url,
        *MADE,
        "CREATE TABLE visits (email varchar(60), day date) PARTITION BY RANGE (day)",
        "CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
        "CREATE MATERIALIZED VIEW addresses AS SELECT email FROM customers",
    )
    guessed = scaffold(postgres_url, "shop", "SHOP_URL")
    assert set(guessed["tables"]) == {"customers", "visits"}
    assert "made anew" in guessed["without_people"]["addresses"]["reason"]
    with systems({str(yaml.safe_dump(guessed)): postgres_url}) as made:
        assert {one.reason for one in made[0].findings()} == {
            "a guess that nobody has confirmed", "a guess that nobody stands there: nobody has confirmed it",
        }  # fmt: skip
    text = described(
        CUSTOMERS
        + """
  visits: {rows: delete, fields: {email: {category: user, identity: email}, day: {category: user}}}
  addresses: {rows: delete, fields: {email: {category: user, identity: email}}}
"""
    )
    with systems({text: postgres_url}) as made:
        assert [one.reason for one in made[0].findings()] == [
            "is a materialised view, which is made anew from tables: keep it"
        ]
