"""Data subject requests: their rows, their transitions and their scope."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from registry.model.clock import Micros
from registry.model.ids import FragmentId, RequestId
from registry.model.stored import RequestEvent, StoredRequest
from registry.store.database import Transaction
from registry.store.rows import chunks, execute, execute_many, insert, query, select, select_in


def add(transaction: Transaction, request: StoredRequest) -> None:
    """Store a new request."""
    insert(transaction, "dsr_request", [request])


def get(transaction: Transaction, workspace_id: bytes, request_id: RequestId) -> StoredRequest | None:
    """One request."""
    where = "workspace_id = ? AND request_id = ?"
    found = select(transaction, StoredRequest, "dsr_request", where, workspace_id, request_id)
    return found[0] if found else None


def among(transaction: Transaction, workspace_id: bytes, ids: Collection[bytes]) -> list[StoredRequest]:
    """Those requests that have one of these ids, oldest first."""
    found = select_in(transaction, StoredRequest, "dsr_request", workspace_id, "request_id", ids)
    return sorted(found, key=lambda request: request.request_id)


def newest(
    transaction: Transaction, workspace_id: bytes, limit: int, before: bytes = b"\xff" * 17
) -> list[StoredRequest]:
    """The latest requests, newest first, older than the id `before` if given."""
    where = "workspace_id = ? AND request_id < ? ORDER BY request_id DESC LIMIT ?"
    return select(transaction, StoredRequest, "dsr_request", where, workspace_id, before, limit)


def of_pseudonym(transaction: Transaction, workspace_id: bytes, pseudonym: str, limit: int) -> list[StoredRequest]:
    """The latest requests of one pseudonym, newest first."""
    where = "workspace_id = ? AND pseudonym = ? ORDER BY request_id DESC LIMIT ?"
    return select(transaction, StoredRequest, "dsr_request", where, workspace_id, pseudonym, limit)


def about(
    transaction: Transaction, workspace_id: bytes, fragment_ids: Collection[FragmentId], pseudonyms: Collection[str]
) -> list[RequestId]:
    """Every request over any of these fragments, or of any of these pseudonyms, oldest first."""
    found: set[RequestId] = set()
    for table, column, values in (
        ("dsr_fragment", "fragment_id", fragment_ids),
        ("dsr_request", "pseudonym", pseudonyms),
    ):
        for chunk in chunks(values):
            marks = ", ".join("?" * len(chunk))
            sql = f"SELECT request_id FROM {table} WHERE workspace_id = ? AND {column} IN ({marks})"
            found |= {RequestId(bytes(row[0])) for row in query(transaction, sql, workspace_id, *chunk)}
    return sorted(found)


def answered(transaction: Transaction, workspace_id: bytes, ids: Collection[RequestId]) -> list[RequestId]:
    """Those of these requests that are completed and still hold, sealed, whom they named."""
    found: list[RequestId] = []
    for chunk in chunks(ids):
        marks = ", ".join("?" * len(chunk))
        sql = (
            "SELECT request_id FROM dsr_request WHERE workspace_id = ? AND state = 'completed' AND sealed IS NOT NULL "
            f"AND request_id IN ({marks}) ORDER BY request_id"
        )
        found += [RequestId(bytes(row[0])) for row in query(transaction, sql, workspace_id, *chunk)]
    return found


def sealed_since(transaction: Transaction, workspace_id: bytes, before: Micros) -> list[StoredRequest]:
    """The requests completed before a time that still hold, sealed, whom they named."""
    where = "workspace_id = ? AND state = 'completed' AND sealed IS NOT NULL AND completed_at < ?"
    found = select(transaction, StoredRequest, "dsr_request", where, workspace_id, before)
    return sorted(found, key=lambda request: request.request_id)


def unseal(transaction: Transaction, workspace_id: bytes, ids: Collection[RequestId]) -> None:
    """Take what requests had sealed out of their rows; its keys are gone before. No link leads to their packages."""
    for sql in (
        "UPDATE dsr_request SET sealed = NULL WHERE workspace_id = ? AND request_id = ?",
        "DELETE FROM package_link WHERE workspace_id = ? AND request_id = ?",
    ):
        execute_many(transaction, sql, [(workspace_id, request) for request in sorted(ids)])


def in_states(transaction: Transaction, workspace_id: bytes, states: Sequence[str]) -> list[StoredRequest]:
    """The requests in any of these states, oldest first."""
    marks = ", ".join("?" * len(states))
    where = f"workspace_id = ? AND state IN ({marks})"  # for an order, SQLite would read all there ever were
    found = select(transaction, StoredRequest, "dsr_request", where, workspace_id, *states)
    return sorted(found, key=lambda request: request.request_id)


def sought(
    transaction: Transaction,
    workspace_id: bytes,
    states: Sequence[str],
    *,
    kind: str | None,
    jurisdiction: str | None,
    limit: int,
    after: StoredRequest | None,
) -> list[StoredRequest]:
    """The requests in any of these states, of a kind and under a law where these are named, by deadline, the next
    first; after a request of the page before.
    """
    where = f"workspace_id = ? AND state IN ({', '.join('?' * len(states))})"
    values: list[object] = [workspace_id, *states]
    for column, value in (("kind", kind), ("jurisdiction", jurisdiction)):
        if value is not None:
            where += f" AND {column} = ?"
            values.append(value)
    if after is not None:
        where += " AND (respond_by, request_id) > (?, ?)"
        values += [after.respond_by, after.request_id]
    where += " ORDER BY respond_by, request_id LIMIT ?"
    return select(transaction, StoredRequest, "dsr_request", where, *values, limit)


def fared_since(transaction: Transaction, workspace_id: bytes, since: Micros) -> list[tuple[Any, ...]]:
    """Of every request received since a time or still open: kind, jurisdiction, state, received, deadline, completion,
    and how often its answer was put off.
    """
    sql = (
        "SELECT r.kind, r.jurisdiction, r.state, r.received_at, r.respond_by, r.completed_at, "
        "(SELECT count(*) FROM dsr_event e WHERE e.workspace_id = r.workspace_id AND e.request_id = r.request_id "
        "AND e.action = 'extend') FROM dsr_request r WHERE r.workspace_id = ? "
        "AND (r.received_at >= ? OR r.state NOT IN ('completed', 'refused', 'cancelled'))"
    )
    return [tuple(row) for row in query(transaction, sql, workspace_id, since)]


def move(transaction: Transaction, request: StoredRequest, *, was: str) -> bool:
    """Write a request's new state, progress and outcome; False when it was no longer in `was`.

    Its deadline is not among them: it may be put off while somebody else works on the request (`put_off`). A profile is
    forgotten with it, or stays as it is: who was erased while somebody worked on the request does not come back.
    """
    sql = (
        "UPDATE dsr_request SET state = ?, profile_id = CASE WHEN ? = 1 THEN profile_id END, approved_by = ?, "
        "completed_at = ?, progress = ?, certificate = ?, approved_owner = ?, sealed = ?, due_at = ?, reason = ? "
        "WHERE workspace_id = ? AND request_id = ? AND state = ?"
    )
    values = (request.state, int(request.profile_id is not None), request.approved_by, request.completed_at)
    key = (request.workspace_id, request.request_id, was)
    sealed = (request.sealed, request.due_at, request.reason)
    more = (request.progress, request.certificate, request.approved_owner, *sealed)
    return execute(transaction, sql, *values, *more, *key) == 1


def put_off(transaction: Transaction, request: StoredRequest, respond_by: Micros) -> None:
    """Write until when a request is to be answered."""
    sql = "UPDATE dsr_request SET respond_by = ? WHERE workspace_id = ? AND request_id = ?"
    execute(transaction, sql, respond_by, request.workspace_id, request.request_id)


def note_progress(transaction: Transaction, request: StoredRequest) -> None:
    """Write the progress of a request that has ended, and no more: its certificate may be issued anew meanwhile."""
    sql = "UPDATE dsr_request SET progress = ? WHERE workspace_id = ? AND request_id = ?"
    execute(transaction, sql, request.progress, request.workspace_id, request.request_id)


def hasten(transaction: Transaction, request: StoredRequest, due_at: Micros) -> bool:
    """Write when a request that waits is tried again, and nothing else: it may be worked on at this moment."""
    sql = "UPDATE dsr_request SET due_at = ? WHERE workspace_id = ? AND request_id = ? AND state = ?"
    return execute(transaction, sql, due_at, request.workspace_id, request.request_id, request.state) == 1


def acknowledge(transaction: Transaction, workspace_id: bytes, request_id: RequestId, at: Micros) -> bool:
    """Note that the receipt was acknowledged, the first time; False when it was before."""
    sql = "UPDATE dsr_request SET acknowledged_at = ? WHERE workspace_id = ? AND request_id = ? "
    return execute(transaction, f"{sql}AND acknowledged_at IS NULL", at, workspace_id, request_id) == 1


def accept_mandate(transaction: Transaction, workspace_id: bytes, request_id: RequestId, at: Micros) -> None:
    """Note that an officer has accepted the mandate of the request's agent."""
    sql = "UPDATE dsr_request SET mandate_checked_at = ? WHERE workspace_id = ? AND request_id = ?"
    execute(transaction, sql, at, workspace_id, request_id)


