"""Identifiers, links, fragments and merges: the graph from which profiles are computed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from registry.model.clock import Micros
from registry.model.ids import BlindIndex, FragmentId, ProfileId, SourceId
from registry.model.stored import Fragment, StoredIdentifier, StoredLink, StoredMerge, StoredRefusal
from registry.store.database import Transaction
from registry.store.rows import execute_many, insert, probe, query, select, select_in, select_pairs


def lock(transaction: Transaction, workspace_id: bytes) -> bool:
    """Let nobody else change who is who in this workspace until the transaction ends; whether somebody may have before.

    SQLite's writers already stand in line; on PostgreSQL it is an advisory lock, which batches
    take only when they bring a new identifier or link.
    """
    if transaction.dialect.name == "sqlite":
        return False
    query(transaction, "SELECT pg_advisory_xact_lock(?)", int.from_bytes(workspace_id[-8:], "big", signed=True))
    return True


def fragments_by_index(
    transaction: Transaction, workspace_id: bytes, indexes: Collection[BlindIndex]
) -> dict[BlindIndex, Fragment]:
    """The fragments that hang on the known ones among these identifiers: each anchors one from its first sight."""
    found = select_in(transaction, Fragment, "fragment", workspace_id, "anchor", indexes)
    return {row.anchor: row for row in found}


def identifiers_of(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]
) -> list[StoredIdentifier]:
    """The identifiers that these fragments hang on, oldest first."""
    found = select_in(transaction, StoredIdentifier, "identifier", workspace_id, "fragment_id", fragment_ids)
    return sorted(found, key=lambda row: (row.first_seen_at, row.blind_index))


def identifiers_after(
    transaction: Transaction, workspace_id: bytes, after: bytes, limit: int
) -> list[StoredIdentifier]:
    """Up to `limit` identifiers whose fragments have ids after `after`, in their order."""
    where = "workspace_id = ? AND fragment_id > ? ORDER BY fragment_id LIMIT ?"
    return select(transaction, StoredIdentifier, "identifier", where, workspace_id, after, limit)


def add_identifiers(transaction: Transaction, rows: Sequence[StoredIdentifier]) -> None:
    """Store the identifiers that new fragments hang on."""
    insert(transaction, "identifier", rows)


def add_links(transaction: Transaction, rows: Sequence[StoredLink]) -> None:
    """Store claims; a pair that the same source has linked before keeps its first message."""
    clause = "ON CONFLICT (workspace_id, low, high, source_id) DO NOTHING"
    insert(transaction, "link", rows, on_conflict=clause)


class _Asserted(NamedTuple):
    """The key of a link alone, which the index holds: the row need not be looked up."""

    low: BlindIndex
    high: BlindIndex
    source_id: SourceId


def known_pairs(
    transaction: Transaction, workspace_id: bytes, pairs: Collection[tuple[BlindIndex, BlindIndex]]
) -> set[tuple[BlindIndex, BlindIndex, SourceId]]:
    """The (low, high, source) of every link of these pairs."""
    return set(select_pairs(transaction, _Asserted, "link", workspace_id, pairs))


def links_touching(transaction: Transaction, workspace_id: bytes, indexes: Collection[BlindIndex]) -> list[StoredLink]:
    """Every link with one of these identifiers at either end."""
    low = select_in(transaction, StoredLink, "link", workspace_id, "low", indexes)
    high = select_in(transaction, StoredLink, "link", workspace_id, "high", indexes)
    return list({(row.low, row.high, row.source_id): row for row in low + high}.values())


def pairs_touching(
    transaction: Transaction, workspace_id: bytes, indexes: Collection[BlindIndex]
) -> set[tuple[BlindIndex, BlindIndex]]:
    """The (low, high) of every link with one of these identifiers at either end, read from the indexes alone."""
    ends = (("low", "high"), ("high", "low"))
    found = [probe(transaction, f"{key}, {other}", "link held", key, workspace_id, indexes) for key, other in ends]
    return {(row[0], row[1]) for row in found[0]} | {(row[1], row[0]) for row in found[1]}


def refusals_of(
    transaction: Transaction, workspace_id: bytes, pairs: Collection[tuple[BlindIndex, BlindIndex]]
) -> list[StoredRefusal]:
    """The refused ones among these links."""
    return select_pairs(transaction, StoredRefusal, "refused_link", workspace_id, pairs)


def replace_refusals(
    transaction: Transaction,
    workspace_id: bytes,
    links: Collection[tuple[BlindIndex, BlindIndex]],
    rows: Sequence[StoredRefusal],
) -> None:
    """Put the refusals among the recomputed links in the place of the earlier ones; one that stands
    for the same reason keeps its time.
    """
    now = {(row.low, row.high): row for row in rows}
    before = {(row.low, row.high): row for row in refusals_of(transaction, workspace_id, links)}
    gone = [pair for pair, row in before.items() if pair not in now or now[pair].reason != row.reason]
    sql = "DELETE FROM refused_link WHERE workspace_id = ? AND low = ? AND high = ?"
    execute_many(transaction, sql, [(workspace_id, *pair) for pair in sorted(gone)])
    fresh = [row for pair, row in now.items() if pair not in before or pair in set(gone)]
    insert(transaction, "refused_link", sorted(fresh))


def add_fragments(transaction: Transaction, rows: Sequence[Fragment]) -> None:
    """Store new fragments."""
    insert(transaction, "fragment", rows)


def fragments(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]
) -> dict[FragmentId, Fragment]:
    """The known ones among these fragments."""
    found = select_in(transaction, Fragment, "fragment", workspace_id, "fragment_id", fragment_ids)
    return {row.fragment_id: row for row in found}


def fragments_after(transaction: Transaction, workspace_id: bytes, after: bytes, limit: int) -> list[Fragment]:
    """Up to `limit` fragments with ids after `after`, in their order."""
    where = "workspace_id = ? AND fragment_id > ? ORDER BY fragment_id LIMIT ?"
    return select(transaction, Fragment, "fragment", where, workspace_id, after, limit)


def fragments_of_profiles(
    transaction: Transaction, workspace_id: bytes, profile_ids: Collection[ProfileId]
) -> list[Fragment]:
    """Every fragment of these profiles, in the order of their birth."""
    found = select_in(transaction, Fragment, "fragment", workspace_id, "profile_id", profile_ids)
    return sorted(found, key=lambda row: (row.created_at, row.fragment_id))


def profiles_after(transaction: Transaction, workspace_id: bytes, after: bytes, limit: int) -> list[ProfileId]:
    """Up to `limit` profiles with ids after `after`, in their order: a profile has its oldest fragment's id."""
    where = "workspace_id = ? AND fragment_id > ? AND profile_id = fragment_id ORDER BY fragment_id LIMIT ?"
    return [row.profile_id for row in select(transaction, Fragment, "fragment", where, workspace_id, after, limit)]


