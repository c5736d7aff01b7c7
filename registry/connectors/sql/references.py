"""What a description says of references, held against those that the database holds: where it finds too much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from registry.connectors.datasets import Dataset, Link, Table
from registry.connectors.sql.catalogue import keys_of


def too_wide(dataset: Dataset, described: Table, tables: Mapping[str, sa.Table]) -> Iterator[tuple[str, str, str]]:
    """References by a part of a key: they lead from one person's rows to those of everybody who shares that part."""
    table = tables[described.name]
    for link in described.links:
        target = tables.get(link.to.table) if link.to.dataset == dataset.name else None
        if target is not None and (whole := _whole(link, table, target)) is not None:
            reason = f"refers to a part of {target.name} ({', '.join(whole)}), which others share: refer to all of it"
            yield described.name, ", ".join(link.fields), f"{reason}, by `references` of the table"


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
