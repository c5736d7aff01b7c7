"""A user of the address who may read everything and change nothing: an erasure waits, and says what to do."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.errors import LinkedSystemUnavailable
from tests.outside import ADA, rows, run, systems

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: {rows}
    fields:
      id: {{category: null}}
      email: {{category: user.contact.email, identity: email{erasure}}}
"""


@pytest.mark.parametrize(("keep", "erasure"), [("delete", ""), ("keep", ", erasure: mask")])
def test_an_erasure_by_a_user_who_may_only_read_says_so(postgres_url: str, keep: str, erasure: str) -> None:
    name = f"reader_{sa.make_url(postgres_url).database}"
    run(
        postgres_url,
        "CREATE TABLE customers (id integer primary key, email text)",
        "INSERT INTO customers VALUES (1, 'ada@example.test')",
        f"CREATE ROLE {name} LOGIN",
        f"GRANT SELECT ON customers TO {name}",
    )
    url = sa.make_url(postgres_url).set(username=name).render_as_string(hide_password=False)
    with systems({SHOP.format(rows=keep, erasure=erasure): url}) as made:
        with pytest.raises(LinkedSystemUnavailable) as caught:
            made[0].run("r", Kind.ERASURE, reach_of(made, ADA), {})
        assert caught.value.hint == "let the user of the address update and delete rows there"
    assert rows(postgres_url, "SELECT email FROM customers") == [("ada@example.test",)]
    run(postgres_url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


READING = {
    "sqlite": {"mode": "ro", "uri": "true"},
    "postgresql": {"options": "-c default_transaction_read_only=on"},
    "mariadb": {"init_command": "SET SESSION TRANSACTION READ ONLY"},
}


def test_an_erasure_where_nothing_is_written_says_so(outside_url: str) -> None:
    run(
        outside_url,
        "CREATE TABLE customers (id integer primary key, email varchar(60))",
        "INSERT INTO customers VALUES (1, 'ada@example.test')",
    )
    url = sa.make_url(outside_url.replace("sqlite:///", "sqlite:///file:"))
    reading = url.update_query_dict(READING[url.get_backend_name()]).render_as_string(hide_password=False)
    with systems({SHOP.format(rows="delete", erasure=""): reading}) as made:
        with pytest.raises(LinkedSystemUnavailable) as caught:
            made[0].run("r", Kind.ERASURE, reach_of(made, ADA), {})
    assert "nothing is written" in str(caught.value.hint)
    assert rows(outside_url, "SELECT email FROM customers") == [("ada@example.test",)]
