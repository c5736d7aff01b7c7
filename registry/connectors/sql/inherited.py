"""Tables of PostgreSQL that others inherit from. A key is of one table alone: rows of two of them may have the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from registry.connectors.datasets import Key
from registry.connectors.sql.columns import keys_of
from registry.connectors.sql.dictionary import INHERITED
from registry.connectors.sql.selecting import Selector, conditions
from registry.model.errors import LinkedSystemUnavailable


def require_one_each(
    connection: sa.Connection, place: str, table: sa.Table, keys: Sequence[Key], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Go on only if no key by which these rows lead on is also that of a row of another table that inherits.

    Raises:
        LinkedSystemUnavailable: one is, so that it may lead to what is somebody else's.
    """
    for key in keys if INHERITED in table.info else ():
        told = [values for row in rows if None not in (values := tuple(row[name] for name in key.fields))]
        if not told or not any(one <= set(key.fields) for one in keys_of(table)):
            continue
        columns = [table.c[name] for name in key.fields]
        tables = sa.func.count(sa.distinct(sa.literal_column("tableoid")))
        for where in conditions(table, [Selector(key.fields, list(dict.fromkeys(told)), caseless=False)]):
            query = sa.select(tables).select_from(table).where(where.bound).group_by(*columns).having(tables > 1)
            if connection.execute(query.limit(1)).first() is not None:
                raise LinkedSystemUnavailable(
                    f"{place}: rows of tables that inherit have the same {', '.join(key.fields)}, and something refers "
                    "to it",
                    hint="give each row a key that no other of these tables has, or describe a view of ONLY this one",
                )
