"""UUIDs, which one database keeps as such, another as a text and a third as their bytes: each leads to the others."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from registry.connectors.key_values import to_text
from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.message import Identifier
from tests.outside import ADA, erased, left, rows, run, systems

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id}
      email: {category: user.contact.email, identity: email}
"""
DESK = """
dataset: desk
url_env: DESK_URL
tables:
  notes:
    rows: delete
    fields:
      customer: {category: user.unique_id, references: shop.customers.id}
"""
ONE = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
BYTES = ONE.replace("-", "")
STANDS = {
    "postgresql": [("uuid", f"'{ONE}'"), ("bytea", f"'\\x{BYTES}'"), ("text", f"'{ONE.upper()}'")],
    "mariadb": [("uuid", f"'{ONE}'"), ("binary(16)", f"x'{BYTES}'"), ("char(32)", f"'{BYTES}'")],
    "sqlite": [("uuid", f"'{ONE}'"), ("blob", f"x'{BYTES}'"), ("text", f"'{ONE}'")],
}


@pytest.mark.parametrize("key", [UUID(ONE), UUID(ONE).bytes], ids=["uuid", "bytes"])
def test_a_uuid_or_its_bytes_lead_to_what_refers_in_any_form(outside_url: str, tmp_path: Path, key: object) -> None:
    forms = STANDS[outside_url.partition(":")[0].partition("+")[0]]
    run(outside_url, *(f"CREATE TABLE notes{n} (customer {kind})" for n, (kind, _) in enumerate(forms)))
    run(outside_url, *(f"INSERT INTO notes{n} VALUES ({value})" for n, (_, value) in enumerate(forms)))
    head, table = DESK.split("  notes:")
    desk = head + "".join(f"  notes{n}:{table}" for n in range(len(forms)))
    ada = Identifier("shop.customers.id", to_text([key]) or "")
    with systems({SHOP: f"sqlite:///{tmp_path / 'shop.db'}", desk: outside_url}) as (_, made):
        assert [account.rows for account in made.run("r", Kind.ERASURE, [ada], {})] == [1] * len(forms)
    assert [rows(outside_url, f"SELECT * FROM notes{n}") for n in range(len(forms))] == [[]] * len(forms)


@pytest.mark.parametrize("url", ["postgres_url", "mariadb_url"])
def test_the_letters_of_a_uuid_tell_nobody_apart_where_a_column_holds_one(
    request: pytest.FixtureRequest, url: str
) -> None:
    """An app writes its ids in capital letters, the shop keeps UUIDs."""
    place = request.getfixturevalue(url)
    run(place, "CREATE TABLE customers (id uuid, email varchar(60))")
    run(place, f"INSERT INTO customers VALUES ('{ONE}', 'ada@example.test')")
    ada = Identifier("user_id", ONE.upper())
    with systems({SHOP.replace("user.unique_id", "user.unique_id, identity: user_id"): place}) as made:
        assert reach_of(made, [ada]) == [ada, *ADA]
        assert left(made, [ada]) == {"shop.customers.id": 1}
        erased(made, [ada])
        assert left(made, [ada]) == {}
