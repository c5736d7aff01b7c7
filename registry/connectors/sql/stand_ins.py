"""What an erasure puts in a value's place: nothing, a reviewed text, or random characters that fit the column."""

from __future__ import annotations

import ipaddress
import re
import secrets
import string
from collections.abc import Callable, Hashable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from registry.connectors.datasets import Erasure, Field
from registry.connectors.key_values import fitted
from registry.connectors.sql.columns import is_of_type, python_type

NOBODY = "@erased.invalid"
"""RFC 2606: an address that nobody can ever have."""
LONG_AGO = datetime(1970, 1, 2)  # noqa: DTZ001 - a column's value, without a zone as columns have them
HASH_DIGITS = 32
_FLOAT = re.compile(r"-?\d+(\.\d+)?")
_BITS = ((mysql.TINYINT, 7), (mysql.MEDIUMINT, 23), (sa.SmallInteger, 15), (sa.BigInteger, 63))
"""Columns of whole numbers that are narrower or wider than most, and how many bits of a number each of them takes."""
_ADDRESSES = (
    ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network,
)  # fmt: skip
ALWAYS_THE_SAME = frozenset({bool, date, datetime, time, timedelta})
"""Types of which every value has the same stand-in."""
_INSTEAD: Mapping[type | None, Callable[[], Any]] = {
    datetime: lambda: LONG_AGO,
    date: LONG_AGO.date,
    time: time,
    timedelta: timedelta,
    int: lambda: secrets.randbelow(1 << 15),
    float: lambda: float(secrets.randbelow(10)),
    Decimal: lambda: Decimal(secrets.randbelow(10)),
    bool: bool,
    UUID: lambda: UUID(bytes=secrets.token_bytes(16), version=4),
}
"""What stands for a value that is of another type than its column, by the column's."""


class StandIns:
    """The stand-ins of one erasure: a hashed value has the same one wherever it stands."""

    def __init__(self) -> None:
        self._hashes: dict[tuple[Hashable, ...], Any] = {}

    def of(self, field: Field, column: sa.Column[Any], old: Any) -> Any:
        """What takes the place of a value of this field, as the column takes it."""
        if field.erasure is Erasure.NULL:
            return None
        if field.mask is not None:
            return fitted(field.mask, python_type(column))
        if old is None:
            return None
        if field.erasure is Erasure.MASK:
            return in_form(old, column, mail=(field.category or "").startswith("user.contact.email"))
        place = _place(column, old)
        if place not in self._hashes:
            self._hashes[place] = _random(old, column)
        told = self._hashes[place]
        return told[: _length(column)] if isinstance(told, str) else told

    def for_all(self, field: Field, column: sa.Column[Any]) -> list[Any]:
        """What takes the place of any value of this field, where that is the same for several."""
        if field.mask is not None:
            return [self.of(field, column, None)]
        if isinstance(column.type, sa.JSON | sa.ARRAY):
            return [[], {}] if isinstance(column.type, sa.JSON) else [[]]
        wanted = python_type(column)
        return [_INSTEAD[wanted]()] if wanted in ALWAYS_THE_SAME else []

    def forget(self, column: sa.Column[Any], old: Any) -> None:
        """Draw anew for a value whose stand-in is taken."""
        self._hashes.pop(_place(column, old), None)


def _place(column: sa.Column[Any], old: Any) -> tuple[Hashable, ...]:
    """What has one stand-in: a text in every column, however long; other values in every column of their type."""
    return (type(old).__name__, repr(old), None if _is_text(old, column) else type(column.type).__name__)


def in_form(old: Any, column: sa.Column[Any], *, mail: bool = False) -> Any:
    """A random value in the form of the old one: letters for letters, digits for digits, as long as it was."""
    if isinstance(column.type, sa.JSON):
        return [] if isinstance(old, list) or (isinstance(old, str) and old.startswith("[")) else {}
    if isinstance(column.type, sa.ARRAY):  # also one that the driver takes for a text
        return []
    if isinstance(column.type, sa.Float) and isinstance(old, str) and _FLOAT.fullmatch(old):  # told by its text
        return float(_number(old))
    if not is_of_type(column, old):  # the driver made nothing of it
        return _INSTEAD[python_type(column)]()
    if isinstance(old, bool):
        return False
    if isinstance(old, str):
        fits = _length(column)
        if mail and (fits is None or fits >= len(NOBODY) + 8):
            room = min(HASH_DIGITS, (fits or 64) - len(NOBODY))
            return secrets.token_hex(HASH_DIGITS)[:room] + NOBODY
        return "".join(map(_like, old))
    if isinstance(old, int):
        return _within(int("".join(map(_like, str(old)))), column)
    if isinstance(old, Decimal | float):
        return type(old)(_number(format(old, "f")))
    if isinstance(old, datetime):
        return LONG_AGO.replace(tzinfo=old.tzinfo)
    if isinstance(old, date):
        return LONG_AGO.date()
    if isinstance(old, UUID):
        return UUID(bytes=secrets.token_bytes(16), version=4)
    if isinstance(old, bytes | memoryview):
        return secrets.token_bytes(len(bytes(old)))
    if isinstance(old, _ADDRESSES):
        return _address(old)
    return type(old)()  # a time, an interval or a list: an empty one


def _number(told: str) -> str:
    """Digits for digits; no whole part where there was none, and nothing for what is no number."""
    if not any(map(str.isdigit, told)):
        return "0"
    sign, (whole, point, part) = told[:1] if told.startswith("-") else "", told.lstrip("-").partition(".")
    return f"{sign}{whole if whole == '0' else ''.join(map(_like, whole))}{point}{''.join(map(_like, part))}"


def _address(old: Any) -> Any:
    """An address of the same kind, out of a range that is given to nobody (RFC 1112, RFC 3849)."""
    start, bits = (0xF000_0000, 28) if old.version == 4 else (0x2001_0DB8 << 96, 96)
    number = start + secrets.randbelow(1 << bits)
    if isinstance(old, ipaddress.IPv4Address | ipaddress.IPv6Address) and not hasattr(old, "network"):
        return type(old)(number)
    prefix = old.network.prefixlen if hasattr(old, "network") else old.prefixlen
    if hasattr(old, "network"):
        return type(old)((number, prefix))
    kept = old.max_prefixlen - prefix
    return type(old)((number >> kept << kept, prefix))


def _random(old: Any, column: sa.Column[Any]) -> Any:
    if _is_text(old, column):
        return secrets.token_hex(HASH_DIGITS // 2)
    if isinstance(old, int) and not isinstance(old, bool):
        return _within(secrets.randbelow(2**31), column)
    return in_form(old, column)


def _is_text(old: Any, column: sa.Column[Any]) -> bool:
    return isinstance(old, str) and not isinstance(column.type, sa.JSON | sa.ARRAY) and is_of_type(column, old)


def _within(number: int, column: sa.Column[Any]) -> int:
    """A number that a column of this width takes."""
    bits = next((bits for kind, bits in _BITS if isinstance(column.type, kind)), 31)
    return number % (1 << bits) if number >= 0 else -(-number % (1 << bits))


def _like(char: str) -> str:
    if char.isdigit():
        return secrets.choice("123456789" if char != "0" else string.digits)
    if char.isalpha():
        return secrets.choice(string.ascii_uppercase if char.isupper() else string.ascii_lowercase)
    return char


def _length(column: sa.Column[Any]) -> int | None:
    return column.type.length if isinstance(column.type, sa.String | sa.LargeBinary) else None
