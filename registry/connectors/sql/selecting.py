"""Which rows of a table are a person's: by the identifiers that they are known by, and by keys that lead there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from registry.connectors.datasets import Key, Table
from registry.connectors.key_values import fitted, from_text, other_storage, stored, to_text, written
from registry.connectors.sql.columns import ANYTHING, AS_GIVEN, CHARSET, CODECS, UNKNOWN, as_stored, python_type
from registry.connectors.sql.dictionary import INHERITED
from registry.connectors.sql.prepared import Side, Values, Where, count_all
from registry.connectors.sql.referring import also_written
from registry.connectors.sql.spelling import Held, compared, held, read, spelled, within
from registry.identity.belonging import SHARED, Record
from registry.identity.rules import IdentityRules
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier

BATCH = 10_000
"""Values in one statement: below what SQLite (32,766) and PostgreSQL (65,535) take."""

_BITS = ((sa.BigInteger, 63), (sa.SmallInteger, 15), (sa.Integer, 31))


@dataclass(frozen=True, slots=True)
class Guard:
    """A column that holds stronger identifiers: rows with any but these there are somebody else's."""

    column: str
    caseless: bool
    allowed: Sequence[Hashable]


@dataclass(frozen=True, slots=True)
class Selector:
    """Rows whose columns hold one of these tuples of values; `caseless`: in whatever letters."""

    columns: tuple[str, ...]
    values: Sequence[tuple[Hashable, ...]]
    caseless: bool
    guards: tuple[Guard, ...] = ()

    @property
    def names(self) -> set[str]:
        """Every column that it looks at."""
        return {*self.columns, *(guard.column for guard in self.guards)}


