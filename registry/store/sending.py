"""That something is on its way to a receiver: noted before it leaves, forgotten once it is answered.

A process that is killed leaves it noted: whoever sends next notes until when what that had sent may still be taken.
"""

from __future__ import annotations

from typing import Literal

from registry.model.clock import Micros
from registry.store.database import Transaction
from registry.store.rows import execute, query

Receiver = Literal["webhook", "destination"]


def begin(
    transaction: Transaction, workspace_id: bytes, what: Receiver, receiver_id: bytes, now: Micros, within: Micros
) -> None:
    """Note that something is on its way.

    Args:
        within: for how long what is on its way may be, once nobody is sending any more.
    """
    sql = (
        f"UPDATE {what} SET left_until = CASE WHEN sending_since IS NULL THEN left_until ELSE ? END, "
        f"sending_since = ? WHERE workspace_id = ? AND {what}_id = ?"
    )
    execute(transaction, sql, now + within, now, workspace_id, receiver_id)


def end(transaction: Transaction, workspace_id: bytes, what: Receiver, receiver_id: bytes) -> None:
    """Note that it has been answered."""
    sql = f"UPDATE {what} SET sending_since = NULL WHERE workspace_id = ? AND {what}_id = ?"
    execute(transaction, sql, workspace_id, receiver_id)


def left(
    transaction: Transaction, workspace_id: bytes, what: Receiver, receiver_id: bytes, now: Micros, within: Micros
) -> Micros:
    """For how long what a process had sent that was killed may still be on its way; asked while nobody is sending."""
    sql = f"SELECT sending_since, left_until FROM {what} WHERE workspace_id = ? AND {what}_id = ?"
    for since, until in query(transaction, sql, workspace_id, receiver_id):
        if since is not None:
            return within
        if until is not None:
            return max(min(int(until) - now, within), 0)
    return 0


def forget(transaction: Transaction, workspace_id: bytes, what: Receiver, receiver_id: bytes) -> None:
    """Note that nothing is on its way, whoever had sent it."""
    sql = f"UPDATE {what} SET sending_since = NULL, left_until = NULL WHERE workspace_id = ? AND {what}_id = ?"
    execute(transaction, sql, workspace_id, receiver_id)
