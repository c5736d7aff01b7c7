"""Columns that point at somebody else: their rows are not that person's, and are no reason not to let that one go."""

from __future__ import annotations

import pytest

from registry.connectors.sql.scaffold import scaffold
from registry.dsr.plan import RequestPlan
from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.errors import DocumentInvalid
from registry.pages.planned import planned
from tests.outside import ADA, dataset, erased, left, rows, run, systems

MADE = (
    (
        "CREATE TABLE customers (id integer primary key, email varchar(60), referred_by integer, "
        "FOREIGN KEY (referred_by) REFERENCES customers (id))"
    ),
    (
        "CREATE TABLE profiles (id integer primary key, customer integer, best_friend integer, "
        "FOREIGN KEY (customer) REFERENCES customers (id), FOREIGN KEY (best_friend) REFERENCES customers (id))"
    ),
    "INSERT INTO customers VALUES (1, 'ada@example.test', NULL)",
    "INSERT INTO customers VALUES (2, 'bob@example.test', 1)",
    "INSERT INTO customers VALUES (3, 'cid@example.test', 2)",
    "INSERT INTO profiles VALUES (1, 1, 3), (2, 2, 1), (3, 3, 1)",
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
  profiles:
    rows: delete
    fields:
      id: {category: user.unique_id}
      customer: {category: user.unique_id, references: customers.id}
      best_friend: {category: user.unique_id, mentions: customers.id}
"""


def test_whoever_others_refer_to_can_be_erased_and_only_their_reference_is_emptied(outside_url: str) -> None:
    run(outside_url, *MADE)
    with systems({TEXT: outside_url}) as made:
        assert made[0].findings() == []
        known = reach_of(made, ADA)
        planned = {(one.table, one.field): one for one in made[0].plan(Kind.ERASURE, known).accounts}
        assert planned["customers", "id"].rows == planned["profiles", "id"].rows == 1
        assert (
            planned["customers", "referred_by"].ground == "emptied as well in rows of others that point at the "
            "person (1), whatever holds stand on those"
        )
        assert "(2)" in str(planned["profiles", "best_friend"].ground)
        assert left(made, known) == {
            "shop.customers.email": 1, "shop.customers.referred_by": 1,
            "shop.profiles.customer": 1, "shop.profiles.best_friend": 2,
        }  # fmt: skip
        erased(made)
        assert left(made, known) == {}
    assert rows(outside_url, "SELECT id, referred_by FROM customers ORDER BY id") == [(2, None), (3, 2)]
    assert rows(outside_url, "SELECT id, best_friend FROM profiles ORDER BY id") == [(2, None), (3, None)]


def test_an_access_does_not_give_out_rows_that_only_point_at_the_person(outside_url: str) -> None:
    run(outside_url, *MADE)
    with systems({TEXT: outside_url}) as made:
        given = [(table, row) for table, row in made[0].export(reach_of(made, ADA))]
        assert {one.ground for one in made[0].plan(Kind.ACCESS, reach_of(made, ADA)).accounts} == {None}
    assert [row["id"] for _, row in given] == [1, 1]


@pytest.mark.parametrize("table", ["customers", "profiles"])
def test_a_reference_that_would_keep_a_row_from_going_blocks_until_it_is_described(
    outside_url: str, table: str
) -> None:
    run(outside_url, *MADE)
    field = {"customers": "referred_by", "profiles": "best_friend"}[table]
    text = TEXT.replace(
        f"{field}: {{category: user.unique_id, mentions: customers.id}}", f"{field}: {{category: user}}"
    )
    with systems({text: outside_url}) as made:
        [found] = made[0].findings()
    assert (found.table, found.field) == (table, field)
    assert found.reason.startswith("refers to customers, whose rows are deleted")


def test_a_table_without_people_that_keeps_a_persons_row_blocks(outside_url: str) -> None:
    run(
        outside_url,
        *MADE,
        "CREATE TABLE teams (id integer primary key, head integer, FOREIGN KEY (head) REFERENCES customers (id))",
        "INSERT INTO teams VALUES (7, 1), (8, 2)",
    )
    text = TEXT.replace("tables:", "without_people: {teams: names of teams}\ntables:", 1)
    with systems({text: outside_url}) as made:
        [found] = made[0].findings()
    assert found.reason.endswith("describe it, with `mentions`")
    text = (
        TEXT
        + """
  teams: {rows: keep, fields: {id: {category: null}, head: {category: user, mentions: customers.id, erasure: "null"}}}
"""
    )
    with systems({text: outside_url}) as made:
        assert made[0].findings() == []
        erased(made)
    assert rows(outside_url, "SELECT id, head FROM teams ORDER BY id") == [(7, None), (8, 2)]


def test_what_may_not_be_emptied_cannot_be_a_mention(outside_url: str) -> None:
    run(outside_url, *MADE, "CREATE TABLE teams (id integer primary key, head integer NOT NULL)")
    text = (
        TEXT
        + """
  teams: {rows: delete, fields: {id: {category: null}, head: {category: user, mentions: customers.id}}}
"""
    )
    with systems({text: outside_url}) as made:
        [found] = made[0].findings()
    assert found[:2] == ("teams", "head")
    assert "may not be" in found.reason


def test_a_mention_over_several_fields_empties_what_may_be_emptied(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE customers (shop integer, id integer, email varchar(60), friend integer, "
        "PRIMARY KEY (shop, id), FOREIGN KEY (shop, friend) REFERENCES customers (shop, id))",
        "INSERT INTO customers VALUES (1, 5, 'ada@example.test', NULL), (2, 5, 'eve@example.test', NULL)",
        "INSERT INTO customers VALUES (1, 6, 'bob@example.test', 5), (2, 6, 'cid@example.test', 5)",
    )
    text = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    mentions: [{fields: [shop, friend], to: customers, at: [shop, id]}]
    fields: {shop: {category: null}, id: {category: user}, email: {category: user, identity: email},
             friend: {category: user}}
"""
    with systems({text: outside_url}) as made:
        assert made[0].findings() == []
        erased(made)
    found = rows(outside_url, "SELECT email, friend FROM customers ORDER BY email")
    assert found == [("bob@example.test", None), ("cid@example.test", 5), ("eve@example.test", None)]


def test_a_mention_across_databases_is_emptied_too(outside_url: str, tmp_path: object) -> None:
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
    with systems({TEXT: outside_url, text: crm}) as made:
        erased(made)
    assert rows(crm, "SELECT * FROM leads") == [(1, None), (2, 2)]


def test_a_reference_of_a_table_to_itself_is_guessed_to_be_a_mention(outside_url: str) -> None:
    run(outside_url, *MADE)
    fields = scaffold(outside_url, "shop", "SHOP_URL")["tables"]["customers"]["fields"]
    assert fields["referred_by"]["mentions"] == "customers.id"
    assert "references" not in fields["referred_by"]


def test_a_field_is_not_both_the_persons_and_somebody_elses() -> None:
    with pytest.raises(DocumentInvalid, match="same field as a reference"):
        dataset(TEXT.replace("mentions: customers.id}", "mentions: customers.id, references: customers.id}"))


def test_the_page_of_a_plan_shows_a_table_in_which_only_others_point_at_the_person(outside_url: str) -> None:
    run(outside_url, *MADE, "DELETE FROM profiles WHERE customer = 1")
    with systems({TEXT: outside_url}) as made:
        plan = RequestPlan(Kind.ERASURE, [made[0].plan(Kind.ERASURE, reach_of(made, ADA))])
    [system] = planned(plan)
    grounds = {table.name: [field.ground for field in table.fields if field.ground] for table in system.tables}
    assert grounds["profiles"] == [
        "emptied as well in rows of others that point at the person (2), whatever holds stand on those"
    ]
