"""Where e-mail addresses and telephone numbers stand in a text, whatever signs they are written by.

1. read      what is percent-encoded, escaped as JSON does it, or a reference of HTML and XML is read as it is meant;
             signs that are not seen, dashes, gaps, accents and full-width signs as the plain ones
2. find      an address by its form; a number with a country code anywhere, one without it as the regions write it
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Iterator
from html import unescape
from typing import NamedTuple
from unicodedata import normalize
from urllib.parse import unquote

from registry.plans.personal_names import personal_category
from registry.plans.telephone_numbers import DASHES, GAP, SPACES, UNSEEN, Looks, numbers

EMAIL = re.compile(
    r"(?:[\w.+-][\w.+'’-]{0,63}|\"[^\"\n]{1,64}\")[@＠﹫]"
    r"(?!\dx\.(?:avif|gif|jpe?g|png|svg|webp)\b)(?:[\w-]{1,63}\.){1,8}(?:xn--[A-Za-z0-9-]{2,59}|[^\W\d_]{2,24})(?![^\W_])"
)
"""An address; a picture for narrow pixels (`shoe@2x.png`) is none."""
WITHIN = 4
"""How often signs are read within one another: an address within the address of a page within another."""

_AT = "@＠﹫"
_WIDE = "\uff01-\uff5e"
"""Signs as wide as Chinese ones, in the order of ASCII."""
_MAY_HOLD = re.compile(
    rf"[{_AT}+＋%&\\\d](?:(?<!\d)|(?<=(?<!\w)0)0[1-9]|(?<!\d\d)(?:{GAP}\d){{6}}|[{SPACES} ]{{0,2}}[\uff08-\uff0f])"
)
"""A sign, two zeros before a number, a run of digits and gaps, or a digit before a wide sign: what begins it stands
first, as that is quick to look for.
"""
_SIGNS = b"@+%&\\\xd9\xdb\xdf\xe0\xe1\xea\xef\xf0"
"""What an address or number has, or reads as, in UTF-8; some bytes begin such signs, and digits, in other scripts."""
_KEPT = b'",_' + string.ascii_letters.encode()
_ALIKE = bytes.maketrans(_SIGNS + string.digits.encode(), b"@" * len(_SIGNS) + b"0" * 10)
_GAPS = bytes({*range(256)} - {*_SIGNS, *_KEPT, *string.digits.encode()})
_SIGN = re.compile(
    r"%[0-7][0-9a-f]|%[c-f][0-9a-f](?:%[89ab][0-9a-f]){1,3}"
    r"|&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]\w{1,31});?|\\{1,16}(?:u[0-9a-f]{4}|[/@+.]|(?-i:[nrt]))"
    rf"|[{UNSEEN}]+|[{DASHES}]|[{SPACES}]|[{_WIDE}]|﹫|[^\W\d_][\u0300-\u036f]{{1,16}}",
    re.IGNORECASE,
)
"""What is read as another sign; of accents a few at once, since thousands are sorted for minutes."""
_WIDER = ord("＠") - ord("@")
ENDS_OF_LINES = "nrt"
"""What follows a backslash where JSON ends a line or leaves a gap."""
_PLAIN = ((re.compile(f"[{UNSEEN}]"), ""), (re.compile(f"[{DASHES}]"), "-"), (re.compile(f"[{SPACES}]"), " "))
"""What a sign counts as that is not seen, or that is one of several for the same."""


class Found(NamedTuple):
    """A contact point: `email` or `phone`, where it stands, and as it is meant: numbers in ITU-T E.164, or nothing."""

    kind: str
    start: int
    end: int
    plain: str


def may_hold(text: str | bytes) -> bool:
    """Whether a text, or a value written as JSON, can hold any: most hold none, and need not be looked through.

    Of what is written as JSON all signs are made alike and gaps left out first: ten times as quick as a search.
    """
    if isinstance(text, str):
        return _MAY_HOLD.search(text) is not None
    alike = text.translate(_ALIKE, _GAPS)
    return b"@" in alike or b"0000000" in alike


def find(
    text: str, regions: Collection[str] = (), *, is_called_so: bool = False, looks: Looks | None = None
) -> list[Found]:
    """Every contact point of a text, in their order; none stands within another.

    Args:
        regions: whose numbers without a country code are looked for (ISO 3166-1).
        is_called_so: whether the text stands in a field that is called a telephone number.
        looks: what is left of those of all texts that belong together; without end if absent.
    """
    plain, starts = _read(text)
    told = numbers(plain, regions, is_called_so=is_called_so, looks=looks)
    points = [*_emails(plain), *(Found("phone", *one) for one in told)]
    if not points:
        return points
    found, taken = list[Found](), bytearray(len(plain))
    for one in points:
        if not any(taken[one.start : one.end]):
            taken[one.start : one.end] = b"1" * (one.end - one.start)
            found.append(one)
    if starts is not None:
        found = [one._replace(start=starts[one.start], end=starts[one.end]) for one in found]
    return sorted(found, key=lambda one: one.start)


def as_compared(address: str) -> str:
    """An address so that all ways to write it are the same: letters, accents, and domains of other scripts."""
    local, at, domain = normalize("NFC", address).replace("’", "'").rpartition("@")
    try:
        labels = [
            label[4:].encode().decode("punycode") if label.startswith("xn--") else label
            for label in domain.casefold().split(".")
        ]
    except UnicodeError:
        labels = [domain]
    return f"{local}{at}{'.'.join(labels)}".casefold()


def is_of_a_number(name: str) -> bool:
    """Whether a field of this name usually holds a telephone number."""
    return personal_category(name) == "user.contact.phone_number"


def _read(text: str) -> tuple[str, list[int] | None]:
    """A text as it is meant, and where each of its characters begins in what was written; None if it is the same."""
    starts: list[int] | None = None
    for _ in range(WITHIN):
        is_plain = text.isascii() and not ("%" in text or "&" in text or "\\" in text)
        if is_plain or _SIGN.search(text) is None:
            break
        starts = starts or [*range(len(text) + 1)]
        pieces, moved, last = list[str](), list[int](), 0
        for sign in _SIGN.finditer(text):
            meant = _meant(sign[0])
            pieces += [text[last : sign.start()], meant]
            moved += [*starts[last : sign.start()], *[starts[sign.start()]] * len(meant)]
            last = sign.end()
        read = "".join([*pieces, text[last:]])
        if read == text:
            break
        text, starts = read, [*moved, *starts[last:]]
    return text, starts


def _meant(sign: str) -> str:
    if sign[0] == "%":
        return unquote(sign)
    if sign[0] == "&":
        return unescape(sign)
    if sign[0] == "\\":
        escaped = sign.lstrip("\\")  # by several backslashes where JSON stands within JSON
        return chr(int(escaped[1:], 16)) if len(escaped) > 1 else " " if escaped in ENDS_OF_LINES else escaped
    if sign in _AT:
        return "@"
    for signs, plain in _PLAIN:
        if signs.match(sign):
            return plain
    return chr(ord(sign) - _WIDER) if "\uff01" <= sign <= "\uff5e" else normalize("NFC", sign)


def _emails(plain: str) -> Iterator[Found]:
    for one in EMAIL.finditer(plain) if "@" in plain or "＠" in plain or "﹫" in plain else ():
        yield Found("email", one.start(), one.end(), one[0])
