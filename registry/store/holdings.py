"""Legal holds, and what erasures set aside for them and for statutory duties."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from registry.model.clock import Micros
from registry.model.ids import BlindIndex, FragmentId, RequestId
from registry.model.stored_holding import LegalHold, RetainedCase, RetainedItem
from registry.store.database import Transaction
from registry.store.rows import chunks, delete_in, execute, execute_many, insert, query, select, select_in


def add_hold(transaction: Transaction, hold: LegalHold, indexes: Collection[BlindIndex]) -> None:
    """Store a hold, with whom it is about."""
    insert(transaction, "legal_hold", [hold])
    sql = "INSERT INTO hold_subject (workspace_id, hold_id, blind_index) VALUES (?, ?, ?)"
    execute_many(transaction, sql, [(hold.workspace_id, hold.hold_id, index) for index in sorted(indexes)])


def holds(transaction: Transaction, workspace_id: bytes) -> list[LegalHold]:
    """Every hold, newest first."""
    return select(transaction, LegalHold, "legal_hold", "workspace_id = ? ORDER BY hold_id DESC", workspace_id)


def hold(transaction: Transaction, workspace_id: bytes, hold_id: bytes) -> LegalHold | None:
    """One hold."""
    found = select(transaction, LegalHold, "legal_hold", "workspace_id = ? AND hold_id = ?", workspace_id, hold_id)
    return found[0] if found else None


def release(transaction: Transaction, workspace_id: bytes, hold_id: bytes, actor: str, now: Micros) -> bool:
    """Release a hold, and forget whom it was about; False when it was released before."""
    sql = (
        "UPDATE legal_hold SET released_by = ?, released_at = ? "
        "WHERE workspace_id = ? AND hold_id = ? AND released_at IS NULL"
    )
    execute(transaction, "DELETE FROM hold_subject WHERE workspace_id = ? AND hold_id = ?", workspace_id, hold_id)
    return execute(transaction, sql, actor, now, workspace_id, hold_id) == 1


def lapsed(transaction: Transaction, workspace_id: bytes, now: Micros) -> list[bytes]:
    """The holds whose time is over, and of which it is still known whom they are about."""
    sql = (
        "SELECT hold_id FROM legal_hold WHERE workspace_id = ? AND until <= ? AND EXISTS (SELECT 1 FROM hold_subject s "
        "WHERE s.workspace_id = legal_hold.workspace_id AND s.hold_id = legal_hold.hold_id)"
    )
    return [bytes(row[0]) for row in query(transaction, sql, workspace_id, now)]


def forget_subjects(transaction: Transaction, workspace_id: bytes, hold_ids: Collection[bytes]) -> None:
    """Forget whom holds were about."""
    delete_in(transaction, "hold_subject", workspace_id, "hold_id", hold_ids)


def holds_on(transaction: Transaction, workspace_id: bytes, indexes: Collection[BlindIndex]) -> list[LegalHold]:
    """The holds, those that have ended included, on whoever has one of these identifiers."""
    found: set[bytes] = set()
    for chunk in chunks(indexes):
        marks = ", ".join("?" * len(chunk))
        sql = f"SELECT hold_id FROM hold_subject WHERE workspace_id = ? AND blind_index IN ({marks})"
        found |= {bytes(row[0]) for row in query(transaction, sql, workspace_id, *chunk)}
    return sorted(select_in(transaction, LegalHold, "legal_hold", workspace_id, "hold_id", found))


def held_fragments(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId], now: Micros
) -> set[FragmentId]:
    """Those of these fragments on one of whose identifiers a hold stands."""
    if not query(transaction, "SELECT 1 FROM hold_subject WHERE workspace_id = ? LIMIT 1", workspace_id):
        return set()
    found: set[FragmentId] = set()
    for chunk in chunks(fragment_ids):
        marks = ", ".join("?" * len(chunk))
        sql = (
            "SELECT i.fragment_id FROM identifier i CROSS JOIN hold_subject s CROSS JOIN legal_hold h "
            f"WHERE i.workspace_id = ? AND i.fragment_id IN ({marks}) "
            "AND s.workspace_id = i.workspace_id AND s.blind_index = i.blind_index "
            "AND h.workspace_id = s.workspace_id AND h.hold_id = s.hold_id "
            "AND h.released_at IS NULL AND (h.until IS NULL OR h.until > ?)"
        )
        found |= {FragmentId(bytes(row[0])) for row in query(transaction, sql, workspace_id, *chunk, now)}
    return found


def held_indexes(
    transaction: Transaction, workspace_id: bytes, indexes: Collection[BlindIndex], now: Micros
) -> set[BlindIndex]:
    """Those of these identifiers, known or not, on which a hold stands."""
    found: set[BlindIndex] = set()
    for chunk in chunks(indexes):
        marks = ", ".join("?" * len(chunk))
        sql = (
            "SELECT s.blind_index FROM hold_subject s CROSS JOIN legal_hold h "
            f"WHERE s.workspace_id = ? AND s.blind_index IN ({marks}) "
            "AND h.workspace_id = s.workspace_id AND h.hold_id = s.hold_id "
            "AND h.released_at IS NULL AND (h.until IS NULL OR h.until > ?)"
        )
        found |= {BlindIndex(bytes(row[0])) for row in query(transaction, sql, workspace_id, *chunk, now)}
    return found


def add_cases(transaction: Transaction, cases: Sequence[RetainedCase]) -> None:
    """Store new cases."""
    insert(transaction, "retained_case", cases)


def newest_cases(
    transaction: Transaction, workspace_id: bytes, limit: int, before: bytes, *, of_duties: bool = False
) -> list[RetainedCase]:
    """Up to `limit` cases that are older than one, newest first; those of duties alone, where that is wanted."""
    only = "hold_id IS NULL AND " if of_duties else ""
    where = f"workspace_id = ? AND {only}case_id < ? ORDER BY case_id DESC LIMIT ?"
    return select(transaction, RetainedCase, "retained_case", where, workspace_id, before, limit)


def cases_of_holds(transaction: Transaction, workspace_id: bytes) -> list[RetainedCase]:
    """Every case of a hold, newest first; there are few, since each hold was placed by somebody."""
    where = "workspace_id = ? AND hold_id IS NOT NULL ORDER BY case_id DESC"
    return select(transaction, RetainedCase, "retained_case", where, workspace_id)


def cases(transaction: Transaction, workspace_id: bytes, request_id: RequestId) -> list[RetainedCase]:
    """The cases of one erasure, newest first."""
    where = "workspace_id = ? AND request_id = ? ORDER BY case_id DESC"
    return select(transaction, RetainedCase, "retained_case", where, workspace_id, request_id)


def open_cases(transaction: Transaction, workspace_id: bytes) -> list[RetainedCase]:
    """The cases that something is still kept in, oldest first."""
    where = "workspace_id = ? AND ended_at IS NULL ORDER BY case_id"
    return select(transaction, RetainedCase, "retained_case", where, workspace_id)


def over_cases(transaction: Transaction, workspace_id: bytes, now: Micros) -> list[RetainedCase]:
    """The cases that keep something that nothing asks for any more, oldest first: whose hold is over, or of a duty
    whose days are over for a value at least.
    """
    where = (
        "workspace_id = ? AND ended_at IS NULL AND (CASE WHEN hold_id IS NULL THEN case_id IN "
        "(SELECT i.case_id FROM retained_item i WHERE i.workspace_id = ? AND i.kept_until <= ?) OR NOT EXISTS "
        "(SELECT 1 FROM retained_item i WHERE i.workspace_id = ? AND i.case_id = retained_case.case_id) "
        "ELSE hold_id NOT IN (SELECT hold_id FROM legal_hold WHERE workspace_id = ? AND released_at IS NULL "
        "AND (until IS NULL OR until > ?)) END) ORDER BY case_id"
    )
    values = (workspace_id, workspace_id, now, workspace_id, workspace_id, now)
    return select(transaction, RetainedCase, "retained_case", where, *values)


def held_cases(transaction: Transaction, workspace_id: bytes) -> list[RetainedCase]:
    """The cases of holds, oldest first, that something is still kept in, or whose erasure still runs."""
    where = "workspace_id = ? AND hold_id IS NOT NULL AND ended_at IS NULL ORDER BY case_id"
    return select(transaction, RetainedCase, "retained_case", where, workspace_id)


def case(transaction: Transaction, workspace_id: bytes, case_id: bytes) -> RetainedCase | None:
    """One case."""
    where = "workspace_id = ? AND case_id = ?"
    found = select(transaction, RetainedCase, "retained_case", where, workspace_id, case_id)
    return found[0] if found else None


def write_case(transaction: Transaction, row: RetainedCase) -> None:
    """Write how many items a case has, how far its end has come, and how it ended."""
    sql = (
        "UPDATE retained_case SET items = ?, ended_at = ?, certificate = ?, progress = ? "
        "WHERE workspace_id = ? AND case_id = ? AND ended_at IS NULL"
    )
    written = (row.items, row.ended_at, row.certificate, row.progress)
    execute(transaction, sql, *written, row.workspace_id, row.case_id)


def add_items(transaction: Transaction, items: Sequence[RetainedItem]) -> None:
    """Store items; one that stands already is kept."""
    clause = "ON CONFLICT (workspace_id, case_id, item_id) DO NOTHING"
    insert(transaction, "retained_item", items, on_conflict=clause)


def items_after(
    transaction: Transaction, workspace_id: bytes, case_id: bytes, after: bytes, limit: int
) -> list[RetainedItem]:
    """Up to `limit` items of a case, after an item's id."""
    where = "workspace_id = ? AND case_id = ? AND item_id > ? ORDER BY item_id LIMIT ?"
    return select(transaction, RetainedItem, "retained_item", where, workspace_id, case_id, after, limit)


