"""The second look outside for somebody known by much, in wide tables; and what a hold keeps of computed columns."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from registry.dsr.accounting import Disposition
from registry.dsr.held import Held
from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.message import Identifier
from tests.outside import ADA, erased, left, rows, run, systems

WIDE = [f"c{number}" for number in range(60)]
SHOP = """
dataset: shop
url_env: SHOP_URL
without_people: {notes: texts of the shop}
tables:
  visits:
    rows: delete
    fields:
      email: {category: user.contact.email, identity: email}
      device: {category: user.device, identity: gadget}
""" + "".join(f"      {name}: {{category: user.name}}\n" for name in WIDE)
CUSTOMERS = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      email: {category: user.contact.email, identity: email}
      name: {category: user.name}
      iban: {category: user.financial}
      shown: {category: user.name}
"""


@pytest.mark.parametrize("devices", [20, 40])
def test_somebody_who_is_known_by_much_is_looked_for_in_wide_tables(outside_url: str, devices: int) -> None:
    columns = ", ".join(f"{name} varchar(20)" for name in WIDE)
    visits = ", ".join(f"('ada@example.test', 'device-{number:05}')" for number in range(devices))
    run(
        outside_url,
        f"CREATE TABLE visits (email varchar(60), device varchar(60), {columns})",
        f"INSERT INTO visits (email, device) VALUES {visits}",
        "CREATE TABLE notes (" + ", ".join(f"{name} varchar(90)" for name in WIDE) + ")",
        "INSERT INTO notes (c0, c59) VALUES ('of device-00000', 'of device-00019'), ('x', 'of ada@example.test')",
    )
    with systems({SHOP: outside_url}) as made:
        known = reach_of(made, ADA)
        erased(made)
        assert left(made, known) == {"shop.notes.c0": 1, "shop.notes.c59": 2}
        run(outside_url, "DELETE FROM notes")
        assert left(made, known) == {}


def test_what_the_database_writes_itself_stays_in_a_row_that_a_hold_keeps(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE customers (email varchar(60), name varchar(30), iban varchar(30), "
        "shown varchar(60) GENERATED ALWAYS AS (upper(name)) STORED)",
        "INSERT INTO customers (email, name, iban) VALUES ('ada@example.test', 'Ada', 'DE1')",
    )
    with systems({CUSTOMERS: outside_url}) as made:
        system = made[0].holding([Held("claim 1", ("user.financial",))])
        accounts = {one.field: one for one in system.run("r", Kind.ERASURE, reach_of(made, ADA), {})}
        assert left([system], ADA) == {}
    assert accounts["shown"].disposition is Disposition.RETAINED
    assert "legal hold: claim 1" in (accounts["shown"].ground or "")
    assert rows(outside_url, "SELECT name, iban, shown FROM customers") == [(None, "DE1", None)]


@pytest.mark.parametrize("name", ["100%_sure@example.test", "a\\b-c%d_e/f", "o'brien@example.test"])
def test_signs_that_mean_something_to_a_database_are_looked_for_as_they_are(outside_url: str, name: str) -> None:
    run(outside_url, "CREATE TABLE visits (email varchar(60), device varchar(60))", "CREATE TABLE notes (body text)")
    text = SHOP.replace("".join(f"      {one}: {{category: user.name}}\n" for one in WIDE), "")
    engine = sa.create_engine(outside_url)
    notes = sa.Table("notes", sa.MetaData(), sa.Column("body", sa.Text))
    people = [Identifier("gadget", name)]
    with engine.begin() as connection:
        other = name.replace("%", "x").replace("_", "x").replace("'", "x")
        connection.execute(notes.insert(), [{"body": f"by {name.upper()} herself"}, {"body": f"by {other} or {name}x"}])
    with systems({text: outside_url}) as made:
        assert left(made, people) == {"shop.notes.body": 1}
        with engine.begin() as connection:
            connection.execute(notes.delete().where(notes.c.body.like("%herself")))
        assert left(made, people) == {}
    engine.dispose()
