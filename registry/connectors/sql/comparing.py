"""How a value is found again in its column, whatever type that has: null by being null, and by its text what is not
compared, or what was read as one.
"""

from __future__ import annotations

import json
from datetime import datetime, time
from typing import Any

import sqlalchemy as sa

from registry.connectors.key_values import stored
from registry.connectors.sql.columns import ANYTHING, as_stored, is_of_type


def told_apart(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """What tells values of a column apart within a database: PostgreSQL compares JSON with nothing, and a number with a
    point that a program was told is not quite the one that stands there; a time of SQLite is written in several ways.
    """
    return sa.cast(column, sa.Text) if isinstance(column.type, sa.JSON | sa.Float) else as_stored(column)


def stood_at(column: sa.Column[Any], value: Any) -> sa.ColumnElement[bool]:
    """Rows in which a value stands, as it was read by `told_apart`."""
    if value is None:
        return column.is_(sa.null())
    if not is_of_type(column, value) or (isinstance(column.type, sa.ARRAY) and isinstance(value, str)):
        return sa.cast(column, sa.Text).is_not_distinct_from(str(value))
    return told_apart(column).is_not_distinct_from(value)


def stands_at(column: sa.Column[Any], value: Any) -> sa.ColumnElement[bool]:
    """Rows in which a value stands that was written there."""
    if value is not None and isinstance(column.type, sa.JSON):
        return told_apart(column) == json.dumps(value)
    if value is not None and (not is_found_again(column) or (ANYTHING in column.info and is_of_type(column, value))):
        return column.is_not_distinct_from(value)
    return stood_at(column, value)


def is_found_again(column: sa.Column[Any]) -> bool:
    """Whether a value that was written there is found by it: a number with a point may be stored as one near it."""
    return not isinstance(column.type, sa.Float)


def is_same(stood: Any, written: Any) -> bool:
    """Whether what takes a value's place is what stood there: a reviewed mask may be, written as a text."""
    if isinstance(stood, str) and isinstance(written, datetime | time):
        return stood in stored(written)
    return bool(stood == written) or _as_text(stood) == _as_text(written)


def _as_text(value: Any) -> str:
    if isinstance(value, set):
        return ",".join(sorted(value))
    return json.dumps(value, default=str) if isinstance(value, dict | list) else str(value)