def count_items(transaction: Transaction, workspace_id: bytes, case_id: bytes) -> int:
    """How many items a case has."""
    sql = "SELECT count(*) FROM retained_item WHERE workspace_id = ? AND case_id = ?"
    return int(query(transaction, sql, workspace_id, case_id)[0][0])


def kept_until(transaction: Transaction, case: RetainedCase) -> Micros | None:
    """When the last of a case's items goes, by its hold or its duty's days; None where a hold waits for its release."""
    if case.hold_id is not None:
        found = hold(transaction, case.workspace_id, case.hold_id)
        return found.until if found is not None else None
    sql = "SELECT max(kept_until) FROM retained_item WHERE workspace_id = ? AND case_id = ?"
    return query(transaction, sql, case.workspace_id, case.case_id)[0][0]  # type: ignore[no-any-return]


def delete_items(transaction: Transaction, workspace_id: bytes, case_id: bytes, now: Micros | None) -> int:
    """Delete the items of a case whose time is over by `now`, or all of them; how many there were."""
    sql = "DELETE FROM retained_item WHERE workspace_id = ? AND case_id = ?"
    if now is None:
        return execute(transaction, sql, workspace_id, case_id)
    return execute(transaction, f"{sql} AND kept_until IS NOT NULL AND kept_until <= ?", workspace_id, case_id, now)


