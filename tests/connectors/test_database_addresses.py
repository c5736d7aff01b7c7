"""Addresses of databases outside: what is wrong with one is told without it, and no statement waits without end."""

from __future__ import annotations

import traceback

import pytest
import sqlalchemy as sa

from registry.connectors.sql import engines
from registry.connectors.sql.engines import opened
from registry.connectors.sql.scaffold import scaffold
from registry.model.errors import LinkedSystemUnavailable, SettingInvalid
from tests.connectors.test_hidden_rows import CUSTOMERS, TWO
from tests.outside import erased, rows, run, systems


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://user:half@of:S3cret@shop.example/shop",
        "nodriver://user:S3cret@shop.example/shop",
        "oracle+oracledb://user:S3cret@shop.example/shop",
        "S3cret, and no address",
    ],
)
def test_an_address_that_cannot_be_used_is_named_by_its_variable_and_by_nothing_of_it(url: str) -> None:
    with pytest.raises(SettingInvalid, match="SHOP_URL") as caught:
        scaffold(url, "shop", "SHOP_URL")
    assert "S3cret" not in "".join(traceback.format_exception(caught.value))


def test_an_option_that_a_driver_does_not_know_is_an_error_of_ours() -> None:
    with (
        systems({CUSTOMERS: "mariadb+pymysql://user:S3cret@127.0.0.1:1/shop?unheard_of=1"}) as made,
        pytest.raises(LinkedSystemUnavailable) as caught,
    ):
        made[0].findings()
    assert caught.value.detail == "shop: the database failed (TypeError)"


@pytest.mark.parametrize(("more", "longest"), [("", "5min"), ("&options=-c%20statement_timeout%3D200", "200ms")])
def test_a_statement_ends_after_a_while_or_when_the_address_says(postgres_url: str, more: str, longest: str) -> None:
    engine = opened(f"{postgres_url}{more}", "SHOP_URL")
    with engine.connect() as connection:
        assert connection.execute(sa.text("SHOW statement_timeout")).scalar_one() == longest
    engine.dispose()


def test_connections_that_lay_idle_while_the_server_was_away_are_made_anew(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, killer = opened(postgres_url, "SHOP_URL"), sa.create_engine(postgres_url)
    kept = [engine.connect() for _ in range(4)]
    for connection in kept:
        connection.close()
    with killer.begin() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        connection.exec_driver_sql(others + "AND pid <> pg_backend_pid()")
    monkeypatch.setattr(engines, "IDLE_S", 0)
    for _ in range(4):
        with engine.connect() as connection:
            assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1
    engine.dispose()
    killer.dispose()


def test_an_erasure_does_not_wait_without_end_for_who_holds_a_table(postgres_url: str) -> None:
    run(postgres_url, *TWO)
    engine = sa.create_engine(postgres_url)
    with systems({CUSTOMERS: f"{postgres_url}&options=-c%20statement_timeout%3D200"}) as made:
        with engine.begin() as holder:
            holder.exec_driver_sql("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(LinkedSystemUnavailable, match="the database failed"):
                erased(made)
        erased(made)
    engine.dispose()


def test_a_database_that_goes_in_the_middle_of_an_erasure_is_asked_again(
    postgres_url: str,
) -> None:
    run(
        postgres_url,
        *TWO,
        "CREATE TABLE orders (id integer PRIMARY KEY, customer integer, note varchar(9))",
        "INSERT INTO orders VALUES (1, 1, 'hers'), (2, 1, 'too'), (3, 2, 'his')",
        """CREATE FUNCTION end_it() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN OLD; END $$""",
        "CREATE TRIGGER ends BEFORE DELETE ON customers FOR EACH ROW EXECUTE FUNCTION end_it()",
        "CREATE TRIGGER ends BEFORE UPDATE ON orders FOR EACH ROW WHEN (OLD.id = 2) EXECUTE FUNCTION end_it()",
    )
    text = f"""{CUSTOMERS}
  orders:
    rows: keep
    fields:
      id: {{category: null}}
      customer: {{category: user, references: customers.id, erasure: "null"}}
      note: {{category: user, erasure: "null"}}
"""
    with systems({text: postgres_url}) as made:
        for table in ("orders", "customers"):
            with pytest.raises(LinkedSystemUnavailable, match="failed") as caught:
                erased(made)
            assert "note" not in caught.value.detail, "no column is to blame"
            assert rows(postgres_url, "SELECT count(note) FROM orders") == [(3,)]
            run(postgres_url, f"DROP TRIGGER ends ON {table}")
        erased(made)
    assert rows(postgres_url, "SELECT note FROM orders ORDER BY id") == [(None,), (None,), ("his",)]
    assert rows(postgres_url, "SELECT id FROM customers") == [(2,)]
