"""Whose a row is, by the rules that hold inside: what several people share leads to nobody else's rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from registry.connectors.sql.system import SqlSystem
from registry.dsr.requests import Kind
from registry.flows.dsr.linked import foreseen, reach_of
from registry.model.message import Identifier
from tests.outside import ADA, erased, left, rows, run, systems

MUM = [Identifier("email", "mum@example.test")]
SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id}
      email: {category: user.contact.email, identity: email}
      phone: {category: user.contact.phone_number, identity: phone}
      name: {category: user.name}
  orders:
    rows: delete
    fields:
      customer_id: {category: user.unique_id, references: customers.id}
      what: {category: user.behavior}
  sms:
    rows: delete
    fields:
      phone: {category: user.contact.phone_number, identity: phone}
      body: {category: user.content}
"""
CRM = """
dataset: crm
url_env: CRM_URL
tables:
  calls:
    rows: delete
    fields:
      phone: {category: user.contact.phone_number, identity: phone}
      said: {category: user.content}
"""
FAMILY = "+4930111222"


def filled(url: str) -> str:
    run(
        url,
        "CREATE TABLE customers (id integer primary key, email varchar(60), phone varchar(30), name varchar(30))",
        "CREATE TABLE orders (customer_id integer, what varchar(20))",
        "CREATE TABLE sms (phone varchar(30), body varchar(60))",
        f"INSERT INTO customers VALUES (1, 'mum@example.test', '{FAMILY}', 'Mum'), "
        f"(2, 'dad@example.test', '{FAMILY}', 'Dad')",
        "INSERT INTO customers VALUES (3, 'x@example.test', 'n/a', 'X'), (4, 'y@example.test', 'n/a', 'Y')",
        "INSERT INTO orders VALUES (1, 'hers'), (2, 'his'), (3, 'of x'), (4, 'of y')",
        f"INSERT INTO sms VALUES ('{FAMILY}', 'for whom?'), ('n/a', 'for nobody')",
    )
    return url


def given(made: Sequence[SqlSystem], people: Sequence[Identifier]) -> list[tuple[str, dict[str, object]]]:
    known = reach_of(made, people)
    return [one for system in made for one in system.export(known)]


def test_a_shared_value_leads_to_nobody_elses_rows(outside_url: str) -> None:
    with systems({SHOP: filled(outside_url)}) as made:
        told = given(made, MUM)
        assert [table for table, _ in told] == ["customers", "orders"]
        assert "dad" not in repr(told).lower() and "his" not in repr(told)
        [plan] = foreseen(made, Kind.ERASURE, MUM)
        assert plan.others == {"customers": 1, "sms": 1}
        erased(made, MUM)
        assert left(made, reach_of(made, MUM)) == {}
    assert rows(outside_url, "SELECT id FROM customers ORDER BY id") == [(2,), (3,), (4,)]
    assert rows(outside_url, "SELECT what FROM orders ORDER BY what") == [("his",), ("of x",), ("of y",)]
    assert len(rows(outside_url, "SELECT body FROM sms")) == 2


def test_a_value_that_points_at_nobody_leads_to_nobody(outside_url: str) -> None:
    with systems({SHOP: filled(outside_url)}) as made:
        known = reach_of(made, [Identifier("email", "x@example.test")])
        assert {one.kind for one in known} == {"email", "shop.customers.id"}
        erased(made, known)
        assert left(made, known) == {}
    assert rows(outside_url, "SELECT id FROM customers ORDER BY id") == [(1,), (2,), (4,)]
    assert len(rows(outside_url, "SELECT body FROM sms")) == 2


def test_what_one_database_knows_as_shared_leads_nowhere_in_another(outside_url: str, tmp_path: Path) -> None:
    crm = f"sqlite:///{tmp_path / 'crm.db'}"
    run(crm, "CREATE TABLE calls (phone text, said text)", f"INSERT INTO calls VALUES ('{FAMILY}', 'hello')")
    for order in ((CRM, SHOP), (SHOP, CRM)):
        urls = {CRM: crm, SHOP: outside_url}
        if order[0] == CRM:
            filled(outside_url)
        with systems({text: urls[text] for text in order}) as made:
            for people in (MUM, [*MUM, Identifier("phone", FAMILY)]):
                assert {table for table, _ in given(made, people)} == {"customers", "orders"}
                others = {one.system: one.others for one in foreseen(made, Kind.ERASURE, people)}
                assert others == {"shop": {"customers": 1, "sms": 1}, "crm": {"calls": 1}}


