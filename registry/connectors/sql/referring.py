"""References that a database holds, between columns in which it takes different letters for one: `A1` may refer
to the row whose key is `a1`. What refers so belongs to whoever the row is about, in whatever letters it is written.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from registry.connectors.datasets import Link
from registry.connectors.sql.columns import as_key, as_stored, compares_plainly, exactly

AT_ONCE = 1_000


def also_written(
    connection: sa.Connection, table: sa.Table, link: Link, values: Iterable[tuple[Hashable, ...]]
) -> Iterator[tuple[Hashable, ...]]:
    """How else these values of a key are written in the columns that refer to it: the database is asked.

    Which letters are one, the key's own column decides. A reference that the database does not hold counts as it is
    written.
    """
    wanted = list(values)
    for one in table.foreign_key_constraints if wanted else ():
        pairs = {element.parent.name: element.column for element in one.elements}
        there = [pairs.get(name) for name in link.fields]
        told = [column.name for column in there if column is not None]
        if one.referred_table.name != link.to.table or tuple(told) != link.to.fields or len(pairs) != len(told):
            continue
        keys = [column for column in there if column is not None]
        if not any(_is_loose(table.c[name], key) for name, key in zip(link.fields, keys, strict=True)):
            continue
        here = table.alias()
        dialect = connection.dialect.name
        refers = (key == _as_key(here.c[name], key, dialect) for name, key in zip(link.fields, keys, strict=True))
        query = sa.select(*(as_stored(here.c[name]) for name in link.fields)).join_from(
            one.referred_table, here, sa.and_(*refers)
        )
        for start in range(0, len(wanted), AT_ONCE):
            rows = connection.execute(query.where(_one_of(keys, wanted[start : start + AT_ONCE])))
            yield from dict.fromkeys(map(tuple, rows))  # DISTINCT would take two of them for one


def _is_loose(column: sa.Column[Any], key: sa.Column[Any]) -> bool:
    return exactly(column) is not column or exactly(key) is not key


def _as_key(column: sa.ColumnElement[Any], key: sa.Column[Any], dialect: str) -> sa.ColumnElement[Any]:
    """What refers, as the database compares it with the key: by the key's type and collation."""
    if dialect != "postgresql":  # MariaDB holds both to one collation; SQLite takes that of what stands on the left
        return column
    if isinstance(key.type, postgresql.CITEXT):
        return sa.cast(column, postgresql.CITEXT)
    told = sa.cast(column, sa.Text) if isinstance(column.type, postgresql.CITEXT) else column
    if not isinstance(key.type, sa.String) or isinstance(key.type, sa.Enum):
        return told
    return told.collate(key.type.collation or "default")


def _one_of(keys: Sequence[sa.Column[Any]], values: Sequence[tuple[Hashable, ...]]) -> sa.ColumnElement[bool]:
    """Rows that have one of these values there, letter by letter; the plain comparison is what an index leads."""
    if len(keys) == 1:
        alone = [value for (value,) in values]
        return sa.and_(as_stored(keys[0]).in_(alone), as_key(keys[0]).in_(alone))
    told = sa.tuple_(*map(as_key, keys)).in_(values)
    return sa.and_(sa.tuple_(*map(as_stored, keys)).in_(values), told) if compares_plainly(keys) else told
