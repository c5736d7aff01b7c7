"""What points at somebody on whom a legal hold stands: emptied only where what it points at goes."""

from __future__ import annotations

from registry.dsr.held import Held
from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from tests.outside import ADA, dataset, left, rows, run, systems

MADE = (
    (
        "CREATE TABLE customers (id integer primary key, email varchar(60), referred_by integer, "
        "FOREIGN KEY (referred_by) REFERENCES customers (id))"
    ),
    (
        "CREATE TABLE orders (id integer primary key, customer integer, total integer, approved_by integer, "
        "FOREIGN KEY (customer) REFERENCES customers (id), FOREIGN KEY (approved_by) REFERENCES customers (id))"
    ),
    "INSERT INTO customers VALUES (1, 'ada@example.test', NULL)",
    "INSERT INTO customers VALUES (2, 'bob@example.test', 1), (3, 'ada@example.test', 1)",
    "INSERT INTO orders VALUES (2, 2, 20, 1), (3, 3, 30, 1)",
)
TEXT = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id}
      email: {category: user.contact.email, identity: email}
      referred_by: {category: user.unique_id, mentions: customers.id}
  orders:
    rows: delete
    fields:
      id: {category: null}
      customer: {category: user.unique_id, references: customers.id}
      total: {category: user.financial}
      approved_by: {category: user.unique_id, mentions: customers.id}
"""
EVERYTHING = [Held("claim 1", ())]
WORDS = "legal hold: claim 1"
Told = dict[str, tuple[str, int, str | None]]


def _erased(described: dict[str, str], held: list[Held]) -> Told:
    """Erase Ada under holds, as planned and with nothing left over; what the accounts say."""
    with systems(described) as made:
        known, told = reach_of(made, ADA), Told()
        for one in made:
            under = one.holding(held)
            assert under.findings() == []
            planned = under.plan(Kind.ERASURE, known).accounts
            assert under.run("r", Kind.ERASURE, known, {}) == planned
            told |= {f"{a.table}.{a.field}": (a.disposition.value, a.rows, a.ground) for a in planned}
        assert left([one.holding(held) for one in made], known) == {}
    return told


def _there(url: str) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    return rows(url, "SELECT * FROM customers ORDER BY id"), rows(url, "SELECT * FROM orders ORDER BY id")


def test_what_points_at_rows_that_a_hold_keeps_is_emptied_nowhere(outside_url: str) -> None:
    run(outside_url, *MADE)
    before = _there(outside_url)
    told = _erased({TEXT: outside_url}, EVERYTHING)
    assert _there(outside_url) == before
    elsewhere = f"{WORDS}; left in rows of others that point at the person (1)"
    assert told["customers.referred_by"] == ("retained", 2, elsewhere)
    assert told["orders.approved_by"] == ("retained", 1, elsewhere)
    assert _erased({TEXT: outside_url}, [])["customers.referred_by"][0] == "erased"  # once the hold has ended
    assert _there(outside_url) == ([(2, "bob@example.test", None)], [(2, 2, 20, None)])


def test_a_hold_on_what_is_referred_from_keeps_what_points_at_it(outside_url: str) -> None:
    run(outside_url, *MADE)
    before = _there(outside_url)
    told = _erased({TEXT: outside_url}, [Held("claim 1", ("user.financial",))])
    assert _there(outside_url) == before
    points = f"points at what is kept ({WORDS}); left in rows of others that point at the person (1)"
    assert told["customers.referred_by"] == ("retained", 2, points)
    assert told["orders.approved_by"] == ("retained", 1, points)


def test_a_row_of_others_that_points_at_the_person_keeps_the_person_only_where_that_is_covered(
    outside_url: str,
) -> None:
    run(outside_url, *MADE, "DELETE FROM orders WHERE customer = 3")
    told = _erased({TEXT: outside_url}, [Held("claim 1", ("user.financial",))])
    assert _there(outside_url) == ([(2, "bob@example.test", None)], [(2, 2, 20, None)])
    assert told["customers.email"] == ("erased", 2, None)
    assert told["orders.total"] == ("retained", 0, WORDS)
    run(outside_url, "DELETE FROM orders", "DELETE FROM customers", *MADE[2:-1])
    run(outside_url, "INSERT INTO orders VALUES (2, 2, 20, 1)")
    text = TEXT.replace("approved_by: {category: user.unique_id", "approved_by: {category: user.social")
    told = _erased({text: outside_url}, [Held("claim 1", ("user.social",))])
    assert told["orders.approved_by"] == (
        "retained",
        0,
        f"{WORDS}; left in rows of others that point at the person (1)",
    )
    assert _there(outside_url)[1] == [(2, 2, 20, 1)]
    assert len(_there(outside_url)[0]) == 3


def test_rows_that_go_are_told_from_rows_of_others_that_go_on_pointing(outside_url: str) -> None:
    run(outside_url, *MADE)
    told = _erased({TEXT: outside_url}, [Held("claim 1", ("user.contact",))])
    assert _there(outside_url) == (
        [(1, "ada@example.test", None), (2, "bob@example.test", 1), (3, "ada@example.test", 1)],
        [(2, 2, 20, 1)],
    )
    points = f"left in rows of others that point at the person (1): points at what is kept ({WORDS})"
    assert told["orders.approved_by"] == ("erased", 1, points)
    assert told["orders.total"] == ("erased", 1, None)


def test_what_is_covered_itself_stays_though_what_it_points_at_goes(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE customers (id integer primary key, email varchar(60))",
        "CREATE TABLE notes (email varchar(60), about integer)",
        "INSERT INTO customers VALUES (1, 'ada@example.test')",
        "INSERT INTO notes VALUES ('ada@example.test', 1), ('bob@example.test', 1)",
    )
    text = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields: {id: {category: user.unique_id}, email: {category: user.contact.email, identity: email}}
  notes:
    rows: delete
    fields:
      email: {category: user.contact.email, identity: email}
      about: {category: user.social, mentions: customers.id}
"""
    told = _erased({text: outside_url}, [Held("claim 1", ("user.social",))])
    assert rows(outside_url, "SELECT * FROM notes ORDER BY email") == [
        ("ada@example.test", 1), ("bob@example.test", 1),
    ]  # fmt: skip
    assert rows(outside_url, "SELECT * FROM customers") == []
    assert told["notes.about"] == ("retained", 1, f"{WORDS}; left in rows of others that point at the person (1)")


