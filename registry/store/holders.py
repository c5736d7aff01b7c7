"""Whom key bundles belong to. A bundle whose holder has no row here is deleted by retention, a day later:
whoever seals anything under a bundle of its own names its table and column in `HOLDERS`.
"""

from __future__ import annotations

from collections.abc import Collection

from registry.model.ids import FragmentId
from registry.store.database import Transaction
from registry.store.rows import chunks, query

HOLDERS: dict[str, str] = {
    "fragment": "fragment_id",
    "quarantine": "quarantine_id",
    "dsr_request": "request_id",
    "dsr_letter": "letter_id",
    "webhook": "webhook_id",
    "destination": "destination_id",
    "destination_erasure": "order_id",
    "retained_case": "case_id",
    "opendsr_key": "holder_id",
    "opendsr_request": "holder_id",
}
"""Table -> the column whose value is the id of a key bundle. A test walks every table that holds
ciphertext, and fails when it is tied to none of these."""

WHILE: dict[str, str] = {"retained_case": "ended_at IS NULL"}
"""Table -> while what its rows need their bundles: what a case kept is gone when it has ended, and its row stays."""


def needed(transaction: Transaction, workspace_id: bytes, holders: Collection[FragmentId]) -> set[FragmentId]:
    """Those of these holders of bundles that the data still knows."""
    found: set[FragmentId] = set()
    for table, column in HOLDERS.items():
        still = f" AND {WHILE[table]}" if table in WHILE else ""
        for chunk in chunks(holders):
            marks = ", ".join("?" * len(chunk))
            sql = f'SELECT "{column}" FROM "{table}" WHERE workspace_id = ? AND "{column}" IN ({marks}){still}'
            found |= {FragmentId(bytes(row[0])) for row in query(transaction, sql, workspace_id, *chunk)}
    return found
