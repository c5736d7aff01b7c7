"""The consent ledger: append-only records, and the current state that a check reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, NamedTuple

from registry.consent.records import WEIGHTS
from registry.model.clock import Micros
from registry.model.ids import BlindIndex, FragmentId, ProfileId, RecordId, WorkspaceId
from registry.model.stored import ConsentState, Fragment, StoredConsent
from registry.store.database import Database, Transaction
from registry.store.rows import chunks, insert, query, select_in

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
    return _person(workspace_id, query(transaction, _CHECK, workspace_id, index))


def standing_now(database: Database, workspace_id: WorkspaceId, index: BlindIndex) -> Person:
    """As `standing_of`, in a look of its own.

    Raises:
        StoreUnavailable: the database cannot be read.
    """
    rows = database.point_read(_CHECK, workspace_id, index)
    if rows is not None:
        return _person(workspace_id, rows)
    with database.read(workspace_id) as transaction:
        return standing_of(transaction, workspace_id, index)


def _person(workspace_id: WorkspaceId, rows: Sequence[Any]) -> Person:
    fragments: dict[bytes, Fragment] = {}
    states: list[ConsentState] = []
    for row in rows:
        fragments.setdefault(row[0], Fragment(workspace_id, *row[:8]))
        if row[8] is not None:
            states.append(ConsentState(workspace_id, row[0], *row[8:14]))
    return list(fragments.values()), states


class Line(NamedTuple):
    """One fragment of the person found by `key`, beside one of its current records; the last six are None without."""

    key: bytes
    fragment_id: FragmentId
    profile_id: ProfileId
    origin_profile_id: ProfileId
    anchor: BlindIndex
    kind: str
    joined_at: Micros
    state_version: int
    created_at: Micros
    purpose: str | None
    record_id: RecordId
    status: str
    acted_at: Micros
    recorded_at: Micros
    expires_at: Micros | None


Lines = list[Line]
"""Everything of one person: a fragment comes once for each of its records. Made into rows only where it must be."""

_MANY = """
SELECT h.anchor, f.fragment_id, f.profile_id, f.origin_profile_id, f.anchor, f.kind, f.joined_at,
       f.state_version, f.created_at, s.purpose, s.record_id, s.status, s.acted_at, s.recorded_at, s.expires_at
FROM fragment h
JOIN fragment f ON f.workspace_id = h.workspace_id AND f.profile_id = h.profile_id
LEFT JOIN consent_state s ON s.workspace_id = f.workspace_id AND s.fragment_id = f.fragment_id
     AND s.purpose IN ({purposes})
WHERE h.workspace_id = ? AND h.anchor IN ({marks})
"""

_PROFILES = """
SELECT f.profile_id, f.fragment_id, f.profile_id, f.origin_profile_id, f.anchor, f.kind, f.joined_at,
       f.state_version, f.created_at, s.purpose, s.record_id, s.status, s.acted_at, s.recorded_at, s.expires_at
FROM fragment f
LEFT JOIN consent_state s ON s.workspace_id = f.workspace_id AND s.fragment_id = f.fragment_id
     AND s.purpose IN (?, ?)
WHERE f.workspace_id = ? AND f.profile_id IN ({marks})
"""

_PAGE = """
SELECT f.profile_id, f.fragment_id, f.profile_id, f.origin_profile_id, f.anchor, f.kind, f.joined_at,
       f.state_version, f.created_at, s.purpose, s.record_id, s.status, s.acted_at, s.recorded_at, s.expires_at
FROM fragment f
LEFT JOIN consent_state s ON s.workspace_id = f.workspace_id AND s.fragment_id = f.fragment_id
     AND s.purpose IN (?, ?)
WHERE f.workspace_id = ? AND f.profile_id > ? AND f.profile_id <= ?
ORDER BY f.profile_id
"""


def standings_of(
    transaction: Transaction, workspace_id: WorkspaceId, indexes: Collection[BlindIndex], purposes: Collection[str]
) -> dict[BlindIndex, Lines]:
    """As `standing_of`, for many identifiers in few reads, with the records for these purposes only; nobody has
    no entry.
    """
    found: dict[BlindIndex, Lines] = {}
    wanted = sorted(purposes)
    for chunk in chunks(indexes):
        sql = _MANY.format(purposes=", ".join("?" * len(wanted)), marks=", ".join("?" * len(chunk)))
        found |= _by_key(query(transaction, sql, *wanted, workspace_id, *chunk))
    return found


def standings_of_profiles(
    transaction: Transaction, workspace_id: WorkspaceId, profiles: Collection[ProfileId], purposes: tuple[str, str]
) -> dict[ProfileId, Lines]:
    """As `standings_of`, for profiles by their ids."""
    found: dict[ProfileId, Lines] = {}
    for chunk in chunks(profiles):
        sql = _PROFILES.format(marks=", ".join("?" * len(chunk)))
        found |= _by_key(query(transaction, sql, *purposes, workspace_id, *chunk))
    return found


def page_for_purpose(
    transaction: Transaction, workspace_id: WorkspaceId, purposes: tuple[str, str], after: bytes, last: bytes
) -> dict[ProfileId, Lines]:
    """The people whose profile ids lie after `after` and up to `last`, with their records for two purposes only."""
    return _by_key(query(transaction, _PAGE, *purposes, workspace_id, after, last))


def person_of(workspace_id: WorkspaceId, lines: Lines) -> Person:
    """The rows that the lines of one person were joined from."""
    return _person(workspace_id, [line[1:] for line in lines])


def _by_key(rows: Sequence[Any]) -> dict[Any, Lines]:
    people: dict[Any, Lines] = {}
    for line in map(partial(tuple.__new__, Line), rows):
        people.setdefault(line.key, []).append(line)
    return people
