"""One form for all spellings of an identifier, and none for what points at nobody."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from typing import NamedTuple
from unicodedata import normalize

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from registry.identity.rules import IdentityRules, Normaliser
from registry.model.message import Identifier

_ATOM = r"[a-z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LABEL = r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?=[a-z0-9-]*[a-z]\Z){_LABEL}")
"""Lower-case ASCII dot-atom at a host name (RFC 5321 4.1.2, RFC 1035 2.3.1), without IDNA labels."""

_PLAIN = re.compile(r"[a-zA-Z0-9_.:@+\n-]+")
"""Lines of what is the same in every form, without margins."""

_EMAIL_LENGTH = 254
"""RFC 5321 4.5.3.1.3 with erratum 1690. Local parts over 64 characters exist, so they are let be."""

_MARGINS = "\"'`\0\u200b\ufeff" + "".join(char for char in map(chr, range(0x3001)) if char.isspace())
"""What may surround a value without being part of it: quotes, and every white space that `strip` knows."""


_TRIMMED = Normaliser.TRIMMED
_identifier = partial(tuple.__new__, Identifier)  # a third less than the class itself takes


class BlockReason(StrEnum):
    """Why a text is not taken as an identifier."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"
    BLOCKED_VALUE = "blocked_value"
    BLOCKED_PATTERN = "blocked_pattern"
    MALFORMED = "malformed"
    SHARED_LINE = "shared_line"
    """A phone number with an extension: the E.164 number alone is a switchboard's."""


class Blocked(NamedTuple):
    """A text that points at nobody: its kind and why. Never the text itself."""

    kind: str
    reason: BlockReason


def normalise(kind: str, raw: str, rules: IdentityRules) -> Identifier | Blocked:
    """The identifier that a text of a kind stands for, or why it stands for nobody.

    Normalising is idempotent. E-mail addresses are lower-cased as a whole (RFC 5321 lets hosts tell
    the cases of local parts apart; practically none does) with the domain in IDNA form (RFC 5890);
    no DNS is asked. Phone numbers become E.164.

    Raises:
        InvalidInput: the policy does not know the kind.
    """
    rule = rules.kinds.get(kind) or rules.rule(kind)
    if len(raw) > rule.max_length:
        return Blocked(kind, BlockReason.TOO_LONG)
    text = raw if raw.isascii() else normalize("NFC", raw)
    within = text.strip(_MARGINS)
    if not within:
        return Blocked(kind, BlockReason.EMPTY)
    if within.lower() in rule.blocked:
        return Blocked(kind, BlockReason.BLOCKED_VALUE)
    if rules.blocked_pattern.fullmatch(within):
        return Blocked(kind, BlockReason.BLOCKED_PATTERN)
    normaliser = rule.normaliser
    if normaliser is _TRIMMED:  # what most are
        return _identifier((kind, text.strip()))
    match normaliser:
        case Normaliser.EMAIL:
            return _email(kind, text.strip())
        case Normaliser.PHONE:
            return _phone(kind, text, rules.phone_region)
        case Normaliser.LOWER:
            return Identifier(kind, normalize("NFC", text.strip().lower()))
        case _:
            return Identifier(kind, text)


def bare(raw: str) -> str:
    """A text without what may surround a value: it is in this form that values point at nobody."""
    return raw.strip(_MARGINS)


def normalise_each(kinds: Sequence[str], values: Sequence[str], rules: IdentityRules) -> Sequence[str] | None:
    """The form of each of many texts as `normalise` has it; None where one stands for nobody.

    Texts of one kind in which nothing is to be changed are taken at once, in a fraction of the time.

    Raises:
        InvalidInput: as `normalise`.
    """
    kind = kinds[0] if kinds else ""
    rule = rules.kinds.get(kind)
    if rule is not None and rule.normaliser is _TRIMMED and kinds.count(kind) == len(values):
        text = "\n".join(values)
        is_plain = _PLAIN.fullmatch(text) and text.count("\n") == len(values) - 1 and "" not in values
        if is_plain and max(map(len, values)) <= rule.max_length:
            is_free = rule.blocked.isdisjoint(text.lower().split("\n"))
            if is_free and not any(map(rules.blocked_pattern.fullmatch, values)):
                return values
    found = [normalise(*one, rules) for one in zip(kinds, values, strict=True)]
    return (
        None
        if any(isinstance(one, Blocked) for one in found)
        else [one.value for one in found if isinstance(one, Identifier)]
    )


def mailbox(text: str) -> str | None:
    """An e-mail address in its normal form, as one to write to; None where it is none."""
    found = _email("email", text.strip())
    return found.value if isinstance(found, Identifier) else None


def _email(kind: str, text: str) -> Identifier | Blocked:
    plain = text.lower()
    if _PLAIN_EMAIL.fullmatch(plain) and len(plain) <= _EMAIL_LENGTH:
        return Identifier(kind, plain)
    try:
        found = validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return Blocked(kind, BlockReason.MALFORMED)
    local = normalize("NFC", (found.local_part or "").lower())
    return Identifier(kind, f"{local}@{(found.ascii_domain or '').lower()}")


def _phone(kind: str, text: str, region: str) -> Identifier | Blocked:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return Blocked(kind, BlockReason.MALFORMED)
    if number.extension:
        return Blocked(kind, BlockReason.SHARED_LINE)
    # Possible, not valid: numbering plans change faster than the library's tables of assigned ranges.
    if not phonenumbers.is_possible_number(number):
        return Blocked(kind, BlockReason.MALFORMED)
    return Identifier(kind, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
