"""Whether anything is kept of people beside their identifiers and consent records."""

from __future__ import annotations

from collections.abc import Collection

from registry.model.clock import Micros
from registry.model.ids import BlindIndex, FragmentId, ProfileId
from registry.store.database import Transaction
from registry.store.erasure import INDEX_TABLES
from registry.store.rows import chunks, probe, query

BESIDE_IDENTITY = (
    "event", "trait_assertion", "compartment_lock", "outbox", "event_feed", "destination_failure",
    "destination_recipient", "dsr_fragment", "runaway_identifier",
)  # fmt: skip
"""Tables a row of which says that a fragment is more than an identifier and what was said of consent."""

BY_INDEX = ("quarantine_subject", "hold_subject")
"""Tables that name by its blind index whom something that is kept is about."""


def with_more(transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]) -> set[FragmentId]:
    """Those of these fragments of which something else is kept."""
    found: set[FragmentId] = set()
    for table in BESIDE_IDENTITY:
        left = set(fragment_ids) - found
        found |= {FragmentId(key) for key in _having(transaction, table, "fragment_id", workspace_id, left)}
    return found


def named_elsewhere(transaction: Transaction, workspace_id: bytes, indexes: Collection[BlindIndex]) -> set[BlindIndex]:
    """Those of these identifiers that a hold or a rejected message names."""
    found: set[bytes] = set()
    for table in BY_INDEX:
        found |= _having(transaction, table, "blind_index", workspace_id, indexes)
    return {BlindIndex(key) for key in found}


def beside(
    transaction: Transaction, workspace_id: bytes, indexes: Collection[BlindIndex]
) -> set[tuple[BlindIndex, BlindIndex]]:
    """Every pair of identifiers, one of them of these, that a claim, a refused one or a steward's word is about."""
    pairs: set[tuple[BlindIndex, BlindIndex]] = set()
    for table in INDEX_TABLES:
        for end in ("low", "high"):
            rows = probe(transaction, "low, high", f"{table} held", end, workspace_id, indexes)
            pairs |= {(BlindIndex(bytes(low)), BlindIndex(bytes(high))) for low, high in rows}
    return pairs


def requested(transaction: Transaction, workspace_id: bytes, profile_ids: Collection[ProfileId]) -> set[ProfileId]:
    """Those of these people whom a request is about."""
    found = _having(transaction, "dsr_request", "profile_id", workspace_id, profile_ids)
    return {ProfileId(key) for key in found}


def consent_told(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]
) -> dict[FragmentId, tuple[int, Micros]]:
    """How many consent records these fragments have, and when the latest of each was recorded."""
    found: dict[FragmentId, tuple[int, Micros]] = {}
    for chunk in chunks(fragment_ids):
        marks = ", ".join("?" * len(chunk))
        sql = (
            "SELECT fragment_id, count(*), max(recorded_at) FROM consent_record WHERE workspace_id = ? "
            f"AND fragment_id IN ({marks}) GROUP BY fragment_id"
        )
        rows = query(transaction, sql, workspace_id, *chunk)
        found |= {FragmentId(bytes(row[0])): (int(row[1]), int(row[2])) for row in rows}
    return found


def _having(
    transaction: Transaction, table: str, column: str, workspace_id: bytes, values: Collection[bytes]
) -> set[bytes]:
    """Those of these values that a row of the table has: one look into the index each, however many rows there are."""
    found: set[bytes] = set()
    if not values:
        return found
    if transaction.dialect.name != "sqlite":
        sql = (
            f"SELECT wanted.key FROM unnest(?::bytea[]) AS wanted(key) CROSS JOIN LATERAL (SELECT 1 FROM {table} held "
            f"WHERE held.workspace_id = ? AND held.{column} = wanted.key LIMIT 1) AS one"
        )
        return {bytes(row[0]) for row in query(transaction, sql, sorted(values), workspace_id)}
    for chunk in chunks(values):
        marks = ", ".join(["(?)"] * len(chunk))
        sql = (
            f"WITH wanted(key) AS (VALUES {marks}) SELECT key FROM wanted WHERE EXISTS "
            f"(SELECT 1 FROM {table} held WHERE held.workspace_id = ? AND held.{column} = wanted.key)"
        )
        found |= {bytes(row[0]) for row in query(transaction, sql, *chunk, workspace_id)}
    return found