def items(
    transaction: Transaction, workspace_id: bytes, case_id: bytes, item_ids: Collection[bytes]
) -> list[RetainedItem]:
    """Those of these items of a case that there are."""
    marks = ", ".join("?" * len(item_ids))
    where = f"workspace_id = ? AND case_id = ? AND item_id IN ({marks})"
    return select(transaction, RetainedItem, "retained_item", where, workspace_id, case_id, *item_ids)


def put_item(transaction: Transaction, item: RetainedItem) -> None:
    """Store an item in the place of one of the same id."""
    drop_item(transaction, item.workspace_id, item.case_id, item.item_id)
    insert(transaction, "retained_item", [item])


def drop_item(transaction: Transaction, workspace_id: bytes, case_id: bytes, item_id: bytes) -> None:
    """Delete one item, if there is one."""
    sql = "DELETE FROM retained_item WHERE workspace_id = ? AND case_id = ? AND item_id = ?"
    execute(transaction, sql, workspace_id, case_id, item_id)


def events_by_rule(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId], since: Micros
) -> dict[tuple[str, str | None], int]:
    """How many events these fragments hold since a time, by plan version and event."""
    found: dict[tuple[str, str | None], int] = {}
    for chunk in chunks(fragment_ids):
        marks = ", ".join("?" * len(chunk))
        sql = (
            f"SELECT plan_version, plan_event, count(*) FROM event WHERE workspace_id = ? AND fragment_id IN ({marks}) "
            "AND received_at > ? GROUP BY plan_version, plan_event"
        )
        for plan, event, count in query(transaction, sql, workspace_id, *chunk, since):
            found[(str(plan), event)] = found.get((str(plan), event), 0) + int(count)
    return found
