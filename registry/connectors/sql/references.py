"""What a description says of references, held against those that the database holds: what finds too much, and what
would keep a row from going.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

import sqlalchemy as sa

from registry.connectors.datasets import Dataset, Erasure, Key, Link, Table
from registry.connectors.sql.columns import keys_of
from registry.connectors.sql.dictionary import REFERRED_FROM
from registry.connectors.sql.mentions import emptied

_BY_ITSELF = ("CASCADE", "SET NULL", "SET DEFAULT")
"""What a database does to rows that refer to one that goes or changes, so that they do not keep it."""
_TAKES_ALONG = "CASCADE"

Place = tuple[str, str, str]
"""A table, a field and a reason."""


def too_wide(
    dataset: Dataset, described: Table, tables: Mapping[str, sa.Table], there: Callable[[Key], sa.Table | None]
) -> Iterator[Place]:
    """References by a part of a key: they lead from one person's rows to those of everybody who shares that part.

    Args:
        there: the table of a key that stands in another database.
    """
    table = tables[described.name]
    for link in described.links:
        target = tables.get(link.to.table) if link.to.dataset == dataset.name else there(link.to)
        if target is not None and (whole := _whole(link, table, target)) is not None:
            reason = f"refers to a part of {target.name} ({', '.join(whole)}), which others share: refer to all of it"
            yield described.name, ", ".join(link.fields), f"{reason}, by `references` of the table"


def holding(dataset: Dataset, tables: Mapping[str, sa.Table]) -> Iterator[Place]:
    """References of the database that would keep a row from being deleted, or take along what nobody said."""
    for table in tables.values():
        for one in table.foreign_key_constraints:
            there = dataset.tables.get(one.referred_table.name)
            if there is not None and there.deletes and one.referred_table.schema == table.schema:
                yield from _holding(dataset, table, one, there)
    for name, described in dataset.tables.items():
        for mention in described.mentions if name in tables else ():
            if set(mention.fields) <= set(tables[name].c.keys()) and not emptied(described, tables[name], mention):
                reason = "is to be emptied when the person that it points at is erased, and may not be"
                yield name, ", ".join(mention.fields), reason


def referred_to(dataset: Dataset, tables: Mapping[str, sa.Table]) -> Iterator[Place]:
    """Fields that rows elsewhere refer to, and that an erasure would change under them."""
    for table in tables.values():
        for one in table.foreign_key_constraints:
            there = dataset.tables.get(one.referred_table.name)
            if there is None or there.deletes or one.referred_table.schema != table.schema:
                continue
            for name in (element.column.name for element in one.elements):
                field = there.fields.get(name)
                follows = (one.onupdate or "").upper() in _BY_ITSELF
                if field is not None and field.erasure is not Erasure.KEEP and not follows:
                    yield there.name, name, f"{table.name} refers to it, where no row has another value: keep it"


def from_elsewhere(
    dataset: Dataset, tables: Mapping[str, sa.Table], described: Collection[tuple[str | None, str]]
) -> Iterator[Place]:
    """Rows to be deleted that tables of other schemas refer to, where no description says what becomes of those."""
    for name, one in dataset.tables.items():
        for schema, table in tables[name].info.get(REFERRED_FROM, ()) if one.deletes and name in tables else ():
            if not {(schema, table), (None, table)} & set(described):
                reason = f"{schema}.{table} refers to it, and would keep its rows, or go with them: describe that, too"
                yield name, "every field", reason


def _holding(dataset: Dataset, table: sa.Table, one: sa.ForeignKeyConstraint, there: Table) -> Iterator[Place]:
    described, fields = dataset.tables.get(table.name), [element.parent.name for element in one.elements]
    goes = f"refers to {there.name}, whose rows are deleted"
    if described is None:
        deleting = (one.ondelete or "").upper()
        if table.name in dataset.without_people and (deleting not in _BY_ITSELF or deleting == _TAKES_ALONG):
            also = " and would take these along" if deleting == _TAKES_ALONG else ""
            reason = f"{goes}{also}, from a table without people: describe it, with `mentions`"
            yield table.name, ", ".join(fields), reason
    elif not set(fields) <= set(described.fields) or any(_says(dataset, link, one) for link in described.mentions):
        return
    elif any(_says(dataset, link, one) for link in described.links):
        said = [described.fields[name] for name in fields]
        if not described.deletes and all(field.erasure is not Erasure.NULL for field in said):
            yield table.name, ", ".join(fields), f"{goes}: empty it, or keep those"
    else:
        reason = f"{goes}: say `references` if its row is the same person's, else `mentions`, or keep those"
        yield table.name, ", ".join(fields), reason


def _says(dataset: Dataset, link: Link, one: sa.ForeignKeyConstraint) -> bool:
    """Whether all rows that this reference of the database binds are found by a link of the description."""
    held = {(element.parent.name, element.column.name) for element in one.elements}
    here = (link.to.dataset, link.to.table) == (dataset.name, one.referred_table.name)
    return here and set(zip(link.fields, link.to.fields, strict=True)) <= held


def _whole(link: Link, table: sa.Table, target: sa.Table) -> list[str] | None:
    """The fields of which a reference names a part; None if it leads to one row, or is led to by one."""
    here, there = set(link.fields), set(link.to.fields)
    if any(key <= there for key in keys_of(target)):
        return None
    for one in table.foreign_key_constraints:
        if one.referred_table is target and here < {column.name for column in one.columns}:
            return [element.column.name for element in one.elements]
    if any(key <= here for key in keys_of(table)):  # a row of a table between two others: it leads to this one row
        return None
    wider = [key for key in keys_of(target) if there < key]
    return [column.name for column in target.columns if column.name in wider[0]] if wider else None
