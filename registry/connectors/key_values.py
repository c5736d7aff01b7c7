"""Values of keys as texts and back (pure): what a row's key holds becomes an identifier of the person, and is sealed.

A key's value keeps its type, since databases tell `1` from `'1'`; where two databases write one value in
two types, it is read as the type of the column that it is looked for in.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from uuid import UUID

import orjson

_WRITTEN: Mapping[type, tuple[str, Callable[[str], Hashable]]] = {
    int: ("int", int),
    str: ("text", str),
    Decimal: ("decimal", Decimal),
    UUID: ("uuid", UUID),
    float: ("float", float),
    datetime: ("time", datetime.fromisoformat),
    date: ("date", date.fromisoformat),
    time: ("clock", time.fromisoformat),
    bool: ("truth", lambda text: text == str(True)),
}
_READ = dict(_WRITTEN.values())
_BY_FORM: Mapping[type, Callable[[str], Hashable]] = {
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
    time: time.fromisoformat,
    bool: lambda text: {"true": True, "false": False}[text.lower()],
}
_UUID = re.compile("-?".join(f"[0-9a-fA-F]{{{digits}}}" for digits in (8, 4, 4, 4, 12)))
_WHOLE = re.compile("0|-?[1-9][0-9]{0,18}")


def to_text(values: Sequence[object]) -> str | None:
    """The values of a key as one text; None where one leads nowhere: a null, what holds several, a boolean alone.

    What has no form of its own (an address of the internet) is written as its text.
    """
    told = []
    for value in values:
        if value is None or isinstance(value, list | dict | set) or (isinstance(value, bool) and len(values) == 1):
            return None
        if isinstance(value, bytes | bytearray | memoryview):
            told.append(["bytes", base64.b64encode(bytes(value)).decode()])
        elif type(value) in _WRITTEN:
            told.append([_WRITTEN[type(value)][0], value.isoformat() if isinstance(value, date | time) else str(value)])
        else:
            told.append(["text", str(value)])
    return orjson.dumps(told).decode()


def from_text(text: str) -> tuple[Hashable, ...]:
    """The values of such a text.

    Raises:
        ValueError: it is none.
    """
    told = orjson.loads(text)
    return tuple(base64.b64decode(said) if name == "bytes" else _READ[name](said) for name, said in told)


def plain(text: str) -> str:
    """The values of such a text as people write them."""
    return ",".join(value.hex() if isinstance(value, bytes) else str(value) for value in from_text(text))


def stored(value: Hashable) -> tuple[Hashable, ...]:
    """The ways in which SQLite may hold a value, which has texts, numbers and bytes alone."""
    match value:
        case bool():
            return (int(value),)
        case Decimal():
            return stored(int(value)) if value.is_finite() and value == value.to_integral_value() else (float(value),)
        case UUID():
            return (str(value), value.hex, value.bytes)
        case datetime():
            return tuple(dict.fromkeys([value.isoformat(" "), value.isoformat(), f"{value:%Y-%m-%d %H:%M:%S.%f}"]))
        case time():
            return tuple(dict.fromkeys([value.isoformat(), f"{value:%H:%M:%S.%f}"]))
        case date():
            return (value.isoformat(),)
        case int() if not -(2**63) <= value < 2**63:
            return ()
    return (value,)


def written(value: Hashable) -> tuple[Hashable, ...]:
    """A value, and how else it stands elsewhere where it is a UUID: as one, as its bytes, as a text in either letters.

    A text that may be one is as its bytes elsewhere; as a text it is what is written alike, like every other.
    """
    match value:
        case UUID():
            one = value
        case bytes() if len(value) == len(UUID(int=0).bytes):
            one = UUID(bytes=value)
        case str() if _UUID.fullmatch(value):
            return (value, UUID(value).bytes)
        case _:
            return (value,)
    return (value, one, one.bytes, str(one), str(one).upper(), one.hex, one.hex.upper())


def other_storage(value: Hashable) -> tuple[Hashable, ...]:
    """A whole number as a text, and a text that says nothing but one as that: one and the same key to whoever joins it
    with a column that has a type.
    """
    if isinstance(value, int):
        return (str(value),)
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return stored(int(value))
    return ()


def fitted(value: Hashable, wanted: type | None) -> Hashable | None:
    """A value in the type of the column that it is looked for in; None where it cannot stand there."""
    if wanted is None or isinstance(value, wanted):
        return value
    if isinstance(value, bytes):
        return None
    try:
        if wanted is str:
            return str(value)
        if wanted is int and isinstance(value, Decimal):
            return int(value) if value == value.to_integral_value() else None
        if wanted in (int, Decimal, UUID) and isinstance(value, str | int | Decimal):
            made = wanted(str(value))
            return made if str(made) == str(value) or wanted is UUID else None
        if wanted in _BY_FORM and isinstance(value, str):
            return _BY_FORM[wanted](value)
    except (ValueError, KeyError, InvalidOperation):
        return None
    return None if wanted in (bytes, list, dict, timedelta) else value