class Selecting:
    """Which rows of one database are a person's, asked on one connection.

    Args:
        rules: by what people are told apart.
        known: by what else the person is known, which selects nothing.
    """

    def __init__(
        self,
        connection: sa.Connection,
        people: Iterable[Identifier],
        rules: IdentityRules,
        known: Iterable[Identifier] = (),
    ) -> None:
        self._connection = connection
        self._rules = rules
        self._by_kind: dict[str, list[str]] = defaultdict(list)
        self._letters = {(one.kind, one.value.lower()): one for one in known}
        for person in people:
            self._by_kind[person.kind].append(person.value)
            self._letters[person.kind, person.value.lower()] = person

    def own(self, table: sa.Table, described: Table) -> Sequence[Selector]:
        """What makes a row of this table the person's; nothing where nothing leads here."""
        return self.settled(table, [*self.named(table, described), *self.referred(table, described)])

    def settled(self, table: sa.Table, chosen: Sequence[Selector]) -> Sequence[Selector]:
        """Selectors that one statement can take: by the rows' own keys where several have too many values together."""
        key = tuple(str(column.name) for column in table.primary_key)
        if len(chosen) < 2 or _size(chosen) <= BATCH or not key or INHERITED in table.info:
            return chosen
        found: dict[tuple[Hashable, ...], None] = {}
        for one in chosen:
            for where in conditions(table, [one]):
                rows = self._connection.execute(sa.select(*map(as_stored, table.primary_key)).where(where.bound))
                found.update((tuple(row), None) for row in rows)
        return [Selector(key, list(found), caseless=False)]

    def referred(self, table: sa.Table, described: Table) -> list[Selector]:
        """Rows that refer to a record of the person's."""
        wanted: dict[tuple[str, ...], dict[tuple[Hashable, ...], None]] = defaultdict(dict)
        for link in described.links:
            if link.to.kind in self._by_kind:
                told = [from_text(value) for value in self._by_kind[link.to.kind]]
                wanted[link.fields].update(_fitting(table, link.fields, told))
                also = also_written(self._connection, table, link, told)
                wanted[link.fields].update((values, None) for values in also)
        return [Selector(columns, list(values), caseless=False) for columns, values in wanted.items() if values]

    def named(self, table: sa.Table, described: Table, *, shared: bool = False) -> list[Selector]:
        """Rows that carry an identifier of the person, and no stronger one of somebody else's.

        Args:
            shared: whoever's they are: also what others carry, and what several people share.
        """
        columns = held(table, described, self._rules)
        values = {one.name: self._values(table, one, shared=shared) for one in columns}
        found = []
        for one in columns:
            if values[one.name]:
                above = [] if shared else [other for other in columns if other.strength < one.strength]
                guards = tuple(self._guard(table, one, values[one.name], other, values) for other in above)
                chosen = [(value,) for value in values[one.name]]
                found.append(Selector((one.name,), chosen, one.caseless, guards))
        return found

    def others(self, table: sa.Table, described: Table) -> int:
        """How many rows carry an identifier of the person's and are others': left as they are."""
        columns = held(table, described, self._rules)
        shared = any(SHARED + one.kind in self._by_kind for one in columns)
        if not shared and not any(one.kind in self._by_kind and one.strength > columns[0].strength for one in columns):
            return 0
        anyone = [where.bound for where in conditions(table, self.named(table, described, shared=True))]
        if not anyone:
            return 0
        total = count(self._connection, table, sa.or_(*anyone))
        mine = conditions(table, self.own(table, described))
        return total - sum(count(self._connection, table, sa.and_(sa.or_(*anyone), where.bound)) for where in mine)

    def records(
        self, table: sa.Table, described: Table, keys: Sequence[Key], found: Iterable[Mapping[str, Any]], *,
        referred: bool,
    ) -> Iterator[Record]:  # fmt: skip
        """What these rows carry: identifiers that point at somebody, and keys that lead on."""
        columns = held(table, described, self._rules)
        for row in found:
            told = (self._read(one, row[one.name]) for one in columns if row[one.name] is not None)
            texts = ((key.kind, to_text([row[name] for name in key.fields])) for key in keys)
            refer = tuple(Identifier(kind, text) for kind, text in texts if text is not None)
            yield Record(tuple(dict.fromkeys(filter(None, told))), refer, referred)

    def _read(self, one: Held, value: object) -> Identifier | None:
        """Whom a stored value names; one of the person's where only letters tell them apart that tell nothing."""
        if one.caseless or isinstance(value, UUID):
            known = self._letters.get((one.kind, str(value).lower()))
            if known is not None:
                return known
        return read(one.kind, value, self._rules)

    def _values(self, table: sa.Table, one: Held, *, shared: bool) -> list[Hashable]:
        """Every way in which an identifier of the person is written in a column."""
        kinds = [one.kind, SHARED + one.kind] if shared else [one.kind]
        wanted = [value for kind in kinds for value in self._by_kind.get(kind, ())]
        if not wanted:
            return []
        made = (value for (value,), _ in _fitting(table, (one.name,), [(value,) for value in wanted]))
        told = (str(value).lower() if one.caseless else value for value in made)
        direct = (text for value in told for text in (within(value, one) if isinstance(value, str) else (value,)))
        return list(dict.fromkeys([*direct, *spelled(self._connection, table, one, wanted, self._rules)]))

    def _guard(
        self, table: sa.Table, one: Held, chosen: Sequence[Hashable], other: Held, values: Mapping[str, list[Hashable]]
    ) -> Guard:
        """What may stand in a stronger column beside a weaker identifier: the person's own, and what names nobody."""
        people = {Identifier(other.kind, value) for value in self._by_kind.get(other.kind, ())}
        column = compared(table, other.name, caseless=other.caseless)
        allowed = list(values[other.name])
        for start in range(0, len(chosen), BATCH):
            here = compared(table, one.name, caseless=one.caseless).in_(chosen[start : start + BATCH])
            query = sa.select(column).where(here, table.c[other.name].is_not(None)).distinct()
            for (value,) in self._connection.execute(query):
                found = self._read(other, value)
                if found is None or found in people:
                    allowed.append(value)
        return Guard(other.name, other.caseless, list(dict.fromkeys(allowed)))


def conditions(table: sa.Table, chosen: Sequence[Selector]) -> Iterator[Where]:
    """Conditions that no row fulfils twice: one selector in batches, or several in one statement.

    Raises:
        LinkedSystemUnavailable: there are too many values for that, in a table without a key.
    """
    form = tuple(
        Side(one.columns, one.caseless, tuple((guard.column, guard.caseless) for guard in one.guards)) for one in chosen
    )
    if len(chosen) == 1:
        [only] = chosen
        values, *allowed = _compared(only)
        step = max(BATCH - _size(chosen) + len(values) * len(only.columns), 1) // len(only.columns)
        for start in range(0, len(values), step):
            yield Where(table, form, ((values[start : start + step], *allowed),))
    elif _size(chosen) > BATCH:
        raise LinkedSystemUnavailable(f"{table.name} is reached by more than {BATCH} values over several columns")
    elif chosen:
        yield Where(table, form, tuple(map(_compared, chosen)))


