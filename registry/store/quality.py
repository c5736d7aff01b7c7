"""Counts of what is in the way of one view per person, by source: set operations over the whole workspace."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from registry.model.clock import Micros
from registry.model.ids import SourceId, WorkspaceId
from registry.model.stored_upkeep import QualityDay
from registry.store.database import Transaction
from registry.store.rows import execute, insert, query, select

Counts = dict[SourceId, tuple[int, int]]
"""For each source, how many were found, of how many."""


_WAITING = "reason IN ('merge_protection', 'limit_exceeded')"
"""Claims that two known people are one, which no steward has decided on: not what shared devices link."""


def duplicated(transaction: Transaction, workspace_id: WorkspaceId, accounts: Collection[str]) -> Counts:
    """Identifiers of these kinds, of which a person should have one: those with a second, joined or claimed."""
    if not accounts:
        return {}
    sql = (
        "SELECT source_id, sum(twice), count(*) FROM (SELECT i.source_id, CASE WHEN count(*) OVER "
        "(PARTITION BY f.profile_id, i.kind) > 1 OR i.blind_index IN (SELECT low FROM refused_link "
        f"WHERE workspace_id = ? AND {_WAITING} UNION SELECT high FROM refused_link "
        f"WHERE workspace_id = ? AND {_WAITING}) THEN 1 ELSE 0 END AS twice "
        "FROM identifier i JOIN fragment f ON f.workspace_id = i.workspace_id AND f.fragment_id = i.fragment_id "
        f"WHERE i.workspace_id = ? AND i.kind IN ({_marks(accounts)})) AS seen GROUP BY source_id"
    )
    return _counts(transaction, sql, workspace_id, workspace_id, workspace_id, *accounts)


def disconnected(transaction: Transaction, workspace_id: WorkspaceId, anonymous: Collection[str]) -> Counts:
    """Identifiers of these kinds: those in profiles that have no identifier of another kind."""
    if not anonymous:
        return {}
    kinds = _marks(anonymous)
    sql = (
        "SELECT source_id, sum(alone), count(*) FROM (SELECT i.source_id, i.kind, CASE WHEN max(CASE WHEN i.kind IN "
        f"({kinds}) THEN 0 ELSE 1 END) OVER (PARTITION BY f.profile_id) = 0 THEN 1 ELSE 0 END AS alone "
        "FROM identifier i JOIN fragment f ON f.workspace_id = i.workspace_id AND f.fragment_id = i.fragment_id "
        f"WHERE i.workspace_id = ?) AS seen WHERE kind IN ({kinds}) GROUP BY source_id"
    )
    return _counts(transaction, sql, *anonymous, workspace_id, *anonymous)


def decayed(transaction: Transaction, workspace_id: WorkspaceId, since: Mapping[str, Micros]) -> Counts:
    """Values of the traits that decay: those observed before the trait's moment."""
    if not since:
        return {}
    old = " OR ".join("(trait = ? AND observed_at < ?)" for _ in since)
    sql = (
        f"SELECT source_id, sum(CASE WHEN {old} THEN 1 ELSE 0 END), count(*) FROM trait_assertion "
        f"WHERE workspace_id = ? AND trait IN ({_marks(since)}) GROUP BY source_id"
    )
    return _counts(transaction, sql, *(one for pair in since.items() for one in pair), workspace_id, *since)


def distrusted(transaction: Transaction, workspace_id: WorkspaceId, least: int, computed: SourceId) -> Counts:
    """Values of all traits: those of less trust than `least`, or than another source's word on the same trait.

    Args:
        computed: the source that is left out, since nobody said what it says.
    """
    sql = (
        "SELECT source_id, sum(CASE WHEN trust < ? OR trust < best THEN 1 ELSE 0 END), count(*) FROM (SELECT "
        "a.source_id, a.trust, max(a.trust) OVER (PARTITION BY f.profile_id, a.trait) AS best FROM trait_assertion a "
        "JOIN fragment f ON f.workspace_id = a.workspace_id AND f.fragment_id = a.fragment_id "
        "WHERE a.workspace_id = ? AND a.source_id <> ?) AS seen GROUP BY source_id"
    )
    return _counts(transaction, sql, least, workspace_id, computed)


def put_days(transaction: Transaction, rows: Collection[QualityDay]) -> None:
    """Keep counts of a day; those that were counted first stay."""
    insert(transaction, "quality_day", sorted(rows), on_conflict="ON CONFLICT DO NOTHING")


def days_since(transaction: Transaction, workspace_id: WorkspaceId, day: int) -> list[QualityDay]:
    """The counts of a day and of those after it, oldest first."""
    where = "workspace_id = ? AND day >= ? ORDER BY day, source_id, obstacle"
    return select(transaction, QualityDay, "quality_day", where, workspace_id, day)


def drop_days(transaction: Transaction, workspace_id: WorkspaceId, before: int) -> int:
    """Forget the counts of the days before this one; how many."""
    return execute(transaction, "DELETE FROM quality_day WHERE workspace_id = ? AND day < ?", workspace_id, before)


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def _counts(transaction: Transaction, sql: str, *parameters: object) -> Counts:
    return {SourceId(bytes(row[0])): (int(row[1]), int(row[2])) for row in query(transaction, sql, *parameters)}
