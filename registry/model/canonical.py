"""Canonical JSON: the bytes that are hashed and signed.

The subset of RFC 8785 (JCS) that our documents need: sorted keys, no white space, UTF-8, integers
and strings only. Floats are refused, so that no number formatting rule can make two programs differ.
"""

from __future__ import annotations

import orjson

from registry.model.errors import InvalidInput

_PLAIN = frozenset({str, int, bool, type(None)})


def canonical(value: object) -> bytes:
    """The canonical JSON bytes of a value made of dict, list, str, int, bool and None.

    Raises:
        InvalidInput: the value holds a float, a non-string key or another type.
    """
    _refuse_floats(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise InvalidInput("value has no canonical JSON form") from error


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise InvalidInput("canonical JSON holds no floats: use integers or text")
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for member in members:
        if type(member) not in _PLAIN:  # a certificate has thousands of these
            _refuse_floats(member)
