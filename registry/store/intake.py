"""How requests came in: what was sent to prove who asks, references, and letters."""

from __future__ import annotations

from collections.abc import Collection

from registry.model.clock import Micros
from registry.model.ids import RequestId
from registry.model.stored_intake import Challenge, Letter, Reference
from registry.store.database import Transaction
from registry.store.rows import execute, insert, query, select, select_in


def add_challenge(transaction: Transaction, challenge: Challenge, now: Micros) -> None:
    """Store what was sent, in place of what was sent for the request before, and forget what is too old."""
    sql = "DELETE FROM dsr_challenge WHERE workspace_id = ? AND (request_id = ? OR expires_at <= ?)"
    execute(transaction, sql, challenge.workspace_id, challenge.request_id, now)
    insert(transaction, "dsr_challenge", [challenge])


def challenge_of(transaction: Transaction, workspace_id: bytes, request_id: RequestId) -> Challenge | None:
    """What was sent last for a request."""
    found = select(
        transaction, Challenge, "dsr_challenge", "workspace_id = ? AND request_id = ?", workspace_id, request_id
    )
    return found[0] if found else None


def challenge(transaction: Transaction, workspace_id: bytes, link_hash: bytes) -> Challenge | None:
    """What was sent with the link whose token has this hash."""
    found = select(
        transaction, Challenge, "dsr_challenge", "workspace_id = ? AND link_hash = ?", workspace_id, link_hash
    )
    return found[0] if found else None


def close_challenges(transaction: Transaction, workspace_id: bytes, request_id: RequestId) -> bool:
    """Forget what was sent for a request; False when there is nothing (any more)."""
    sql = "DELETE FROM dsr_challenge WHERE workspace_id = ? AND request_id = ?"
    return execute(transaction, sql, workspace_id, request_id) > 0


def references(transaction: Transaction, workspace_id: bytes, keys: Collection[bytes]) -> dict[bytes, Reference]:
    """Which of these references are taken, by their keys."""
    found = select_in(transaction, Reference, "dsr_reference", workspace_id, "reference_key", keys)
    return {bytes(row.reference_key): row for row in found}


def take_reference(transaction: Transaction, reference: Reference) -> bool:
    """Take a reference for a request; False when it is taken already."""
    sql = (
        "INSERT INTO dsr_reference (workspace_id, reference_key, content_key, request_id) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (workspace_id, reference_key) DO NOTHING"
    )
    return execute(transaction, sql, *reference) == 1


def add_letter(transaction: Transaction, letter: Letter) -> None:
    """Store a letter that is to be sent."""
    insert(transaction, "dsr_letter", [letter])


def letters_of(transaction: Transaction, workspace_id: bytes, request_id: RequestId) -> list[Letter]:
    """The letters about a request, oldest first."""
    where = "workspace_id = ? AND request_id = ? ORDER BY letter_id"
    return select(transaction, Letter, "dsr_letter", where, workspace_id, request_id)


def due_letters(
    transaction: Transaction, workspace_id: bytes, waits: tuple[Micros, Micros], limit: int
) -> list[Letter]:
    """Letters that are to be sent now, oldest first.

    Args:
        waits: between which moments the end of every wait lies that goes on.
    """
    where = "workspace_id = ? AND outcome = 'waiting' AND (next_at <= ? OR next_at > ?) "
    where += "ORDER BY next_at, letter_id LIMIT ?"
    return select(transaction, Letter, "dsr_letter", where, workspace_id, *waits, limit)


def settle_letter(transaction: Transaction, letter: Letter) -> None:
    """Write what became of a letter."""
    sql = (
        "UPDATE dsr_letter SET sealed = ?, next_at = ?, attempts = ?, outcome = ?, settled_at = ? "
        "WHERE workspace_id = ? AND letter_id = ?"
    )
    changed = (letter.sealed, letter.next_at, letter.attempts, letter.outcome, letter.settled_at)
    execute(transaction, sql, *changed, letter.workspace_id, letter.letter_id)


def give_up_letters(
    transaction: Transaction, workspace_id: bytes, request_id: RequestId, notice: str, now: Micros
) -> int:
    """Send none of a request's letters of this kind that wait and have no address sealed; how many there were."""
    sql = (
        "UPDATE dsr_letter SET outcome = 'given_up', settled_at = ? "
        "WHERE workspace_id = ? AND request_id = ? AND notice = ? AND outcome = 'waiting' AND sealed IS NULL"
    )
    return execute(transaction, sql, now, workspace_id, request_id, notice)


def has_letter(transaction: Transaction, workspace_id: bytes, request_id: RequestId, notice: str) -> bool:
    """Whether a letter of this kind was written about a request and has an address, or still looks for one."""
    sql = (
        "SELECT 1 FROM dsr_letter WHERE workspace_id = ? AND request_id = ? AND notice = ? "
        "AND outcome IN ('waiting', 'sent') LIMIT 1"
    )
    return bool(query(transaction, sql, workspace_id, request_id, notice))
