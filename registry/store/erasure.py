"""Deleting a person's rows, and counting what is left. Every table of a person is named here once.

`PERSONAL_TABLES` is checked by a test against the tables' metadata: a new table with a
`fragment_id` that is missing here fails the build.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from registry.model.ids import BlindIndex, FragmentId, MessageKey, ProfileId
from registry.model.stored import Quarantined
from registry.store.database import Transaction
from registry.store.rows import chunks, delete_in, execute, query, select_in

PERSONAL_TABLES: dict[str, str] = {
    "event": "fragment_id",
    "trait_assertion": "fragment_id",
    "consent_record": "fragment_id",
    "consent_feed": "fragment_id",
    "consent_state": "fragment_id",
    "audit_detail": "fragment_id",
    "dsr_fragment": "fragment_id",
    "compartment_lock": "fragment_id",
    "outbox": "fragment_id",
    "event_feed": "fragment_id",
    "destination_failure": "fragment_id",
    "destination_recipient": "fragment_id",
    "merge": "fragment_id",
    "runaway_identifier": "fragment_id",
    "identifier": "fragment_id",
    "fragment": "fragment_id",
    "standing_change": "fragment_id",
}
"""Table -> the column that ties its rows to a fragment, in the order of deletion."""

INDEX_TABLES = ("link", "refused_link", "steward_decision")
"""Tables that name identifiers at two ends, by blind index."""


LOOKS = 32
"""Lists of values in one statement: with `rows.IN_LIMIT` in each, half of what either engine takes."""

PAGE = 2_000
"""Events that go in one transaction: who writes meanwhile waits for so many at most."""


def erase_violations(transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]) -> int:
    """Delete the violations that events of these fragments had, which are found by the events alone; how many."""
    keys = violation_keys(transaction, workspace_id, fragment_ids)
    return delete_in(transaction, "violation", workspace_id, "message_key", keys)


def erase_events(transaction: Transaction, workspace_id: bytes, fragment_id: FragmentId) -> bool:
    """Delete a page of a fragment's events; whether there may be more."""
    sql = (
        "DELETE FROM event WHERE workspace_id = ? AND fragment_id = ? AND event_id IN (SELECT event_id FROM event "
        "WHERE workspace_id = ? AND fragment_id = ? ORDER BY event_id LIMIT ?)"
    )
    whose = (workspace_id, fragment_id)
    return execute(transaction, sql, *whose, *whose, PAGE) == PAGE


def erase_rows(
    transaction: Transaction,
    workspace_id: bytes,
    fragment_ids: Collection[FragmentId],
    indexes: Collection[BlindIndex],
) -> dict[str, int]:
    """Delete every row of these fragments and identifiers; rows deleted, by table."""
    counts: dict[str, int] = {"violation": erase_violations(transaction, workspace_id, fragment_ids)}
    for table in INDEX_TABLES:
        counts[table] = sum(delete_in(transaction, table, workspace_id, end, indexes) for end in ("low", "high"))
    for table, column in PERSONAL_TABLES.items():
        counts[table] = delete_in(transaction, table, workspace_id, column, fragment_ids)
    counts["hold_subject"] = delete_in(transaction, "hold_subject", workspace_id, "blind_index", indexes)
    return counts


def counted(
    transaction: Transaction,
    workspace_id: bytes,
    fragment_ids: Collection[FragmentId],
    indexes: Collection[BlindIndex],
    quarantined: Collection[FragmentId],
) -> dict[str, int]:
    """How many rows each table has of a person, by the same ties by which `erase_rows` deletes them."""
    ties: list[tuple[str, str, Collection[bytes]]] = []
    ties += [(table, end, indexes) for table in INDEX_TABLES for end in ("low", "high")]
    ties += [(table, column, fragment_ids) for table, column in PERSONAL_TABLES.items()]
    ties += [("hold_subject", "blind_index", indexes)]
    ties += [(table, "quarantine_id", quarantined) for table in ("quarantine", "quarantine_subject")]
    counts = {"violation": len(violation_keys(transaction, workspace_id, fragment_ids))}
    counts |= _counts(transaction, workspace_id, ties)
    rejected = [row.message_key for row in select_in(transaction, Quarantined, "quarantine", workspace_id,
                                                     "quarantine_id", quarantined)]  # fmt: skip
    counts["violation"] += _counts(transaction, workspace_id, [("violation", "message_key", rejected)])["violation"]
    return counts


def _counts(
    transaction: Transaction, workspace_id: bytes, ties: Sequence[tuple[str, str, Collection[bytes]]]
) -> dict[str, int]:
    """How many rows each table has whose column is one of some values, in as few statements as there can be.

    Args:
        ties: table, column and values; of a table that is named more than once, the sum.
    """
    counts = {table: 0 for table, _, _ in ties}
    looks = [(table, column, chunk) for table, column, values in ties for chunk in chunks(values)]
    for some in (looks[start : start + LOOKS] for start in range(0, len(looks), LOOKS)):
        selects = ", ".join(
            f'(SELECT count(*) FROM "{table}" WHERE workspace_id = ? AND "{column}" IN ({", ".join("?" * len(chunk))}))'
            for table, column, chunk in some
        )
        values = [value for _, _, chunk in some for value in (workspace_id, *chunk)]
        for (table, _, _), count in zip(some, query(transaction, f"SELECT {selects}", *values)[0], strict=True):
            counts[table] += int(count)
    return counts


def forget_profile(transaction: Transaction, workspace_id: bytes, profile_id: ProfileId) -> None:
    """Take the profile's id off the merge history of others and off requests of the past."""
    execute(transaction, "DELETE FROM merge WHERE workspace_id = ? AND into_profile = ?", workspace_id, profile_id)
    execute(transaction, "DELETE FROM merge WHERE workspace_id = ? AND from_profile = ?", workspace_id, profile_id)
    sql = "UPDATE dsr_request SET profile_id = NULL WHERE workspace_id = ? AND profile_id = ?"
    execute(transaction, sql, workspace_id, profile_id)


def violation_keys(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]
) -> list[MessageKey]:
    """The message keys of the violations that events of these fragments had, once for each violation.

    A CROSS JOIN, since SQLite then begins with the person's events and not with everybody's violations.
    """
    keys: list[MessageKey] = []
    for chunk in chunks(fragment_ids):
        marks = ", ".join("?" * len(chunk))
        sql = (
            "SELECT v.message_key FROM event e CROSS JOIN violation v WHERE e.workspace_id = ? "
            f"AND e.fragment_id IN ({marks}) AND v.workspace_id = e.workspace_id AND v.message_key = e.message_key"
        )
        keys += [MessageKey(bytes(row[0])) for row in query(transaction, sql, workspace_id, *chunk)]
    return keys
