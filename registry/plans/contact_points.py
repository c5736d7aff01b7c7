"""Where e-mail addresses and telephone numbers stand in a text, whatever signs they are written by.

1. read      what is percent-encoded, escaped as JSON does it, or a reference of HTML and XML is read as it is meant;
             signs that are not seen, dashes, gaps and accents that are written in several ways, as the plain ones
2. find      an address by its form; a number with a country code anywhere, one without it as the regions write it

A run of mere digits may be an order's number as well. It counts as a telephone number after a word for one, in a field
that is called so, or where the region has such numbers for mobile telephones alone and it stands within a text.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Iterable, Iterator
from html import unescape
from itertools import chain
from typing import NamedTuple
from unicodedata import normalize
from urllib.parse import unquote

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher, PhoneNumberType

from registry.plans.personal_names import personal_category

EMAIL = re.compile(
    r"(?:[\w.+-][\w.+'’-]{0,63}|\"[^\"\n]{1,64}\")[@＠﹫]"
    r"(?!\dx\.(?:avif|gif|jpe?g|png|svg|webp)\b)(?:[\w-]{1,63}\.){1,8}(?:xn--[A-Za-z0-9-]{2,59}|[^\W\d_]{2,24})(?![^\W_])"
)
"""An address; a picture for narrow pixels (`shoe@2x.png`) is none."""
WITHIN = 4
"""How often signs are read within one another: an address within the address of a page within another."""

_UNSEEN = r"\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_DASHES, _SPACES = r"\u2010-\u2015\u2212\uff0d", r"\u00a0\u2000-\u200a\u202f\u205f\u3000"
_GAP = rf"[ .()/\-{_DASHES}{_SPACES}{_UNSEEN}]{{0,3}}"
_AT = "@＠﹫"
_RUN = re.compile(rf"\d(?:{_GAP}\d){{6}}")
_MAY_HOLD = re.compile(rf"[{_AT}+＋%&\\]|(?<!\w)00[1-9]|{_RUN.pattern}")
_SIGNS = b"@+%&\\\xd9\xdb\xdf\xe0\xe1\xea\xef\xf0"
"""What an address or number has, or reads as, in UTF-8; some bytes begin such signs, and digits, in other scripts."""
_KEPT = b'",_' + string.ascii_letters.encode()
_ALIKE = bytes.maketrans(_SIGNS + string.digits.encode(), b"@" * len(_SIGNS) + b"0" * 10)
_GAPS = bytes({*range(256)} - {*_SIGNS, *_KEPT, *string.digits.encode()})
_SIGN = re.compile(
    r"%[0-7][0-9a-f]|%[c-f][0-9a-f](?:%[89ab][0-9a-f]){1,3}"
    r"|&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]\w{1,31});?|\\(?:u[0-9a-f]{4}|[/@+.])"
    rf"|[{_UNSEEN}]+|[{_DASHES}]|[{_SPACES}]|[＠﹫]|[^\W\d_][\u0300-\u036f]+",
    re.IGNORECASE,
)
_PLAIN = ((re.compile(f"[{_UNSEEN}]"), ""), (re.compile(f"[{_DASHES}]"), "-"), (re.compile(f"[{_SPACES}]"), " "))
"""What a sign counts as that is not seen, or that is one of several for the same."""
_NUMBER = re.compile(rf"(?<![\w./])(?<!\w-)(?<!\d,)[(\[]?\d(?:{_GAP}\d){{6,24}}(?!\w)(?![.,]\d)")
_NO_NUMBER = re.compile(  # a day, or a decimal fraction, before what may be one
    r"(?:\d{4}-\d{2}-\d{2}|\d{1,2}\.\d{1,2}\.\d{4}|\d{1,3}\.\d{5,})(?!\d)[ \u00a0.()/\-–]{0,3}"
)
_BEGINNING = re.compile(r"(?<!\S)\(?0\d")
_ENDING = re.compile(r"\d(?!\S)")
_IN_GROUPS = re.compile(r"(?!0\d{3}(?: \d{4}){2}$)(?:\d{1,4} )?(?:\d{4} ){2,}\d{1,4}|\d{1,3}(?: \d{3})+")
"""Numbers of cards and accounts, and amounts; not `0151 2345 6789`."""
_SHORTEST, _LONGEST = 7, 20
"""Characters that a number has which is looked for piece by piece."""
MOST_PIECES = 1_000
"""Pieces of a text that are looked at, since each takes long: where more of them may be numbers, the others count as
some, of nobody known."""
_VERSION = re.compile(r"(?!0\d)\d{1,4}(?:\.\d{1,4}){3}")
_ABROAD = re.compile(r"(?<![\w+])00(?=[1-9])|(?<=\bwa\.me)/(?=[1-9])")
_CUE = re.compile(
    r"\b(?:tel|telephone|telefon\w*|t[ée]l[ée]phone|tel[ée]fono|phone|fon|call(?:ed|ing|back)?|mobile?|m[óo]vil|portable|cell|"
    r"handy\w*|rufnummer|ruf\w*|anruf\w*|angerufen|ring|rang|dial|sms|whats ?app|signal|viber|fax|text(?:ed)?|reach\w*|"
    r"erreich\w*)\b",
    re.IGNORECASE,
)
_REGION = 2
_BEFORE = 24
"""Characters before a run of digits in which a word may say that it is a telephone number."""


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


def find(text: str, regions: Collection[str] = (), *, is_called_so: bool = False) -> list[Found]:
    """Every contact point of a text, in their order; none stands within another.

    Args:
        regions: whose numbers without a country code are looked for (ISO 3166-1).
        is_called_so: whether the text stands in a field that is called a telephone number.
    """
    plain, starts = _read(text)
    found, taken = list[Found](), bytearray(len(plain))
    numbers = chain(
        _abroad(plain, is_called_so=is_called_so), _national(plain, regions, is_called_so=is_called_so)
    )  # fmt: skip
    for one in chain(_emails(plain), numbers):
        if not any(taken[one.start : one.end]):
            taken[one.start : one.end] = b"1" * (one.end - one.start)
            found.append(one)
    if starts is not None:
        found = [one._replace(start=starts[one.start], end=starts[one.end]) for one in found]
    return sorted(found, key=lambda one: one.start)


def region_of(number: str) -> str | None:
    """Where a telephone number in ITU-T E.164 is (ISO 3166-1); None where it is no such number, or of no one place."""
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return None
    return region if region is not None and len(region) == _REGION else None


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
        if (text.isascii() and not any(sign in text for sign in "%&\\")) or _SIGN.search(text) is None:
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
        return chr(int(sign[2:], 16)) if len(sign) > 2 else sign[1]
    if sign in _AT:
        return "@"
    for signs, plain in _PLAIN:
        if signs.match(sign):
            return plain
    return normalize("NFC", sign)


def _emails(plain: str) -> Iterator[Found]:
    for one in EMAIL.finditer(plain) if any(sign in plain for sign in _AT) else ():
        yield Found("email", one.start(), one.end(), one[0])


def _abroad(plain: str, *, is_called_so: bool) -> Iterator[Found]:
    """Numbers with a country code, after a plus or two zeros, or in a link to who has it (`wa.me/49151…`)."""
    text = _ABROAD.sub(lambda sign: " +"[-len(sign[0]) :], plain) if "00" in plain or "wa.me/" in plain else plain
    first, last = _ends(plain)
    if "+" in text or "＋" in text:
        for match in PhoneNumberMatcher(text, None, max_tries=len(text)):  # by itself it stops after 65,535
            found = _number(match, 0)
            sign = plain[found.start]
            start = found.start - (sign == "0") + (sign == "/")
            is_all = start <= first and found.end >= last
            if is_called_so or not is_all or not plain[start : found.end].isdigit():
                yield found._replace(start=start)


def _national(plain: str, regions: Collection[str], *, is_called_so: bool) -> Iterator[Found]:
    first, last = _ends(plain)
    looked_at = 0
    for written in _NUMBER.finditer(plain) if regions and _RUN.search(plain) else ():
        start, end = written.span()
        while before := _NO_NUMBER.match(plain, start, end):
            start = before.end()
        text = plain[start:end]
        if not _RUN.search(text) or _VERSION.fullmatch(text):
            continue
        is_cued = is_called_so or bool(_CUE.search(plain, max(0, start - _BEFORE), start))
        is_within = first < start or end < last
        if text.isdigit() and not is_cued and not (is_within and text.startswith("0")):
            continue
        spans = _spans(text)
        looked_at += len(spans)
        if spans and looked_at > MOST_PIECES:
            yield Found("phone", start, end, "")
            continue
        for region in regions:
            for offset, match in _matches(text, region, spans, is_cued=is_cued):
                if is_cued or not match.raw_string.isdigit() or (is_within and _is_of_a_mobile(match)):
                    yield _number(match, start + offset)
        if is_cued and text.isdigit():  # as many systems keep numbers: with a country code, and without its sign
            yield from (
                _number(match, start - 1)._replace(start=start) for match in PhoneNumberMatcher(f"+{text}", None)
            )


def _ends(plain: str) -> tuple[int, int]:
    """Where a text begins and ends, without the gaps around it."""
    return len(plain) - len(plain.lstrip()), len(plain.rstrip())


def _spans(text: str) -> list[tuple[int, int]]:
    """The pieces of a run of digits and gaps that begin with a zero and may be a number, the longest first of each."""
    if _IN_GROUPS.fullmatch(text):
        return []
    ends = [end.end() for end in _ENDING.finditer(text)]
    return [
        (start.start(), end) for start in _BEGINNING.finditer(text) for end in reversed(ends)
        if _SHORTEST <= end - start.start() <= _LONGEST
    ]  # fmt: skip


def _matches(
    text: str, region: str, spans: Iterable[tuple[int, int]], *, is_cued: bool
) -> Iterator[tuple[int, phonenumbers.PhoneNumberMatch]]:
    """The numbers among digits and gaps.

    Where the library makes none of them all, those that begin with a zero; and where none is in the groups that are
    usual, those in others, after a word for one or of a mobile telephone (`0151 23 45 67 89`).
    """
    found = [(0, one) for one in PhoneNumberMatcher(text, region, leniency=Leniency.STRICT_GROUPING)]
    if not found and spans:
        possible = [(start, end) for start, end in spans if _is_possible(text[start:end], region)]
        found = [*_pieces(text, region, possible, Leniency.STRICT_GROUPING)] or [
            (start, one)
            for start, one in _pieces(text, region, possible, Leniency.VALID)
            if is_cued or _is_of_a_mobile(one)
        ]
    yield from found


def _pieces(
    text: str, region: str, spans: Iterable[tuple[int, int]], leniency: int
) -> Iterator[tuple[int, phonenumbers.PhoneNumberMatch]]:
    last = 0
    for start, end in spans:
        if start < last:
            continue
        match = next(iter(PhoneNumberMatcher(text[start:end], region, leniency=leniency)), None)
        if match is not None:
            yield start, match
            last = start + max(match.end, 1)


def _is_possible(text: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False


def _is_of_a_mobile(match: phonenumbers.PhoneNumberMatch) -> bool:
    has_prefix = match.raw_string.startswith("0")
    return has_prefix and phonenumbers.number_type(match.number) == PhoneNumberType.MOBILE


def _number(match: phonenumbers.PhoneNumberMatch, offset: int) -> Found:
    plain = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
    return Found("phone", offset + match.start, offset + match.end, plain)
