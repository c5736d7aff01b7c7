"""Telephone numbers in a text of plain signs: with a country code anywhere, without it as the regions write them.

1. abroad     after a plus, two zeros, or in a link to who has it, as long as one can be
2. national   in a run of digits and gaps: as the region groups them, else piece by piece

A run of mere digits may be an order's number as well. It counts as a telephone number after a word for one, in a field
that is called so, or where the region has such numbers for mobile telephones alone and it stands within a text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple
from unicodedata import decimal

import phonenumbers
from phonenumbers import Leniency, PhoneNumberFormat, PhoneNumberMatcher, PhoneNumberType

UNSEEN = r"\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
DASHES, SPACES = r"\u2010-\u2015\u2212\uff0d", r"\u00a0\u2000-\u200a\u202f\u205f\u3000"
GAP = rf"[ .()/\-{DASHES}{SPACES}{UNSEEN}]{{0,3}}+"
_RUN = re.compile(rf"\d(?<!\d\d)(?:{GAP}\d){{6}}")
_NUMBER = re.compile(
    rf"(?<![^\W_])(?<!\.)(?<!\d/)(?<!\w-)(?<!\d,)[(\[]?\d(?:{GAP}\d){{6,40}}(?!(?!x\d)[^\W_])(?![.,]\d)"
)
_NO_NUMBER = re.compile(  # a day, or a decimal fraction, before what may be one
    r"(?:\d{4}-\d{2}-\d{2}|\d{1,2}\.\d{1,2}\.\d{4}|(?!0\d)\d{1,3}\.\d{5,})(?!\d)[ \u00a0.()/\-–]{0,3}"
)
_DAY = re.compile(
    r"(?<![\w./-])(?:(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])\.(?:19|20)\d\d)(?![\w-])"
    r"|(?<![\d:.,])(?:(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?!:?\d)|\d{1,3}(?:\.\d{3})*,\d\d(?= ?(?:€|EUR|USD|CHF)))"
)
"""A day, a time of one, or an amount of money, which may stand right before or behind a number."""
_GOES_ON = re.compile(rf"{GAP}\d")
_OTHER_DIGIT = re.compile(r"[^\D0-9]")
_VALUE, _PLUS_FOR_A_GAP = re.compile(r"=[^\s&#\"'<>]+"), re.compile(r"(?<=[\d()/.\-])\+")
"""A value of a form, as it stands in the address of a page, in which a plus is a gap (`?tel=030+12345678`)."""
_BEGINNING = re.compile(r"(?:(?<!\S)\(?|\()0\d")
_ENDING = re.compile(r"\d(?=[\s)]|\.\s|\Z|-\d{1,4}(?!\d))")
_AMERICAN = re.compile(r"(?<!\d)(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?!\d)")
"""A number of North America, which begins with no zero by which it would be told from the digits before it."""
_IN_GROUPS = re.compile(
    r"(?!(?:\d{1,3} )?(?:0\d{3} \d{4} \d{4}(?: |$))+(?:\d{1,3})?$)"
    r"(?:[1-9]\d{0,2} )?(?:\d{4} ){2,}\d{1,4}|\d{1,3}(?: \d{3})+"
)
"""Numbers of cards and accounts, and amounts; not `0151 2345 6789`, once or more often."""
_SHORTEST, _LONGEST = 7, 20
"""Characters that a number has which is looked for piece by piece."""
MOST_PIECES = 1_000
"""Pieces of a text that are looked at, since each takes long: where more of them may be numbers, the others count as
some, of nobody known."""
MOST_LOOKS = 20_000_000
"""Characters of texts that belong together, each once a region, that are looked at without a country code: twenty
minutes or so, whatever somebody sends. What more of them may be numbers counts as some, of nobody known."""
_CLOSED = re.compile(r"[^(\[]*[)\]]")
_NEXT, _BEHIND = re.compile(r"[ /(]{1,3}(?=0\d)"), re.compile(rf"\d(?:{GAP}\d){{6,14}}")
"""Where another number may begin, and it."""
_VERSION = re.compile(r"(?!0\d)\d{1,4}(?:\.\d{1,4}){3}")
_BREAK = re.compile(r"\d(?!\d)")
_AFTER_PLUS = re.compile(rf"[+＋]{GAP}\d(?:{GAP}\d){{6,24}}")
_ABROAD = re.compile(r"(?<![\w+])00(?=[1-9])|(?<=\bwa\.me)/(?=[1-9])")
_CUE = re.compile(
    r"\b(?:tel|telephone|telefon\w*|t[ée]l[ée]phone|tel[ée]fono|phone|fon|call(?:ed|ing|back)?|mobile?|m[óo]vil|portable|cell|"
    r"handy\w*|rufnummer|ruf\w*|anruf\w*|angerufen|ring|rang|dial|sms|whats ?app|signal|viber|fax|text(?:ed)?|reach\w*|"
    r"erreich\w*)\b",
    re.IGNORECASE,
)
_REGION, _NORTH_AMERICA = 2, 1
_BEFORE = 24
"""Characters before a run of digits in which a word may say that it is a telephone number."""


class Number(NamedTuple):
    """Where a telephone number stands, and the number in ITU-T E.164; nothing where it was not looked at."""

    start: int
    end: int
    plain: str


class Looks:
    """How much of the texts that belong together may still be looked at for numbers without a country code."""

    def __init__(self, left: int = MOST_LOOKS) -> None:
        self.left = left

    def take(self, characters: int) -> bool:
        """Whether so many more may be looked at."""
        self.left -= characters
        return self.left >= 0


def numbers(
    plain: str, regions: Collection[str], *, is_called_so: bool, looks: Looks | None = None
) -> Iterator[Number]:
    """Every telephone number; some may stand within another that came before.

    Args:
        plain: a text of plain signs (`contact_points`).
        regions: whose numbers without a country code are looked for (ISO 3166-1).
        is_called_so: whether the text stands in a field that is called a telephone number.
        looks: what is left of those of all texts that belong together; without end if absent.
    """
    text = plain if plain.isascii() else _OTHER_DIGIT.sub(lambda digit: str(decimal(digit[0])), plain)
    is_abroad = "+" in text or "＋" in text or "00" in text or "wa.me/" in text
    if not is_abroad and not (regions and _RUN.search(text)):
        return
    text = _DAY.sub(lambda day: "|" * len(day[0]), text)
    asked = _VALUE.sub(lambda value: _PLUS_FOR_A_GAP.sub(" ", value[0]), text) if "+" in text else text
    if is_abroad:
        yield from _abroad(asked, regions, is_called_so=is_called_so)
        yield from _abroad(text, regions, is_called_so=is_called_so) if asked != text else ()
    if regions and _RUN.search(asked):
        yield from _national(asked, regions, is_called_so=is_called_so, looks=looks)


def region_of(number: str) -> str | None:
    """Where a telephone number in ITU-T E.164 is (ISO 3166-1); None where it is no such number, or of no one place."""
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return None
    return region if region is not None and len(region) == _REGION else None


def _abroad(plain: str, regions: Collection[str], *, is_called_so: bool) -> Iterator[Number]:
    """Numbers with a country code, after a plus or two zeros, or in a link to who has it (`wa.me/49151…`)."""
    text = _ABROAD.sub(lambda sign: " +"[-len(sign[0]) :], plain) if "00" in plain or "wa.me/" in plain else plain
    if "+" not in text and "＋" not in text:
        return
    first, last = _ends(plain)
    alone = set[int]()
    for match in PhoneNumberMatcher(text, None, max_tries=len(text)):  # by itself it stops after 65,535
        found = _number(match, 0)
        alone.add(found.start)
        found = _alone(text, found, regions)
        start = _of_sign(plain, found.start)
        is_all = start <= first and found.end >= last
        if is_called_so or not is_all or not plain[start : found.end].isdigit():
            yield found._replace(start=start)
    yield from _beside(plain, text, alone, regions)


def _beside(plain: str, text: str, alone: Collection[int], regions: Collection[str]) -> Iterator[Number]:
    """Numbers after a plus that the library makes nothing of, since other digits follow: as long as one can be."""
    looked_at = 0
    for run in _AFTER_PLUS.finditer(text):
        if run.start() in alone:
            continue
        ends = [end.end() for end in _BREAK.finditer(text, *run.span())]
        looked_at += len(ends)
        start = _of_sign(plain, run.start())
        if looked_at > MOST_PIECES:
            yield Number(start, run.end(), "")
            continue
        for end in reversed(ends):
            piece = text[run.start() : end]
            if piece.count("(") == piece.count(")") and (number := _valid(piece, None)) is not None:
                yield _alone(text, Number(run.start(), end, number), regions)._replace(start=start)
                break


def _alone(text: str, found: Number, regions: Collection[str]) -> Number:
    """A number without the beginning of the one behind it, taken for its end (`+49 30 123456 0176 …`)."""
    for gap in _NEXT.finditer(text, found.start + _SHORTEST, found.end):
        first = _valid(text[found.start : gap.start()], None)
        behind = _BEHIND.match(text, gap.end())
        if first is None or behind is None:
            continue
        where = {*regions, region_of(first)} - {None}
        ends = [end.end() for end in _ENDING.finditer(text, *behind.span()) if end.end() > found.end]
        if any(_valid(text[gap.end() : end], region) for end in ends for region in where):
            return Number(found.start, gap.start(), first)
    return found


def _of_sign(plain: str, start: int) -> int:
    """Where what stands for a plus begins: two zeros, of which the second was taken for it, or after a slash."""
    return start - (plain[start] == "0") + (plain[start] == "/")


def _national(plain: str, regions: Collection[str], *, is_called_so: bool, looks: Looks | None) -> Iterator[Number]:
    first, last = _ends(plain)
    looked_at = covered = 0
    for begun, end, goes_on in _runs(plain):
        start = _beginning(plain, begun, end)
        text = plain[start:end]
        if not _RUN.search(text) or _VERSION.fullmatch(text):
            continue
        is_cued = is_called_so or bool(_CUE.search(plain, max(0, start - _BEFORE), start))
        if text.isdigit() and not is_cued and not ((first < start or end < last) and text.startswith("0")):
            continue
        spans = _spans(text)
        looked_at += len(spans)
        is_spent = looks is not None and not looks.take(len(text) * len(regions))
        if is_spent or (spans and looked_at > MOST_PIECES):
            yield Number(max(start, covered), end, "")
            covered = end
            continue
        for region in regions:
            for offset, match in _matches(text, region, spans, is_cued=is_cued):
                found = _number(match, start + offset)
                if goes_on and found.end == end:  # it may be the beginning of one
                    continue
                is_within = first < found.start or found.end < last
                if is_cued or not match.raw_string.isdigit() or (is_within and _is_of_a_mobile(match)):
                    yield found
        if is_cued and text.isdigit():  # as many systems keep numbers: with a country code, and without its sign
            yield from (
                _number(match, start - 1)._replace(start=start) for match in PhoneNumberMatcher(f"+{text}", None)
            )


def _runs(plain: str) -> Iterator[tuple[int, int, bool]]:
    """Where digits and gaps stand, piece by piece where they are many, and whether it goes on.

    What a piece ends within is in the next as well.
    """
    at = 0
    while run := _NUMBER.search(plain, at):
        goes_on = _GOES_ON.match(plain, run.end()) is not None
        yield *run.span(), goes_on
        at = max(run.end() - _LONGEST, run.start() + 1) if goes_on else run.end()


def _beginning(plain: str, start: int, end: int) -> int:
    """Where a run begins behind days and fractions, and behind a bracket that is not closed in it."""
    while before := _NO_NUMBER.match(plain, start, end):
        start = before.end()
    return start + (plain[start : start + 1] in ("(", "[") and _CLOSED.match(plain, start + 1, end) is None)


def _ends(plain: str) -> tuple[int, int]:
    """Where a text begins and ends, without the gaps around it."""
    return len(plain) - len(plain.lstrip()), len(plain.rstrip())


def _spans(text: str) -> list[tuple[int, int]]:
    """The pieces of a run of digits and gaps that begin with a zero and may be a number, the longest first of each."""
    if _IN_GROUPS.fullmatch(text):
        return []
    ends = [end.end() for end in _ENDING.finditer(text)]
    starts = [
        start.start() + (start[0][0] == "(" and _CLOSED.match(text, start.end(), start.end() + _LONGEST) is None)
        for start in _BEGINNING.finditer(text)
    ]
    return [(start, end) for start in starts for end in reversed(ends) if _SHORTEST <= end - start <= _LONGEST]


def _matches(
    text: str, region: str, spans: Iterable[tuple[int, int]], *, is_cued: bool
) -> Iterator[tuple[int, phonenumbers.PhoneNumberMatch]]:
    """The numbers among digits and gaps.

    Of what the library makes none of, those that begin with a zero; and where none is in the groups that are
    usual, those in others, after a word for one or of a mobile telephone (`0151 23 45 67 89`).
    """
    found = [
        (0, one) for one in _read(text, region, Leniency.STRICT_GROUPING) if not _is_within(one, text, region, spans)
    ]
    if phonenumbers.country_code_for_region(region) == _NORTH_AMERICA and not _IN_GROUPS.fullmatch(text):
        american = _beyond([one.span() for one in _AMERICAN.finditer(text)], found)
        found += _pieces(text, region, american, Leniency.STRICT_GROUPING)
    possible = [one for one in _beyond(spans, found) if _valid(text[slice(*one)], region) is not None]
    found += _pieces(text, region, possible, Leniency.STRICT_GROUPING)
    others = _pieces(text, region, _beyond(possible, found), Leniency.VALID)
    yield from found
    yield from ((start, one) for start, one in others if is_cued or _is_of_a_mobile(one))


def _read(text: str, region: str, leniency: int) -> Iterator[phonenumbers.PhoneNumberMatch]:
    """What the library finds, but for last groups of numbers, which it takes for numbers within a town (`1681`)."""
    return (one for one in PhoneNumberMatcher(text, region, leniency=leniency) if _RUN.search(one.raw_string))


def _is_within(match: phonenumbers.PhoneNumberMatch, text: str, region: str, spans: Iterable[tuple[int, int]]) -> bool:
    """Whether this is the end of a number that begins with a zero (`49872171` of `0151 49872171`)."""
    return not match.raw_string.startswith(("0", "(")) and any(
        start < match.start and match.end <= end and _valid(text[start:end], region) is not None for start, end in spans
    )


def _beyond(
    spans: Iterable[tuple[int, int]], found: Collection[tuple[int, phonenumbers.PhoneNumberMatch]]
) -> list[tuple[int, int]]:
    """The pieces that share nothing with what was found."""
    taken = [(at + one.start, at + one.end) for at, one in found]
    return [(start, end) for start, end in spans if not any(start < last and first < end for first, last in taken)]


def _pieces(
    text: str, region: str, spans: Iterable[tuple[int, int]], leniency: int
) -> Iterator[tuple[int, phonenumbers.PhoneNumberMatch]]:
    last = 0
    for start, end in spans:
        if start < last:
            continue
        match = next(_read(text[start:end], region, leniency), None)
        if match is not None:
            yield start, match
            last = start + max(match.end, 1)


def _valid(text: str, region: str | None) -> str | None:
    """A text that is a telephone number, in ITU-T E.164."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if phonenumbers.is_valid_number(number) else None


def _is_of_a_mobile(match: phonenumbers.PhoneNumberMatch) -> bool:
    has_prefix = match.raw_string.startswith("0")
    return has_prefix and phonenumbers.number_type(match.number) == PhoneNumberType.MOBILE


def _number(match: phonenumbers.PhoneNumberMatch, offset: int) -> Number:
    plain = phonenumbers.format_number(match.number, PhoneNumberFormat.E164)
    return Number(offset + match.start, offset + match.end, plain)
