"""Console sessions: opened by a password with a one-time code, or by a person's API key.

1. count the try        before anything is compared, so that guesses made at once are all counted
2. compare              name, password and code; a wrong one of them is not told from another
3. open                 a session whose token is with the browser alone; here lies its hash

Each use looks the account or the key up again: disabling or revoking it ends the session at once.
"""

from __future__ import annotations

from typing import NamedTuple

from registry.access.policy import Principal, PrincipalKind
from registry.access.signing_in import ABSOLUTE, IDLE, is_alive, next_try
from registry.flows.access.credentials import principal_of
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.keys import passwords
from registry.keys.credentials import hash_key, mint_key
from registry.model.accounts import Account, Session
from registry.model.clock import DAY, SECOND, Micros
from registry.model.errors import Overloaded, Unauthenticated
from registry.model.ids import WorkspaceId
from registry.model.stored import Credential
from registry.store import accounts, administration
from registry.store.database import Transaction

TOUCH_EVERY: Micros = 60 * SECOND
"""How exactly the last use of a session is known: not every page is a write."""

WRONG = "the name, the password or the code is wrong"


class Opened(NamedTuple):
    """A session that was opened: the token for the browser's cookie, and whose it is."""

    token: str
    principal: Principal


def sign_in(deployment: Deployment, workspace: OpenWorkspace, name: str, password: str, code: str) -> Opened:
    """Open a session for an account.

    Raises:
        Unauthenticated: the name, the password or the code is wrong; which one is not said.
        Overloaded: too many wrong tries for this name; `retry_after_s` says how long to wait.
    """
    workspace_id, now = workspace.workspace_id, deployment.clock()
    target = workspace.indexer.lasting("@sign-in", name)
    # 1. count the try
    with deployment.data.write(workspace_id) as transaction:
        require_try(transaction, workspace_id, target, now)
        accounts.count_try(transaction, workspace_id, target, now)
        row = accounts.named(transaction, workspace_id, name)
    # 2. compare
    known = row if row is not None and row.disabled_at is None else None
    right = passwords.password_is_right(known.password_hash if known else None, password)
    step = None
    if known is not None and right:
        secret = passwords.open_totp(workspace.accounts, workspace_id, known.account_id, known.totp_sealed)
        step = passwords.step_of_code(secret, code, now)
    # 3. open
    with deployment.data.write(workspace_id) as transaction:
        if known is not None and step is not None:
            fresh = accounts.use_step(transaction, workspace_id, known.account_id, step)
            if fresh:
                accounts.forget_tries(transaction, workspace_id, target, now - DAY)
                return _open(transaction, _principal(known), now, account_id=known.account_id)
        actor = f"person:{known.name}" if known is not None else "person:unknown"
        trail.append(transaction, workspace_id, now, actor=actor, action="session:refused", outcome="refused")
    raise Unauthenticated(WRONG)


def sign_in_by_key(deployment: Deployment, secret: str) -> Opened:
    """Open a session for a person's API key.

    Raises:
        Unauthenticated: the key is not valid, or an app's.
    """
    principal = principal_of(deployment, secret)
    if principal.kind is not PrincipalKind.PERSON:
        raise Unauthenticated("the key is not that of a person", hint="sign in with a key made with --kind person")
    with deployment.data.write(principal.workspace_id) as transaction:
        return _open(transaction, principal, deployment.clock(), credential_id=principal.key_id)


def principal_in(deployment: Deployment, token: str) -> Principal:
    """Who a session's token stands for.

    Raises:
        Unauthenticated: there is no such session, or it, the account or the key has ended.
    """
    now = deployment.clock()
    session_hash, principal = hash_key(token), None
    with deployment.data.presenting(session_hash) as transaction:
        session = accounts.session(transaction, session_hash)
    if session is not None and is_alive(session.opened_at, session.seen_at, now):
        with deployment.data.read(session.workspace_id) as transaction:
            principal = _holder(transaction, session, now)
    if session is None or principal is None:
        raise Unauthenticated("the session has ended", hint="sign in again")
    if now - session.seen_at >= TOUCH_EVERY:
        with deployment.data.write(session.workspace_id) as transaction:
            accounts.touch(transaction, session, now)
    return principal


def sign_out(deployment: Deployment, principal: Principal, token: str) -> None:
    """End a session."""
    with deployment.data.write(principal.workspace_id) as transaction:
        accounts.close_session(transaction, principal.workspace_id, hash_key(token))
        trail.append(
            transaction, principal.workspace_id, deployment.clock(), actor=principal.actor, action="session:closed",
            outcome="done",
        )  # fmt: skip


def form_token(token: str) -> str:
    """What a session's forms carry, so that no other site can send one (OWASP: synchroniser token)."""
    return hash_key(f"form {token}").hex()


def is_form_token(token: str, given: str) -> bool:
    """Whether a form carries the token of the session."""
    return passwords.same_text(form_token(token), given)


def require_try(transaction: Transaction, workspace_id: WorkspaceId, target: bytes, now: Micros) -> None:
    """Go on only if the target may be tried again already.

    Raises:
        Overloaded: it was tried too often; `retry_after_s` says how long to wait.
    """
    counted = accounts.tries(transaction, workspace_id, target)
    if (free_at := next_try(counted.tries, counted.last_at)) > now:
        raise Overloaded("too many tries", retry_after_s=-(-(free_at - now) // SECOND))


def _open(
    transaction: Transaction,
    principal: Principal,
    now: Micros,
    *,
    account_id: bytes | None = None,
    credential_id: bytes | None = None,
) -> Opened:
    token, digest = mint_key("rg_session")
    accounts.sweep_sessions(transaction, principal.workspace_id, now - ABSOLUTE, now - IDLE)
    row = Session(principal.workspace_id, digest, account_id, credential_id, now, now)
    accounts.open_session(transaction, row)
    trail.append(
        transaction, principal.workspace_id, now, actor=principal.actor, action="session:opened", outcome="done",
        fields={"by": "key" if credential_id else "account"},
    )  # fmt: skip
    return Opened(token, principal)


def _holder(transaction: Transaction, session: Session, now: Micros) -> Principal | None:
    if session.account_id is not None:
        account = accounts.by_id(transaction, session.workspace_id, session.account_id)
        return _principal(account) if account is not None and account.disabled_at is None else None
    keys = administration.credentials(transaction, session.workspace_id)
    found = next((key for key in keys if key.credential_id == session.credential_id), None)
    if found is None or found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= now):
        return None
    return _principal(found)


def _principal(row: Account | Credential) -> Principal:
    return Principal(
        kind=PrincipalKind.PERSON,
        workspace_id=row.workspace_id,
        key_id=row.account_id if isinstance(row, Account) else row.credential_id,
        name=row.name,
        role=row.role,
        purposes=frozenset(filter(None, row.purposes.split(","))),
        holder="" if isinstance(row, Account) else row.owner or "",
    )
