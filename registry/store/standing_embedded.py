"""Who stands how, and what changed since, read from SQLite: changes are numbered in the order of their commits.

A page of people comes as one row of JSON that SQLite puts together: a step of SQLite a row would hand Python's
lock to and fro a million times, and a busy server would wait for it each time.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson

from registry.model.ids import BlindIndex, FragmentId, ProfileId, RecordId, WorkspaceId
from registry.model.stored import ConsentState, Fragment
from registry.store.rows import IN_LIMIT, chunks
from registry.store.standing import LAST_OF_PAGE, Ask, Changes, Known, Position

_NEWEST = "SELECT coalesce(max(position), 0) FROM standing_change WHERE workspace_id = ?"
_CHANGES = (
    "SELECT position, fragment_id FROM standing_change "
    "WHERE workspace_id = ? AND position >= ? ORDER BY position LIMIT ?"
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


class EmbeddedStandings:
    """`Standings` of SQLite."""

    def newest(self, ask: Ask, workspace_id: WorkspaceId) -> Position:
        """The number of the last change; 0 for none."""
        return Position(int(ask(_NEWEST, workspace_id)[0][0]))

    def changes(self, ask: Ask, workspace_id: WorkspaceId, after: Position, limit: int) -> Changes:
        """As `Standings.changes`: what was read last is read again; nothing is missing where it is there."""
        before = after.number
        rows = ask(_CHANGES, workspace_id, before, limit + 1)
        follows = rows[0][0] == before if rows and before else not before and (not rows or rows[0][0] == 1)
        if not follows or len(rows) > limit:
            return Changes(after, set(), False, False)
        news = [row[1] for row in rows if row[0] > before]
        fragments = {FragmentId(bytes(fragment)) for fragment in news if fragment is not None}
        return Changes(Position(rows[-1][0]) if rows else after, fragments, None in news, True)

    def page(
        self, ask: Ask, workspace_id: WorkspaceId, after: bytes, fragments: int
    ) -> tuple[bytes | None, list[Known]]:
        """As `Standings.page`."""
        last = ask(LAST_OF_PAGE, workspace_id, after, fragments)[0][0]
        if last is None:
            return None, []
        return bytes(last), _known(ask, workspace_id, "f.profile_id > ? AND f.profile_id <= ?", after, last)

    def people(self, ask: Ask, workspace_id: WorkspaceId, profiles: Collection[ProfileId]) -> list[Known]:
        """As `Standings.people`."""
        found: list[Known] = []
        for chunk in chunks(profiles):
            found += _known(ask, workspace_id, f"f.profile_id IN ({', '.join('?' * len(chunk))})", *chunk)
        return found

    def profiles_of(self, ask: Ask, workspace_id: WorkspaceId, fragments: Collection[FragmentId]) -> set[ProfileId]:
        """As `Standings.profiles_of`."""
        found: set[ProfileId] = set()
        for chunk in chunks(fragments, IN_LIMIT):
            marks = ", ".join("?" * len(chunk))
            sql = f"SELECT profile_id FROM fragment WHERE workspace_id = ? AND fragment_id IN ({marks})"
            found |= {ProfileId(bytes(row[0])) for row in ask(sql, workspace_id, *chunk)}
        return found


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
