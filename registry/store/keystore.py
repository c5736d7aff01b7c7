"""The keystore's rows: wrapped bundles, wrapped workspace secrets, the erasure ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from registry.model.ids import FragmentId
from registry.model.stored import ErasureOrder, Suppression, WrappedBundle, WrappedSecret
from registry.store.database import Transaction
from registry.store.rows import delete_in, insert, query, select, select_in

NEWER = (
    "ON CONFLICT (workspace_id, fragment_id) DO UPDATE SET generation = excluded.generation, "
    "revision = excluded.revision, wrapped = excluded.wrapped WHERE key_bundle.revision < excluded.revision"
)


def bundles(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId], *, lock: bool = False
) -> dict[FragmentId, WrappedBundle]:
    """The bundles of those of these fragments that have one; with `lock`, held for rewriting."""
    found = select_in(transaction, WrappedBundle, "key_bundle", workspace_id, "fragment_id", fragment_ids, lock=lock)
    return {row.fragment_id: row for row in found}


def put_bundles(transaction: Transaction, rows: Sequence[WrappedBundle]) -> None:
    """Store bundles; one of a higher revision that stands already is kept."""
    insert(transaction, "key_bundle", rows, on_conflict=NEWER)


def shred_bundles(transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]) -> int:
    """Delete bundles: what they opened can never be opened again. How many there were."""
    return delete_in(transaction, "key_bundle", workspace_id, "fragment_id", fragment_ids)


def bundle_counts(transaction: Transaction, workspace_id: bytes) -> dict[int, int]:
    """How many bundles are wrapped under each KEK generation."""
    sql = "SELECT generation, count(*) FROM key_bundle WHERE workspace_id = ? GROUP BY generation"
    return {int(row[0]): int(row[1]) for row in query(transaction, sql, workspace_id)}


def lock_generations(transaction: Transaction, workspace_id: bytes, *, exclusive: bool) -> None:
    """Keep a KEK generation from being destroyed while bundles are being wrapped under it.

    Writers of bundles hold the lock together, the destroyer alone; SQLite has one writer anyway.
    """
    if transaction.dialect.name == "sqlite":
        return
    kind = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
    query(transaction, f"SELECT {kind}(hashtext(?), hashtext(?))", "generations", workspace_id.hex())


def bundles_after(
    transaction: Transaction, workspace_id: bytes, generation: int, after: bytes, limit: int, *, lock: bool = False
) -> list[WrappedBundle]:
    """Up to `limit` bundles under a generation with fragment ids after `after`, in their order; with
    `lock`, held for rewriting.
    """
    where = "workspace_id = ? AND generation = ? AND fragment_id > ? ORDER BY fragment_id LIMIT ?"
    if lock and transaction.dialect.name != "sqlite":
        where += " FOR UPDATE"
    return select(transaction, WrappedBundle, "key_bundle", where, workspace_id, generation, after, limit)


def holders_after(transaction: Transaction, workspace_id: bytes, after: bytes, limit: int) -> list[FragmentId]:
    """Up to `limit` ids that have a bundle, after `after`, in their order."""
    sql = "SELECT fragment_id FROM key_bundle WHERE workspace_id = ? AND fragment_id > ? ORDER BY fragment_id LIMIT ?"
    return [FragmentId(bytes(row[0])) for row in query(transaction, sql, workspace_id, after, limit)]


def secrets(transaction: Transaction, workspace_id: bytes) -> list[WrappedSecret]:
    """The workspace's own keys, oldest version first."""
    where = "workspace_id = ? ORDER BY name, version"
    return select(transaction, WrappedSecret, "workspace_secret", where, workspace_id)


def put_secrets(transaction: Transaction, rows: Sequence[WrappedSecret]) -> None:
    """Store a workspace's own keys, or re-wrapped forms of them."""
    clause = (
        "ON CONFLICT (workspace_id, name, version) DO UPDATE SET "
        "generation = excluded.generation, wrapped = excluded.wrapped"
    )
    insert(transaction, "workspace_secret", rows, on_conflict=clause)


def order_erasure(transaction: Transaction, rows: Sequence[ErasureOrder]) -> None:
    """Write erasures into the ledger, before the first destructive step; repeating adds nothing."""
    insert(transaction, "erasure", rows, on_conflict="ON CONFLICT (workspace_id, fragment_id) DO NOTHING")


def erasure_ledger(transaction: Transaction, workspace_id: bytes) -> list[ErasureOrder]:
    """Every erasure ever ordered, oldest first."""
    where = "workspace_id = ? ORDER BY ordered_at, fragment_id"
    return select(transaction, ErasureOrder, "erasure", where, workspace_id)


def remember_suppressions(transaction: Transaction, rows: Sequence[Suppression]) -> None:
    """Write suppressions into the ledger, too: a restore of older data needs them again."""
    clause = "ON CONFLICT (workspace_id, suppression_key) DO NOTHING"
    insert(transaction, "erased_identifier", rows, on_conflict=clause)


def remembered_suppressions(transaction: Transaction, workspace_id: bytes) -> list[Suppression]:
    """Every suppression of the ledger."""
    where = "workspace_id = ? ORDER BY suppressed_at, suppression_key"
    return select(transaction, Suppression, "erased_identifier", where, workspace_id)


def ordered_among(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId]
) -> set[FragmentId]:
    """Those of these fragments whose erasure was ordered: no bundle may be made for them again."""
    rows = select_in(transaction, ErasureOrder, "erasure", workspace_id, "fragment_id", fragment_ids)
    return {row.fragment_id for row in rows}