def profile_of(transaction: Transaction, workspace_id: bytes, index: BlindIndex) -> ProfileId | None:
    """The profile of the person behind an identifier."""
    found = select(transaction, Fragment, "fragment", "workspace_id = ? AND anchor = ?", workspace_id, index)
    return found[0].profile_id if found else None


def repoint(transaction: Transaction, workspace_id: bytes, placed: Iterable[Fragment]) -> None:
    """Write where these fragments now stand: their profile, their side, and since when."""
    sql = (
        "UPDATE fragment SET profile_id = ?, origin_profile_id = ?, joined_at = ?, state_version = state_version + 1 "
        "WHERE workspace_id = ? AND fragment_id = ?"
    )
    values = [(f.profile_id, f.origin_profile_id, f.joined_at, workspace_id, f.fragment_id) for f in placed]
    execute_many(transaction, sql, values)


def bump(transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]) -> None:
    """Raise the state version of fragments: whatever was cached of them is stale."""
    sql = "UPDATE fragment SET state_version = state_version + 1 WHERE workspace_id = ? AND fragment_id = ?"
    execute_many(transaction, sql, [(workspace_id, fragment) for fragment in sorted(fragment_ids)])


def add_merges(transaction: Transaction, rows: Sequence[StoredMerge]) -> None:
    """Record moves of fragments."""
    insert(transaction, "merge", rows)


def parted_since(transaction: Transaction, workspace_id: bytes, since: Micros) -> bool:
    """Whether anybody was parted from somebody else since a moment."""
    sql = "SELECT 1 FROM merge WHERE workspace_id = ? AND kind = 'split' AND merged_at >= ? LIMIT 1"
    return bool(query(transaction, sql, workspace_id, since))


def merges_of(transaction: Transaction, workspace_id: bytes, profile_id: ProfileId) -> list[StoredMerge]:
    """The moves into and out of a profile, oldest first."""
    found: set[StoredMerge] = set()
    for end in ("into_profile", "from_profile"):  # each by its own index: with OR, SQLite reads everybody's
        where = f"workspace_id = ? AND {end} = ?"
        found.update(select(transaction, StoredMerge, "merge", where, workspace_id, profile_id))
    return sorted(found, key=lambda row: (row.merged_at, row.merge_id))


def moves_of(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]
) -> dict[FragmentId, list[StoredMerge]]:
    """Every move of these fragments, oldest first."""
    moves: dict[FragmentId, list[StoredMerge]] = {}
    found = select_in(transaction, StoredMerge, "merge", workspace_id, "fragment_id", fragment_ids)
    for row in sorted(found, key=lambda row: (row.merged_at, row.merge_id)):
        moves.setdefault(row.fragment_id, []).append(row)
    return moves
