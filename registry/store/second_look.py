"""The second look after an erasure: what the database itself says it has, searched for what should be gone.

It shares nothing with the code that deletes. It asks the database for its tables and columns, and looks for the
person's ids in every binary column that is not known to hold something else: a table or column that nobody told
the eraser of is looked through all the same.
"""

from __future__ import annotations

from collections.abc import Collection

from registry.store.database import Transaction
from registry.store.rows import chunks, query

SEALED = frozenset({"sealed", "body", "wrapped", "visitor_sealed", "totp_sealed"})
"""Ciphertext, under keys that an erasure has destroyed or that are about nobody."""

OTHER = frozenset(
    {
        "workspace_id", "source_id", "event_id", "message_key", "message_id", "record_id", "violation_id", "merge_id",
        "request_id", "subject_request_id", "body_key", "hold_id", "item_id", "order_id", "holder_id", "webhook_id",
        "destination_id", "credential_id", "account_id", "session_hash", "visit_hash", "sweep_id",
        "suppression_key", "key_hash", "write_key_hash", "code_hash", "link_hash", "target", "fingerprint",
        "entry", "digest", "frontier", "after",
    }
)  # fmt: skip
"""What names something else than a person's fragment, identifier, quarantined message or case."""

BESIDE = frozenset({"profile_id", "origin_profile_id", "into_profile", "from_profile", "from_origin"})
"""Stands only in rows that one of the searched columns ties to a fragment: a fragment's own, and of its merges."""

KEYED = frozenset({("identifier", "blind_index")})
"""A column of a table that is one to one with another, where the same stands under an index: the fragment's anchor."""

MEMORY = frozenset({"erasure", "retained_case"})
"""Tables that are there to remember an erasure, or that something was kept for a duty and is gone."""

_COLUMNS = {
    "sqlite": "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' "
    "AND upper(c.type) = 'BLOB'",
    # Not information_schema, which leaves out what this role may not read: such a table is to be an error.
    "postgresql": "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
    "WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 "
    "AND NOT a.attisdropped AND a.atttypid = 'bytea'::regtype",
}


def places(transaction: Transaction) -> list[tuple[str, str]]:
    """Every (table, column) of the database in which a person's id may stand."""
    found = [(str(table), str(column)) for table, column in query(transaction, _COLUMNS[transaction.dialect.name])]
    known = SEALED | OTHER | BESIDE
    return sorted((t, c) for t, c in found if c not in known and t not in MEMORY and (t, c) not in KEYED)


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