def test_whoever_is_known_by_a_weak_identifier_alone_has_what_carries_no_stronger_one(outside_url: str) -> None:
    with systems({SHOP: filled(outside_url)}) as made:
        people = [Identifier("phone", FAMILY)]
        assert given(made, people) == [("sms", {"phone": FAMILY, "body": "for whom?"})]
        assert foreseen(made, Kind.ERASURE, people)[0].others == {"customers": 2}
        erased(made, people)
        assert left(made, people) == {}, "rows of others are not taken for the person's"
    assert len(rows(outside_url, "SELECT id FROM customers")) == 4


def test_a_weak_identifier_of_one_person_leads_on(outside_url: str) -> None:
    filled(outside_url)
    run(outside_url, "DELETE FROM customers WHERE id = 2")
    with systems({SHOP: outside_url}) as made:
        told = given(made, MUM)
        assert [table for table, _ in told] == ["customers", "orders", "sms"]
        assert foreseen(made, Kind.ACCESS, MUM)[0].others == {}


ACCOUNTS = """
dataset: accounts
url_env: ACCOUNTS_URL
tables:
  users:
    rows: delete
    fields:
      id: {category: user.unique_id, identity: user_id}
      email: {category: user.contact.email, identity: email}
      device: {category: user.device, identity: device_id}
"""


def accounts(url: str, *users: tuple[int, str | None, str | None]) -> str:
    run(url, "CREATE TABLE users (id integer primary key, email varchar(60), device varchar(60))")
    told = ["(" + ", ".join("NULL" if one is None else f"'{one}'" for one in user) + ")" for user in users]
    run(url, f"INSERT INTO users VALUES {', '.join(told)}")
    return url


def test_the_only_stronger_identifier_beside_the_persons_becomes_theirs(outside_url: str) -> None:
    url = accounts(outside_url, (41, "mum@example.test", "tablet-0001"), (42, None, "tablet-0001"))
    with systems({ACCOUNTS: url}) as made:
        assert [row["id"] for _, row in given(made, MUM)] == [41]
        assert foreseen(made, Kind.ACCESS, MUM)[0].others == {"users": 1}
        assert Identifier("user_id", "41") in reach_of(made, MUM)


def test_two_accounts_with_one_address_are_neithers_who_asks_by_it(outside_url: str) -> None:
    url = accounts(outside_url, (41, "mum@example.test", None), (42, "Mum@example.test", None))
    with systems({ACCOUNTS: url}) as made:
        assert given(made, MUM) == []
        assert foreseen(made, Kind.ERASURE, MUM)[0].others == {"users": 2}
        assert [row["id"] for _, row in given(made, [*MUM, Identifier("user_id", "42")])] == [42]
        erased(made, [*MUM, Identifier("user_id", "42")])
    assert rows(outside_url, "SELECT id FROM users") == [(41,)]


def test_what_names_a_device_leads_to_no_account(outside_url: str) -> None:
    url = accounts(outside_url, (41, "mum@example.test", "tablet-0001"))
    with systems({ACCOUNTS: url}) as made:
        people = [Identifier("device_id", "tablet-0001")]
        assert given(made, people) == []
        assert foreseen(made, Kind.ACCESS, people)[0].others == {"users": 1}


@pytest.mark.parametrize("empty", ["NULL", "''", "'N/A'", "'no address'"])
def test_a_stronger_column_that_names_nobody_makes_a_row_nobody_elses(outside_url: str, empty: str) -> None:
    filled(outside_url)
    run(outside_url, f"UPDATE customers SET email = {empty} WHERE id = 2")
    with systems({SHOP: outside_url}) as made:
        assert len([row for table, row in given(made, MUM) if table == "customers"]) == 2
        erased(made, MUM)
    assert rows(outside_url, "SELECT id FROM customers ORDER BY id") == [(3,), (4,)]


PHONE = [Identifier("phone", "+493090182006")]
SPELLINGS = ("+49 (30) 9018-2006", "0049 30 90182006", "+493090182006", "tel:+49-30-90182006", "+49 (0)30 90182006")


