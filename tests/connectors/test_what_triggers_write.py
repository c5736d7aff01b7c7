"""A history that a trigger writes: what it keeps of a person is written by their erasure itself, and goes with it."""

from __future__ import annotations

import pytest

from tests.outside import ADA, erased, left, rows, run, systems

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: keep
    fields:
      id: {category: null}
      email: {category: user.contact.email, identity: email, erasure: hash}
      name: {category: user.name, erasure: mask}
"""
DELETED = """
  history:
    rows: delete
    fields:
      customer: {category: user.unique_id, references: customers.id}
      name: {category: user.name}
"""
MASKED = """
  history:
    rows: keep
    fields:
      customer: {category: user.unique_id, references: customers.id, erasure: keep, ground: "GDPR Art. 17(3)(b)"}
      name: {category: user.name, erasure: mask, mask: erased}
"""
WRITES = "INSERT INTO history (customer, name) VALUES (OLD.id, OLD.name)"
TRIGGERS = {
    "sqlite": [f"CREATE TRIGGER notes AFTER UPDATE ON customers BEGIN {WRITES}; END"],
    "postgresql": [
        f"CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {WRITES}; RETURN NEW; END $$",
        "CREATE TRIGGER notes AFTER UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION note()",
    ],
    "mariadb": [f"CREATE TRIGGER notes AFTER UPDATE ON customers FOR EACH ROW {WRITES}"],
}


def with_history(url: str, number: str = "") -> str:
    """A shop with a history of customers, to which a trigger adds what each change takes away."""
    run(
        url,
        "CREATE TABLE customers (id integer primary key, email varchar(60), name varchar(20))",
        f"CREATE TABLE history (customer integer, name varchar(20){number})",
        "INSERT INTO customers VALUES (1, 'ada@example.test', 'Ada'), (2, 'bob@example.test', 'Bob')",
        "INSERT INTO history (customer, name) VALUES (2, 'Bob')",
        *TRIGGERS[url.partition(":")[0].partition("+")[0]],
    )
    return url


NUMBERED = {"sqlite": ", number integer primary key", "postgresql": ", number serial primary key",
            "mariadb": ", number integer auto_increment primary key"}  # fmt: skip


@pytest.mark.parametrize(("described", "has_key"), [(DELETED, False), (MASKED, False), (MASKED, True)])
def test_what_the_erasure_lets_a_trigger_write_is_erased_as_well(
    outside_url: str, described: str, has_key: bool
) -> None:
    number = NUMBERED[outside_url.partition(":")[0].partition("+")[0]] if has_key else ""
    text = SHOP + described + ("      number: {category: null}\n" if has_key else "")
    with systems({text: with_history(outside_url, number)}) as made:
        erased(made)
        assert left(made, ADA) == {}
    gone = [] if described is DELETED else ["erased"]
    assert [name for (name,) in rows(outside_url, "SELECT name FROM history ORDER BY name")] == ["Bob", *gone]


AGAIN = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: keep
    fields:
      id: {category: null}
      email: {category: user.contact.email, identity: email, erasure: keep, ground: "GDPR Art. 17(3)(b)"}
      name: {category: user.name, erasure: mask, mask: erased}
      news: {category: user.behavior, erasure: mask}
  history:
    rows: keep
    fields:
      customer: {category: user.unique_id, references: customers.id, erasure: keep, ground: "GDPR Art. 17(3)(b)"}
      name: {category: user.name, erasure: mask, mask: erased}
      news: {category: user.behavior, erasure: mask}
"""


@pytest.mark.parametrize("kind", ["boolean", "date", "json"])
def test_what_masks_any_value_may_stand_in_a_history_more_often_afterwards(outside_url: str, kind: str) -> None:
    before, masked = {
        "boolean": ("TRUE", "FALSE"),
        "date": ("'2020-01-01'", "'1970-01-02'"),
        "json": ("'{\"a\": 1}'", "'{}'"),
    }[kind]
    writes = "INSERT INTO history VALUES (OLD.id, OLD.name, OLD.news)"
    triggers = (one.replace(WRITES, writes) for one in TRIGGERS[outside_url.partition(":")[0].partition("+")[0]])
    run(
        outside_url,
        f"CREATE TABLE customers (id integer primary key, email varchar(60), name varchar(20), news {kind})",
        f"CREATE TABLE history (customer integer, name varchar(20), news {kind}, "
        "FOREIGN KEY (customer) REFERENCES customers (id))",
        f"INSERT INTO customers VALUES (1, 'ada@example.test', 'Ada', {masked}), (2, 'b@example.test', 'B', {before})",
        f"INSERT INTO history VALUES (1, 'erased', {masked}), (1, 'Ada', {before}), (2, 'B', {before})",
        *triggers,
    )
    with systems({AGAIN: outside_url}) as made:
        assert made[0].findings() == []
        erased(made)
    assert sorted(name for (name,) in rows(outside_url, "SELECT name FROM history")) == ["B", *["erased"] * 3]
