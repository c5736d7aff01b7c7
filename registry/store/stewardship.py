"""What stewards decided, what waits for them, and what the alarm noticed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from registry.model.clock import Micros
from registry.model.ids import BlindIndex
from registry.model.stored import RunawayIdentifier, StewardDecision, StoredLink, StoredMerge, StoredRefusal
from registry.store.database import Transaction
from registry.store.rows import insert, query, select, select_in, select_pairs

Pair = tuple[BlindIndex, BlindIndex]


def decide(transaction: Transaction, rows: Sequence[StewardDecision]) -> None:
    """Keep these decisions; the last word on a pair counts."""
    clause = (
        "ON CONFLICT (workspace_id, low, high) DO UPDATE SET verdict = excluded.verdict, "
        "actor = excluded.actor, decided_at = excluded.decided_at"
    )
    insert(transaction, "steward_decision", rows, on_conflict=clause)


def decisions_touching(
    transaction: Transaction, workspace_id: bytes, indexes: Collection[BlindIndex]
) -> list[StewardDecision]:
    """Every decision about a pair with one of these identifiers in it."""
    low = select_in(transaction, StewardDecision, "steward_decision", workspace_id, "low", indexes)
    high = select_in(transaction, StewardDecision, "steward_decision", workspace_id, "high", indexes)
    return list({(row.low, row.high): row for row in low + high}.values())


def decisions_among(
    transaction: Transaction, workspace_id: bytes, indexes: Collection[BlindIndex]
) -> list[StewardDecision]:
    """Every decision about two of these identifiers."""
    found = select_in(transaction, StewardDecision, "steward_decision", workspace_id, "low", indexes)
    known = set(indexes)
    return [row for row in found if row.high in known]


def decisions(
    transaction: Transaction, workspace_id: bytes, limit: int, before: tuple[Micros, BlindIndex, BlindIndex] | None
) -> list[StewardDecision]:
    """Decisions, newest first, older than a place in that order if given."""
    where, parameters = "workspace_id = ?", [workspace_id]
    if before is not None:
        at, low, high = before
        where += " AND (decided_at < ? OR (decided_at = ? AND (low < ? OR (low = ? AND high < ?))))"
        parameters += [at, at, low, low, high]  # type: ignore[list-item]
    where += " ORDER BY decided_at DESC, low DESC, high DESC LIMIT ?"
    return select(transaction, StewardDecision, "steward_decision", where, *parameters, limit)


def runaways_since(transaction: Transaction, workspace_id: bytes, since: Micros) -> list[RunawayIdentifier]:
    """The runaways that were noticed since a moment."""
    where = "workspace_id = ? AND noticed_at >= ? ORDER BY noticed_at, fragment_id"
    return select(transaction, RunawayIdentifier, "runaway_identifier", where, workspace_id, since)


def runaways(transaction: Transaction, workspace_id: bytes, indexes: Collection[BlindIndex]) -> set[BlindIndex]:
    """The known runaways among these identifiers."""
    found = select_in(transaction, RunawayIdentifier, "runaway_identifier", workspace_id, "blind_index", indexes)
    return {row.blind_index for row in found}


def add_runaways(transaction: Transaction, rows: Sequence[RunawayIdentifier]) -> None:
    """Remember these runaways."""
    insert(transaction, "runaway_identifier", rows, on_conflict="ON CONFLICT (workspace_id, fragment_id) DO NOTHING")


def all_runaways(transaction: Transaction, workspace_id: bytes, limit: int) -> list[RunawayIdentifier]:
    """The runaways that were noticed last."""
    where = "workspace_id = ? ORDER BY noticed_at DESC, fragment_id LIMIT ?"
    return select(transaction, RunawayIdentifier, "runaway_identifier", where, workspace_id, limit)


def neighbours(transaction: Transaction, workspace_id: bytes, index: BlindIndex) -> int:
    """How many identifiers are linked with this one."""
    sql = (
        "SELECT count(*) FROM (SELECT high FROM link WHERE workspace_id = ? AND low = ? "
        "UNION SELECT low FROM link WHERE workspace_id = ? AND high = ?) AS other"
    )
    return int(query(transaction, sql, workspace_id, index, workspace_id, index)[0][0])


def links_between(transaction: Transaction, workspace_id: bytes, pairs: Collection[Pair]) -> list[StoredLink]:
    """The claims, of any source, about these pairs."""
    return select_pairs(transaction, StoredLink, "link", workspace_id, pairs)


def refusals(
    transaction: Transaction,
    workspace_id: bytes,
    *,
    undecided: bool,
    limit: int,
    before: tuple[Micros, BlindIndex, BlindIndex] | None,
) -> list[StoredRefusal]:
    """Refused links, newest first, older than a place in that order if given.

    Args:
        undecided: only those that no steward has decided on.
    """
    where = "workspace_id = ?"
    parameters: list[object] = [workspace_id]
    if undecided:
        where += " AND reason NOT IN ('steward', 'retracted')"
    if before is not None:
        at, low, high = before
        where += " AND (refused_at < ? OR (refused_at = ? AND (low < ? OR (low = ? AND high < ?))))"
        parameters += [at, at, low, low, high]
    where += " ORDER BY refused_at DESC, low DESC, high DESC LIMIT ?"
    return select(transaction, StoredRefusal, "refused_link", where, *parameters, limit)


def refusal_counts(transaction: Transaction, workspace_id: bytes) -> dict[str, int]:
    """How many refused links there are, by reason."""
    sql = "SELECT reason, count(*) FROM refused_link WHERE workspace_id = ? GROUP BY reason ORDER BY reason"
    return {reason: int(count) for reason, count in query(transaction, sql, workspace_id)}


def moves(transaction: Transaction, workspace_id: bytes, limit: int, before: bytes | None) -> list[StoredMerge]:
    """The latest moves of fragments between profiles, newest first, older than the id `before` if given."""
    where, parameters = "workspace_id = ?", [workspace_id]
    if before is not None:
        where, parameters = "workspace_id = ? AND merge_id < ?", [workspace_id, before]
    return select(transaction, StoredMerge, "merge", f"{where} ORDER BY merge_id DESC LIMIT ?", *parameters, limit)


def move(transaction: Transaction, workspace_id: bytes, merge_id: bytes) -> StoredMerge | None:
    """One move of a fragment."""
    found = select(transaction, StoredMerge, "merge", "workspace_id = ? AND merge_id = ?", workspace_id, merge_id)
    return found[0] if found else None


def moves_with(transaction: Transaction, workspace_id: bytes, row: StoredMerge) -> list[StoredMerge]:
    """The moves that were one merge with this one: from the same profile to the same at the same time."""
    where = "workspace_id = ? AND into_profile = ? AND from_profile = ? AND merged_at = ? AND kind = ?"
    return select(
        transaction, StoredMerge, "merge", where, workspace_id,
        row.into_profile, row.from_profile, row.merged_at, row.kind,
    )  # fmt: skip
