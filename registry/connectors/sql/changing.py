"""Fields of rows that stay: each gets what stands in its place, and is read again afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from registry.connectors.datasets import Erasure, Table
from registry.connectors.sql import refusals
from registry.connectors.sql.columns import as_key, as_stored, compares_plainly, exactly, is_unique
from registry.connectors.sql.comparing import is_found_again, is_same, stands_at, stood_at, told_apart
from registry.connectors.sql.selecting import count
from registry.connectors.sql.stand_ins import StandIns
from registry.connectors.sql.standing import as_it_stands
from registry.model.errors import LinkedSystemUnavailable

ROWS_AT_ONCE = 500
DRAWS = 50
"""How often a random value is drawn for a column in which no value stands twice."""


def keyed(table: sa.Table, keys: Sequence[tuple[Any, ...]]) -> sa.ColumnElement[bool]:
    """The rows of these primary keys."""
    columns = [as_stored(column) for column in table.primary_key]
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    plainly = compares_plainly(list(table.primary_key))
    return sa.tuple_(*(columns if plainly else map(as_key, table.primary_key))).in_(keys)


def by_key(
    connection: sa.Connection,
    dataset: str,
    described: Table,
    table: sa.Table,
    keys: Sequence[tuple[Any, ...]],
    stand_ins: StandIns,
) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    """Change rows that have a primary key, one by one, and read each again: what they are left with, by their keys.

    Raises:
        LinkedSystemUnavailable: a row still has a value that it should not have, or is gone.
    """
    names = [column.name for column in table.primary_key]
    places = [as_stored(table.c[name]) == sa.bindparam(f"key_{at}") for at, name in enumerate(names)]
    fields = described.changed
    values: dict[str, sa.ColumnElement[Any]] = {}
    values |= {field.name: sa.bindparam(f"new_{at}") for at, field in enumerate(fields)}
    made: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for start in range(0, len(keys), ROWS_AT_ONCE):
        batch = keys[start : start + ROWS_AT_ONCE]
        before = read(connection, described, table, batch)
        parameters = []
        for key, old in before.items():
            row = {f"key_{at}": part for at, part in enumerate(key)}
            for at, field in enumerate(fields):
                with refusals.told(f"{dataset}.{table.name}.{field.name}"):
                    row[f"new_{at}"] = _new(connection, table, stand_ins, described, field.name, old[field.name])
            parameters.append(row)
        if parameters:
            refusals.update(connection, f"{dataset}.{table.name}", table, places, values, parameters)
        after = read(connection, described, table, batch)
        told = {tuple(row[f"key_{at}"] for at in range(len(names))): row for row in parameters}
        for key, old in before.items():
            for at, field in enumerate(fields):
                _require_changed(
                    f"{dataset}.{table.name}.{field.name}", old[field.name], told[key][f"new_{at}"],
                    after.get(key, old)[field.name],
                )  # fmt: skip
        made |= after
    return made


def by_value(
    connection: sa.Connection,
    dataset: str,
    described: Table,
    table: sa.Table,
    where: Sequence[sa.ColumnElement[bool]],
    stand_ins: StandIns,
) -> None:
    """Change rows of a table without a key that stays: all rows that are alike at once.

    Raises:
        LinkedSystemUnavailable: rows still have a value that they should not have.
    """
    drawn = [one.name for one in described.changed if one.erasure is not Erasure.NULL and one.mask is None]
    constant = {
        one.name: stand_ins.of(one, table.c[one.name], None) for one in described.changed if one.name not in drawn
    }
    for condition in where:
        before = count(connection, table, condition)
        columns = [as_it_stands(told_apart(table.c[name]).label(name)) for name in drawn]
        alike = connection.execute(sa.select(*columns).where(condition).distinct()).all() if drawn else [()]
        done = 0
        for row in alike:
            old = dict(zip(drawn, row, strict=True))
            new = {}
            for name, value in old.items():
                with refusals.told(f"{dataset}.{table.name}.{name}"):
                    new[name] = _new(connection, table, stand_ins, described, name, value)
            these = [condition, *(stood_at(table.c[name], value) for name, value in old.items())]
            there = _matching(table, new | constant)
            already = count(connection, table, sa.and_(*these, there)) - count(connection, table, there)
            refusals.update(connection, f"{dataset}.{table.name}", table, these, new | constant)
            another = any(value is not None and not is_same(value, new[name]) for name, value in old.items())
            if another and count(connection, table, sa.and_(*these)):
                raise LinkedSystemUnavailable(f"{dataset}.{table.name}: rows still have what they had; rolled back")
            done += count(connection, table, there) + already
        if done < before:
            raise LinkedSystemUnavailable(f"{dataset}.{table.name}: {before} rows were to be changed; rolled back")


def write(
    connection: sa.Connection,
    place: str,
    table: sa.Table,
    where: sa.ColumnElement[bool],
    values: Mapping[str, Any],
) -> int:
    """Write values that a person corrected into their rows; how many rows had another one.

    Raises:
        LinkedSystemUnavailable: a row still has another value.
    """
    others = sa.or_(*(exactly(table.c[name]).is_distinct_from(value) for name, value in values.items()))
    wrong = count(connection, table, sa.and_(where, others))
    if wrong:
        connection.execute(sa.update(table).where(where, others).values(dict(values)))
        if count(connection, table, sa.and_(where, others)):
            raise LinkedSystemUnavailable(f"{place}: rows did not take the corrected values; rolled back")
    return wrong


def read(
    connection: sa.Connection, described: Table, table: sa.Table, keys: Sequence[tuple[Any, ...]]
) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    """What stands in the fields that an erasure changes, by the rows' keys."""
    names = [column.name for column in table.primary_key]
    columns = [as_it_stands(as_stored(table.c[name])) for name in names]
    columns += [as_it_stands(table.c[one.name]) for one in described.changed]
    rows = connection.execute(sa.select(*columns).where(keyed(table, keys)))
    fields = [one.name for one in described.changed]
    return {tuple(row[: len(names)]): dict(zip(fields, row[len(names) :], strict=True)) for row in rows}


def _new(connection: sa.Connection, table: sa.Table, stand_ins: StandIns, described: Table, name: str, old: Any) -> Any:
    """What takes a value's place; one that no row has, where no value may stand twice.

    Raises:
        LinkedSystemUnavailable: none was found.
    """
    field, column = described.fields[name], table.c[name]
    new = stand_ins.of(field, column, old)
    if new is None or field.mask is not None or not is_unique(column):
        return new
    for _ in range(DRAWS):
        if new != old and not count(connection, table, stands_at(column, new)):
            return new
        stand_ins.forget(column, old)
        new = stand_ins.of(field, column, old)
    raise LinkedSystemUnavailable(f"{table.name}.{name}: no value is left that stands nowhere else")


def _require_changed(place: str, old: Any, new: Any, now: Any) -> None:
    """Go on only if a field no longer has what it had.

    Raises:
        LinkedSystemUnavailable: it has, or something stands where nothing should.
    """
    if (new is None and now is not None) or (now is not None and not is_same(old, new) and now == old):
        raise LinkedSystemUnavailable(f"{place}: rows still have what they had; rolled back")


def _matching(table: sa.Table, values: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    """Rows in which these values stand, as far as that can be told."""
    told = (stands_at(table.c[name], value) for name, value in values.items() if is_found_again(table.c[name]))
    return sa.and_(sa.true(), *told)
