"""Rows as they are given out: few in one message, many streamed, and what cannot be read named by its column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import sqlalchemy as sa

from registry.connectors.sql.prepared import Where, reading
from registry.connectors.sql.standing import plain
from registry.model.errors import LinkedSystemUnavailable

ROWS_AT_ONCE = 500


def given(connection: sa.Connection, place: str, where: Where, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What is found, in a form that a package can hold.

    Raises:
        LinkedSystemUnavailable: a column cannot be read.
    """
    with named(connection, place, where, names):
        for row in _rows(connection, where, names):
            yield {name: plain(value) for name, value in zip(names, row, strict=True)}


def require_writable(rows: Iterator[dict[str, Any]], place: str) -> int:
    """Read everything that a package is going to hold of a table, and write it nowhere; how many rows it is.

    Raises:
        LinkedSystemUnavailable: it cannot be read or written.
    """
    count = 0
    for row in rows:
        if not _is_writable(row):
            wrong = ", ".join(name for name, value in row.items() if not _is_writable(value))
            raise LinkedSystemUnavailable(f"{place}: {wrong}: a value cannot be written down")
        count += 1
    return count


def _is_writable(value: object) -> bool:
    try:
        orjson.dumps(value, default=str)
    except TypeError:
        return False
    return True


@contextmanager
def named(connection: sa.Connection, place: str, where: Where, names: Sequence[str]) -> Iterator[None]:
    """Read these columns; whichever of them cannot be read is named, and no value.

    Raises:
        LinkedSystemUnavailable: one cannot be read.
    """
    try:
        yield
    except (LinkedSystemUnavailable, sa.exc.OperationalError):  # the way to it, or a statement that took too long
        raise
    except Exception as error:
        wrong = [name for name in names if not _is_readable(connection, where, name)]
        if not wrong or (len(wrong) == len(names) > 1):  # the database itself, or the way to it
            raise
        told = f"{place}: {', '.join(wrong)} cannot be read ({type(error).__name__})"
        raise LinkedSystemUnavailable(told) from None


def _is_readable(connection: sa.Connection, where: Where, name: str) -> bool:
    try:
        for _ in connection.execute(reading(where, [name]), where.parameters()):
            pass
    except Exception:  # noqa: BLE001 - whatever a driver raises
        return False
    return True


def _rows(connection: sa.Connection, where: Where, names: Sequence[str]) -> Iterator[sa.Row[Any]]:
    """What is found: in one message where it is little; streamed, which takes several, where it is much.

    On one connection: if each export waited for a second one of the pool, many at once would wait for each other.
    """
    values = where.parameters()
    few = connection.execute(reading(where, names, most=ROWS_AT_ONCE + 1), values).all()
    if len(few) <= ROWS_AT_ONCE:
        yield from few
    else:
        yield from connection.execute(reading(where, names), values, execution_options={"yield_per": ROWS_AT_ONCE})