def hold(transaction: Transaction, workspace_id: bytes, request_id: RequestId) -> None:
    """Let nobody else write a request's history until the transaction ends; SQLite's writers stand in line anyway."""
    if transaction.dialect.name != "sqlite":
        sql = "SELECT 1 FROM dsr_request WHERE workspace_id = ? AND request_id = ? FOR UPDATE"
        query(transaction, sql, workspace_id, request_id)


def add_event(
    transaction: Transaction,
    request: StoredRequest,
    *,
    action: str,
    actor: str,
    at: Micros,
    details: str | None = None,
) -> None:
    """Append a transition to the request's history; `details` is JSON of words and times."""
    hold(transaction, request.workspace_id, request.request_id)
    sql = "SELECT count(*) FROM dsr_event WHERE workspace_id = ? AND request_id = ?"
    position = int(query(transaction, sql, request.workspace_id, request.request_id)[0][0])
    row = RequestEvent(request.workspace_id, request.request_id, position, action, request.state, actor, at, details)
    insert(transaction, "dsr_event", [row])


def events(transaction: Transaction, workspace_id: bytes, request_id: RequestId) -> list[RequestEvent]:
    """The request's history, oldest first."""
    where = "workspace_id = ? AND request_id = ? ORDER BY position"
    return select(transaction, RequestEvent, "dsr_event", where, workspace_id, request_id)


