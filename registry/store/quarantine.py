"""What did not reach a profile: violations, quarantined messages, refused messages, suppressions."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from registry.model.ids import BlindIndex, FragmentId, MessageKey
from registry.model.stored import Quarantined, QuarantineSubject, RefusedMessage, StoredViolation, Suppression
from registry.store.database import Transaction
from registry.store.rows import delete_in, insert, query, select, select_in


def add_violations(transaction: Transaction, rows: Sequence[StoredViolation]) -> None:
    """Append violations."""
    insert(transaction, "violation", rows)


def violations(
    transaction: Transaction, workspace_id: bytes, limit: int, before: bytes | None = None
) -> list[StoredViolation]:
    """The latest violations, newest first, older than the id `before` if given."""
    if before is None:
        where = "workspace_id = ? ORDER BY violation_id DESC LIMIT ?"
        return select(transaction, StoredViolation, "violation", where, workspace_id, limit)
    where = "workspace_id = ? AND violation_id < ? ORDER BY violation_id DESC LIMIT ?"
    return select(transaction, StoredViolation, "violation", where, workspace_id, before, limit)


def violations_of(transaction: Transaction, workspace_id: bytes, key: MessageKey) -> list[StoredViolation]:
    """The violations of one message."""
    where = "workspace_id = ? AND message_key = ? ORDER BY violation_id"
    return select(transaction, StoredViolation, "violation", where, workspace_id, key)


def violation_counts(transaction: Transaction, workspace_id: bytes) -> list[tuple[str | None, str, str, int]]:
    """How often each (plan event, code, path) was broken, most frequent first."""
    sql = (
        "SELECT plan_event, code, path, count(*) AS n FROM violation WHERE workspace_id = ? "
        "GROUP BY plan_event, code, path ORDER BY n DESC, code, path"
    )
    return [tuple(row) for row in query(transaction, sql, workspace_id)]


SUMMARY_DIMENSIONS: dict[str, str] = {
    "event": "plan_event",
    "property": "path",
    "rule": "rule",
    "code": "code",
    "source": "source_id",
    "plan": "plan_version",
    "app_version": "app_version",
    "day": "received_at / 86400000000",
}
"""What violations can be counted by, and the SQL of each; a day is a number of days since 1970."""


def violation_summary(
    transaction: Transaction, workspace_id: bytes, by: Sequence[str], since: int, limit: int
) -> list[tuple[object, ...]]:
    """Violations counted by some dimensions, most frequent first: each dimension, count, first and last time seen.

    Args:
        by: of `SUMMARY_DIMENSIONS`, at least one.
        since: only those received then or later, in microseconds.
    """
    columns = ", ".join(SUMMARY_DIMENSIONS[name] for name in by)
    places = ", ".join(str(place) for place in range(1, len(by) + 1))
    sql = (
        f"SELECT {columns}, count(*), min(received_at), max(received_at) FROM violation "
        f"WHERE workspace_id = ? AND received_at >= ? GROUP BY {places} ORDER BY {len(by) + 1} DESC, {places} LIMIT ?"
    )
    return [tuple(row) for row in query(transaction, sql, workspace_id, since, limit)]


def violations_after(transaction: Transaction, workspace_id: bytes, after: bytes, limit: int) -> list[StoredViolation]:
    """The next violations after an id, oldest first: for following them."""
    where = "workspace_id = ? AND violation_id > ? ORDER BY violation_id LIMIT ?"
    return select(transaction, StoredViolation, "violation", where, workspace_id, after, limit)


def add(transaction: Transaction, rows: Sequence[Quarantined], subjects: Sequence[QuarantineSubject]) -> None:
    """Put rejected messages into quarantine, and remember whom they are about."""
    insert(transaction, "quarantine", rows)
    insert(transaction, "quarantine_subject", subjects)


def of_message(transaction: Transaction, workspace_id: bytes, key: MessageKey) -> Quarantined | None:
    """The quarantined message with this key."""
    where = "workspace_id = ? AND message_key = ?"
    found = select(transaction, Quarantined, "quarantine", where, workspace_id, key)
    return found[0] if found else None


def about(transaction: Transaction, workspace_id: bytes, indexes: Collection[BlindIndex]) -> list[FragmentId]:
    """The ids of the quarantined messages about any of these identifiers."""
    rows = select_in(transaction, QuarantineSubject, "quarantine_subject", workspace_id, "blind_index", indexes)
    return sorted({row.quarantine_id for row in rows})


def subjects(transaction: Transaction, workspace_id: bytes, ids: Collection[FragmentId]) -> list[QuarantineSubject]:
    """Whom these quarantined messages are about."""
    return select_in(transaction, QuarantineSubject, "quarantine_subject", workspace_id, "quarantine_id", ids)


def opened(transaction: Transaction, workspace_id: bytes, ids: Collection[FragmentId]) -> list[Quarantined]:
    """The quarantined messages with these ids."""
    return select_in(transaction, Quarantined, "quarantine", workspace_id, "quarantine_id", ids)


def delete_violations(transaction: Transaction, workspace_id: bytes, ids: Collection[bytes]) -> int:
    """Delete these violations; how many there were."""
    return delete_in(transaction, "violation", workspace_id, "violation_id", ids)


def erase(transaction: Transaction, workspace_id: bytes, ids: Collection[FragmentId]) -> int:
    """Delete quarantined messages and their violations; how many messages there were."""
    keys = [row.message_key for row in opened(transaction, workspace_id, ids)]
    delete_in(transaction, "violation", workspace_id, "message_key", keys)
    delete_in(transaction, "quarantine_subject", workspace_id, "quarantine_id", ids)
    return delete_in(transaction, "quarantine", workspace_id, "quarantine_id", ids)


def release(transaction: Transaction, workspace_id: bytes, keys: Collection[MessageKey]) -> None:
    """Delete the quarantined messages with these keys, which were let in after all."""
    rows = select_in(transaction, Quarantined, "quarantine", workspace_id, "message_key", keys)
    erase(transaction, workspace_id, [row.quarantine_id for row in rows])


def page(
    transaction: Transaction, workspace_id: bytes, source_id: bytes | None, after: bytes, limit: int
) -> list[Quarantined]:
    """The next quarantined messages, of one source if given, oldest first, after the id `after`."""
    where = "workspace_id = ? AND quarantine_id > ?"
    parameters: list[object] = [workspace_id, after]
    if source_id is not None:
        where += " AND source_id = ?"
        parameters.append(source_id)
    where += " ORDER BY quarantine_id LIMIT ?"
    return select(transaction, Quarantined, "quarantine", where, *parameters, limit)


def waiting(transaction: Transaction, workspace_id: bytes, source_id: bytes | None) -> int:
    """How many messages lie in quarantine, of one source if given."""
    sql = "SELECT count(*) FROM quarantine WHERE workspace_id = ?"
    if source_id is None:
        return int(query(transaction, sql, workspace_id)[0][0])
    return int(query(transaction, f"{sql} AND source_id = ?", workspace_id, source_id)[0][0])


def add_refused(transaction: Transaction, rows: Sequence[RefusedMessage]) -> None:
    """Remember messages that were neither stored nor quarantined."""
    insert(transaction, "refused_message", rows, on_conflict="ON CONFLICT (workspace_id, message_key) DO NOTHING")


def refused(transaction: Transaction, workspace_id: bytes, key: MessageKey) -> RefusedMessage | None:
    """The refused message with this key."""
    where = "workspace_id = ? AND message_key = ?"
    found = select(transaction, RefusedMessage, "refused_message", where, workspace_id, key)
    return found[0] if found else None


def hold_suppressions(transaction: Transaction, workspace_id: bytes, *, exclusive: bool = False) -> None:
    """Let nobody be suppressed until the transaction ends; `exclusive` waits for all who hold so.

    Whoever has found a person not suppressed may still be writing about them: an erasure waits for
    them before it looks for what is there. SQLite has one writer anyway.
    """
    if transaction.dialect.name != "sqlite":
        kind = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
        query(transaction, f"SELECT {kind}(hashtext(?), hashtext(?))", "suppression", workspace_id.hex())


def suppressed(transaction: Transaction, workspace_id: bytes, keys: Collection[bytes]) -> set[bytes]:
    """The suppressed ones among these suppression keys; the answer holds until the transaction ends."""
    if keys:
        hold_suppressions(transaction, workspace_id)
    return {row.suppression_key for row in suppressions(transaction, workspace_id, keys)}


def suppressions(transaction: Transaction, workspace_id: bytes, keys: Collection[bytes]) -> list[Suppression]:
    """What is remembered under these suppression keys, to be told; whoever writes asks `suppressed`."""
    return select_in(transaction, Suppression, "suppression", workspace_id, "suppression_key", keys)


def suppress(transaction: Transaction, rows: Sequence[Suppression]) -> None:
    """Remember that these identifiers must not be re-created."""
    clause = "ON CONFLICT (workspace_id, suppression_key) DO NOTHING"
    insert(transaction, "suppression", rows, on_conflict=clause)
