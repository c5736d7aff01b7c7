"""Is a database file whole? What the engine itself says of its pages and indexes, by table."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from registry.model.errors import StoreUnavailable
from registry.store.database import Database, Transaction
from registry.store.rows import query

_MAGIC = b"SQLite format 3\0"
_LARGEST = 65536
"""The size of a page for which the header has 1."""

_TREE = re.compile(r"Tree (?P<root>\d+) page (?P<page>\d+)")


class Damage(NamedTuple):
    """One fault of a file: the table or index that it lies in, the page where one is known, and the engine's words."""

    where: str
    page: int | None
    reason: str


def damage(database: Database) -> list[Damage]:
    """The faults of a SQLite file, page by page; none of a sound one. Reads the whole file.

    PostgreSQL is not looked at from here: its data checksums find a damaged page when it is read.

    Raises:
        StoreUnavailable: the file cannot be opened at all.
    """
    if not database.is_sqlite:
        return []
    with database.owner() as transaction:
        try:
            trees = query(transaction, "SELECT rootpage, tbl_name, type FROM sqlite_schema WHERE rootpage > 0")
        except sqlite3.DatabaseError as error:
            return [Damage("the schema", 1, str(error))]
        roots = {root: table for root, table, _ in trees}
        tables = sorted({table for _, table, kind in trees if kind == "table"})
        return [fault for table in tables for fault in _of_table(transaction, table, roots)]


def is_cut_short(file: Path) -> bool:
    """Whether a SQLite file ends within a page: what is missing of it reads as zeros, and no check sees that."""
    with file.open("rb") as opened:
        header = opened.read(18)
    page = int.from_bytes(header[16:18], "big")
    return header.startswith(_MAGIC) and page > 0 and file.stat().st_size % (_LARGEST if page == 1 else page) != 0


def tells_damage(error: StoreUnavailable) -> bool:
    """Whether a file does not open since it is damaged, or no database: whatever else may be over by and by."""
    cause = getattr(error.__cause__, "orig", error.__cause__)
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _of_table(transaction: Transaction, table: str, roots: dict[int, str]) -> Iterator[Damage]:
    """A table and its indexes; a page can be so damaged that the check of its table ends there."""
    try:
        told = [row[0] for row in query(transaction, f'PRAGMA integrity_check("{table}")')]
    except sqlite3.DatabaseError as error:
        yield Damage(table, None, str(error))
        return
    for line in (line for text in told if text != "ok" for line in text.splitlines()):
        tree = _TREE.search(line)
        yield Damage(roots.get(int(tree["root"]), table) if tree else table, int(tree["page"]) if tree else None, line)
