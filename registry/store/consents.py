"""The consent ledger: append-only records, and the current state that a check reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from registry.consent.records import WEIGHTS, WHOLE_PERSON, ConsentStatus, last_word, rank
from registry.model.clock import Micros
from registry.model.ids import BlindIndex, FragmentId, ProfileId, WorkspaceId
from registry.model.stored import ConsentState, Fragment, StoredConsent
from registry.store.database import Database, Transaction
from registry.store.rows import execute_many, insert, query, select_in

Person = tuple[list[Fragment], list[ConsentState]]
"""A person's fragments, and the current records of these."""

_NEVER = 2**63 - 1
_WEIGHT = " ".join(f"WHEN '{status}' THEN {weight}" for status, weight in WEIGHTS.items())

_MOST_RECENT = (
    "ON CONFLICT (workspace_id, fragment_id, purpose) DO UPDATE SET record_id = excluded.record_id, "
    "status = excluded.status, acted_at = excluded.acted_at, recorded_at = excluded.recorded_at, "
    "expires_at = excluded.expires_at"
)
_RANK = (
    "({0}.acted_at, CASE {0}.status " + _WEIGHT + " END, -coalesce({0}.expires_at, " + str(_NEVER) + "), "
    "{0}.recorded_at, {0}.record_id)"
)
_IF_IT_COUNTS = f"{_MOST_RECENT} WHERE {_RANK.format('excluded')} >= {_RANK.format('consent_state')}"
"""The most recent act wins, whatever the order of arrival; at equal time the graver (DESIGN 9), or what ends sooner:
in the order of `rank`, so that now and the past rest on the same record.
"""


def append(transaction: Transaction, rows: Sequence[StoredConsent]) -> None:
    """Append records and bring the current state up to them, in the order of the acts.

    A record that does not become the current one, or says that a consent ended, may change what others of its fragment
    and purpose say: there the state is worked out of all of them, once its row is ours, so that what another
    transaction adds meanwhile is among them.
    """
    if not rows:
        return
    insert(transaction, "consent_record", rows)
    winners: dict[tuple[FragmentId, str], StoredConsent] = {}
    for row in sorted(rows, key=rank):
        winners[row.fragment_id, row.purpose] = row
    put = [_state(row, row.acted_at) for _, row in sorted(winners.items())]
    insert(transaction, "consent_state", put, on_conflict=_IF_IT_COUNTS)
    workspace_id, fragments = rows[0].workspace_id, {row.fragment_id for row in rows}
    current = {(one.fragment_id, one.purpose): one.record_id for one in states(transaction, workspace_id, fragments)}
    odd = {
        (row.fragment_id, row.purpose) for row in rows
        if row.status == ConsentStatus.EXPIRED or current[row.fragment_id, row.purpose] != row.record_id
    }  # fmt: skip
    said: dict[tuple[FragmentId, str], list[StoredConsent]] = {}
    for row in history(transaction, workspace_id, {fragment_id for fragment_id, _ in odd}) if odd else ():
        said.setdefault((row.fragment_id, row.purpose), []).append(row)
    folded = [_state(*last_word(said[key])) for key in sorted(odd)]
    insert(transaction, "consent_state", folded, on_conflict=_MOST_RECENT)


def note_repeated(
    transaction: Transaction, workspace_id: WorkspaceId, notes: Mapping[tuple[FragmentId, str], Micros]
) -> None:
    """Note when signals said a no again that fragments had said of purposes before; a note never goes back."""
    sql = (
        "UPDATE consent_state SET repeated_at = ? WHERE workspace_id = ? AND fragment_id = ? AND purpose = ? "
        "AND coalesce(repeated_at, acted_at) < ?"
    )
    execute_many(transaction, sql, [(at, workspace_id, *key, at) for key, at in sorted(notes.items())])


def _state(row: StoredConsent, since: Micros) -> ConsentState:
    return ConsentState(
        row.workspace_id, row.fragment_id, row.purpose, row.record_id, row.status, since, row.recorded_at,
        row.expires_at,
    )  # fmt: skip


def spoken_at(
    transaction: Transaction, workspace_id: WorkspaceId, profile_id: ProfileId, purpose: str | None = None
) -> Micros:
    """When somebody last spoke, of a purpose or of whatever; 0 for never.

    A CROSS JOIN, since SQLite then begins with the person's fragments and not with everybody's choices.
    """
    sql = (
        "SELECT max(s.acted_at) FROM fragment f CROSS JOIN consent_state s "
        "WHERE f.workspace_id = ? AND f.profile_id = ? "
        "AND s.workspace_id = f.workspace_id AND s.fragment_id = f.fragment_id"
    )
    if purpose is None:
        return int(query(transaction, sql, workspace_id, profile_id)[0][0] or 0)
    return int(query(transaction, f"{sql} AND s.purpose = ?", workspace_id, profile_id, purpose)[0][0] or 0)


def lifted_since(transaction: Transaction, workspace_id: WorkspaceId, since: Micros) -> bool:
    """Whether anybody's restriction was lifted since a moment."""
    sql = (
        "SELECT 1 FROM consent_state WHERE workspace_id = ? AND purpose = ? AND status = ? AND recorded_at >= ? LIMIT 1"
    )
    return bool(query(transaction, sql, workspace_id, WHOLE_PERSON, ConsentStatus.UNRESTRICTED.value, since))


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
