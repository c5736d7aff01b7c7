"""The consent ledger: append-only records, and the current state that a check reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from registry.consent.records import WEIGHTS
from registry.model.clock import Micros
from registry.model.ids import BlindIndex, FragmentId, ProfileId, WorkspaceId
from registry.model.stored import ConsentState, Fragment, StoredConsent
from registry.store.database import Database, Transaction
from registry.store.rows import insert, query, select_in

Person = tuple[list[Fragment], list[ConsentState]]
"""A person's fragments, and the current records of these."""

_WEIGHT = " ".join(f"WHEN '{status}' THEN {weight}" for status, weight in WEIGHTS.items())

MOST_RECENT = (
    "ON CONFLICT (workspace_id, fragment_id, purpose) DO UPDATE SET record_id = excluded.record_id, "
    "status = excluded.status, acted_at = excluded.acted_at, recorded_at = excluded.recorded_at, "
    "expires_at = excluded.expires_at "
    "WHERE excluded.acted_at > consent_state.acted_at OR (excluded.acted_at = consent_state.acted_at "
    f"AND CASE excluded.status {_WEIGHT} END >= CASE consent_state.status {_WEIGHT} END)"
)
"""The most recent act wins, whatever the order of arrival; at equal time the graver (DESIGN 9)."""


def append(transaction: Transaction, rows: Sequence[StoredConsent]) -> None:
    """Append records and bring the current state up to them, in the order of the acts."""
    insert(transaction, "consent_record", rows)
    winners: dict[tuple[bytes, str], StoredConsent] = {}
    for row in sorted(rows, key=lambda row: (row.acted_at, WEIGHTS[row.status])):
        winners[(row.fragment_id, row.purpose)] = row
    states = [
        ConsentState(
            row.workspace_id,
            row.fragment_id,
            row.purpose,
            row.record_id,
            row.status,
            row.acted_at,
            row.recorded_at,
            row.expires_at,
        )
        for _, row in sorted(winners.items())
    ]
    insert(transaction, "consent_state", states, on_conflict=MOST_RECENT)


def spoken_at(transaction: Transaction, workspace_id: WorkspaceId, profile_id: ProfileId) -> Micros:
    """When somebody last spoke, of whatever purpose; 0 for never.

    A CROSS JOIN, since SQLite then begins with the person's fragments and not with everybody's choices.
    """
    sql = (
        "SELECT max(s.acted_at) FROM fragment f CROSS JOIN consent_state s "
        "WHERE f.workspace_id = ? AND f.profile_id = ? "
        "AND s.workspace_id = f.workspace_id AND s.fragment_id = f.fragment_id"
    )
    return int(query(transaction, sql, workspace_id, profile_id)[0][0] or 0)


def states(transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]) -> list[ConsentState]:
    """The current records of these fragments."""
    return select_in(transaction, ConsentState, "consent_state", workspace_id, "fragment_id", fragment_ids)


def history(transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]) -> list[StoredConsent]:
    """Every record of these fragments, in the order of the acts."""
    found = select_in(transaction, StoredConsent, "consent_record", workspace_id, "fragment_id", fragment_ids)
    return sorted(found, key=lambda row: (row.acted_at, row.recorded_at, row.record_id))


_CHECK = """
SELECT f.fragment_id, f.profile_id, f.origin_profile_id, f.anchor, f.kind, f.joined_at, f.state_version, f.created_at,
       s.purpose, s.record_id, s.status, s.acted_at, s.recorded_at, s.expires_at
FROM fragment h
JOIN fragment f ON f.workspace_id = h.workspace_id AND f.profile_id = h.profile_id
LEFT JOIN consent_state s ON s.workspace_id = f.workspace_id AND s.fragment_id = f.fragment_id
WHERE h.workspace_id = ? AND h.anchor = ?
"""


def standing_of(transaction: Transaction, workspace_id: WorkspaceId, index: BlindIndex) -> Person:
    """All that a consent check needs of the person behind an identifier, in one indexed read:
    the fragments of the profile and their current records. Both are empty for nobody.
    """
    return apart(workspace_id, query(transaction, _CHECK, workspace_id, index))


def standing_now(database: Database, workspace_id: WorkspaceId, index: BlindIndex) -> Person:
    """As `standing_of`, in a look of its own.

    Raises:
        StoreUnavailable: the database cannot be read.
    """
    return apart(workspace_id, database.point_read(workspace_id, _CHECK, workspace_id, index))


def apart(workspace_id: WorkspaceId, rows: Sequence[Any]) -> Person:
    """The fragments and records that rows of both, joined, came from."""
    fragments: dict[bytes, Fragment] = {}
    states: list[ConsentState] = []
    for row in rows:
        fragments.setdefault(row[0], Fragment(workspace_id, *row[:8]))
        if row[8] is not None:
            states.append(ConsentState(workspace_id, row[0], *row[8:14]))
    return list(fragments.values()), states
