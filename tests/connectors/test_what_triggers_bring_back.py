"""A trigger that brings back what was erased from a row that was changed before it: it is not certified as erased."""

from __future__ import annotations

import pytest

from registry.model.errors import LinkedSystemUnavailable
from tests.outside import erased, rows, run, systems

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: %s
    fields:
      id: {category: null}
      email: {category: user.contact.email, identity: email%s}
      name: {category: user.name%s}
  orders:
    rows: keep
    fields:
      number: {category: null}
      customer: {category: user.unique_id, references: customers.id%s}
      recipient: {category: user.name, erasure: %s}
      street: {category: user.contact.address.street, erasure: mask, mask: gone}
"""
KEPT = (
    "keep", ", erasure: hash", ", erasure: mask",
    ', erasure: keep, ground: "GDPR Art. 17(3)(b): the accounts"',
)  # fmt: skip
DELETED = ("delete", "", "", ', erasure: "null"')
BACK = "UPDATE orders SET recipient = OLD.name WHERE number = 7"
TRIGGERS = {
    "sqlite": ["CREATE TRIGGER back AFTER {what} ON customers BEGIN {back}; END"],
    "postgresql": [
        "CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {back}; RETURN NULL; END $$",
        "CREATE TRIGGER back AFTER {what} ON customers FOR EACH ROW EXECUTE FUNCTION back()",
    ],
    "mariadb": ["CREATE TRIGGER back AFTER {what} ON customers FOR EACH ROW {back}"],
}


TABLES = (
    "CREATE TABLE customers (id integer PRIMARY KEY, email varchar(60), name varchar(20))",
    (
        "CREATE TABLE orders (number integer{key}, customer integer, recipient varchar(20), street varchar(20), "
        "FOREIGN KEY (customer) REFERENCES customers (id))"
    ),
    "INSERT INTO customers VALUES (1, 'ada@example.test', 'Ada Smith'), (2, 'bob@example.test', 'Bob Jones')",
    "INSERT INTO orders VALUES (7, 1, 'Ada Smith', 'Long Road'), (8, 2, 'Bob Jones', 'Short Road')",
)


def shop(url: str, what: str, key: str) -> str:
    """A shop in which a trigger writes a customer's name back into an order."""
    made = [*TABLES, *TRIGGERS[url.partition(":")[0].partition("+")[0]]]
    run(url, *(one.replace("{what}", what).replace("{back}", BACK).replace("{key}", key) for one in made))
    return url


@pytest.mark.parametrize(("way", "what"), [(KEPT, "UPDATE"), (DELETED, "DELETE")])
@pytest.mark.parametrize("erasure", ['"null"', "mask"])
def test_a_value_that_a_later_table_writes_back_is_erased_again(
    outside_url: str, way: tuple[str, ...], what: str, erasure: str
) -> None:
    with systems({SHOP % (*way, erasure): shop(outside_url, what, " PRIMARY KEY")}) as made:
        assert made[0].findings() == []
        erased(made)
    [(ada,), (bob,)] = rows(outside_url, "SELECT recipient FROM orders ORDER BY number")
    assert bob == "Bob Jones"
    assert ada is None if erasure == '"null"' else ada != "Ada Smith"


@pytest.mark.parametrize(("way", "what"), [(KEPT, "UPDATE"), (DELETED, "DELETE")])
@pytest.mark.parametrize("erasure", ['"null"', "mask"])
def test_a_value_that_is_written_back_into_a_table_without_a_key_rolls_everything_back(
    outside_url: str, way: tuple[str, ...], what: str, erasure: str
) -> None:
    with systems({SHOP % (*way, erasure): shop(outside_url, what, "")}) as made:
        with pytest.raises(LinkedSystemUnavailable, match=r"orders\.recipient: rows have again what they had"):
            erased(made)
    assert len(rows(outside_url, "SELECT 1 FROM customers WHERE name = 'Ada Smith'")) == 1


def test_a_value_that_is_written_back_at_the_end_of_the_transaction_is_erased_again(postgres_url: str) -> None:
    shop(postgres_url, "UPDATE", " PRIMARY KEY")
    run(
        postgres_url,
        "DROP TRIGGER back ON customers",
        "CREATE CONSTRAINT TRIGGER back AFTER UPDATE ON customers DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION back()",
    )
    with systems({SHOP % (*KEPT, '"null"'): postgres_url}) as made:
        erased(made)
    assert rows(postgres_url, "SELECT recipient FROM orders ORDER BY number") == [(None,), ("Bob Jones",)]


