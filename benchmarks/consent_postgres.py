"""Consent over HTTP on PostgreSQL: the rows of `consent_http`, `consent_bulk` and `propagation`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
from sqlalchemy.engine import make_url

from benchmarks import consent_bulk, consent_http, propagation
from benchmarks.crowd import lay_down
from benchmarks.ingest_postgres import databases
from benchmarks.installation import installation
from benchmarks.row import Row


def _settle(url: str) -> None:
    """What the database would do by itself in the minutes after so many rows came, beside whatever is measured then."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def measure() -> Iterator[tuple[str, Row]]:
    """Checks beside an empty route, a batch, everybody filtered and listed, and a withdrawal told on; N people."""
    people = int(os.environ.get("N", "20000"))
    with databases() as (data, keystore), installation(database_url=data, keystore_url=keystore) as made:
        with made.opened() as opened:
            lay_down(opened, people)
        _settle(data)
        for measured in (consent_http.rows, consent_bulk.rows):
            for name, row in measured(made, people):
                yield name.replace("consent", "consent-postgres", 1), row
    with databases() as (data, keystore), installation(database_url=data, keystore_url=keystore) as made:
        for name, row in propagation.rows(made):
            yield f"consent-postgres-{name}", row
