"""A database's description while legal holds stand on a person: what they cover stays, the rest goes if it can.

- A field whose category is covered is kept, and the row that it stands in.
- So is a row that a kept row refers to, as the database itself says: it would not let it go. What the person has no row
  of keeps nothing.
- In a row that stays, what leads to it is kept, since the erasure has to find it once the hold has ended; every other
  personal field is emptied, or, where the column takes no NULL or is written by the database itself, kept with that
  reason.
- What points at a row that stays, or may stay, is emptied nowhere, nor is what points at the person and is covered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from registry.connectors.datasets import Dataset, Erasure, Field, Link, Table
from registry.connectors.sql import mentions
from registry.connectors.sql.columns import empty_once
from registry.connectors.sql.selecting import Selecting, counts
from registry.dsr.held import Held, ground_of


def concerned(
    connection: sa.Connection, here: Iterable[tuple[Table, sa.Table]], selecting: Selecting
) -> Iterator[tuple[str, str]]:
    """The fields, each with its table, of which the person has rows, or that point at the person in rows of others."""
    places = list(here)
    own = counts(connection, {table: selecting.own(table, described) for described, table in places})
    for described, table in places:
        pointing = mentions.others(connection, described, table, selecting) if described.mentions else {}
        yield from ((described.name, name) for name in described.fields if own.get(table) or pointing.get(name))


def keeping(
    dataset: Dataset, tables: Mapping[str, sa.Table], held: Sequence[Held], there: Collection[tuple[str, str]]
) -> Dataset:
    """The description as holds make it.

    Args:
        tables: as they are now.
        there: the fields that hold anything of the person.
    """
    grounds = {
        (one.table, one.name): ground
        for one in dataset.fields
        if one.erasure is not Erasure.KEEP and (ground := ground_of(held, one.category)) is not None
    }
    filled = {place: ground for place, ground in grounds.items() if place in there}
    reason = "; ".join(dict.fromkeys((filled or grounds).values()))
    stay = {table for table, _ in grounds} | _referred(dataset, tables, {table for table, _ in filled})
    described = {
        name: _staying(one, tables.get(name), grounds, reason, _pointed_at(dataset, name)) if name in stay else one
        for name, one in dataset.tables.items()
    }
    may_stay = "; ".join(one.words for one in held)
    places = {(dataset.name, name): f"points at what is kept ({reason})" for name in stay}
    for name, one in described.items():
        spared = dict(_spared(dataset.name, one, dataset.tables[name], places, may_stay))
        taken = {name: ground for mention, ground in spared.items() for name in mention.fields}
        for mention in one.mentions:  # one that is emptied by the same field would empty it, whatever it points at
            if mention not in spared and len(mention.fields) == 1 and mention.fields[0] in taken:
                spared[mention] = taken[mention.fields[0]]
        described[name] = _sparing(one, tuple(spared.items())) if spared else one
    return replace(dataset, tables=described)


def _spared(
    dataset: str, standing: Table, before: Table, places: Mapping[tuple[str, str], str], may_stay: str
) -> Iterator[tuple[Link, str]]:
    """The mentions that are left, each with its ground; another system's rows may stay, as far as is known here."""
    for mention in standing.mentions:
        kept = [name for name in mention.fields if name in standing.kept - before.kept]
        there = mention.to.dataset
        if kept:
            yield mention, standing.fields[kept[0]].ground or may_stay
        elif (there, mention.to.table) in places:
            yield mention, places[there, mention.to.table]
        elif there != dataset:
            yield mention, f"points at a row of {there}, which may be kept ({may_stay})"


def _sparing(described: Table, spared: tuple[tuple[Link, str], ...]) -> Table:
    """The table with these mentions left; where rows are deleted, those of the person go all the same."""
    fields = dict(described.fields)
    for mention, ground in spared:
        for name in mention.fields:
            if fields[name].erasure is not Erasure.KEEP:
                fields[name] = _kept(fields[name], ground)
    links = {mention for mention, _ in spared}
    mentions = tuple(one for one in described.mentions if one not in links)
    return replace(described, fields=fields, mentions=mentions, spared=spared)


def _pointed_at(dataset: Dataset, name: str) -> set[str]:
    """The columns of a table that mentions point at."""
    links = (link for table in dataset.tables.values() for link in table.mentions)
    return {
        field for link in links if (link.to.dataset, link.to.table) == (dataset.name, name) for field in link.to.fields
    }


def _referred(dataset: Dataset, tables: Mapping[str, sa.Table], held: set[str]) -> set[str]:
    """These tables, and every described one that rows of them refer to, directly or not."""
    found, new = set(held), set(held)
    while new:
        there = {
            one.referred_table.name for name in new if name in tables for one in tables[name].foreign_key_constraints
        }
        new = (there & dataset.tables.keys()) - found
        found |= new
    return found


def _staying(
    described: Table, table: sa.Table | None, grounds: Mapping[tuple[str, str], str], reason: str, pointed_at: set[str]
) -> Table:
    leading = pointed_at | {name for link in described.links for name in link.fields}
    leading |= {name for name, field in described.fields.items() if field.identity is not None}
    fixed = set() if table is None else _fixed(table)
    computed = set() if table is None else {column.name for column in table.c if column.computed is not None}
    fields = {}
    for name, field in described.fields.items():
        if (described.name, name) in grounds:
            fields[name] = _kept(field, grounds[described.name, name])
        elif field.erasure is Erasure.KEEP:
            fields[name] = field
        elif name in leading:
            fields[name] = _kept(field, f"leads to what is kept ({reason})")
        elif field.erasure is not Erasure.DELETE:
            fields[name] = field
        elif field.category is None:
            fields[name] = replace(field, erasure=Erasure.KEEP)
        elif name in computed:
            fields[name] = _kept(field, f"the database writes it from what stands in a row that is kept ({reason})")
        elif name in fixed:
            fields[name] = _kept(field, f"cannot be emptied in a row that is kept ({reason})")
        else:
            fields[name] = replace(field, erasure=Erasure.NULL)
    return replace(described, deletes=False, fields=fields)


def _fixed(table: sa.Table) -> set[str]:
    """The columns that take no NULL, or not in several rows, or that rows are told apart, or referred to, by."""
    keys = {column.name for column in table.primary_key}
    referred = {
        element.column.name
        for other in table.metadata.tables.values()
        for one in other.foreign_key_constraints
        for element in one.elements
        if one.referred_table is table
    }
    once = {name for key in empty_once(table) for name in key}
    return keys | referred | once | {column.name for column in table.c if not column.nullable}


def _kept(field: Field, ground: str) -> Field:
    return replace(field, erasure=Erasure.KEEP, mask=None, ground=ground)
