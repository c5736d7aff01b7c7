"""How a value is found again in its column, whatever type that has: JSON by its text, null by being null."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa


def told_apart(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """What tells values of a column apart within a database: PostgreSQL compares JSON with nothing."""
    return sa.cast(column, sa.Text) if isinstance(column.type, sa.JSON) else column


def stood_at(column: sa.Column[Any], value: Any) -> sa.ColumnElement[bool]:
    """Rows in which a value stands, as it was read by `told_apart`."""
    return column.is_(sa.null()) if value is None else told_apart(column) == value


def stands_at(column: sa.Column[Any], value: Any) -> sa.ColumnElement[bool]:
    """Rows in which a value stands that was written there."""
    if value is not None and isinstance(column.type, sa.JSON):
        return told_apart(column) == json.dumps(value)
    return stood_at(column, value)
