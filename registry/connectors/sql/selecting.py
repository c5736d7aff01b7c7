"""Which rows of a table are a person's: by the identifiers that they are known by, and by keys that lead there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from registry.connectors.datasets import Key, Table
from registry.connectors.key_values import fitted, from_text, to_text
from registry.connectors.sql.catalogue import python_type
from registry.connectors.sql.prepared import Where, count_all
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier

BATCH = 10_000
"""Values in one statement: below what SQLite (32,766) and PostgreSQL (65,535) take."""

_BITS = ((sa.BigInteger, 63), (sa.SmallInteger, 15), (sa.Integer, 31))


@dataclass(frozen=True, slots=True)
class Selector:
    """Rows whose columns hold one of these tuples of values; `caseless`: in whatever letters."""

    columns: tuple[str, ...]
    values: Sequence[tuple[Hashable, ...]]
    caseless: bool


def selectors(table: sa.Table, described: Table, people: Iterable[Identifier]) -> list[Selector]:
    """What makes a row of this table the person's; nothing where nothing leads here."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for person in people:
        by_kind[person.kind].append(person.value)
    wanted: dict[tuple[tuple[str, ...], bool], dict[tuple[Hashable, ...], None]] = defaultdict(dict)
    for name, field in described.fields.items():
        if field.identity in by_kind:
            told: list[tuple[Hashable, ...]] = [(value,) for value in by_kind[field.identity]]
            caseless = not field.exact and python_type(table.c[name]) is str
            wanted[(name,), caseless].update(_fitting(table, (name,), told))
    for link in described.links:
        if link.to.kind in by_kind:
            told = [from_text(value) for value in by_kind[link.to.kind]]
            wanted[link.fields, False].update(_fitting(table, link.fields, told))
    return [Selector(columns, list(values), caseless) for (columns, caseless), values in wanted.items() if values]


def conditions(table: sa.Table, chosen: Sequence[Selector]) -> Iterator[Where]:
    """Conditions that no row fulfils twice: one selector in batches, or several in one statement.

    Raises:
        LinkedSystemUnavailable: there are too many values for that.
    """
    form = tuple((one.columns, one.caseless) for one in chosen)
    if len(chosen) == 1:
        [only], [values] = chosen, map(_compared, chosen)
        step = BATCH // len(only.columns)
        for start in range(0, len(values), step):
            yield Where(table, form, (values[start : start + step],))
    elif _size(chosen) > BATCH:
        raise LinkedSystemUnavailable(f"{table.name} is reached by more than {BATCH} values over several columns")
    elif chosen:
        yield Where(table, form, tuple(map(_compared, chosen)))


def found_keys(
    dataset: str, described: Table, leading: Iterable[Key], rows: Iterable[Mapping[str, Any]]
) -> Iterator[Identifier]:
    """By what else a person is known, as these rows of theirs say."""
    kinds = {name: field.identity for name, field in described.fields.items() if field.identity is not None}
    keys = [key for key in leading if (key.dataset, key.table) == (dataset, described.name)]
    for row in rows:
        for name, kind in kinds.items():
            if row[name] is not None and str(row[name]).strip():
                yield Identifier(kind, str(row[name]))
        for key in keys:
            text = to_text([row[name] for name in key.fields])
            if text is not None:
                yield Identifier(key.kind, text)


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
    return sum(len(one.values) * len(one.columns) for one in chosen)


def _compared(one: Selector) -> list[Hashable]:
    """The values as they are compared: alone where there is one column, in small letters where those count alike."""
    if len(one.columns) > 1:
        return list(one.values)
    return [str(value).lower() if one.caseless else value for (value,) in one.values]


def _fitting(
    table: sa.Table, columns: tuple[str, ...], told: Iterable[tuple[Hashable, ...]]
) -> Iterator[tuple[tuple[Hashable, ...], None]]:
    """The values that can stand in these columns at all, each in the column's own type."""
    for values in told:
        made = tuple(_fit(table.c[name], value) for name, value in zip(columns, values, strict=True))
        if None not in made:
            yield made, None


def _fit(column: sa.Column[Any], value: Hashable) -> Hashable | None:
    made = fitted(value, python_type(column))
    for kind, bits in _BITS:
        if isinstance(column.type, kind) and isinstance(made, int):
            return made if -(2**bits) <= made < 2**bits else None
    return made
