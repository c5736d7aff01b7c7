"""Who stands how, and what changed since, read from PostgreSQL: a snapshot tells which transactions it sees.

Numbers are drawn in another order than transactions commit in. So each change names its transaction, and news is what
this snapshot sees and the one before did not (PostgreSQL's documentation, section 9.28.7). A server that was started
anew, and a table that was made or filled anew, are others: whoever has read them before reads everything again.

Each table is looked up by its index for each row of the one before, whatever its statistics say: see `standings`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from registry.model.ids import BlindIndex, FragmentId, ProfileId, RecordId, WorkspaceId
from registry.model.stored import ConsentState, Fragment
from registry.store.database import Transaction
from registry.store.rows import execute, query
from registry.store.standing import LAST_OF_PAGE, Ask, Changes, Known, Position

AwaitedAsk = Callable[..., Awaitable[Sequence[Any]]]
"""As `Ask`, without holding up an event loop."""

KEPT = 20_000
"""Changes that are kept at least."""

AT_ONCE = 100_000
"""Changes that go at once, so that nobody waits long for the rest of their transaction."""

_TRIMMED = (
    "(SELECT transaction_id FROM standing_change WHERE workspace_id = ? AND position <= 0 ORDER BY position LIMIT 1)"
)
"""Of which transactions before there may be no changes any more: the row that stands before the first."""

_NOW = (
    "pg_current_snapshot()::text, "
    "concat_ws('/', extract(epoch FROM pg_postmaster_start_time()), pg_relation_filenode('standing_change'))"
)
TRIGGERS = 7
_WRITING = (
    "(SELECT count(*) FROM pg_trigger WHERE starts_with(tgname::text, 'standing_') AND tgenabled IN ('O', 'A') "
    "AND tgrelid IN (to_regclass('fragment'), to_regclass('consent_state')))"
)
"""How many of the triggers write. A copy that is being put back has its rows first: nothing tells of them."""

_NEWEST = f"""
SELECT {_NOW}, {_WRITING}, {_TRIMMED}, (SELECT transaction_id FROM standing_change
  WHERE workspace_id = ? AND position > 0 AND transaction_id IS NOT NULL ORDER BY transaction_id DESC LIMIT 1)
"""
_EACH = "SELECT fragment_id, transaction_id FROM standing_change WHERE workspace_id = ? AND position > 0"
_LATER = f"({_EACH} AND transaction_id >= ? ORDER BY transaction_id LIMIT ?)"
_WITH_THOSE_THAT_RAN = f"""{_LATER} UNION ALL
SELECT one.* FROM unnest(?::bigint[]) AS ran(id) CROSS JOIN LATERAL
  ({_EACH} AND transaction_id BETWEEN ran.id AND ran.id ORDER BY transaction_id LIMIT ?) one"""
"""What a snapshot did not see: transactions that began after it, or ran then, however long.

