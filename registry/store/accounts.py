"""Accounts, sessions, visits and counted tries."""

from __future__ import annotations

from registry.model.accounts import Account, Session, Tries, Visit
from registry.model.clock import Micros
from registry.model.ids import WorkspaceId
from registry.store.database import Transaction
from registry.store.rows import execute, insert, query, select


def add(transaction: Transaction, account: Account) -> None:
    """Store a new account."""
    insert(transaction, "account", [account])


def listed(transaction: Transaction, workspace_id: bytes) -> list[Account]:
    """The workspace's accounts, by name."""
    return select(transaction, Account, "account", "workspace_id = ? ORDER BY name", workspace_id)


def named(transaction: Transaction, workspace_id: bytes, name: str) -> Account | None:
    """The account of a name, disabled ones included."""
    found = select(transaction, Account, "account", "workspace_id = ? AND name = ?", workspace_id, name)
    return found[0] if found else None


def by_id(transaction: Transaction, workspace_id: bytes, account_id: bytes) -> Account | None:
    """One account."""
    found = select(transaction, Account, "account", "workspace_id = ? AND account_id = ?", workspace_id, account_id)
    return found[0] if found else None


def replace_secrets(transaction: Transaction, account: Account) -> None:
    """Give an account another password and TOTP secret."""
    sql = (
        "UPDATE account SET password_hash = ?, totp_sealed = ?, totp_step = ? WHERE workspace_id = ? AND account_id = ?"
    )
    values = (account.password_hash, account.totp_sealed, account.totp_step)
    execute(transaction, sql, *values, account.workspace_id, account.account_id)


def disable(transaction: Transaction, workspace_id: bytes, account_id: bytes, at: Micros) -> bool:
    """Let an account sign in no more; False when it was disabled before."""
    sql = "UPDATE account SET disabled_at = ? WHERE workspace_id = ? AND account_id = ? AND disabled_at IS NULL"
    return execute(transaction, sql, at, workspace_id, account_id) == 1


def use_step(transaction: Transaction, workspace_id: bytes, account_id: bytes, step: int) -> bool:
    """Use up a TOTP step; False when it, or a later one, was used before."""
    sql = "UPDATE account SET totp_step = ? WHERE workspace_id = ? AND account_id = ? AND totp_step < ?"
    return execute(transaction, sql, step, workspace_id, account_id, step) == 1


def open_session(transaction: Transaction, session: Session) -> None:
    """Store a new session."""
    insert(transaction, "session", [session])


def session(transaction: Transaction, session_hash: bytes) -> Session | None:
    """The session whose token has this hash."""
    found = select(transaction, Session, "session", "session_hash = ?", session_hash)
    return found[0] if found else None


def touch(transaction: Transaction, session: Session, at: Micros) -> None:
    """Note that a session was used."""
    sql = "UPDATE session SET seen_at = ? WHERE workspace_id = ? AND session_hash = ?"
    execute(transaction, sql, at, session.workspace_id, session.session_hash)


def close_session(transaction: Transaction, workspace_id: bytes, session_hash: bytes) -> None:
    """End a session."""
    sql = "DELETE FROM session WHERE workspace_id = ? AND session_hash = ?"
    execute(transaction, sql, workspace_id, session_hash)


def close_sessions_of(transaction: Transaction, workspace_id: bytes, account_id: bytes) -> None:
    """End every session of an account."""
    execute(transaction, "DELETE FROM session WHERE workspace_id = ? AND account_id = ?", workspace_id, account_id)


def sweep_sessions(transaction: Transaction, workspace_id: bytes, opened_before: Micros, seen_before: Micros) -> None:
    """Forget the sessions that have ended by age."""
    sql = "DELETE FROM session WHERE workspace_id = ? AND (opened_at <= ? OR seen_at <= ?)"
    execute(transaction, sql, workspace_id, opened_before, seen_before)


def tries(transaction: Transaction, workspace_id: bytes, target: bytes) -> Tries:
    """How often a target was tried in a row; nobody else tries it until the transaction ends, in whatever process."""
    sql = (
        "INSERT INTO tries (workspace_id, target, tries, last_at) VALUES (?, ?, 0, 0) "
        "ON CONFLICT (workspace_id, target) DO UPDATE SET tries = tries.tries RETURNING tries, last_at"
    )
    [(counted, last_at)] = query(transaction, sql, workspace_id, target)
    return Tries(WorkspaceId(workspace_id), target, int(counted), int(last_at))


def count_try(transaction: Transaction, workspace_id: bytes, target: bytes, at: Micros) -> int:
    """Count one more try of a target; how many that makes."""
    sql = (
        "INSERT INTO tries (workspace_id, target, tries, last_at) VALUES (?, ?, 1, ?) "
        "ON CONFLICT (workspace_id, target) DO UPDATE SET tries = tries.tries + 1, last_at = excluded.last_at "
        "RETURNING tries"
    )
    return int(query(transaction, sql, workspace_id, target, at)[0][0])


def forget_tries(transaction: Transaction, workspace_id: bytes, target: bytes, older_than: Micros) -> None:
    """Begin to count a target anew, and forget whatever was last tried before a time."""
    sql = "DELETE FROM tries WHERE workspace_id = ? AND (target = ? OR last_at < ?)"
    execute(transaction, sql, workspace_id, target, older_than)


def open_visit(transaction: Transaction, visit: Visit, now: Micros) -> None:
    """Store a new visit, and forget those that have ended."""
    execute(transaction, "DELETE FROM visit WHERE workspace_id = ? AND expires_at <= ?", visit.workspace_id, now)
    insert(transaction, "visit", [visit])


def visit(transaction: Transaction, workspace_id: bytes, visit_hash: bytes) -> Visit | None:
    """The visit whose token has this hash."""
    found = select(transaction, Visit, "visit", "workspace_id = ? AND visit_hash = ?", workspace_id, visit_hash)
    return found[0] if found else None


def close_visit(transaction: Transaction, workspace_id: bytes, visit_hash: bytes) -> bool:
    """End a visit; False when somebody else has ended it."""
    sql = "DELETE FROM visit WHERE workspace_id = ? AND visit_hash = ?"
    return execute(transaction, sql, workspace_id, visit_hash) == 1
