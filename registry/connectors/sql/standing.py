"""Values as they stand: what a driver makes no object of is read as its text, and a package takes every one.

A database holds more than Python has objects for: PostgreSQL an infinite day and years before Christ, SQLite whatever
was written into a column of dates, in any encoding.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import psycopg
import sqlalchemy as sa
from psycopg.adapt import Loader
from psycopg.types import datetime as times
from psycopg.types.string import TextLoader

_PLAIN = frozenset({str, bool, type(None), date, datetime, Decimal, UUID, bytes, memoryview})
_BITS = 63


class AsItStands(sa.types.TypeDecorator[Any]):
    """A type whose values are read as its own type reads them, and as they come where it cannot."""

    impl = sa.types.NullType
    cache_ok = True

    def __init__(self, read: sa.types.TypeEngine[Any]) -> None:
        super().__init__()
        self.read = read

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """What is asked of the driver is what the column's own type asks."""
        return dialect.type_descriptor(self.read)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        """The type's own reading, and the value as it came where that fails."""
        own = self.read.dialect_impl(dialect).result_processor(dialect, coltype)
        if own is None:
            return None
        several = isinstance(self.read, sa.ARRAY) and not isinstance(self.read.item_type, sa.Enum)

        def read(value: Any) -> Any:
            if isinstance(value, timedelta) and value.days:  # MariaDB's time goes beyond a day, and Python's does not
                return _clock(value)
            if several and isinstance(
                value, str
            ):  # of a type that the driver does not know: it takes them for one text
                return value
            try:
                return own(value)
            except Exception:  # noqa: BLE001 - each type has errors of its own for what it cannot read
                return value

        return read


def as_it_stands(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A column to be read so."""
    name = column.name if isinstance(column, sa.Column | sa.Label) else None
    return sa.type_coerce(column, AsItStands(column.type)).label(name)


def psycopg_reads(connection: psycopg.Connection[Any]) -> None:
    """Let a connection read times that Python has no object for as their texts."""
    for name, loader in _LOADERS.items():
        connection.adapters.register_loader(name, loader)


def sqlite_text(value: bytes) -> str:
    """A text of SQLite; a byte that is no UTF-8 by its number."""
    return value.decode(errors="backslashreplace")


def plain(value: Any) -> Any:
    """A value that a package can hold: one that JSON has no form for, or another one, as its text."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, int):
        return value if -(2**_BITS) <= value < 2**_BITS else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, dict | list | tuple):
        return _held(value)
    return value.isoformat() if isinstance(value, time) else str(value)


def _held(value: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> Any:
    """A document or an array; a document that is too deep, or holds too large numbers, as its text."""
    with suppress(TypeError):
        orjson.dumps([[[value]]], option=orjson.OPT_PASSTHROUGH_DATETIME)  # within a row, and a line
        return value
    with suppress(TypeError):
        return json.dumps(value)
    return [plain(one) for one in value] if not isinstance(value, dict) else json.dumps(value, default=str)


class _Unpadded(TextLoader):
    """A text of a fixed width without the spaces that fill it up: they count for nothing there, and elsewhere would."""

    def load(self, data: Any) -> str | bytes:
        """The text as every other column would hold it."""
        found = super().load(data)
        return found.rstrip(" ") if isinstance(found, str) else found


def _clock(value: timedelta) -> str:
    seconds = int(abs(value).total_seconds())
    return f"{'-' if value.days < 0 else ''}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _lenient(loader: type[Loader]) -> type[Loader]:
    class Lenient(loader):  # type: ignore[misc, valid-type]
        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except psycopg.DataError:
                return bytes(data).decode()

    return Lenient


_LOADERS: Mapping[str, type[Loader]] = {
    "bpchar": _Unpadded,
    "date": _lenient(times.DateLoader),
    "time": _lenient(times.TimeLoader),
    "timetz": _lenient(times.TimetzLoader),
    "timestamp": _lenient(times.TimestampLoader),
    "timestamptz": _lenient(times.TimestamptzLoader),
    "interval": _lenient(times.IntervalLoader),
}
