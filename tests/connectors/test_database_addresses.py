"""Addresses of databases outside: what is wrong with one is told without it, and no statement waits without end."""

from __future__ import annotations

import traceback

import pytest
import sqlalchemy as sa

from registry.connectors.sql.engines import opened
from registry.connectors.sql.scaffold import scaffold
from registry.model.errors import LinkedSystemUnavailable, SettingInvalid
from tests.connectors.test_hidden_rows import CUSTOMERS, TWO
from tests.outside import erased, run, systems


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
