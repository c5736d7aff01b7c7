"""What a trigger brings back into rows that were changed before it: they are held against what they were left with.

Rows that have a primary key are read again by it. Of a table without one it is counted how often each value that was
erased stands anywhere in it: afterwards it may stand there no more often.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from registry.connectors.datasets import Table
from registry.connectors.sql import changing
from registry.connectors.sql.columns import UNKNOWN, as_text
from registry.connectors.sql.comparing import stands_at, stood_at, told_apart
from registry.connectors.sql.selecting import count
from registry.connectors.sql.stand_ins import StandIns
from registry.connectors.sql.standing import as_it_stands
from registry.model.errors import LinkedSystemUnavailable

AT_ONCE, TEXTS_AT_ONCE = 100, 5_000
"""Values in one look through a whole table: compared each in the way that its column needs, or all by their texts."""
BY_TEXT = frozenset({"postgresql", "sqlite"})
"""Engines that write every value as a text in one way only, and look many up at once."""

Key = tuple[Any, ...]


class Gone(NamedTuple):
    """Values that were erased from a field of a table without a key, and in how many rows they stood then."""

    field: str
    where: sa.ColumnElement[bool]
    rows: int


def written_over(
    connection: sa.Connection, described: Table, table: sa.Table, made: Mapping[Key, Mapping[str, Any]]
) -> list[Key]:
    """The rows that no longer have what they were left with.

    Args:
        made: what that was, by primary key.
    """
    keys = list(made)
    found = list[Key]()
    for start in range(0, len(keys), changing.ROWS_AT_ONCE):
        now = changing.read(connection, described, table, keys[start : start + changing.ROWS_AT_ONCE])
        found += (key for key, row in now.items() if row != made[key])
    return found


def values(
    connection: sa.Connection,
    described: Table,
    table: sa.Table,
    where: Sequence[sa.ColumnElement[bool]],
    stand_ins: StandIns,
) -> Iterator[tuple[str, sa.ColumnElement[bool]]]:
    """Where else the values stand that these rows are about to lose, by field.

    Not what takes the place of any value: rows that a trigger adds meanwhile are left with that as well.
    """
    for one in described.changed:
        column, found = table.c[one.name], dict[str, Any]()
        ours = sa.or_(sa.false(), *(stands_at(column, value) for value in stand_ins.for_all(one, column)))
        # What no engine compares (a place on a map) is told apart by its text everywhere.
        text = as_text(column) if connection.dialect.name in BY_TEXT or UNKNOWN in column.info else None
        told = as_it_stands((told_apart(column) if text is None else text).label(one.name))
        for condition in where:
            rows = connection.execute(sa.select(told).where(condition).distinct())
            found.update((repr(value), value) for (value,) in rows if value is not None)
        standing = list(found.values())
        step = AT_ONCE if text is None else TEXTS_AT_ONCE
        for start in range(0, len(standing), step):
            some = standing[start : start + step]
            stood = text.in_(some) if text is not None else sa.or_(*(stood_at(column, value) for value in some))
            yield one.name, sa.and_(stood, sa.not_(ours))


def require_gone(connection: sa.Connection, place: str, table: sa.Table, gone: Sequence[Gone]) -> None:
    """Go on only if nothing stands there again.

    Raises:
        LinkedSystemUnavailable: it does.
    """
    for one in gone:
        if count(connection, table, one.where) > one.rows:
            raise LinkedSystemUnavailable(
                f"{place}.{one.field}: rows have again what they had; rolled back",
                hint="a trigger writes it back: give the table a primary key, by which such rows are found",
            )
