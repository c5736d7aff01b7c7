"""The second look through a database, after an erasure: by other questions than those that erased.

Every column that can hold a text, or a number, is searched for every identifier of the person, in whole tables,
whatever the description says leads where; and every row that should be gone, or lead to nobody, is asked for again, one
value at a time. An identifier too short to be told by text alone is looked for where the description says that its kind
stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from registry.connectors.datasets import Dataset, Field, Match, Table
from registry.connectors.key_values import from_text
from registry.connectors.sql.columns import AS_GIVEN, CHARSET, as_text, python_type
from registry.connectors.sql.naming import Names, number_pattern
from registry.identity.belonging import is_key, pointing_at, strength
from registry.identity.rules import IdentityRules, Normaliser
from registry.model.message import Identifier

AT_ONCE = {"postgresql": 10, "sqlite": 500}
MOST = 100
"""Conditions in one statement, so that none takes minutes in a table of a million rows: SQLite takes a thousand within
one another, and PostgreSQL gets all patterns of a column in one.
"""
SPELLED_OUT = "%u00%"
"""A pattern for texts in which signs may be written by their numbers: few are, and only those are held against more."""
ENCODED = ("%/%%", "%&%")
"""Patterns (escaped by a slash) for texts that may be percent-encoded, or have references of XML: as with those."""
_NOT_TEXT = (sa.Numeric, sa.Integer, sa.Float, sa.Boolean, sa.Date, sa.DateTime, sa.Time, sa.Interval, sa.LargeBinary)


def remaining(
    connection: sa.Connection,
    dataset: Dataset,
    tables: Mapping[str, sa.Table],
    people: Sequence[Identifier],
    rules: IdentityRules,
) -> dict[str, int]:
    """Rows by `table.column` that still are, or name, the person.

    Personal columns that are kept on a ground are left out: certificates state those. So is what stands beside a
    stronger identifier of somebody else's in a column that is described to hold identifiers: it is theirs.
    """
    looked, found = _Look(people, rules), Counter[str]()
    for name, table in tables.items():
        described = dataset.tables.get(name)
        for column, rows in looked.through(connection, table, described).items():
            found[f"{name}.{column}"] += rows
        if described is not None:
            for columns, rows in _still_led_to(connection, table, described, people):
                found[f"{name}.{columns}"] = max(found[f"{name}.{columns}"], rows)
    return {place: rows for place, rows in found.items() if rows}


class _Look:
    def __init__(self, people: Sequence[Identifier], rules: IdentityRules) -> None:
        self._people = {one for one in people if not is_key(one) and one.value.strip()}
        self._rules = rules
        self._names = Names(self._people, rules)

    def through(self, connection: sa.Connection, table: sa.Table, described: Table | None) -> Counter[str]:
        """How many rows of a table name the person, by column."""
        kept = described.kept_of_person if described is not None else set()
        identities = _identities(table, described)
        any_type = connection.dialect.name == "sqlite"  # whose columns hold texts whatever their type
        searched = [c for c in table.c if c.name not in kept]
        texts = [c for c in searched if any_type or not isinstance(c.type, _NOT_TEXT)]
        numbers = [c for c in searched if not any_type and isinstance(c.type, sa.Integer | sa.Numeric | sa.Float)]
        whole = self._names.whole()
        maybe = [one for c in texts for one in self._fitting(connection, sa.func.lower(as_text(c)))]
        maybe += [sa.type_coerce(c, sa.BigInteger).in_(whole) for c in numbers if whole]
        maybe += [one for name, field in identities.items() if name not in kept for one in self._held(table, field)]
        maybe += [one for c in texts for one in self._spelled_out(connection, as_text(c))]
        found = Counter[str]()
        if not maybe:
            return found
        names = {*(c.name for c in (*texts, *numbers)), *identities}
        read_too = [c for c in table.c if c.name in names]
        as_read = {c.name for c in table.c if c.name in identities and isinstance(c.type, (*_NOT_TEXT, sa.Uuid))}
        as_read |= {c.name for c in numbers if not isinstance(c.type, sa.Integer)}  # whose text may end with a point
        told = (c if c.name in as_read else as_text(c) for c in read_too)
        query = sa.select(*(one.label(f"c{at}") for at, one in enumerate(told))).select_from(table)
        step = AT_ONCE.get(connection.dialect.name, MOST)
        for start in range(0, len(maybe), step):
            some = Counter[str]()
            for values in connection.execute(query.where(sa.or_(*maybe[start : start + step]))):
                row = dict(zip((c.name for c in read_too), map(_whole, values), strict=True))
                some.update(self._named(row, identities, kept))
            found |= some  # a row that several look-ups find is not counted twice: there are at least so many
        return found

    def _fitting(self, connection: sa.Connection, text: sa.ColumnElement[str]) -> Iterator[sa.ColumnElement[bool]]:
        """That a text may name the person. PostgreSQL holds it against all patterns at once: four times as quick."""
        if connection.dialect.name == "postgresql":
            patterns = self._names.patterns("\\")
            if patterns:
                yield _any_like(text, patterns)
            return
        yield from (text.like(one, escape="/") for one in self._names.patterns("/"))

    def _spelled_out(self, connection: sa.Connection, text: sa.ColumnElement[str]) -> Iterator[sa.ColumnElement[bool]]:
        """That a text may name the person by signs that are written in another way; most texts have none of those."""
        patterns, signs, small = self._names.spelled_out(), self._names.signs(), sa.func.lower(text)
        at_once = connection.dialect.name == "postgresql"
        by_numbers = _any_like(small, signs) if at_once else sa.or_(sa.false(), *map(small.like, signs))
        encoded = (text.like(one, escape="/") for one in ENCODED)
        elsewise = sa.or_(sa.and_(text.like(SPELLED_OUT), by_numbers), *encoded)
        step = max(len(patterns), 1) if at_once else MOST
        for start in range(0, len(patterns), step):
            some = patterns[start : start + step]
            yield sa.and_(elsewise, _any_like(small, some) if at_once else sa.or_(*map(small.like, some)))

    def _held(self, table: sa.Table, field: Field) -> Iterator[sa.ColumnElement[bool]]:
        """What a column holds that is described to hold identifiers of a kind: however short they are."""
        text = as_text(table.c[field.name])
        values = [one.value for one in self._people if one.kind == field.identity]
        if values:
            yield sa.func.trim(sa.func.lower(text)).in_([value.lower().strip() for value in values])
        rule = self._rules.kinds.get(field.identity or "")
        if rule is not None and rule.normaliser is Normaliser.PHONE:
            yield from (text.like(number_pattern(value)) for value in values)

    def _named(self, row: Mapping[str, Any], identities: Mapping[str, Field], kept: set[str]) -> Iterator[str]:
        """The columns of a row that name the person, but for what stands beside a stronger name of somebody else."""
        carried = {name: self._read(field, row[name]) for name, field in identities.items()}
        foreign = (one.kind for one in carried.values() if one is not None and one not in self._people)
        above = min((strength(kind, self._rules) for kind in foreign), default=None)
        for column, value in row.items():
            if column in kept:
                continue
            field = identities.get(column)
            is_text = isinstance(value, str) or (isinstance(value, int) and field is None)
            found = self._names.found(str(value)) if is_text else set()
            own = carried.get(column)
            if own is not None and own in self._people:
                found.add(own)
            elif own is not None:  # in other letters it is another one, where its kind tells them apart
                found = {one for one in found if (one.kind, one.value.lower()) != (own.kind, own.value.lower())}
            if field is not None and above is not None and above < strength(field.identity or "", self._rules):
                found = {one for one in found if one.kind != field.identity}
            if found:
                yield column

    def _read(self, field: Field, value: object) -> Identifier | None:
        if value is None or field.identity is None:
            return None
        alike = (person for person in self._people if person.kind == field.identity and _same(field, value, person))
        texts = [f"+{value}", str(value)] if isinstance(value, int) else [str(value)]  # a number may lack its plus
        named = [found for text in texts if (found := pointing_at(field.identity, text, self._rules)) is not None]
        known = (one for one in named if one in self._people)
        return next(alike, next(known, next(reversed(named), None)))


def _whole(value: object) -> object:
    """A number without a fraction as one that has none; SQLite writes every number with a point as `42.0`."""
    if isinstance(value, str):
        return value[:-2] if value.endswith(".0") and value[:-2].isdecimal() else value
    return int(value) if isinstance(value, Decimal | float) and isfinite(value) and value == int(value) else value


def _any_like(text: sa.ColumnElement[str], patterns: Sequence[str]) -> sa.ColumnElement[bool]:
    return text.like(sa.any_(sa.literal([*patterns], sa.ARRAY(sa.Text))))


def _same(field: Field, value: object, person: Identifier) -> bool:
    text = str(value)
    is_caseless = field.match is Match.ANY_CASE or isinstance(value, UUID)
    return text == person.value or (is_caseless and text.lower() == person.value.lower())


def _identities(table: sa.Table, described: Table | None) -> dict[str, Field]:
    fields = described.fields.items() if described is not None else ()
    return {name: field for name, field in fields if field.identity is not None and name in table.c}


def _still_led_to(
    connection: sa.Connection, table: sa.Table, described: Table, people: Iterable[Identifier]
) -> Iterator[tuple[str, int]]:
    """Rows that a key of the person's leads to, and that an erasure should have deleted, or led nowhere."""
    found = Counter[str]()
    changed = {field.name for field in described.changed}
    links = [link for link in described.links if described.deletes or changed & set(link.fields)]
    for person in people:
        for link in links:
            if link.to.kind == person.kind and all(name in table.c for name in link.fields):
                wanted = from_text(person.value)
                where = [_equals(table.c[name], value) for name, value in zip(link.fields, wanted, strict=True)]
                rows = connection.execute(sa.select(*(table.c[name] for name in link.fields)).where(*where))
                found["+".join(link.fields)] += sum(all(map(_is_one, row, wanted)) for row in rows)
    return iter(found.items())


def _is_one(stands: object, value: object) -> bool:
    """Whether what a database takes for a value is that value: some take two texts for one, and fill others up."""
    return not (isinstance(stands, str) and isinstance(value, str)) or stands.rstrip() == value.rstrip()


def _equals(column: sa.Column[Any], value: Any) -> sa.ColumnElement[bool]:
    """A key's value in its column; as text, where the two are of different types."""
    wanted = python_type(column)
    if CHARSET in column.info or (AS_GIVEN in column.info and isinstance(value, int | str)):
        return as_text(column) == str(value)
    return column == value if wanted is None or isinstance(value, wanted) else as_text(column) == str(value)
