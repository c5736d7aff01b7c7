"""What a column takes in the place of a value: a decision that it cannot follow is found before anything is touched."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.dialects.postgresql.ranges import AbstractRange

from registry.connectors.datasets import Erasure
from registry.connectors.key_values import fitted
from registry.connectors.sql.columns import ANYTHING, UNKNOWN, is_unique, python_type
from registry.connectors.sql.stand_ins import ALWAYS_THE_SAME

_NO_NAMES = (bytes, bool, date, datetime, time, timedelta, float, list)
"""Types of which no value is an identifier."""
_NO_KEYS = (
    sa.JSON, sa.ARRAY, sa.Interval, mysql.SET, postgresql.HSTORE, postgresql.INTERVAL, postgresql.MONEY, AbstractRange,
)  # fmt: skip
"""Types of which no value is looked for as a key: several values, or a length of something."""
_INEXACT = (sa.REAL, mysql.FLOAT)
"""Numbers of which none is what stands there once it was read: too few of its digits are told. SQLite's are wider."""
_ALWAYS_THE_SAME = frozenset({*ALWAYS_THE_SAME, list})
_DRAWN = frozenset({*_ALWAYS_THE_SAME, str, bytes, int, float, Decimal, UUID})
_DRAWN_TYPES = (sa.JSON, postgresql.HSTORE, postgresql.INET, postgresql.CIDR)


def cannot_take(column: sa.Column[Any], erasure: Erasure, mask: str | None = None) -> str | None:
    """Why a column does not take what an erasure is to put there, and what to choose instead; None if it does."""
    if erasure is Erasure.KEEP:
        return None
    if column.computed is not None or (column.identity is not None and column.identity.always):
        return "the database itself writes it: keep it, or delete the rows"
    if erasure is Erasure.NULL:
        return None if column.nullable else "to be emptied, and the column is NOT NULL"
    return _cannot_draw(column) if mask is None else _cannot_write(column, mask)


def cannot_correct(column: sa.Column[Any]) -> str | None:
    """Why no corrected value is written into a column; None if one may be."""
    if column.computed is not None or (column.identity is not None and column.identity.always):
        return "no correction is written there, since the database itself writes it: say no trait"
    if isinstance(column.type, sa.JSON) or python_type(column) in (bytes, list, dict, timedelta):
        return f"no correction is written in a column of the type {_type(column)}: say no trait"
    return None


def cannot_identify(column: sa.Column[Any]) -> str | None:
    """Why no identifier is found in a column; None if it may hold some."""
    if isinstance(column.type, sa.JSON) or python_type(column) in _NO_NAMES:
        return f"identifies nobody: no identifier stands in a column of the type {_type(column)}"
    return None


def cannot_refer(column: sa.Column[Any]) -> str | None:
    """Why no row is found by what stands in a column, nor by what refers to it; None if it may be."""
    if isinstance(column.type, _NO_KEYS) or (isinstance(column.type, _INEXACT) and ANYTHING not in column.info):
        return f"nothing refers by a column of the type {_type(column)}: describe what stands there by itself"
    return None


def cannot_tell_apart(column: sa.Column[Any]) -> str | None:
    """Why no row is found again by its key, of which the column is a part, to be changed; None if it is."""
    if isinstance(column.type, (mysql.SET, *_INEXACT)) and ANYTHING not in column.info:
        return f"no row is found again by a key of the type {_type(column)}: delete the rows, or keep every field"
    return None


def _cannot_draw(column: sa.Column[Any]) -> str | None:
    """Why no random value fits there."""
    if _choices(column) is not None:
        return "takes only certain values: say which one masks it"
    if column.foreign_keys:
        there = sorted(key.column.table.name for key in column.foreign_keys)[0]
        return f"refers to {there}, where no row has another value: empty it, keep it, or say which row's masks it"
    wanted = python_type(column.type.data_type if isinstance(column.type, postgresql.DOMAIN) else column.type)
    known = isinstance(column.type, _DRAWN_TYPES) or (wanted in _DRAWN and not _holds_domains(column.type))
    if UNKNOWN in column.info or not (known or isinstance(column.type, sa.types.NullType)):
        return f"no random value is known for the type {_type(column)}: empty it, keep it, or say which text masks it"
    if is_unique(column) and (wanted in _ALWAYS_THE_SAME or isinstance(column.type, sa.JSON)):
        return "no value may stand twice there, and all of this type are masked alike: empty it, or keep it"
    return None


def _holds_domains(kind: sa.types.TypeEngine[Any]) -> bool:
    """Whether it holds several values of a domain, which the driver takes for one text."""
    return isinstance(kind, sa.ARRAY) and isinstance(kind.item_type, postgresql.DOMAIN)


def _cannot_write(column: sa.Column[Any], mask: str) -> str | None:
    """Why this text does not fit there."""
    choices = _choices(column)
    length = column.type.length if isinstance(column.type, sa.String) and choices is None else None
    if length is not None and len(mask) > length:
        return f"its mask is longer than the {length} characters of the column"
    if choices is not None and not set(_parts(column, mask)) <= choices:
        return "its mask is none of the values that the column takes"
    if is_unique(column):
        return "no value may stand twice there: mask it without a text"
    wanted = python_type(column)
    if wanted in (int, float) and not isinstance(fitted(mask, int), int):
        return "its mask is no number"
    return None if fitted(mask, wanted) is not None else f"its mask is no value of the type {_type(column)}"


def _choices(column: sa.Column[Any]) -> set[str] | None:
    if isinstance(column.type, mysql.SET):
        return {str(value) for value in column.type.values}
    return {str(value) for value in column.type.enums} if isinstance(column.type, sa.Enum) else None


def _parts(column: sa.Column[Any], mask: str) -> list[str]:
    return [part for part in mask.split(",") if part] if isinstance(column.type, mysql.SET) else [mask]


def _type(column: sa.Column[Any]) -> str:
    return type(column.type).__name__ if UNKNOWN not in column.info else "that this driver does not know"