def leading_columns(dataset: str, described: Table, leading: Iterable[Key]) -> list[str]:
    """The columns of a table whose values lead on."""
    names = {name for name, field in described.fields.items() if field.identity is not None}
    names |= {name for key in leading if (key.dataset, key.table) == (dataset, described.name) for name in key.fields}
    return sorted(names)


def may_lead(dataset: str, described: Table, leading: Iterable[Key], people: Iterable[Identifier]) -> bool:
    """Whether rows of a table can be found by any of these identifiers, and lead on."""
    kinds = {field.identity for field in described.fields.values()} | {link.to.kind for link in described.links}
    return any(person.kind in kinds for person in people) and bool(leading_columns(dataset, described, leading))


def count(connection: sa.Connection, table: sa.Table, where: sa.ColumnElement[bool]) -> int:
    """How many rows fulfil a condition."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(where)).scalar_one())


def counts(connection: sa.Connection, chosen: Mapping[sa.Table, Sequence[Selector]]) -> dict[sa.Table, int]:
    """How many rows of each table these select: of all tables in one message, unless there are too many values.

    Raises:
        LinkedSystemUnavailable: what `conditions` raises.
    """
    places = [where for table, found in chosen.items() for where in conditions(table, found)]
    step = len(places) if sum(map(_size, chosen.values())) <= BATCH else 1
    told = Counter[sa.Table]()
    for start in range(0, len(places), step or 1):
        some = places[start : start + step]
        for where, count in zip(some, count_all(connection, some), strict=True):
            told[where.table] += count
    return dict(told)


def _size(chosen: Sequence[Selector]) -> int:
    guarded = sum(len(guard.allowed) for one in chosen for guard in one.guards)
    return guarded + sum(len(one.values) * len(one.columns) for one in chosen)


def _compared(one: Selector) -> Values:
    """The values as they are compared: alone where there is one column; then what its guards allow."""
    values = list(one.values) if len(one.columns) > 1 else [value for (value,) in one.values]
    return (values, *(guard.allowed for guard in one.guards))


def _fitting(
    table: sa.Table, columns: tuple[str, ...], told: Iterable[tuple[Hashable, ...]]
) -> Iterator[tuple[tuple[Hashable, ...], None]]:
    """The values that can stand in these columns at all, each in the column's own type."""
    for values in told:
        ways = [list(_fit(table.c[name], value)) for name, value in zip(columns, values, strict=True)]
        yield from ((made, None) for made in product(*ways))


def _fit(column: sa.Column[Any], value: Hashable) -> Iterator[Hashable]:
    """A value in each way in which the column may hold it; none where it cannot stand there."""
    yield from dict.fromkeys(made for one in written(value) for made in _held(column, one))


def _held(column: sa.Column[Any], value: Hashable) -> Iterator[Hashable]:
    """A value as the column holds it. SQLite's columns hold any: in several ways."""
    if AS_GIVEN in column.info:
        yield from dict.fromkeys(one for way in stored(value) for one in (way, *other_storage(way)))
        return
    if ANYTHING in column.info or (isinstance(column.type, sa.types.NullType) and UNKNOWN not in column.info):
        yield from stored(value)
        return
    if UNKNOWN in column.info and not isinstance(value, str | int):
        if not isinstance(value, bytes):
            yield str(value)
        return
    made = fitted(value, python_type(column))
    if isinstance(made, str) and not _can_write(made, column):
        return
    for kind, bits in _BITS:
        if isinstance(column.type, kind) and isinstance(made, int) and not -(2**bits) <= made < 2**bits:
            return
    if made is not None:
        yield made


def _can_write(text: str, column: sa.Column[Any]) -> bool:
    """Whether a text can stand in a column at all: MariaDB compares none with what it has no letters for."""
    try:
        text.encode(CODECS.get(column.info.get(CHARSET, ""), "utf-8"))
    except UnicodeEncodeError:
        return False
    return True
