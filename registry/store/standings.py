"""How many people stand, for bulk: their fragments beside their current records, put together only where it must be.

On PostgreSQL each table is looked up by its index for each row of the one before, whatever its statistics say: by those
of a young table it would read everybody's choices again for each person. OFFSET 0 keeps the looks from being joined.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, NamedTuple

from registry.model.clock import Micros
from registry.model.ids import BlindIndex, FragmentId, ProfileId, RecordId, WorkspaceId
from registry.store.consents import Person, apart
from registry.store.database import Transaction
from registry.store.rows import chunks, query


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
"""Everything of one person: a fragment comes once for each of its records."""

_FRAGMENT = (
    "f.fragment_id, f.profile_id, f.origin_profile_id, f.anchor, f.kind, f.joined_at, f.state_version, f.created_at"
)
_RECORD = "s.purpose, s.record_id, s.status, s.acted_at, s.recorded_at, s.expires_at"
_OWN = "s.workspace_id = f.workspace_id AND s.fragment_id = f.fragment_id"

_INDEXES = f"""
SELECT h.anchor, {_FRAGMENT}, {_RECORD}
FROM fragment h
JOIN fragment f ON f.workspace_id = h.workspace_id AND f.profile_id = h.profile_id
LEFT JOIN consent_state s ON {_OWN} AND s.purpose IN ({{purposes}})
WHERE h.workspace_id = ? AND h.anchor IN ({{keys}})
"""
_PROFILES = f"""
SELECT f.profile_id, {_FRAGMENT}, {_RECORD}
FROM fragment f
LEFT JOIN consent_state s ON {_OWN} AND s.purpose IN ({{purposes}})
WHERE f.workspace_id = ? AND f.profile_id IN ({{keys}})
"""
_PAGE = f"""
SELECT f.profile_id, {_FRAGMENT}, {_RECORD}
FROM fragment f
LEFT JOIN consent_state s ON {_OWN} AND s.purpose IN (?, ?)
WHERE f.workspace_id = ? AND f.profile_id > ? AND f.profile_id <= ?
ORDER BY f.profile_id
"""

_LOOKED_UP = f"""
LEFT JOIN LATERAL (SELECT {_RECORD} FROM consent_state s
                   WHERE {_OWN} AND s.purpose = ANY (?::text[]) OFFSET 0) s ON TRUE
"""
_INDEXES_LOOKED_UP = f"""
SELECT wanted.key, {_FRAGMENT}, {_RECORD}
FROM unnest(?::bytea[]) AS wanted(key)
CROSS JOIN LATERAL (SELECT * FROM fragment h WHERE h.workspace_id = ? AND h.anchor = wanted.key OFFSET 0) h
CROSS JOIN LATERAL (SELECT * FROM fragment f
                    WHERE f.workspace_id = h.workspace_id AND f.profile_id = h.profile_id OFFSET 0) f
{_LOOKED_UP}
"""
_PROFILES_LOOKED_UP = f"""
SELECT f.profile_id, {_FRAGMENT}, {_RECORD}
FROM unnest(?::bytea[]) AS wanted(key)
CROSS JOIN LATERAL (SELECT * FROM fragment f WHERE f.workspace_id = ? AND f.profile_id = wanted.key OFFSET 0) f
{_LOOKED_UP}
"""
_PAGE_LOOKED_UP = f"""
SELECT f.profile_id, {_FRAGMENT}, {_RECORD}
FROM fragment f
{_LOOKED_UP}
WHERE f.workspace_id = ? AND f.profile_id > ? AND f.profile_id <= ?
ORDER BY f.profile_id
"""


def of_indexes(
    transaction: Transaction, workspace_id: WorkspaceId, indexes: Collection[BlindIndex], purposes: Collection[str]
) -> dict[BlindIndex, Lines]:
    """The people behind many identifiers, with the records for these purposes only; nobody has no entry."""
    return _of_keys(transaction, workspace_id, indexes, purposes, (_INDEXES, _INDEXES_LOOKED_UP))


def of_profiles(
    transaction: Transaction, workspace_id: WorkspaceId, profiles: Collection[ProfileId], purposes: Collection[str]
) -> dict[ProfileId, Lines]:
    """As `of_indexes`, for profiles by their ids."""
    return _of_keys(transaction, workspace_id, profiles, purposes, (_PROFILES, _PROFILES_LOOKED_UP))


def of_page(
    transaction: Transaction, workspace_id: WorkspaceId, purposes: tuple[str, str], after: bytes, last: bytes
) -> dict[ProfileId, Lines]:
    """The people whose profile ids lie after `after` and up to `last`, with their records for two purposes only."""
    if transaction.dialect.name == "sqlite":
        return _by_key(query(transaction, _PAGE, *purposes, workspace_id, after, last))
    return _by_key(query(transaction, _PAGE_LOOKED_UP, list(purposes), workspace_id, after, last))


def person_of(workspace_id: WorkspaceId, lines: Lines) -> Person:
    """The rows that the lines of one person were joined from."""
    return apart(workspace_id, [line[1:] for line in lines])


def _of_keys(
    transaction: Transaction, workspace_id: WorkspaceId, keys: Collection[bytes], purposes: Collection[str],
    forms: tuple[str, str],
) -> dict[Any, Lines]:  # fmt: skip
    embedded, looked_up = forms
    if transaction.dialect.name != "sqlite":
        return _by_key(query(transaction, looked_up, sorted(keys), workspace_id, list(purposes)))
    found: dict[Any, Lines] = {}
    for chunk in chunks(keys):
        sql = embedded.format(purposes=", ".join("?" * len(purposes)), keys=", ".join("?" * len(chunk)))
        found |= _by_key(query(transaction, sql, *purposes, workspace_id, *chunk))
    return found


def _by_key(rows: Sequence[Any]) -> dict[Any, Lines]:
    people: dict[Any, Lines] = {}
    for line in map(partial(tuple.__new__, Line), rows):
        people.setdefault(line.key, []).append(line)
    return people