def test_telephone_numbers_are_found_however_they_are_written(outside_url: str) -> None:
    filled(outside_url)
    run(
        outside_url,
        "DELETE FROM sms",
        "INSERT INTO sms VALUES ('+49 30 90182007', 'of another'), ('90182006', 'short')",
    )
    run(outside_url, *(f"INSERT INTO sms VALUES ('{one}', 'hers')" for one in SPELLINGS))
    with systems({SHOP: outside_url}) as made:
        assert sum(left(made, PHONE).values()) == len(SPELLINGS)
        assert [row["phone"] for _, row in given(made, PHONE)] == list(SPELLINGS)
        assert {a.rows for a in made[0].plan(Kind.ERASURE, PHONE).accounts if a.table == "sms"} == {len(SPELLINGS)}
        erased(made, PHONE)
        assert left(made, PHONE) == {}
    assert rows(outside_url, "SELECT phone FROM sms ORDER BY phone") == [("+49 30 90182007",), ("90182006",)]


def test_a_telephone_number_in_a_column_of_numbers_is_found(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE sms (phone bigint, body varchar(20))",
        "INSERT INTO sms VALUES (493090182006, 'hers'), (493090182007, 'of another')",
    )
    text = SHOP[: SHOP.index("  customers:")] + SHOP[SHOP.index("  sms:") :]
    with systems({text: outside_url}) as made:
        assert len(given(made, PHONE)) == 1
        assert left(made, PHONE) == {"shop.sms.phone": 1}
        erased(made, PHONE)
        assert left(made, PHONE) == {}


@pytest.mark.parametrize(
    ("known", "written"),
    [
        ("jürgen@example.com", "JÜRGEN@example.com"),
        ("jürgen@example.com", "Ju\u0308rgen@Example.com"),
        ("ada@xn--exmple-cua.com", "Ada@EXÄMPLE.com"),
        ("jürgen@example.com", "  JÜRGEN@example.com  "),
    ],
)
def test_addresses_are_found_in_whatever_letters(outside_url: str, known: str, written: str) -> None:
    filled(outside_url)
    run(outside_url, f"UPDATE customers SET email = '{written}' WHERE id = 3")
    people = [Identifier("email", known)]
    with systems({SHOP: outside_url}) as made:
        assert left(made, people) == {"shop.customers.email": 1}
        assert [row["name"] for table, row in given(made, people) if table == "customers"] == ["X"]
        erased(made, people)
        assert left(made, people) == {}
    assert rows(outside_url, "SELECT id FROM customers ORDER BY id") == [(1,), (2,), (4,)]


def test_letters_that_a_database_takes_for_one_are_two(outside_url: str) -> None:
    filled(outside_url)
    run(outside_url, "UPDATE customers SET email = 'jürgen@example.com', phone = NULL WHERE id = 3")
    with systems({SHOP: outside_url}) as made:
        people = [Identifier("email", "jurgen@example.com")]
        assert given(made, people) == []
        assert left(made, people) == {}


LOGINS = """
dataset: logins
url_env: LOGINS_URL
tables:
  logins:
    rows: delete
    fields: {id: {category: null}, login: {category: user.unique_id, identity: user_id}}
"""


@pytest.mark.parametrize("around", [" {}", "{} ", " {} ", "{}\n", "{}\r\n", "{}\t"])
def test_white_space_around_an_identifier_tells_nothing(outside_url: str, around: str) -> None:
    filled(outside_url)
    run(outside_url, f"UPDATE customers SET email = '{around.format('Mum@example.test')}' WHERE id = 3")
    run(outside_url, "CREATE TABLE logins (id integer, login varchar(20))")
    run(outside_url, f"INSERT INTO logins VALUES (1, '{around.format('42')}'), (2, '4 2'), (3, '421')")
    with systems({LOGINS: outside_url}) as made:
        known = [Identifier("user_id", "42")]
        assert [row["login"] for _, row in made[0].export(known)] == [around.format("42")]
        assert "\n" in around or "\t" in around or left(made, known) == {"logins.logins.login": 1}
    run(outside_url, "DROP TABLE logins")
    with systems({SHOP: outside_url}) as made:
        people = [Identifier("email", "mum@example.test")]
        assert 3 in {row["id"] for table, row in given(made, people) if table == "customers"}
        erased(made, people)
        assert left(made, people) == {}


def other_letters(url: str) -> str:
    """A type of texts that takes different letters for one."""
    if url.startswith("sqlite"):
        return "varchar(20) COLLATE NOCASE"
    if url.startswith("mariadb"):
        return "varchar(20)"
    run(url, "CREATE EXTENSION citext")
    return "citext"


