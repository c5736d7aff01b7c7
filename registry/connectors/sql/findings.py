"""A description held against the database: what nobody has decided on, and what was decided and cannot work."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import sqlalchemy as sa

from registry.connectors.datasets import Dataset, Erasure, Key, Table
from registry.connectors.sql.columns import LARGE, empty_once, keys_of
from registry.connectors.sql.dictionary import BESIDE, HIDDEN, MATERIALISED, UNREAD, VERSIONED
from registry.connectors.sql.references import from_elsewhere, holding, referred_to, too_wide
from registry.connectors.sql.taking import cannot_correct, cannot_identify, cannot_refer, cannot_take, cannot_tell_apart

EVERY = "every field"
SECURED = (
    "row security may hide rows from the user of the address: let it see every row (BYPASSRLS, or a policy of true)"
)
VERSIONS = "the database keeps what is erased as a version of before: let it keep no versions, or keep these rows"
WITHOUT_TEXT = "mask it without a text"
EMPTY_ONCE = f"no two rows may be empty there (NULLS NOT DISTINCT): {WITHOUT_TEXT}, or keep it"
LARGE_OBJECT = (
    "may be the number of a large object, which is not given out and does not go with its row: hold its data in a "
    "column (text, bytea), or keep and withhold it on a ground"
)
ODD_NAME = "has a line end or a backtick in its name, so that nothing here reads it: give it another name"
NAMED = 5
"""Fields that an error names."""
NO_PATH = "no path from a person leads here: give it an identity or references, or say why it is without people"


Elsewhere = tuple[str | None, str]
"""A schema, None for a connection's own, and a table."""


class Finding(NamedTuple):
    """A field that somebody has to decide on, and why."""

    table: str
    field: str
    reason: str


def findings(
    dataset: Dataset,
    tables: Mapping[str, sa.Table],
    leading: Collection[Key],
    elsewhere: Collection[Elsewhere],
    there: Callable[[Key], sa.Table | None],
) -> list[Finding]:
    """Every field that stands in the database and in no description, is a guess, or cannot be treated as it says.

    Args:
        leading: the keys that a path from a person leads to.
        elsewhere: the tables that other descriptions have, each with its schema.
        there: the table of a key that stands in another database; None where it does not answer.
    """
    return sorted(set(_found(dataset, tables, leading, elsewhere, there)))


def named_few(fields: Sequence[tuple[str, str]]) -> str:
    """Some of these (table, field) by name, and how many more there are."""
    names = [f"{table}.{field}" for table, field in fields]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _found(
    dataset: Dataset,
    tables: Mapping[str, sa.Table],
    leading: Collection[Key],
    elsewhere: Collection[Elsewhere],
    there: Callable[[Key], sa.Table | None],
) -> Iterator[Finding]:
    for name, described in dataset.tables.items():
        place = name
        pointing = {name for mention in described.mentions for name in mention.fields}
        personal = {f.name for f in described.fields.values() if f.category is not None}
        if not described.is_reached(leading) and personal - pointing:
            yield Finding(place, EVERY, NO_PATH)
        yield from (
            Finding(place, f.name, "a guess that nobody has confirmed") for f in described.fields.values() if f.guess
        )
        table = tables.get(name)
        if table is None:
            yield Finding(place, EVERY, "described, and not in the database")
            continue
        yield from _unfit(described, table)
        named = {one for link in (*described.links, *described.mentions) for one in link.fields}
        named |= {one for key in leading if (key.dataset, key.table) == (dataset.name, name) for one in key.fields}
        for field in sorted(named & set(table.c.keys())):
            if (reason := cannot_refer(table.c[field])) is not None:
                yield Finding(place, field, reason)
        yield from (Finding(*one) for one in too_wide(dataset, described, tables, there))
    yield from (Finding(*one) for one in holding(dataset, tables))
    yield from (Finding(*one) for one in referred_to(dataset, tables))
    yield from (Finding(*one) for one in from_elsewhere(dataset, tables, elsewhere))
    for name, field in {one for table in tables.values() for one in table.metadata.info.get(UNREAD, ())}:
        yield Finding(name, field, ODD_NAME)
    yield from _beside(dataset, tables, {schema for schema, _ in elsewhere})
    for name in dataset.guessed:
        yield Finding(name, EVERY, "a guess that nobody stands there: nobody has confirmed it")
    for name, table in tables.items():
        if HIDDEN in table.info:  # also where nobody stands: the second look searches every table
            yield Finding(name, EVERY, SECURED)
        if name not in dataset.without_people:
            known = dataset.tables[name].fields if name in dataset.tables else {}
            place = name
            yield from (Finding(place, c.name, "nobody has decided on it") for c in table.c if c.name not in known)


