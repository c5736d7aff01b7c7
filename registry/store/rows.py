"""Sets of rows in and out: the few statements that the aggregates' queries are made of.

Rows are named tuples of `registry.model.stored`, handed to the driver as they are: measured, that
is the fastest way in on both engines, and the ORM's unit of work is never on the way of an event. SQLAlchemy holds
the connections, begins and ends transactions; statements go to the driver itself, since what SQLAlchemy
does around each takes six times as long as SQLite takes to answer it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cache, lru_cache, partial
from typing import Any, TypeVar

from registry.store.database import Transaction

Row = TypeVar("Row", bound=tuple[Any, ...])

IN_LIMIT = 500
"""Values in one IN list: far below both engines' limits, and one cached statement shape a size."""
STATEMENTS = 1_024
"""Statements that are kept as a driver wants them; one that counts a person's rows can be long, and is of its own for
each number of identifiers and fragments."""


@cache
def _insert_sql(table: str, columns: tuple[str, ...], dialect: str, on_conflict: str) -> str:
    mark = "?" if dialect == "sqlite" else "%s"
    marks = ", ".join(mark for _ in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    return f'INSERT INTO "{table}" ({names}) VALUES ({marks}) {on_conflict}'.rstrip()


def insert(transaction: Transaction, table: str, rows: Sequence[Row], *, on_conflict: str = "") -> None:
    """Insert rows of one type in one statement; nothing happens when there are none.

    Args:
        on_conflict: an `ON CONFLICT …` clause, of our own text only.
    """
    if not rows:
        return
    sql = _insert_sql(table, rows[0]._fields, transaction.dialect.name, on_conflict)  # type: ignore[attr-defined]
    _driver(transaction).cursor().executemany(sql, rows)


def select(transaction: Transaction, row: type[Row], table: str, where: str, *parameters: object) -> list[Row]:
    """The rows of `table` that `where` (with `?` marks) holds for, as tuples of type `row`."""
    names = ", ".join(f'"{name}"' for name in row._fields)  # type: ignore[attr-defined]
    sql = f'SELECT {names} FROM "{table}" WHERE {where}'
    return list(map(partial(tuple.__new__, row), query(transaction, sql, *parameters)))


def query(transaction: Transaction, sql: str, *parameters: object) -> Sequence[Any]:
    """Run a statement of our own text, written with `?` marks, and fetch every row."""
    rows: Sequence[Any] = _driver(transaction).execute(_marks(sql, transaction.dialect.name), parameters).fetchall()
    return rows


def execute(transaction: Transaction, sql: str, *parameters: object) -> int:
    """Run a statement of our own text, written with `?` marks; the number of rows it touched."""
    return int(_driver(transaction).execute(_marks(sql, transaction.dialect.name), parameters).rowcount)


def execute_many(transaction: Transaction, sql: str, parameters: Sequence[tuple[object, ...]]) -> None:
    """Run a statement once per parameter tuple; nothing happens when there are none."""
    if parameters:
        _driver(transaction).cursor().executemany(_marks(sql, transaction.dialect.name), parameters)


def chunks(values: Collection[Any], size: int = IN_LIMIT) -> Iterator[list[Any]]:
    """The values in sorted order (equal order everywhere means no deadlocks), `size` at a time."""
    ordered = sorted(values)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def probe(
    transaction: Transaction,
    columns: str,
    source: str,
    key: str,
    workspace_id: bytes,
    values: Collection[Any],
    *,
    lock: bool = False,
) -> list[Any]:
    """The workspace's rows of a table whose `key` is one of `values`: one look into the index a value.

    Of an IN list PostgreSQL decides by the table's statistics whether to read all of the workspace instead,
    and those of a young table say yes; OFFSET 0 keeps it from that.

    Args:
        columns: what to read, comma-separated; `key` and `source`, too, are our own text only.
        source: the table, or tables joined to the one that `key` is of, as `held`.
        lock: the rows for this transaction, in sorted order (SQLite's writers stand in line anyway).
    """
    if not values:
        return []
    if transaction.dialect.name != "sqlite":
        tail = " FOR UPDATE OF held" if lock else ""
        kind = "bytea" if isinstance(next(iter(values)), bytes) else "text"
        sql = (
            f"SELECT found.* FROM unnest(?::{kind}[]) AS wanted(key) CROSS JOIN LATERAL (SELECT {columns} "
            f"FROM {source} WHERE held.workspace_id = ? AND held.{key} = wanted.key OFFSET 0{tail}) AS found"
        )
        return list(query(transaction, sql, sorted(values), workspace_id))
    found: list[Any] = []
    for chunk in chunks(values):
        marks = ", ".join("?" * len(chunk))
        sql = f"SELECT {columns} FROM {source} WHERE held.workspace_id = ? AND held.{key} IN ({marks})"
        found += query(transaction, sql, workspace_id, *chunk)
    return found


def select_in(
    transaction: Transaction,
    row: type[Row],
    table: str,
    workspace_id: bytes,
    column: str,
    values: Collection[Any],
    *,
    lock: bool = False,
) -> list[Row]:
    """The workspace's rows whose `column` is one of `values`; with `lock`, locked in sorted order."""
    names = ", ".join(f'held."{name}"' for name in row._fields)  # type: ignore[attr-defined]
    rows = probe(transaction, names, f'"{table}" held', f'"{column}"', workspace_id, values, lock=lock)
    return list(map(partial(tuple.__new__, row), rows))


def select_pairs(
    transaction: Transaction,
    row: type[Row],
    table: str,
    workspace_id: bytes,
    pairs: Collection[tuple[bytes, bytes]],
) -> list[Row]:
    """The workspace's rows whose (low, high) is one of these pairs: one look into the index a pair.

    Both ends stand in the statement: one end alone may have thousands of rows. A CROSS JOIN, since SQLite then
    goes through the pairs and not through the table.
    """
    names = ", ".join(f'held."{name}"' for name in row._fields)  # type: ignore[attr-defined]
    found: list[Row] = []
    for chunk in chunks(set(pairs)):
        marks = ", ".join(["(?, ?)"] * len(chunk))
        sql = (
            f'WITH wanted(low, high) AS (VALUES {marks}) SELECT {names} FROM wanted CROSS JOIN "{table}" held'
            " WHERE held.workspace_id = ? AND held.low = wanted.low AND held.high = wanted.high"
        )
        ends = [end for pair in chunk for end in pair]
        found += map(partial(tuple.__new__, row), query(transaction, sql, *ends, workspace_id))
    return found


def delete_in(transaction: Transaction, table: str, workspace_id: bytes, column: str, values: Collection[Any]) -> int:
    """Delete the workspace's rows whose `column` is one of `values`; how many there were."""
    count = 0
    for chunk in chunks(values):
        marks = ", ".join("?" * len(chunk))
        sql = f'DELETE FROM "{table}" WHERE workspace_id = ? AND "{column}" IN ({marks})'
        count += execute(transaction, sql, workspace_id, *chunk)
    return count


def _driver(transaction: Transaction) -> Any:
    """The driver's own connection, inside the transaction; one that only was opened is begun now."""
    if not transaction.in_transaction():
        transaction.begin()
    return transaction.connection.driver_connection


@lru_cache(STATEMENTS)
def _marks(sql: str, dialect: str) -> str:
    return sql if dialect == "sqlite" else sql.replace("?", "%s")
