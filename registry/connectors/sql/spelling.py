"""How identifiers stand in the columns of a table, and which of the ways that they are written there mean a person's.

A database compares texts by rules of its own: SQLite knows capital letters of ASCII alone, and none knows telephone
numbers. Where those do not suffice it is asked for what might be meant, and the normal form decides.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from registry.connectors.datasets import Match, Table
from registry.connectors.sql.columns import as_key, as_text, exactly, python_type
from registry.identity.belonging import pointing_at, strength
from registry.identity.rules import IdentityRules, Normaliser
from registry.model.message import Identifier

TOLD_BY = 7
"""The last digits of a telephone number by which it is looked for: those before them are written in many ways."""
MARGINS = (("", ""), ("", " "), (" ", ""), (" ", " "), ("", "\n"), ("", "\r\n"), ("", "\t"))
"""What often stands around a value that was typed or pasted: each is asked for, since an index leads to it."""
AT_ONCE = 100
_CASELESS = frozenset({Normaliser.EMAIL, Normaliser.LOWER})
_TRIMMED = _CASELESS | {Normaliser.TRIMMED}
_ESCAPED = re.compile(r"[/%_]")
_ELSEWHERE = re.compile(r"[^\x00-\x7f]+|(?<=[@.])xn--[a-z0-9-]+")
"""What one database writes in one way and another in another: letters beyond ASCII, and domains made of them."""


@dataclass(frozen=True, slots=True)
class Held:
    """A column that holds identifiers.

    Attributes:
        strength: 1 is the strongest kind.
        caseless: it is compared in small letters.
        trimmed: white space around a value tells nothing.
        form: the normal form that decides, where the database's own comparison does not suffice; None where it does.
    """

    name: str
    kind: str
    strength: int
    caseless: bool
    trimmed: bool
    form: Normaliser | None


def held(table: sa.Table, described: Table, rules: IdentityRules) -> list[Held]:
    """The columns of a table that hold identifiers, the strongest first."""
    found = []
    for name, field in described.fields.items():
        if field.identity is None:
            continue
        rule = rules.kinds.get(field.identity)
        form = rule.normaliser if rule is not None and field.match is not Match.EXACT else None
        textual = python_type(table.c[name]) in (str, None)
        caseless = textual and (field.match is Match.ANY_CASE or form in _CASELESS)
        trimmed = textual and form in _TRIMMED
        form = form if form is Normaliser.PHONE or (caseless and form in _CASELESS) else None
        found.append(Held(name, field.identity, strength(field.identity, rules), caseless, trimmed, form))
    return sorted(found, key=lambda one: (one.strength, one.name))


def compared(table: sa.Table, name: str, *, caseless: bool) -> sa.ColumnElement[Any]:
    """What of a column is compared."""
    column = table.c[name]
    if not caseless:
        return as_key(column)
    told = exactly(column)
    return sa.func.lower(as_text(column) if told is column else told)


def read(kind: str, value: object, rules: IdentityRules) -> Identifier | None:
    """The identifier that a stored value is; a number of a telephone may be stored without its plus."""
    found = pointing_at(kind, str(value), rules)
    if isinstance(value, int) and kind in rules.kinds and rules.kinds[kind].normaliser is Normaliser.PHONE:
        return pointing_at(kind, f"+{value}", rules) or found
    return found


def spelled(
    connection: sa.Connection, table: sa.Table, column: Held, wanted: Collection[str], rules: IdentityRules
) -> Iterator[Hashable]:
    """Every way in which one of these values is written in a column, as it is compared there."""
    patterns = sorted(set(_patterns(column.form, wanted)))
    if not patterns:
        return
    told = sa.func.lower(as_text(table.c[column.name])) if column.caseless else as_text(table.c[column.name])
    chosen = compared(table, column.name, caseless=column.caseless)
    people = {Identifier(column.kind, value) for value in wanted}
    for start in range(0, len(patterns), AT_ONCE):
        maybe = (told.like(pattern, escape="/") for pattern in patterns[start : start + AT_ONCE])
        for (value,) in connection.execute(sa.select(chosen).where(sa.or_(*maybe)).distinct()):
            if read(column.kind, value, rules) in people:
                yield value


def within(text: str, column: Held) -> Iterator[str]:
    """A text as it stands in a column: alone, or within the white space that often surrounds what was typed."""
    yield from (f"{before}{text}{after}" for before, after in (MARGINS if column.trimmed else MARGINS[:1]))


def of_digits(number: str) -> str:
    """A pattern (of LIKE) that fits a telephone number however its digits are set apart."""
    digits = [char for char in number if char.isdigit()]
    return "%" + "%".join(digits[-TOLD_BY:]) + "%"


def of_letters(text: str) -> str | None:
    """A pattern (of LIKE) that fits a text however its letters beyond ASCII are written; None where it has none."""
    small = text.lower()
    if not _ELSEWHERE.search(small):
        return None
    told = _ELSEWHERE.sub("%", _ESCAPED.sub(r"/\g<0>", small))
    return f"%{told}%"


def _patterns(form: Normaliser | None, wanted: Iterable[str]) -> Iterator[str]:
    for value in wanted:
        if form is Normaliser.PHONE:
            yield of_digits(value)
        elif form is not None and (pattern := of_letters(value)) is not None:
            yield pattern
