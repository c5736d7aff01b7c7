"""How a person's identifiers stand in texts of any kind: as words of their own, in whatever letters and digits.

Used by the second look alone, and made of nothing that the erasing is made of, so that no mistake there hides here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from unicodedata import normalize

from registry.connectors.sql.encoded import forms
from registry.identity.belonging import is_key, pointing_at
from registry.identity.rules import IdentityRules, Normaliser
from registry.model.message import Identifier

LONG = 8
"""Characters from which on an identifier can be told by text alone."""
LONG_NUMBER = 10
"""Digits from which on one that is nothing but a number can."""
_BIGGEST = 2**63
LAST_DIGITS = 6
"""Those of a telephone number that stand alike however it is written."""
_NUMBER = re.compile(r"[+(]?\d[\d\s().\-/]{4,}\d")
_QUOTED = frozenset('"\\/')
"""Signs that are written with another one before them in JSON, and within arrays, rows and hstore of PostgreSQL."""
_SIGNS = re.compile("[^a-z0-9]+")


def tells(value: str) -> bool:
    """Whether an identifier, wherever it stands, names the person: `42` may be a size of shoes."""
    return "@" in value or len(value) >= (LONG_NUMBER if value.isdigit() else LONG)


class Names:
    """The identifiers of a person that can be told by text alone."""

    def __init__(self, people: Iterable[Identifier], rules: IdentityRules) -> None:
        self._rules = rules
        told = [one for one in people if not is_key(one) and tells(one.value)]
        self._numbers = {one for one in told if _is_number(one.kind, rules)}
        self._words: dict[str, list[Identifier]] = {}
        for one in told:
            for word in _spellings(one.value):
                self._words.setdefault(word, []).append(one)
        either = "|".join(re.escape(word) for word in sorted(self._words, key=len, reverse=True))
        self._word = re.compile(rf"(?<![\w.+-])(?:{either})(?![\w-]|\.\w)") if either else None

    def patterns(self, escape: str) -> list[str]:
        """Patterns (of LIKE, escaped so) of small letters, one of which fits every text that names the person."""
        around = (_around(word, escape) for word in self._words)
        return [*around, *(number_pattern(one.value) for one in self._numbers)]

    def spelled_out(self) -> list[str]:
        """Patterns (of LIKE) of small letters for those with signs, whatever those are written as: `@` as u0040."""
        return sorted({f"%{_SIGNS.sub('%', word)}%" for word in self._words if _SIGNS.search(word)})

    def signs(self) -> list[str]:
        """Patterns (of LIKE) of small letters, one of which fits whatever has a sign of these written by its number."""
        found = {sign for word in self._words for sign in "".join(_SIGNS.findall(word)) if sign.isascii()}
        return [f"%u{ord(sign):04x}%" for sign in sorted(found)]

    def whole(self) -> list[int]:
        """Those that are nothing but digits, as columns of whole numbers hold them."""
        told = [*(word for word in self._words if word.isdecimal()), *(_digits(one.value) for one in self._numbers)]
        return sorted({int(digits) for digits in told if digits and int(digits) < _BIGGEST})

    def found(self, text: str) -> set[Identifier]:
        """Whom of these a text names, as it stands or as what stands in it is meant."""
        return {one for form in forms(text) for one in self._found(form)}

    def _found(self, text: str) -> set[Identifier]:
        small = normalize("NFC", text).lower()
        found: set[Identifier] = set()
        if self._word is not None:
            found.update(one for match in self._word.finditer(small) for one in self._words[match[0]])
        for match in _NUMBER.finditer(text) if self._numbers else ():
            digits = _digits(match[0])
            found.update(
                one
                for one in self._numbers
                if _digits(one.value) in digits or pointing_at(one.kind, match[0], self._rules) == one
            )
        return found


def number_pattern(number: str) -> str:
    """A pattern (of LIKE) for a telephone number: its last digits, whatever stands between them."""
    return f"%{'%'.join(_digits(number)[-LAST_DIGITS:])}%"


def _around(word: str, escape: str) -> str:
    """A pattern (of LIKE, escaped so) for a word in small letters; letters that a database may not know are any."""
    return f"%{''.join(_any_of(char, escape) for char in word)}%"


def _any_of(char: str, escape: str) -> str:
    told = f"{escape}{char}" if char in f"{escape}%_" else char if char.isascii() else "%"
    return f"%{told}" if char in _QUOTED else told


def _spellings(value: str) -> Iterator[str]:
    """A value in small letters; and, where its domain is written in ASCII for others' sake, as people write it."""
    small = normalize("NFC", value).lower()
    yield small
    local, at, domain = small.rpartition("@")
    if at and "xn--" in domain:
        try:
            yield f"{local}@{domain.encode('ascii').decode('idna')}"
        except UnicodeError:
            return


def _is_number(kind: str, rules: IdentityRules) -> bool:
    rule = rules.kinds.get(kind)
    return rule is not None and rule.normaliser is Normaliser.PHONE


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))