def _beside(dataset: Dataset, tables: Mapping[str, sa.Table], described: AbstractSet[str | None]) -> Iterator[Finding]:
    """Other schemas of the database, which may hold copies of what stands here: an audit trail, an archive."""
    for name, schema in {one for table in tables.values() for one in table.metadata.info[BESIDE]}:
        every = f"{name}.*"
        if described.isdisjoint((schema, name)) and every not in dataset.without_people:
            reason = (
                f"a schema that no description has: describe it, or name `{every}` in `without_people`, with the reason"
            )
            yield Finding(every, EVERY, reason)


def _unfit(described: Table, table: sa.Table) -> Iterator[Finding]:
    """What was decided and cannot work in the database."""
    if MATERIALISED in table.info and (described.deletes or described.changed):
        yield Finding(described.name, EVERY, "is a materialised view, which is made anew from tables: keep it")
    if VERSIONED in table.info and (described.deletes or described.changed):
        yield Finding(described.name, EVERY, VERSIONS)
    for column in table.primary_key.columns if described.changed and not described.deletes else ():
        if reason := cannot_tell_apart(column):
            yield Finding(described.name, column.name, reason)
    for field in described.fields.values():
        if field.name not in table.c:
            yield Finding(described.name, field.name, "described, and not in the database")
            continue
        column = table.c[field.name]
        if not described.deletes and (reason := cannot_take(column, field.erasure, field.mask)):
            yield Finding(described.name, field.name, reason)
        if not described.deletes and field.mask is not None and (others := _alike(described, column)):
            yield Finding(described.name, field.name, f"its mask would stand twice beside one {others}: {WITHOUT_TEXT}")
        if not described.deletes and field.erasure is Erasure.NULL and _is_empty_twice(described, column):
            yield Finding(described.name, field.name, EMPTY_ONCE)
        if LARGE in column.info and field.category is not None and (field.exported or field.name not in described.kept):
            yield Finding(described.name, field.name, LARGE_OBJECT)
        if field.trait is not None and (reason := cannot_correct(column)):
            yield Finding(described.name, field.name, reason)
        if field.identity is not None and (reason := cannot_identify(column)):
            yield Finding(described.name, field.name, reason)


def _is_empty_twice(described: Table, column: sa.Column[Any]) -> bool:
    """Whether rows of different people would be alike in a key once it is emptied, where nothing counts as a value."""
    stays = [f for f in described.fields.values() if f.erasure is not Erasure.NULL and not f.mask]
    refers = {name for link in described.links for name in link.fields}
    apart = {f.name for f in stays if f.identity or f.name in refers or f.erasure is not Erasure.KEEP}
    always = keys_of(column.table)
    rests = [key - {column.name} for key in empty_once(column.table) if column.name in key]
    return any(not rest & apart and not any(other <= rest for other in always) for rest in rests)


def _alike(described: Table, column: sa.Column[Any]) -> str | None:
    """The other columns of a key in which this one stands, where rows of different people may have the same there."""
    apart = {name for link in described.links for name in link.fields}
    apart |= {f.name for f in described.fields.values() if f.identity or (f.erasure is not Erasure.KEEP and not f.mask)}
    keys, always = keys_of(column.table, in_some_rows=True), keys_of(column.table)
    for key in (one for one in keys if column.name in one and len(one) > 1):
        rest = key - {column.name}
        if not rest & apart and not any(other <= rest for other in always):
            return " and ".join(sorted(rest))
    return None
