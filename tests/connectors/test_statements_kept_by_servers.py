"""Statements that a server keeps for a connection, and how many it is asked: a change of a table outlives none."""

from __future__ import annotations

import sqlalchemy as sa

from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from tests.connectors.test_hidden_rows import CUSTOMERS, TWO
from tests.outside import ADA, run, systems

OFTEN = 8
"""More often than a driver asks before it lets the server keep a statement by itself."""


def test_a_column_that_was_widened_is_read_on_connections_of_before(postgres_url: str) -> None:
    run(postgres_url, *TWO)
    with systems({CUSTOMERS: postgres_url}) as made:
        known = reach_of(made, ADA)
        for _ in range(OFTEN):
            made[0].plan(Kind.ACCESS, reach_of(made, ADA))
        run(postgres_url, "ALTER TABLE customers ALTER COLUMN email TYPE varchar(80)")
        assert reach_of(made, ADA) == known
        assert [row["id"] for _, row in made[0].export(known)] == [1]


def test_the_question_whether_a_table_changed_is_kept_and_no_other(postgres_url: str) -> None:
    run(postgres_url, *TWO)
    with systems({CUSTOMERS: postgres_url}) as made:
        for _ in range(OFTEN):
            known = reach_of(made, ADA)
            made[0].plan(Kind.ACCESS, known)
            made[0].run("r", Kind.ACCESS, known, {})
            assert len(list(made[0].export(known))) == 1
        with made[0]._engine.connect() as connection:
            kept = connection.execute(sa.text("SELECT statement FROM pg_prepared_statements")).scalars().all()
    assert len(kept) == 1
    assert "pg_attribute" in kept[0]


def test_a_run_asks_what_tables_there_are_and_reads_each_once(outside_url: str) -> None:
    run(outside_url, *TWO)
    asked = list[str]()
    with systems({CUSTOMERS: outside_url}) as made:
        known = reach_of(made, ADA)
        made[0].run("r", Kind.ACCESS, known, {})
        sa.event.listen(made[0]._engine, "before_cursor_execute", lambda *event: asked.append(event[2]))
        accounts = made[0].run("r", Kind.ACCESS, known, {})
    assert {one.rows for one in accounts} == {1}
    assert len([one for one in asked if not one.startswith(("BEGIN", "PRAGMA"))]) <= 2, asked
