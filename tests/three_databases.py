"""A synthetic shop with three real databases, for the tutorial: `python -m tests.three_databases FOLDER`.

The shop itself is on SQLite, its deliveries are on PostgreSQL, its help desk is on MariaDB. Nobody in them exists. The
file `urls` in the folder names all three once they are filled; they run until the program is stopped.
"""

from __future__ import annotations

import random
import signal
import sys
from pathlib import Path

import sqlalchemy as sa

from tests import mariadb, postgres

CUSTOMERS = 200
SHOP = (
    "CREATE TABLE customers (id integer PRIMARY KEY, email varchar(80) UNIQUE, full_name varchar(80), birthday date)",
    "CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer REFERENCES customers (id), total integer)",
    "CREATE TABLE products (id integer PRIMARY KEY, label varchar(80))",
)
DELIVERIES = (
    """CREATE TABLE parcels (id integer PRIMARY KEY, order_id integer NOT NULL, recipient varchar(40) NOT NULL,
    street varchar(60), postal_code varchar(5) NOT NULL, weight integer)""",
)
DESK = (
    "CREATE TABLE tickets (id integer PRIMARY KEY, contact varchar(80), answered_by integer)",
    "CREATE TABLE messages (ticket_id integer, said varchar(200), FOREIGN KEY (ticket_id) REFERENCES tickets (id))",
)


def filled(shop: str, deliveries: str, desk: str) -> None:
    """Make and fill the tables of all three databases; the same each time."""
    chance = random.Random(5)
    people = [f"shopper-{n}@example.com" for n in range(CUSTOMERS)]
    orders = [(n, chance.randrange(CUSTOMERS), chance.randrange(500, 9000)) for n in range(3 * CUSTOMERS)]
    _fill(
        shop, SHOP,
        customers=[(n, one.title(), f"Sample Shopper {n}", "1990-05-05") for n, one in enumerate(people)],
        orders=[*orders, (9001, 7, 1200)], products=[(1, "Teapot")],
    )  # fmt: skip
    parcels = [(n, n, f"Sample Shopper {c}", f"{c} Sample Street", f"{10000 + c}", 900) for n, c, _ in orders]
    _fill(deliveries, DELIVERIES, parcels=[*parcels, (9001, 9001, "Sample Shopper 7", "7 Sample Street", "10007", 900)])
    tickets = [(n, one, 1) for n, one in enumerate(people)]
    _fill(desk, DESK, tickets=tickets, messages=[(n, f"Where is my parcel? {one}") for n, one, _ in tickets])


def _fill(url: str, tables: tuple[str, ...], **rows: list[tuple[object, ...]]) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in tables:
            connection.exec_driver_sql(statement)
        metadata = sa.MetaData()
        metadata.reflect(connection)
        for name, listed in rows.items():
            table = metadata.tables[name]
            names = [column.name for column in table.columns]
            connection.execute(sa.insert(table), [_typed(table, dict(zip(names, row, strict=True))) for row in listed])
    engine.dispose()


def _typed(table: sa.Table, row: dict[str, object]) -> dict[str, object]:
    from datetime import date

    dated = {c.name for c in table.columns if isinstance(c.type, sa.Date)}
    return {name: date.fromisoformat(str(value)) if name in dated else value for name, value in row.items()}


def main() -> None:
    """Start the databases, fill them, name them, and wait to be stopped."""
    folder = Path(sys.argv[1]).resolve()
    for name in ("pg", "my"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with postgres.running(folder / "pg") as deliveries, mariadb.running(folder / "my") as server:
        engine = sa.create_engine(server)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE DATABASE desk CHARACTER SET utf8mb4")
        engine.dispose()
        desk = sa.make_url(server).set(database="desk").render_as_string(hide_password=False)
        shop = f"sqlite:///{folder / 'shop.db'}"
        filled(shop, deliveries, desk)
        named = {"SHOP_URL": shop, "DELIVERIES_URL": deliveries, "DESK_URL": desk}
        (folder / "starting").write_text("".join(f"export {name}='{url}'\n" for name, url in named.items()))
        (folder / "starting").rename(folder / "urls")
        signal.pause()


if __name__ == "__main__":
    main()
