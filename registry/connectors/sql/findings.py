"""A description held against the database: what nobody has decided on, and what was decided and cannot work."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from registry.connectors.datasets import Dataset, Erasure, Field, Key
from registry.connectors.key_values import fitted
from registry.connectors.sql.catalogue import is_unique, python_type
from registry.connectors.sql.references import holding, too_wide

EVERY = "every field"
NO_PATH = "no path from a person leads here: give it an identity or references, or say why it is without people"


class Finding(NamedTuple):
    """A field that somebody has to decide on, and why."""

    table: str
    field: str
    reason: str


def findings(dataset: Dataset, tables: Mapping[str, sa.Table], leading: Collection[Key]) -> list[Finding]:
    """Every field that stands in the database and in no description, is a guess, or cannot be treated as it says.

    Args:
        leading: the keys that a path from a person leads to.
    """
    return sorted(set(_found(dataset, tables, leading)))


def _found(dataset: Dataset, tables: Mapping[str, sa.Table], leading: Collection[Key]) -> Iterator[Finding]:
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
        for field in described.fields.values():
            if field.name not in table.c:
                yield Finding(place, field.name, "described, and not in the database")
            elif not described.deletes and (reason := _cannot(field, table.c[field.name])):
                yield Finding(place, field.name, reason)
        yield from (Finding(*one) for one in too_wide(dataset, described, tables))
    yield from (Finding(*one) for one in holding(dataset, tables))
    for name in dataset.guessed:
        yield Finding(name, EVERY, "a guess that nobody stands there: nobody has confirmed it")
    for name, table in tables.items():
        if name not in dataset.without_people:
            known = dataset.tables[name].fields if name in dataset.tables else {}
            place = name
            yield from (Finding(place, c.name, "nobody has decided on it") for c in table.c if c.name not in known)


def _cannot(field: Field, column: sa.Column[Any]) -> str | None:
    """Why a column does not take what an erasure is to put there; None if it does."""
    if field.erasure is Erasure.NULL and not column.nullable:
        return "to be emptied, and the column is NOT NULL"
    choices = column.type.enums if isinstance(column.type, sa.Enum) else None
    if field.mask is None:
        drawn = field.erasure in (Erasure.HASH, Erasure.MASK)
        return "takes only certain values: say which one masks it" if drawn and choices is not None else None
    length = column.type.length if isinstance(column.type, sa.String) else None
    if length is not None and len(field.mask) > length:
        return f"its mask is longer than the {length} characters of the column"
    if choices is not None and field.mask not in choices:
        return "its mask is none of the values that the column takes"
    if is_unique(column):
        return "no value may stand twice there: mask it without a text"
    wanted = python_type(column)
    if wanted in (int, float) and not isinstance(fitted(field.mask, int), int):
        return "its mask is no number"
    return None
