"""Values that look like personal data: what a text holds, by its form and its check digits, whatever its name.

A matcher sees one text and says categories with a confidence; it never says the text. Only the first
characters of a long text are looked at, and no pattern here can run away on them.
Check digits are python-stdnum's, telephone numbers are phonenumbers' (ITU-T E.164), addresses of the
network are the standard library's.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from stdnum import iban, luhn
from stdnum.us import ssn

from registry.plans.contact_points import EMAIL

LOOKED_AT = 1_000
"""Characters of a text that are looked at."""
OLDEST_BIRTH, YOUNGEST_AGE = 110, 10
"""Dates as many years ago may be somebody's birth."""


class Confidence(StrEnum):
    """How sure a match is."""

    HIGH = "high"
    """A form and a check digit, or a form that nothing else has."""
    MEDIUM = "medium"
    """A form that little else has."""
    LOW = "low"
    """A form that much else has too."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a text holds: a fideslang key, what it was known by, and how sure that is."""

    category: str
    kind: str
    confidence: Confidence


_DIGITS = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_CARD_START = re.compile(r"3[0-9]|4|5[0-9]|6|2[2-7]")
_SSN = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)")
_PASSPORT = re.compile(r"(?<!\S)P[A-Z<][A-Z]{3}[A-Z<]{20,39}(?!\S)")
_PASSPORT_NUMBER = re.compile(
    r"(?i)(?<!\w)(?:passport|reisepass|passeport|pasaporte)(?: ?(?:no|nr|number|n°)\b\.?)?[ :#]{1,3}"
    r"(?=[a-z]{0,2}[a-z0-9]{0,8}\d)([a-z0-9]{6,9})(?!\w)"
)
_TOKEN = re.compile(
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.|(?<!\w)(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{30,}|[rs]k_live_\w{16,}|xox[abprs]-[\w-]{10,})"
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----|(?i:bearer [\w.~+/-]{16,})"
)
_DATE = re.compile(r"(?:(\d{4})-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./](\d{4}))(?:T00:00:00(?:\.0+)?Z?)?")
_BORN = re.compile(
    r"(?i)(?<!\w)(?:born|birth(?:day|date)?|dob|geboren|geburtsdatum|geb\.|née?)(?!\w)[^\d\n]{0,20}"
    r"(?:(\d{4})-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./](\d{4}))(?!\d)"
)
_STREET = re.compile(
    r"(?i)(?<!\w)\d{1,5}[a-z]? (?:[\w'.-]{1,30} ){1,4}(?:street|st|avenue|ave|road|rd|lane|ln|drive|boulevard|blvd|"
    r"square|court|terrace)(?!\w)|(?<!\w)\d{1,4} ?(?:bis|ter)?,? (?:rue|avenue|boulevard|place|quai|calle|via) \w|"
    r"(?<!\w)[^\W\d_]{2,40}(?:straße|strasse|str\.|weg|platz|allee|gasse|laan|straat|gatan) \d{1,4}[a-z]?(?!\w)"
)
_COORDINATES = re.compile(r"(?<![\w.])-?\d{1,2}\.\d{4,15}\s?[,;]\s?-?\d{1,3}\.\d{4,15}(?![\w.])")


def match_value(text: str, *, year: int) -> tuple[Match, ...]:
    """Everything personal that a text holds, surest first.

    Args:
        year: the present one: a birth lies some time before it.
    """
    text = text[:LOOKED_AT]
    if len(text) < 5:
        return ()
    found = [match for matcher in _MATCHERS for match in matcher(text)]
    found += _birth_date(text, year)
    return tuple(sorted(dict.fromkeys(found), key=lambda match: list(Confidence).index(match.confidence)))


def _emails(text: str) -> Iterator[Match]:
    if "@" in text and EMAIL.search(text):
        yield Match("user.contact.email", "email", Confidence.HIGH)


def _phones(text: str) -> Iterator[Match]:
    if "+" in text and any(True for _ in phonenumbers.PhoneNumberMatcher(text, None, max_tries=20)):
        yield Match("user.contact.phone_number", "phone", Confidence.HIGH)


def _cards(text: str) -> Iterator[Match]:
    for run in _DIGITS.findall(text):
        digits = run.replace(" ", "").replace("-", "")
        if _CARD_START.match(digits) and len(set(digits)) > 1 and luhn.is_valid(digits):
            # A number of milliseconds since 1970 has 13 digits, and one in ten has the check digit too.
            sure = Confidence.HIGH if len(digits) > 13 else Confidence.LOW
            yield Match("user.payment", "card_number", sure)


def _social_security(text: str) -> Iterator[Match]:
    if any(ssn.is_valid(number) for number in _SSN.findall(text)):
        yield Match("user.government_id", "social_security_number", Confidence.HIGH)


def _accounts(text: str) -> Iterator[Match]:
    if any(iban.is_valid(number) for number in _IBAN.findall(text)):
        yield Match("user.payment", "iban", Confidence.HIGH)


def _passports(text: str) -> Iterator[Match]:
    if _PASSPORT.search(text):
        yield Match("user.government_id", "passport", Confidence.HIGH)
    elif _PASSPORT_NUMBER.search(text):
        yield Match("user.government_id", "passport", Confidence.MEDIUM)


def _tokens(text: str) -> Iterator[Match]:
    if _TOKEN.search(text):
        yield Match("user.authorization.credentials", "token", Confidence.HIGH)


def _addresses(text: str) -> Iterator[Match]:
    if _STREET.search(text):
        yield Match("user.contact.address", "street_address", Confidence.MEDIUM)


def _coordinates(text: str) -> Iterator[Match]:
    if _COORDINATES.search(text):
        yield Match("user.location.precise", "coordinates", Confidence.MEDIUM)


def _network_addresses(text: str) -> Iterator[Match]:
    try:
        ipaddress.ip_address(text.strip())
    except ValueError:
        return
    yield Match("user.device.ip_address", "ip_address", Confidence.HIGH)


def _birth_date(text: str, year: int) -> list[Match]:
    """A text that is nothing but a date may be one; after a word for birth, a date is one."""
    for match, sure in ((_BORN.search(text), Confidence.MEDIUM), (_DATE.fullmatch(text.strip()), Confidence.LOW)):
        if match is not None and year - OLDEST_BIRTH <= int(match[1] or match[2]) <= year - YOUNGEST_AGE:
            return [Match("user.demographic.date_of_birth", "birth_date", sure)]
    return []


_MATCHERS: tuple[Callable[[str], Iterator[Match]], ...] = (
    _emails, _phones, _cards, _social_security, _accounts, _passports, _tokens, _addresses, _coordinates,
    _network_addresses,
)  # fmt: skip
