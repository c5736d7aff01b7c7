"""A first description of a database outside, by reflection: every field a guess, to be confirmed by a person."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from registry.connectors.datasets import GUESSED, Erasure
from registry.connectors.sql.catalogue import Catalogue
from registry.connectors.sql.dictionary import MATERIALISED
from registry.connectors.sql.engines import opened, reached
from registry.connectors.sql.taking import cannot_identify, cannot_take
from registry.plans.personal_names import personal_category

IDENTITY_OF: dict[str | None, str] = {"user.contact.email": "email", "user.contact.phone_number": "phone"}
"""Data category -> kind of the identity policy that such a field usually identifies by."""

NOTHING_PERSONAL = "no field's name looks personal"

A_COPY = "a materialised view, which is made anew from other tables"
NO_GROUND = f"{GUESSED}: say on which legal ground it is kept"
_METHODS = (Erasure.NULL, Erasure.HASH, Erasure.MASK)
"""What is guessed, in this order: the first that the column takes."""


def scaffold(url: str, name: str, url_env: str) -> dict[str, Any]:
    """The description of every table: references as the database declares them, the rest guessed from names.

    Fields of tables with people in them are taken for personal. Every field says `guess: true`, which blocks each
    request until somebody has looked at it. Rows are kept, so that nothing is deleted that nobody has decided on; a
    table in which nothing looks personal, and that leads to none that does, stands in `without_people`, as a guess too.

    Args:
        url: SQLAlchemy URL; it stands in nothing that is written.

    Raises:
        SettingInvalid: the URL is none.
        LinkedSystemUnavailable: the database cannot be read.
    """
    engine = opened(url, url_env)
    with reached(name), engine.connect() as connection:
        tables = Catalogue(None, ()).tables(connection)
    engine.dispose()
    copies = {one for one, table in tables.items() if MATERIALISED in table.info}
    leads = {name: {key.column.table.name for key in table.foreign_keys} for name, table in tables.items()}
    people = {name for name, table in tables.items() if any(_category(column) for column in table.columns)} - copies
    while more := {name for name in tables.keys() - people if leads[name] & people and name not in copies}:
        people |= more
    without = {
        one: {"reason": A_COPY if one in copies else NOTHING_PERSONAL, "guess": True}
        for one in sorted(tables.keys() - people)
    }
    keys = {element.column for table in tables.values() for one in _references(table) for element in one.elements}
    return {
        "dataset": name,
        "url_env": url_env,
        **({"without_people": without} if without else {}),
        "tables": {one: _table(tables[one], keys) for one in sorted(people)},
    }


def _table(table: sa.Table, keys: Collection[sa.Column[Any]]) -> dict[str, Any]:
    """A table with people in it; a reference over several fields stands at the table, as one."""
    fields = {str(column.name): _field(column, keys) for column in table.columns}
    several = [
        {
            "fields": [str(element.parent.name) for element in one.elements],
            "to": str(one.referred_table.name),
            "at": [str(element.column.name) for element in one.elements],
        }
        for one in _references(table)
        if len(one.elements) > 1 and one.referred_table is not table
    ]
    return {"rows": "keep", **({"references": several} if several else {}), "fields": fields}


def _references(table: sa.Table) -> list[sa.ForeignKeyConstraint]:
    """References of the database, in one order; those into another schema lead to another dataset."""
    held = [one for one in table.foreign_key_constraints if one.referred_table.schema == table.schema]
    return sorted(held, key=lambda one: [element.parent.name for element in one.elements])


def _category(column: sa.Column[Any]) -> str | None:
    return personal_category(column.name, of_person=True)


def _field(column: sa.Column[Any], keys: Collection[sa.Column[Any]]) -> dict[str, Any]:
    """What stands beside a person is about them, until somebody says that it is not.

    Args:
        keys: the columns that rows elsewhere refer to.
    """
    category = _category(column)
    field: dict[str, Any] = {"category": category or (None if column.primary_key else "user")}
    for one in _references(column.table):
        if list(one.columns) != [column]:
            continue
        there = one.elements[0].column
        if there.table is not column.table:
            named = [*field.get("references", ()), f"{there.table.name}.{there.name}"]
            field["references"] = named
        elif column.nullable and not column.primary_key:  # that it refers to another row does not make it that person's
            field["mentions"] = f"{there.table.name}.{there.name}"
    if len(field.get("references", ())) == 1:
        [field["references"]] = field["references"]
    if category in IDENTITY_OF and cannot_identify(column) is None:
        field["identity"] = IDENTITY_OF[category]
    if field["category"] is not None:
        works = [one for one in _METHODS if cannot_take(column, one) is None] if column not in keys else []
        field |= {"erasure": works[0].value} if works else {"erasure": "keep", "ground": NO_GROUND}
    return field | {"guess": True}
