"""The second look through a database, after an erasure: by other questions than those that erased.

Every column that can hold a text is searched for every identifier of the person, in whole tables, whatever the
description says leads where; and every row that should be gone is asked for again, one value at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from registry.connectors.datasets import Dataset, Table
from registry.connectors.key_values import from_text
from registry.connectors.sql.catalogue import python_type
from registry.model.message import Identifier

LONG = 8
"""Characters from which on an identifier is looked for inside of longer texts, too."""
_NOT_TEXT = (sa.Numeric, sa.Integer, sa.Float, sa.Boolean, sa.Date, sa.DateTime, sa.Time, sa.Interval, sa.LargeBinary)


def remaining(
    connection: sa.Connection, dataset: Dataset, tables: Mapping[str, sa.Table], people: Sequence[Identifier]
) -> dict[str, int]:
    """Rows by table that still are, or name, the person; kept columns are left out: certificates state those."""
    names = sorted({one.value for one in people if "." not in one.kind and one.value.strip()})
    found: dict[str, int] = {}
    for name, table in tables.items():
        described = dataset.tables.get(name)
        texts = [c for c in table.c if _holds_text(c) and not (described and c.name in described.kept)]
        rows = _naming(connection, table, texts, names) if texts and names else 0
        if described is not None and described.deletes:
            rows = max(rows, _still_there(connection, table, described, people))
        if rows:
            found[name] = rows
    return found


def _holds_text(column: sa.Column[Any]) -> bool:
    return not isinstance(column.type, _NOT_TEXT)


def _naming(connection: sa.Connection, table: sa.Table, columns: Sequence[sa.Column[Any]], names: Sequence[str]) -> int:
    """How many rows have one of these names in a text; inside of a longer one, as a word of its own."""
    texts = [sa.func.lower(_as_text(column)) for column in columns]
    short = [name.lower() for name in names if len(name) < LONG]
    long = [name.lower() for name in names if len(name) >= LONG]
    maybe: list[sa.ColumnElement[bool]] = [text.contains(name, autoescape=True) for text in texts for name in long]
    maybe += [text.in_(short) for text in texts] if short else []
    word = re.compile("|".join(rf"(?<![\w.+-]){re.escape(name)}(?![\w-]|\.\w)" for name in long)) if long else None
    count = 0
    for row in connection.execute(sa.select(*texts).select_from(table).where(sa.or_(*maybe))):
        held = [value for value in row if isinstance(value, str)]
        count += any(value in short or (word is not None and word.search(value)) for value in held)
    return count


def _as_text(column: sa.Column[Any]) -> sa.ColumnElement[str]:
    return column if isinstance(column.type, sa.String) else sa.cast(column, sa.String)


def _still_there(connection: sa.Connection, table: sa.Table, described: Table, people: Iterable[Identifier]) -> int:
    """Rows that lead back to the person by a key or an identifier, which an erasure should have deleted."""
    count = 0
    for place in _places(table, described, people):
        query = sa.select(sa.literal(1)).select_from(table).where(*place)
        count += len(connection.execute(query).all())
    return count


def _places(table: sa.Table, described: Table, people: Iterable[Identifier]) -> Iterator[list[sa.ColumnElement[bool]]]:
    for person in people:
        for name, field in described.fields.items():
            if field.identity == person.kind:
                text = _as_text(table.c[name])
                yield [text == person.value if field.exact else sa.func.lower(text) == person.value.lower()]
        for link in described.links:
            if link.to.kind == person.kind:
                values = zip(link.fields, from_text(person.value), strict=True)
                yield [_equals(table.c[name], value) for name, value in values]


def _equals(column: sa.Column[Any], value: Any) -> sa.ColumnElement[bool]:
    """A key's value in its column; as text, where the two are of different types."""
    wanted = python_type(column)
    return column == value if wanted is None or isinstance(value, wanted) else _as_text(column) == str(value)
