"""Columns that point at a person in rows that may be somebody else's: emptied when that person is erased."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import sqlalchemy as sa

from registry.connectors.datasets import Link, Table
from registry.connectors.sql.selecting import Selecting, conditions, count
from registry.dsr.accounting import ELSEWHERE, MENTIONED, Disposition, FieldAccount
from registry.model.errors import LinkedSystemUnavailable

UNASKED = "whatever holds stand on those"
"""Whose those rows are is not known here, nor which holds stand on them."""


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
    """By column, in how many rows that are not the people's own it points at one of them, emptied or spared."""
    own = [where.bound for where in conditions(table, selecting.own(table, described))]
    found = Counter[str]()
    for mention, where in _places((*described.mentions, *(one for one, _ in described.spared)), table, selecting):
        rows = count(connection, table, where) - sum(count(connection, table, sa.and_(where, one)) for one in own)
        found.update(dict.fromkeys(emptied(described, table, mention), rows))
    return dict(found)


def accounted(described: Table, account: FieldAccount, rows: int) -> FieldAccount:
    """A field's account that also says what becomes of it in rows of others that point at the person.

    Args:
        rows: how many those are.
    """
    spared = next((ground for mention, ground in described.spared if account.field in mention.fields), None)
    if spared is not None and described.deletes:  # the person's own rows go, and this field with them
        told = f"{ELSEWHERE} ({rows}): {spared}" if rows else None
        return account._replace(disposition=Disposition.ERASED, ground=told)
    if not rows:
        return account
    told = f"{MENTIONED} ({rows}), {UNASKED}" if spared is None else f"{ELSEWHERE} ({rows})"
    return account._replace(ground=f"{account.ground}; {told}" if account.ground else told)


def left(connection: sa.Connection, described: Table, table: sa.Table, selecting: Selecting) -> Counter[str]:
    """How many rows still point at one of them, by the first column of what points."""
    found = Counter[str]()
    for mention, where in _places(described.mentions, table, selecting):
        found[mention.fields[0]] += count(connection, table, where)
    return found


def empty(connection: sa.Connection, dataset: str, described: Table, table: sa.Table, selecting: Selecting) -> None:
    """Empty them, in whosever rows; not those that are spared.

    Raises:
        LinkedSystemUnavailable: rows still point at one of them.
    """
    for mention, where in _places(described.mentions, table, selecting):
        names = emptied(described, table, mention)
        if names:
            connection.execute(sa.update(table).where(where).values(dict.fromkeys(names)))
        if count(connection, table, where):
            place = f"{dataset}.{table.name}.{mention.fields[0]}"
            raise LinkedSystemUnavailable(f"{place}: rows still point at the person; rolled back")


def _places(
    mentions: Iterable[Link], table: sa.Table, selecting: Selecting
) -> Iterator[tuple[Link, sa.ColumnElement[bool]]]:
    for mention in mentions:
        alone = Table(table.name, deletes=False, fields={}, links=(mention,))
        for where in conditions(table, selecting.referred(table, alone)):
            yield mention, where.bound
