"""Who stands how, read in bulk for those who hold it in memory, and what changed since (decision 0017).

A page of people comes as one row of JSON that SQLite puts together: a step of SQLite a row would hand Python's
lock to and fro a million times, and a busy server would wait for it each time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import orjson

from registry.model.ids import BlindIndex, FragmentId, ProfileId, RecordId, WorkspaceId
from registry.model.stored import ConsentState, Fragment
from registry.store.consents import Person
from registry.store.rows import IN_LIMIT, chunks

Ask = Callable[..., Sequence[Any]]
"""Runs a statement of this room with its parameters: in a transaction, or as a look of its own."""

_NEWEST = "SELECT coalesce(max(position), 0) FROM standing_change WHERE workspace_id = ?"
_CHANGES = (
    "SELECT position, fragment_id FROM standing_change "
    "WHERE workspace_id = ? AND position >= ? ORDER BY position LIMIT ?"
)
_LAST_OF_PAGE = (
    "SELECT max(profile_id) FROM (SELECT profile_id FROM fragment WHERE workspace_id = ? AND profile_id > ? "
    "ORDER BY profile_id LIMIT ?)"
)
_FRAGMENTS = (
    "SELECT json_group_array(json_array(hex(f.profile_id), hex(f.fragment_id), hex(f.origin_profile_id), f.kind, "
    "f.joined_at)) FROM fragment f WHERE f.workspace_id = ? AND {where}"
)
_STATES = (
    "SELECT json_group_array(json_array(hex(f.profile_id), hex(f.fragment_id), s.purpose, hex(s.record_id), s.status, "
    "s.acted_at, s.recorded_at, s.expires_at)) FROM fragment f CROSS JOIN consent_state s "
    "WHERE f.workspace_id = ? AND {where} AND s.workspace_id = f.workspace_id AND s.fragment_id = f.fragment_id"
)
"""A CROSS JOIN, since SQLite then begins with the fragments of these people and not with everybody's choices."""
_NAMES = (
    "SELECT json_group_array(json_array(hex(f.profile_id), hex(f.anchor))) FROM fragment f "
    "WHERE f.workspace_id = ? AND {where}"
)


class Known(NamedTuple):
    """One person: their fragments and current records, and the blind indexes that lead to them."""

    profile_id: ProfileId
    person: Person
    indexes: list[BlindIndex]


class Changes(NamedTuple):
    """What changed since a position: up to where, in which fragments, whether anything went away.

    `whole` is False where more was changed than is kept, or the positions do not go on from there.
    """

    position: int
    fragments: set[FragmentId]
    gone: bool
    whole: bool


def newest(ask: Ask, workspace_id: WorkspaceId) -> int:
    """The position of the last change; 0 for none."""
    return int(ask(_NEWEST, workspace_id)[0][0])


def changes(ask: Ask, workspace_id: WorkspaceId, after: int, limit: int) -> Changes:
    """The changes after a position, none of which may be missing; `limit` is less than what is kept."""
    rows = ask(_CHANGES, workspace_id, after, limit + 1)
    follows = rows[0][0] == after if rows and after else not after and (not rows or rows[0][0] == 1)
    if not follows or len(rows) > limit:
        return Changes(after, set(), False, False)
    news = [row[1] for row in rows if row[0] > after]
    fragments = {FragmentId(bytes(fragment)) for fragment in news if fragment is not None}
    return Changes(rows[-1][0] if rows else after, fragments, None in news, True)


def page(ask: Ask, workspace_id: WorkspaceId, after: bytes, fragments: int) -> tuple[bytes | None, list[Known]]:
    """The people after a profile's id, of about so many fragments; and the last id, None at the end."""
    last = ask(_LAST_OF_PAGE, workspace_id, after, fragments)[0][0]
    if last is None:
        return None, []
    return bytes(last), _known(ask, workspace_id, "f.profile_id > ? AND f.profile_id <= ?", after, last)


def people(ask: Ask, workspace_id: WorkspaceId, profiles: Collection[ProfileId]) -> list[Known]:
    """The known ones among these profiles."""
    found: list[Known] = []
    for chunk in chunks(profiles):
        found += _known(ask, workspace_id, f"f.profile_id IN ({', '.join('?' * len(chunk))})", *chunk)
    return found


def profiles_of(ask: Ask, workspace_id: WorkspaceId, fragments: Collection[FragmentId]) -> set[ProfileId]:
    """The profiles in which these fragments are now."""
    found: set[ProfileId] = set()
    for chunk in chunks(fragments, IN_LIMIT):
        marks = ", ".join("?" * len(chunk))
        sql = f"SELECT profile_id FROM fragment WHERE workspace_id = ? AND fragment_id IN ({marks})"
        found |= {ProfileId(bytes(row[0])) for row in ask(sql, workspace_id, *chunk)}
    return found


_COUNTS = {
    "profiles": "SELECT count(*) FROM fragment WHERE workspace_id = ? AND fragment_id >= ? AND fragment_id <= ? "
    "AND profile_id = fragment_id",
    "indexes": "SELECT count(*) FROM fragment WHERE workspace_id = ? AND anchor >= ? AND anchor <= ?",
}
_KEYS = {
    "profiles": "SELECT fragment_id FROM fragment WHERE workspace_id = ? AND fragment_id >= ? AND fragment_id <= ? "
    "AND profile_id = fragment_id",
    "indexes": "SELECT anchor FROM fragment WHERE workspace_id = ? AND anchor >= ? AND anchor <= ?",
}


def count_between(ask: Ask, workspace_id: WorkspaceId, what: str, low: bytes, high: bytes) -> int:
    """How many `profiles`, or `indexes` of identifiers, there are from one key to another."""
    return int(ask(_COUNTS[what], workspace_id, low, high)[0][0])


def keys_between(ask: Ask, workspace_id: WorkspaceId, what: str, low: bytes, high: bytes) -> set[bytes]:
    """Which `profiles`, or `indexes` of identifiers, there are from one key to another."""
    return {bytes(row[0]) for row in ask(_KEYS[what], workspace_id, low, high)}


def _known(ask: Ask, workspace_id: WorkspaceId, where: str, *parameters: object) -> list[Known]:
    people: dict[str, Known] = {}
    of_hex = bytes.fromhex
    for profile, own, origin, kind, joined_at in _read(ask, _FRAGMENTS, workspace_id, where, parameters):
        profile_id, fragment_id = ProfileId(of_hex(profile)), FragmentId(of_hex(own))
        born = ProfileId(fragment_id if origin == own else of_hex(origin))
        found = people.get(profile)
        if found is None:
            found = people[profile] = Known(profile_id, ([], []), [])
        found.person[0].append(
            Fragment(workspace_id, fragment_id, profile_id, born, BlindIndex(b""), kind, joined_at, 0, 0)
        )
    for profile, own, purpose, record, status, *times in _read(ask, _STATES, workspace_id, where, parameters):
        fragment_id, record_id = FragmentId(of_hex(own)), RecordId(of_hex(record))
        people[profile].person[1].append(ConsentState(workspace_id, fragment_id, purpose, record_id, status, *times))
    for profile, index in _read(ask, _NAMES, workspace_id, where, parameters):
        people[profile].indexes.append(BlindIndex(of_hex(index)))
    return list(people.values())


def _read(ask: Ask, sql: str, workspace_id: WorkspaceId, where: str, parameters: tuple[object, ...]) -> list[Any]:
    text: str = ask(sql.format(where=where), workspace_id, *parameters)[0][0]
    rows: list[Any] = orjson.loads(text)
    return rows