def test_what_a_trigger_writes_goes_before_a_reference_that_waits_for_the_end_is_checked(postgres_url: str) -> None:
    run(
        postgres_url,
        *(one.replace("{key}", "") for one in TABLES),
        "DROP TABLE orders",
        "CREATE TABLE orders (number integer, customer integer, recipient varchar(20), street varchar(20), "
        "FOREIGN KEY (customer) REFERENCES customers (id) DEFERRABLE INITIALLY DEFERRED)",
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO orders VALUES (9, OLD.id, OLD.name, 'x'); RETURN NULL; END $$",
        "CREATE TRIGGER notes AFTER DELETE ON customers FOR EACH ROW EXECUTE FUNCTION note()",
    )
    gone = SHOP.replace("  orders:\n    rows: keep", "  orders:\n    rows: delete") % ("delete", "", "", "", "x")
    gone = gone.replace(", erasure: x", "").replace(", erasure: mask, mask: gone", "")
    with systems({gone: postgres_url}) as made:
        erased(made)
    assert rows(postgres_url, "SELECT * FROM orders") == []
    assert rows(postgres_url, "SELECT id FROM customers") == [(2,)]


def test_triggers_that_write_back_without_end_roll_everything_back(postgres_url: str) -> None:
    shop(postgres_url, "UPDATE", " PRIMARY KEY")
    run(
        postgres_url,
        "CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.recipient IS NULL THEN "
        "UPDATE customers SET name = 'Ada Smith' WHERE id = 1; END IF; RETURN NULL; END $$",
        "CREATE TRIGGER again AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION again()",
    )
    with systems({SHOP % (*KEPT, '"null"'): postgres_url}) as made, pytest.raises(LinkedSystemUnavailable):
        erased(made)
    assert len(rows(postgres_url, "SELECT 1 FROM orders WHERE recipient = 'Ada Smith'")) == 1


CIRCLE = """
  cards:
    rows: delete
    fields:
      number: {category: user.unique_id}
      owner: {category: user.unique_id, references: customers.id}
"""


@pytest.mark.parametrize("once", [True, False])
def test_what_waits_for_the_end_beside_a_circle_of_references_is_looked_for_until_nothing_waits(
    postgres_url: str, once: bool
) -> None:
    """A circle in which nothing may be empty lets the references wait, and with them every trigger that may."""
    names = "UPDATE orders SET recipient = OLD.recipient WHERE number = NEW.number AND NEW.recipient IS NULL"
    back = (
        f"{names} AND street <> 'told'; UPDATE orders SET street = 'told' WHERE number = 7 AND street <> 'told'"
        if once
        else names
    )
    text = SHOP % (*DELETED, '"null"') + CIRCLE
    run(
        postgres_url,
        *(one.replace("{key}", " PRIMARY KEY") for one in TABLES),
        "CREATE TABLE cards (number integer PRIMARY KEY, owner integer NOT NULL REFERENCES customers (id) DEFERRABLE)",
        "INSERT INTO cards VALUES (1, 1), (2, 2)",
        "ALTER TABLE customers ADD card integer NOT NULL DEFAULT 1 REFERENCES cards (number) DEFERRABLE",
        "UPDATE customers SET card = id",
        f"CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {back}; RETURN NULL; END $$",
        "CREATE CONSTRAINT TRIGGER back AFTER UPDATE ON orders DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION back()",
    )
    text = text.replace(
        "{category: user.name}",
        "{category: user.name}\n      card: {category: user.unique_id, references: cards.number}",
        1,
    )
    text = text.replace("erasure: mask, mask: gone", 'erasure: keep, ground: "GDPR Art. 17(3)(b): the accounts"')
    with systems({text: postgres_url}) as made:
        assert made[0].findings() == []
        if once:
            erased(made)
        else:
            with pytest.raises(LinkedSystemUnavailable, match="without end"):
                erased(made)
    found = rows(postgres_url, "SELECT recipient FROM orders WHERE number = 7")
    assert found == [(None if once else "Ada Smith",)]