def test_an_identifier_in_other_letters_is_another_one_whatever_the_database_takes_for_one(outside_url: str) -> None:
    run(
        outside_url,
        f"CREATE TABLE logins (id integer, login {other_letters(outside_url)})",
        "INSERT INTO logins VALUES (1, 'Ada-12345'), (2, 'ADA-12345')",
    )
    with systems({LOGINS: outside_url}) as made:
        people = [Identifier("user_id", "Ada-12345")]
        assert {account.rows for account in made[0].plan(Kind.ERASURE, people).accounts} == {1}
        assert left(made, people) == {"logins.logins.login": 1}
        erased(made, people)
        assert left(made, people) == {}
    assert rows(outside_url, "SELECT id FROM logins") == [(2,)]


@pytest.mark.parametrize("whole", [True, False])
def test_a_key_in_other_letters_is_another_one_whatever_the_database_takes_for_one(
    outside_url: str, tmp_path: Path, whole: bool
) -> None:
    kind, shop = other_letters(outside_url), f"sqlite:///{tmp_path / 'keys.db'}"
    run(
        shop,
        "CREATE TABLE customers (part varchar(9), id varchar(9), email varchar(40), "
        f"PRIMARY KEY ({'part, id' if whole else 'part'}))",
        "INSERT INTO customers VALUES ('a', 'x', 'mum@example.test'), ('A', 'x', 'dad@example.test')",
    )
    run(
        outside_url,
        f"CREATE TABLE notes (id integer PRIMARY KEY, part {kind}, customer varchar(9))",
        "INSERT INTO notes VALUES (1, 'a', 'x'), (2, 'A', 'x')",
    )
    refers = ("[part, customer]", "[part, id]") if whole else ("[part]", "[part]")
    described = """
dataset: keys
url_env: KEYS_URL
tables:
  customers:
    rows: delete
    fields: {part: {category: user}, id: {category: user}, email: {category: user, identity: email}}
"""
    notes = f"""
dataset: desk
url_env: DESK_URL
tables:
  notes:
    rows: delete
    references: [{{fields: {refers[0]}, to: keys.customers, at: {refers[1]}}}]
    fields: {{id: {{category: null}}, part: {{category: user}}, customer: {{category: user}}}}
"""
    with systems({described: shop, notes: outside_url}) as made:
        known = reach_of(made, MUM)
        erased(made, MUM)
        assert left(made, known) == {}
    assert rows(outside_url, "SELECT id FROM notes") == [(2,)]


@pytest.mark.parametrize("kind", ["card", "crm_id"])
def test_what_is_the_same_in_any_letters_leads_on(outside_url: str, kind: str) -> None:
    text = f"""
dataset: cards
url_env: CARDS_URL
tables:
  cards:
    rows: delete
    fields: {{id: {{category: user}}, card: {{category: user, identity: {kind}, match: any_case}}}}
  used: {{rows: delete, fields: {{card: {{category: user, references: cards.id}}}}}}
"""
    run(
        outside_url, "CREATE TABLE cards (id integer primary key, card varchar(20))", "CREATE TABLE used (card integer)"
    )
    run(outside_url, "INSERT INTO cards VALUES (1, 'AB-12'), (2, 'AB-13')", "INSERT INTO used VALUES (1), (2)")
    with systems({text: outside_url}) as made:
        people = [Identifier(kind, "ab-12")]
        assert [table for table, _ in given(made, people)] == ["cards", "used"]
        erased(made, people)
        assert left(made, people) == {}
    assert rows(outside_url, "SELECT card FROM used") == [(2,)]


def test_letters_that_tell_nothing_apart_make_no_address_that_of_two_people(tmp_path: Path) -> None:
    """The shop writes logins in capital letters: the address beside one is still that of whoever is known by it."""
    text = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      login: {category: user.unique_id, identity: user_id, match: any_case}
      email: {category: user.contact.email, identity: email}
"""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    run(url, "CREATE TABLE customers (login text, email text)")
    run(url, "INSERT INTO customers VALUES ('ADA-LOVE-1', 'ada@example.test')")
    with systems({text: url}) as made:
        assert reach_of(made, [Identifier("user_id", "ada-love-1")]) == [Identifier("user_id", "ada-love-1"), *ADA]
