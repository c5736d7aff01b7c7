"""Columns that point at a person in rows that may be somebody else's: emptied when that person is erased."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import sqlalchemy as sa

from registry.connectors.datasets import Link, Table
from registry.connectors.sql.selecting import Selecting, conditions, count
from registry.model.errors import LinkedSystemUnavailable


def emptied(described: Table, table: sa.Table, mention: Link) -> list[str]:
    """The columns that an erasure empties: those of it that may be, and that say nothing else; one is enough."""
    taken = {name for link in described.links for name in link.fields} | {c.name for c in table.primary_key}
    taken |= {
        element.parent.name
        for one in table.foreign_key_constraints
        for element in one.elements
        if {e.parent.name for e in one.elements} != set(mention.fields)
    }
    return [name for name in mention.fields if table.c[name].nullable and name not in taken]


def others(connection: sa.Connection, described: Table, table: sa.Table, selecting: Selecting) -> dict[str, int]:
    """By column, in how many rows that are not the people's own it points at one of them."""
    own = [where.bound for where in conditions(table, selecting.own(table, described))]
    found = Counter[str]()
    for mention, where in _places(described, table, selecting):
        rows = count(connection, table, where) - sum(count(connection, table, sa.and_(where, one)) for one in own)
        found.update(dict.fromkeys(emptied(described, table, mention), rows))
    return dict(found)


def left(connection: sa.Connection, described: Table, table: sa.Table, selecting: Selecting) -> Counter[str]:
    """How many rows still point at one of them, by the first column of what points."""
    found = Counter[str]()
    for mention, where in _places(described, table, selecting):
        found[mention.fields[0]] += count(connection, table, where)
    return found


def empty(connection: sa.Connection, dataset: str, described: Table, table: sa.Table, selecting: Selecting) -> None:
    """Empty them, in whosever rows.

    Raises:
        LinkedSystemUnavailable: rows still point at one of them.
    """
    for mention, where in _places(described, table, selecting):
        names = emptied(described, table, mention)
        if names:
            connection.execute(sa.update(table).where(where).values(dict.fromkeys(names)))
        if count(connection, table, where):
            place = f"{dataset}.{table.name}.{mention.fields[0]}"
            raise LinkedSystemUnavailable(f"{place}: rows still point at the person; rolled back")


def _places(described: Table, table: sa.Table, selecting: Selecting) -> Iterator[tuple[Link, sa.ColumnElement[bool]]]:
    for mention in described.mentions:
        alone = Table(described.name, deletes=False, fields={}, links=(mention,))
        for where in conditions(table, selecting.referred(table, alone)):
            yield mention, where.bound
