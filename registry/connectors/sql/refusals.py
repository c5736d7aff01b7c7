"""What a database refuses, told by system, table and column, and by no value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from registry.model.errors import REFUSED, LinkedSystemUnavailable

DENIED = frozenset({"42501", 1142, 1143})
"""How PostgreSQL, and MariaDB of tables and of columns, say that a user may not do what was asked."""
READ_ONLY = frozenset({"25006", 1290, 1792, 1836, "SQLITE_READONLY"})
"""How they, and SQLite, say that nothing is written there at all: by a copy, or a user or session that only reads."""


@contextmanager
def told(place: str) -> Iterator[None]:
    """Name the place of whatever fails there.

    Raises:
        LinkedSystemUnavailable: something did.
    """
    try:
        yield
    except LinkedSystemUnavailable:
        raise
    except IntegrityError:
        reason = "a constraint of the database refused it, and it was rolled back"
        raise LinkedSystemUnavailable(
            f"{place}: {reason}", hint="registry connectors check", extra={REFUSED: True}
        ) from None
    except Exception as error:  # noqa: BLE001 - whatever a driver or a type raises
        raise LinkedSystemUnavailable(
            f"{place}: failed ({type(error).__name__}), and was rolled back", hint=_hint(error)
        ) from None


def _hint(error: Exception) -> str | None:
    """What to look at, where the database says that the user of the address may not do it."""
    told = getattr(error, "orig", None)
    codes = {getattr(told, "sqlstate", None), getattr(told, "sqlite_errorname", None), *getattr(told, "args", ())[:1]}
    if codes & READ_ONLY:
        return "the address leads to where nothing is written (a replica, a session that only reads): name another one"
    return "let the user of the address update and delete rows there" if codes & DENIED else None


def update(
    connection: sa.Connection,
    place: str,
    table: sa.Table,
    where: Sequence[sa.ColumnElement[bool]],
    values: Mapping[str, Any],
    parameters: Sequence[Mapping[str, Any]] = ({},),
) -> None:
    """Change rows; where that is refused, look which of the columns is.

    Args:
        place: the system and the table.
        values: by column, the value or the parameter that holds it.

    Raises:
        LinkedSystemUnavailable: it is refused.
    """
    try:
        with connection.begin_nested():
            connection.execute(_statement(table, where, values), parameters)
    except Exception:
        if connection.invalidated:  # the database is gone, and refused nothing
            raise
        for name, value in values.items():
            with told(f"{place}.{name}"), connection.begin_nested() as alone:
                connection.execute(_statement(table, where, {name: value}), parameters)
                alone.rollback()
        with told(f"{place} ({', '.join(values)})"):
            raise


def _statement(table: sa.Table, where: Sequence[sa.ColumnElement[bool]], values: Mapping[str, Any]) -> sa.Update:
    return sa.update(table).where(*where).values(dict(values))
