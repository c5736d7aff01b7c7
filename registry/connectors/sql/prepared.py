"""Statements that are put together once for each form of a question, and then asked with the values of a person.

Putting one together and looking up how it compiles takes as long as a small table takes to answer.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from registry.connectors.sql.standing import as_it_stands

REMEMBERED = 1_024

Form = tuple[tuple[tuple[str, ...], bool], ...]
"""What is compared, without the values: the columns of each selector, and whether letters' case counts for nothing."""


class Where(NamedTuple):
    """Rows of a table that one of these selectors finds: their form, and the values of each."""

    table: sa.Table
    form: Form
    values: tuple[Sequence[Hashable], ...]

    @property
    def bound(self) -> sa.ColumnElement[bool]:
        """The condition with its values, to be part of a statement that is made for once."""
        return _together(
            _column(self.table, *one).in_(values) for one, values in zip(self.form, self.values, strict=True)
        )

    def parameters(self, place: int = 0) -> dict[str, Any]:
        """The values by the names that they have in the condition at this place of a statement."""
        return {_name(place, at): list(values) for at, values in enumerate(self.values)}


def count_all(connection: sa.Connection, places: Sequence[Where]) -> list[int]:
    """How many rows each of these finds, asked in one message."""
    if not places:
        return []
    parameters = {name: value for at, one in enumerate(places) for name, value in one.parameters(at).items()}
    return list(connection.execute(_counting(tuple((one.table, one.form) for one in places)), parameters).one())


def reading(where: Where, names: Sequence[str], *, most: int | None = None) -> sa.Select[Any]:
    """The statement that reads these columns, with the values at their places; at most so many rows."""
    return _reading(where.table, where.form, tuple(names), most)


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
def _clause(table: sa.Table, form: Form, place: int) -> sa.ColumnElement[bool]:
    compared = [_column(table, *one) for one in form]
    return _together(
        one.in_(sa.bindparam(_name(place, at), type_=one.type, expanding=True)) for at, one in enumerate(compared)
    )


def _column(table: sa.Table, names: tuple[str, ...], caseless: bool) -> sa.ColumnElement[Any]:
    """What is compared: a column, in small letters where those count alike, or several together."""
    columns = [table.c[name] for name in names]
    if len(columns) > 1:
        return sa.tuple_(*columns)
    return sa.func.lower(columns[0]) if caseless else columns[0]


def _together(parts: Iterable[sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    either = list(parts)
    return sa.or_(*either) if len(either) > 1 else either[0]


def _name(place: int, at: int) -> str:
    return f"of_{place}_{at}"