def test_what_points_into_another_database_waits_for_the_end_of_the_hold(outside_url: str, tmp_path: object) -> None:
    crm = f"sqlite:///{tmp_path}/crm.db"
    run(outside_url, *MADE)
    run(crm, "CREATE TABLE leads (id integer, brought_by integer)", "INSERT INTO leads VALUES (1, 1), (2, 2)")
    text = """
dataset: crm
url_env: CRM_URL
tables:
  leads:
    rows: keep
    fields:
      id: {category: null}
      brought_by: {category: user, mentions: shop.customers.id, erasure: "null"}
"""
    held = Held("claim 1", ("user.financial",))
    with systems({TEXT: outside_url, text: crm}) as made:
        known = reach_of(made, ADA)
        accounts = made[1].holding([held]).run("r", Kind.ERASURE, known, {})
        assert made[1].holding([held]).remaining(Kind.ERASURE, known) == {}
        [account] = [one for one in accounts if one.field == "brought_by"]
        assert account.ground == (
            f"points at a row of shop, which may be kept ({WORDS}); left in rows of others that point at the person (1)"
        )
        assert held.keeps(account)  # so that it is erased once the hold has ended
        assert rows(crm, "SELECT * FROM leads") == [(1, 1), (2, 2)]
        made[1].run("r", Kind.ERASURE, known, {})
    assert rows(crm, "SELECT * FROM leads") == [(1, None), (2, 2)]


def test_the_letters_of_a_key_in_rows_of_others_are_not_left_over(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE customers (email varchar(60) primary key, referred_by varchar(60))",
        "INSERT INTO customers VALUES ('ada@example.test', NULL), ('bob@example.test', 'ada@example.test')",
    )
    text = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      email: {category: user.contact.email, identity: email}
      referred_by: {category: user.social, mentions: customers.email}
"""
    assert dataset(text).tables["customers"].spared == ()
    _erased({text: outside_url}, [Held("claim 1", ("user.contact",))])
    assert rows(outside_url, "SELECT * FROM customers ORDER BY email") == [
        ("ada@example.test", None), ("bob@example.test", "ada@example.test"),
    ]  # fmt: skip
