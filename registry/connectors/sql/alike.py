"""Keys that no database holds to be unique: what refers to one may be anybody's whose row has the same value there.

Such a value leads on only as long as every row that has it is the person's; once it is not, nobody can tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from registry.connectors.datasets import Dataset, Key, Table
from registry.connectors.key_values import to_text
from registry.connectors.sql.catalogue import described_of
from registry.connectors.sql.columns import as_key, keys_of
from registry.connectors.sql.selecting import Selecting, Selector, conditions
from registry.connectors.sql.standing import as_it_stands
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier


def require_no_others(
    connection: sa.Connection,
    dataset: Dataset,
    tables: Mapping[str, sa.Table],
    keys: Collection[Key],
    selecting: Selecting,
) -> None:
    """Go on only if no row of somebody else's has a value by which rows of the person's lead on.

    Raises:
        LinkedSystemUnavailable: one has, so that nobody can tell whose what refers to it is.
    """
    for described, table in described_of(dataset, tables):
        here = [key for key in keys if (key.dataset, key.table) == (dataset.name, described.name)]
        for key in (one for one in here if any(shared(connection, table, described, [one], selecting).values())):
            fields = ", ".join(key.fields)
            raise LinkedSystemUnavailable(
                f"{dataset.name}.{described.name}: rows of others have the same {fields}, and something refers to it",
                hint="let `references` lead to what no two rows have in common; if what refers to it is about nobody, "
                "name it in `without_people`",
            )


def shared(
    connection: sa.Connection, table: sa.Table, described: Table, keys: Iterable[Key], selecting: Selecting
) -> dict[Identifier, bool]:
    """The values of these keys that lead nowhere: rows of the person's and of others have them; and whether nobody can
    tell whose they are: not so of what is empty, or masks what was erased.
    """
    found = dict[Identifier, bool]()
    loose = [key for key in keys if not any(one <= set(key.fields) for one in keys_of(table))]
    own = [where.bound for where in conditions(table, selecting.own(table, described))] if loose else []
    for key in loose if own else ():
        mine = _counted(connection, table, key, own)
        texts = {told: text for told in mine if (text := to_text(told)) is not None}
        everybody = conditions(table, [Selector(key.fields, list(texts), caseless=False)] if texts else ())
        there = _counted(connection, table, key, [where.bound for where in everybody])
        masks = [described.fields[name].mask for name in key.fields]
        for told in (one for one in texts if there[one] > mine[one]):
            says_nothing = any(str(one).strip() in ("", mask) for one, mask in zip(told, masks, strict=True))
            found[Identifier(key.kind, texts[told])] = not says_nothing
    return found


def _counted(
    connection: sa.Connection, table: sa.Table, key: Key, places: Iterable[sa.ColumnElement[bool]]
) -> Counter[tuple[Any, ...]]:
    """In how many of these rows each value of a key stands."""
    columns, found = [as_key(table.c[name]) for name in key.fields], Counter[tuple[Any, ...]]()
    for where in places:
        query = sa.select(*map(as_it_stands, columns), sa.func.count()).where(where).group_by(*columns)
        for *told, count in connection.execute(query):
            found[tuple(told)] += count
    return found