In an order that an index has: by that index each row is found at once, whatever the statistics say.
"""

_CHANGES = f"""
SELECT {_NOW}, {_TRIMMED}, news.latest, news.fragments
FROM (SELECT max(transaction_id) AS latest, array_agg(fragment_id) AS fragments FROM ({{news}}) one) news
"""
_CHANGES_LATER, _CHANGES_ALL = _CHANGES.format(news=_LATER), _CHANGES.format(news=_WITH_THOSE_THAT_RAN)
_PAGE = "(SELECT * FROM fragment WHERE workspace_id = ? AND profile_id > ? AND profile_id <= ? OFFSET 0) f"
_PEOPLE = (
    "unnest(?::bytea[]) AS wanted(key) "
    "CROSS JOIN LATERAL (SELECT * FROM fragment WHERE workspace_id = ? AND profile_id = wanted.key OFFSET 0) f"
)
_FRAGMENTS = "SELECT f.profile_id, f.fragment_id, f.origin_profile_id, f.kind, f.joined_at, f.anchor FROM {source}"
_STATES = (
    "SELECT f.profile_id, s.fragment_id, s.purpose, s.record_id, s.status, s.acted_at, s.recorded_at, s.expires_at "
    "FROM {source} CROSS JOIN LATERAL (SELECT * FROM consent_state s "
    "WHERE s.workspace_id = f.workspace_id AND s.fragment_id = f.fragment_id OFFSET 0) s"
)
_PROFILES_OF = (
    "SELECT f.profile_id FROM unnest(?::bytea[]) AS wanted(key) CROSS JOIN LATERAL "
    "(SELECT profile_id FROM fragment WHERE workspace_id = ? AND fragment_id = wanted.key OFFSET 0) f"
)
_OLDEST_RUNNING = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_FIRST_KEPT = (
    f"SELECT least(transaction_id, {_OLDEST_RUNNING}) FROM standing_change "
    "WHERE workspace_id = ? AND position > 0 ORDER BY transaction_id DESC OFFSET ? LIMIT 1"
)
_MARK = (
    "INSERT INTO standing_change (workspace_id, position, transaction_id) VALUES (?, 0, ?) "
    "ON CONFLICT (workspace_id, position) DO UPDATE "
    "SET transaction_id = greatest(standing_change.transaction_id, excluded.transaction_id)"
)
_TRIM = (
    "DELETE FROM standing_change WHERE ctid = ANY (ARRAY(SELECT ctid FROM standing_change "
    "WHERE workspace_id = ? AND position > 0 AND (transaction_id < ? "
    "OR transaction_id >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint) LIMIT ? FOR UPDATE SKIP LOCKED))"
)
"""By their places, which are locked: each is then found at once, whatever the statistics say."""
_OF_THIS_SERVER = (
    f"UPDATE standing_change SET transaction_id = {_OLDEST_RUNNING} "
    f"WHERE workspace_id = ? AND position = 0 AND transaction_id > {_OLDEST_RUNNING}"
)
"""A copy that was put back names transactions of another server, which this one has not come to yet."""


class ServerStandings:
    """`Standings` of PostgreSQL."""

    def newest(self, ask: Ask, workspace_id: WorkspaceId) -> Position | None:
        """The snapshot of now; None where a trigger is missing that would tell what changes after it."""
        snapshot, of, writing, trimmed, latest = ask(_NEWEST, workspace_id, workspace_id)[0]
        if writing != TRIGGERS:
            return None
        return _position(snapshot, of, max(latest or 0, (trimmed or 1) - 1))

    def changes(self, ask: Ask, workspace_id: WorkspaceId, after: Position, limit: int) -> Changes:
        """As `Standings.changes`: what this snapshot sees and that one did not."""
        return _changes(ask(*_question(workspace_id, after, limit)), after, limit)

    async def awaited_changes(self, ask: AwaitedAsk, workspace_id: WorkspaceId, after: Position, limit: int) -> Changes:
        """As `changes`."""
        return _changes(await ask(*_question(workspace_id, after, limit)), after, limit)

    def page(
        self, ask: Ask, workspace_id: WorkspaceId, after: bytes, fragments: int
    ) -> tuple[bytes | None, list[Known]]:
        """As `Standings.page`."""
        last = ask(LAST_OF_PAGE, workspace_id, after, fragments)[0][0]
        if last is None:
            return None, []
        return last, _known(ask, workspace_id, _PAGE, workspace_id, after, last)

    def people(self, ask: Ask, workspace_id: WorkspaceId, profiles: Collection[ProfileId]) -> list[Known]:
        """As `Standings.people`."""
        return _known(ask, workspace_id, _PEOPLE, sorted(profiles), workspace_id) if profiles else []

    def profiles_of(self, ask: Ask, workspace_id: WorkspaceId, fragments: Collection[FragmentId]) -> set[ProfileId]:
        """As `Standings.profiles_of`."""
        return {row[0] for row in ask(_PROFILES_OF, sorted(fragments), workspace_id)} if fragments else set()


def trim(transaction: Transaction, workspace_id: WorkspaceId) -> None:
    """Let changes go that nobody needs who has looked lately: whoever has not finds out, and reads everything anew.

    What a copy that was put back says of transactions that this server has not come to goes, too.
    """
    kept = query(transaction, _FIRST_KEPT, workspace_id, KEPT)
    first = kept[0][0] if kept else 0
    if first:
        execute(transaction, _MARK, workspace_id, first)
    execute(transaction, _TRIM, workspace_id, first, AT_ONCE)
    execute(transaction, _OF_THIS_SERVER, workspace_id)


def _question(workspace_id: WorkspaceId, after: Position, limit: int) -> tuple[Any, ...]:
    """The statement that tells what changed since, and its parameters."""
    _, end, ran = _parts(after.snapshot)
    sql, earlier = (_CHANGES_ALL, (ran, workspace_id, limit + 1)) if ran else (_CHANGES_LATER, ())
    return sql, workspace_id, workspace_id, end, limit + 1, *earlier


def _changes(rows: Sequence[Any], after: Position, limit: int) -> Changes:
    snapshot, of, trimmed, latest, fragments = rows[0]
    end = _parts(after.snapshot)[1]
    position, news = _position(snapshot, of, max(latest or 0, end - 1)), fragments or []
    follows = of == after.of and position.number >= after.number and (trimmed is None or trimmed <= after.number)
    if not follows or len(news) > limit:
        return Changes(after, set(), False, False)
    return Changes(position, {FragmentId(one) for one in news if one is not None}, None in news, True)


def _position(snapshot: str, of: str, latest: int) -> Position:
    """A snapshot, up to the last transaction whose changes it sees: that one is durable, and so is its number.

    Later ones that the snapshot calls over may have been rolled back. Where a process of the server is killed, the
    others start anew under the same start, and such a number may be given out again: to changes that nobody has seen.
    """
    first, end, running = _parts(snapshot)
    end = min(end, latest + 1)
    first = min(first, end)
    return Position(first, f"{first}:{end}:{','.join(str(one) for one in running if one < end)}", of)


def _parts(snapshot: str) -> tuple[int, int, list[int]]:
    """Of a snapshot's text: the first transaction that ran, the first that had not begun, and all that ran between."""
    first, end, running = snapshot.split(":")
    return int(first), int(end), [int(one) for one in running.split(",") if one]


def _known(ask: Ask, workspace_id: WorkspaceId, source: str, *parameters: object) -> list[Known]:
    people: dict[ProfileId, Known] = {}
    for profile, fragment, origin, kind, joined_at, anchor in ask(_FRAGMENTS.format(source=source), *parameters):
        found = people.get(profile)
        if found is None:
            found = people[profile] = Known(profile, ([], []), [])
        found.person[0].append(
            Fragment(workspace_id, fragment, profile, origin, BlindIndex(b""), kind, joined_at, 0, 0)
        )
        found.indexes.append(anchor)
    for profile, fragment, purpose, record, *rest in ask(_STATES.format(source=source), *parameters):
        people[profile].person[1].append(ConsentState(workspace_id, fragment, purpose, RecordId(record), *rest))
    return list(people.values())