def set_scope(
    transaction: Transaction, workspace_id: bytes, request_id: RequestId, fragment_ids: Sequence[FragmentId]
) -> None:
    """Remember the fragments that a request is about, and no others."""
    sql = "DELETE FROM dsr_fragment WHERE workspace_id = ? AND request_id = ?"
    execute(transaction, sql, workspace_id, request_id)
    sql = (
        "INSERT INTO dsr_fragment (workspace_id, request_id, fragment_id) VALUES (?, ?, ?) "
        "ON CONFLICT (workspace_id, request_id, fragment_id) DO NOTHING"
    )
    execute_many(transaction, sql, [(workspace_id, request_id, fragment) for fragment in sorted(fragment_ids)])


def scope(transaction: Transaction, workspace_id: bytes, request_id: RequestId) -> list[FragmentId]:
    """The fragments that a request is about."""
    sql = "SELECT fragment_id FROM dsr_fragment WHERE workspace_id = ? AND request_id = ? ORDER BY fragment_id"
    return [FragmentId(bytes(row[0])) for row in query(transaction, sql, workspace_id, request_id)]


def kept_of(
    transaction: Transaction, workspace_id: bytes, request_id: RequestId, fragment_ids: Sequence[FragmentId]
) -> dict[str, int]:
    """How many rows an erasure leaves, by table: of the request itself, and of the audit log about these fragments."""
    told = query(
        transaction,
        "SELECT count(*) FROM dsr_event WHERE workspace_id = ? AND request_id = ?", workspace_id, request_id,
    )  # fmt: skip
    sent = query(
        transaction,
        "SELECT count(*) FROM opendsr_request WHERE workspace_id = ? AND request_id = ?", workspace_id, request_id,
    )  # fmt: skip
    came = {
        table: int(
            query(
                transaction, f"SELECT count(*) FROM {table} WHERE workspace_id = ? AND request_id = ?",
                workspace_id, request_id,
            )[0][0]
        )
        for table in ("dsr_reference", "dsr_letter")
    }  # fmt: skip
    entries = 0
    for chunk in chunks(fragment_ids):
        marks = ", ".join("?" * len(chunk))
        sql = f"SELECT count(*) FROM audit_detail WHERE workspace_id = ? AND fragment_id IN ({marks})"
        entries += int(query(transaction, sql, workspace_id, *chunk)[0][0])
    requested = {"dsr_request": 1, "dsr_event": int(told[0][0]), "opendsr_request": int(sent[0][0])}
    return requested | came | {"audit_entry": entries, "refused_message": 0}
