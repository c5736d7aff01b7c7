"""Columns of somebody else's tables: of which type their values are, how they are written, compared and told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

_NUMBERS = (int, float, Decimal)
_TYPED = frozenset({*_NUMBERS, bool, date, datetime, time, timedelta, UUID})

ANYTHING = "anything"
"""A column of SQLite, which may hold values of any type, whatever its own is."""
AS_GIVEN = "as given"
"""One that makes nothing of what is written there: a number that is looked for as a text is not found."""
CHARSET = "charset"
"""A column of MariaDB whose texts are in another character set than those that it is asked with; with its name."""
LARGE = "large"
"""A column of numbers, which may be those of large objects."""
CODECS: Mapping[str, str] = {"ascii": "ascii", "latin1": "cp1252"}
"""The character sets of columns that Python has as well: a text that it cannot write so does not stand there."""
UNKNOWN = "unknown"
"""A column of a type that SQLAlchemy does not know."""
COLLATED = "collated"
"""A column that may take different letters for one; with the collation that tells them apart."""
LOOKED_THROUGH = "looked_through"
"""A column of PostgreSQL whose own collation may know no patterns; with the one that its text is looked through by."""


def python_type(of: sa.Column[Any] | sa.types.TypeEngine[Any]) -> type | None:
    """The type of a column's values in Python; None where SQLAlchemy does not know it."""
    try:
        told = of.python_type if isinstance(of, sa.types.TypeEngine) else of.type.python_type
    except NotImplementedError:  # one of SQLAlchemy's ways to say that it knows none
        return None
    return None if told is object else told  # the other one


def is_of_type(column: sa.Column[Any], value: object) -> bool:
    """Whether a value that was read is of the column's own type, and not what a driver made nothing of."""
    wanted = python_type(column)
    if wanted in _NUMBERS and isinstance(value, _NUMBERS):
        return True
    return wanted is None or wanted not in _TYPED or isinstance(value, wanted)


def keys_of(table: sa.Table, *, in_some_rows: bool = False) -> list[frozenset[str]]:
    """The columns that no two rows have the same values in: of each key, unique constraint and unique index.

    Args:
        in_some_rows: also where that holds for some rows only, as it does of an index with a condition.
    """
    found = [table.primary_key.columns]
    found += [one.columns for one in table.constraints if isinstance(one, sa.UniqueConstraint)]
    found += [one.columns for one in table.indexes if _is_key(one) and (in_some_rows or not _has_condition(one))]
    keys = [frozenset(column.name for column in columns) for columns in found]
    return [key for key in keys if key] + [frozenset([c.name]) for c in table.columns if "unique" in c.info]


def empty_once(table: sa.Table) -> list[frozenset[str]]:
    """The keys in which nothing counts as a value, of which no two rows may have the same (`NULLS NOT DISTINCT`)."""
    found: list[sa.Index | sa.UniqueConstraint] = [*table.indexes]
    found += [one for one in table.constraints if isinstance(one, sa.UniqueConstraint)]
    alike = (one for one in found if one.dialect_options["postgresql"].get("nulls_not_distinct"))
    return [frozenset(column.name for column in one.columns) for one in alike]


def _is_key(index: sa.Index) -> bool:
    """Whether it is unique by what stands in columns: not by `lower(email)`, which the others alone say nothing of."""
    return bool(index.unique) and all(isinstance(one, sa.Column) for one in index.expressions)


def _has_condition(index: sa.Index) -> bool:
    return any(options.get("where") is not None for options in index.dialect_options.values())


def as_text(column: sa.Column[Any]) -> sa.ColumnElement[str]:
    """A column as a text: whatever is not plainly one (an enumeration, a domain, an array) is written as one.

    PostgreSQL looks for no pattern where different letters count as one: its bytes are looked at.
    """
    if "concatenated" in column.info:
        return sa.func.concat(column, "", type_=sa.String)
    if CHARSET in column.info:
        return sa.cast(column, mysql.CHAR(charset="utf8mb4"))
    plain = isinstance(column.type, sa.String) and not isinstance(column.type, sa.Enum)
    told = column if plain else sa.cast(column, sa.String)
    return told.collate(column.info[LOOKED_THROUGH]) if LOOKED_THROUGH in column.info else told


def exactly(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """A column in which letters are told apart: MariaDB takes u and \u00fc for one, as a and A, and so do
    PostgreSQL's citext and columns with a collation of their own.
    """
    kind = column.type
    if type(kind).__module__.startswith("sqlalchemy.dialects.mysql") and isinstance(kind, sa.String):
        return sa.cast(column, mysql.CHAR(charset="utf8mb4")).collate("utf8mb4_bin")
    if isinstance(kind, postgresql.CITEXT):
        return sa.cast(column, sa.Text)
    return column.collate(column.info[COLLATED]) if COLLATED in column.info else column


def as_stored(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """A column as keys are read: what stands there, even where its type knows no such value."""
    return sa.type_coerce(column, sa.types.NullType()) if ANYTHING in column.info else column


def as_key(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """A column as keys are compared."""
    told = exactly(column)
    return as_stored(column) if told is column else told


def compares_plainly(columns: Sequence[sa.Column[Any]]) -> bool:
    """Whether what is asked finds these columns by their own comparison, which an index can lead.

    MariaDB passes over texts of other character sets among several that are compared with several at once.
    """
    charsets = {column.info.get(CHARSET) for column in columns}
    return charsets <= ({None, "ascii"} if len(columns) > 1 else {None, *CODECS})


def is_unique(column: sa.Column[Any]) -> bool:
    """Whether no two rows may have the same value there: by a key, a constraint or an index of its own."""
    return {column.name} in keys_of(column.table, in_some_rows=True)
