"""The second look after an erasure: what the database itself says it has, searched for what should be gone.

It shares nothing with the code that deletes. It asks the database for its tables and columns, and
looks for the person's ids in every column whose name says that such an id stands there: a table that
the eraser does not know is looked through all the same.
"""

from __future__ import annotations

from collections.abc import Collection

from registry.store.database import Transaction
from registry.store.rows import chunks, query

TYING = frozenset({"fragment_id", "blind_index", "low", "high", "quarantine_id", "case_id"})
"""Names of the columns that tie a row to a person, in every table."""

MEMORY = frozenset({"erasure", "erased_identifier", "suppression", "retained_case"})
"""Tables that are there to remember an erasure, or that something was kept for a duty and is gone."""

_COLUMNS = {
    "sqlite": "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'",
    # Not information_schema, which leaves out what this role may not read: such a table is to be an error.
    "postgresql": "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
    "WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 "
    "AND NOT a.attisdropped",
}


def places(transaction: Transaction) -> list[tuple[str, str]]:
    """Every (table, column) of the database in which a person's id may stand."""
    found = [(str(table), str(column)) for table, column in query(transaction, _COLUMNS[transaction.dialect.name])]
    return sorted((table, column) for table, column in found if column in TYING and table not in MEMORY)


def remaining(transaction: Transaction, workspace_id: bytes, ids: Collection[bytes]) -> dict[str, int]:
    """How many rows name one of these fragments, identifiers or quarantined messages, by table; none if all is well."""
    found: dict[str, int] = {}
    for table, column in places(transaction):
        for chunk in chunks(ids):
            marks = ", ".join("?" * len(chunk))
            sql = f'SELECT count(*) FROM "{table}" WHERE workspace_id = ? AND "{column}" IN ({marks})'
            count = int(query(transaction, sql, workspace_id, *chunk)[0][0])
            if count:
                found[table] = found.get(table, 0) + count
    return found
