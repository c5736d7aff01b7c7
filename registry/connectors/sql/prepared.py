"""Statements that are put together once for each form of a question, and then asked with the values of a person.

Putting one together and looking up how it compiles takes as long as a small table takes to answer.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from registry.connectors.sql.columns import as_key, as_stored, compares_plainly, exactly
from registry.connectors.sql.spelling import compared
from registry.connectors.sql.standing import as_it_stands

REMEMBERED = 1_024


class Side(NamedTuple):
    """What is compared, without the values: columns, in small letters where case counts for nothing.

    `guards`: other columns, which may hold nothing but certain values, or nothing at all.
    """

    columns: tuple[str, ...]
    caseless: bool
    guards: tuple[tuple[str, bool], ...] = ()


Form = tuple[Side, ...]
Values = tuple[Sequence[Hashable], ...]
"""Those of a side, then those that each of its guards allows."""


class Where(NamedTuple):
    """Rows of a table that one of these selectors finds: their form, and the values of each."""

    table: sa.Table
    form: Form
    values: tuple[Values, ...]

    @property
    def bound(self) -> sa.ColumnElement[bool]:
        """The condition with its values, to be part of a statement that is made for once."""

        def given(values: Values) -> Callable[[sa.ColumnElement[Any], int], sa.ColumnElement[Any]]:
            return lambda one, at: sa.bindparam(None, list(values[at]), type_=one.type, expanding=True)

        places = zip(self.form, self.values, strict=True)
        return _together(_side(self.table, side, given(values)) for side, values in places)

    def parameters(self, place: int = 0) -> dict[str, Any]:
        """The values by the names that they have in the condition at this place of a statement."""
        places = ((at, number, one) for at, values in enumerate(self.values) for number, one in enumerate(values))
        return {_name(place, at, number): list(one) for at, number, one in places}


def count_all(connection: sa.Connection, places: Sequence[Where]) -> list[int]:
    """How many rows each of these finds, asked in one message."""
    if not places:
        return []
    parameters = {name: value for at, one in enumerate(places) for name, value in one.parameters(at).items()}
    return list(connection.execute(_counting(tuple((one.table, one.form) for one in places)), parameters).one())


def reading(where: Where, names: Sequence[str], *, most: int | None = None) -> sa.Select[Any]:
    """The statement that reads these columns, with the values at their places; at most so many rows."""
    return _reading(where.table, where.form, tuple(names), most)


def reading_keys(where: Where, names: Sequence[str]) -> sa.Select[Any]:
    """The statement that reads what leads on: what stands there, even where the column's type knows no such value."""
    return _reading_keys(where.table, where.form, tuple(names))


@lru_cache(REMEMBERED)
def _counting(places: tuple[tuple[sa.Table, Form], ...]) -> sa.Select[Any]:
    parts = (
        sa.select(sa.func.count()).select_from(table).where(_clause(table, form, at)).scalar_subquery()
        for at, (table, form) in enumerate(places)
    )
    return sa.select(*parts)


@lru_cache(REMEMBERED)
def _reading(table: sa.Table, form: Form, names: tuple[str, ...], most: int | None) -> sa.Select[Any]:
    query = sa.select(*(as_it_stands(table.c[name]) for name in names)).where(_clause(table, form, 0))
    return query if most is None else query.limit(most)


@lru_cache(REMEMBERED)
def _reading_keys(table: sa.Table, form: Form, names: tuple[str, ...]) -> sa.Select[Any]:
    return sa.select(*(as_it_stands(as_stored(table.c[name])) for name in names)).where(_clause(table, form, 0))


@lru_cache(REMEMBERED)
def _clause(table: sa.Table, form: Form, place: int) -> sa.ColumnElement[bool]:
    def named(at: int) -> Callable[[sa.ColumnElement[Any], int], sa.ColumnElement[Any]]:
        return lambda one, number: sa.bindparam(_name(place, at, number), type_=one.type, expanding=True)

    return _together(_side(table, side, named(at)) for at, side in enumerate(form))


def _side(table: sa.Table, side: Side, values: Callable[[sa.ColumnElement[Any], int], Any]) -> sa.ColumnElement[bool]:
    """That one of these values stands there, and nothing but what is allowed at its guards."""
    one = _column(table, side.columns, side.caseless)
    found: sa.ColumnElement[bool] = one.in_(values(one, 0))
    columns = [table.c[name] for name in side.columns]
    if not side.caseless and any(exactly(column) is not column for column in columns) and compares_plainly(columns):
        plain = sa.tuple_(*map(as_stored, columns)) if len(columns) > 1 else columns[0]
        found = sa.and_(plain.in_(values(one, 0)), found)  # which an index can lead
    for number, (name, caseless) in enumerate(side.guards, 1):
        guard = _column(table, (name,), caseless)
        found = sa.and_(found, sa.or_(table.c[name].is_(None), guard.in_(values(guard, number))))
    return found


def _column(table: sa.Table, names: tuple[str, ...], caseless: bool) -> sa.ColumnElement[Any]:
    """What is compared: a column, in small letters where those count alike, or several together."""
    if len(names) > 1:
        return sa.tuple_(*(as_key(table.c[name]) for name in names))
    return compared(table, names[0], caseless=caseless)


def _together(parts: Iterable[sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    either = list(parts)
    return sa.or_(*either) if len(either) > 1 else either[0]


def _name(place: int, at: int, number: int) -> str:
    return f"of_{place}_{at}_{number}"
