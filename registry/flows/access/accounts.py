"""Accounts of the people who work with the console: made, listed, given new secrets, disabled."""

from __future__ import annotations

from typing import NamedTuple

from registry.access.signing_in import check_name
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.keys import passwords
from registry.model.accounts import Account
from registry.model.errors import InvalidInput, NotFound
from registry.store import accounts


class Secrets(NamedTuple):
    """What an account signs in with: shown once and kept nowhere in the clear."""

    password: str
    totp_secret: str
    totp_uri: str


def create(
    deployment: Deployment, workspace: OpenWorkspace, *, name: str, role: str, purposes: frozenset[str], actor: str
) -> Secrets:
    """Make an account; its password and TOTP secret stand in the answer only.

    Raises:
        InvalidInput: the name is taken or no plain word, policy has no such role, or no such purpose.
    """
    check_name(name)
    deployment.policies.access.require_role(role)
    if not purposes <= deployment.policies.purposes.purposes.keys():
        raise InvalidInput("a purpose is not in the policy", pointer="/purposes")
    account_id, now = deployment.new_id(), deployment.clock()
    secrets, password_hash, sealed = _secrets(workspace, account_id, name)
    text = ",".join(sorted(purposes))
    row = Account(workspace.workspace_id, account_id, name, role, text, password_hash, sealed, 0, now, None)
    with deployment.data.write(workspace.workspace_id) as transaction:
        if accounts.named(transaction, workspace.workspace_id, name) is not None:
            raise InvalidInput("an account of this name exists already", pointer="/name")
        accounts.add(transaction, row)
        trail.append(
            transaction, workspace.workspace_id, now, actor=actor, action="account:created", outcome="done",
            fields={"name": name, "role": role},
        )  # fmt: skip
    return secrets


def listed(deployment: Deployment, workspace: OpenWorkspace) -> list[Account]:
    """The workspace's accounts, by name."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        return accounts.listed(transaction, workspace.workspace_id)


def reset(deployment: Deployment, workspace: OpenWorkspace, name: str, *, actor: str) -> Secrets:
    """Give an account a new password and TOTP secret, and end its sessions.

    Raises:
        NotFound: there is no account of this name.
    """
    with deployment.data.write(workspace.workspace_id) as transaction:
        row = _require(accounts.named(transaction, workspace.workspace_id, name))
        secrets, password_hash, sealed = _secrets(workspace, row.account_id, name)
        changed = row._replace(password_hash=password_hash, totp_sealed=sealed, totp_step=0)
        accounts.replace_secrets(transaction, changed)
        accounts.close_sessions_of(transaction, workspace.workspace_id, row.account_id)
        trail.append(
            transaction, workspace.workspace_id, deployment.clock(), actor=actor, action="account:changed",
            outcome="new secrets", fields={"name": name},
        )  # fmt: skip
    return secrets


def disable(deployment: Deployment, workspace: OpenWorkspace, name: str, *, actor: str) -> None:
    """Let an account sign in no more, and end its sessions.

    Raises:
        NotFound: there is no such account, or it was disabled before.
    """
    now = deployment.clock()
    with deployment.data.write(workspace.workspace_id) as transaction:
        row = _require(accounts.named(transaction, workspace.workspace_id, name))
        if not accounts.disable(transaction, workspace.workspace_id, row.account_id, now):
            raise NotFound("the account is disabled already")
        accounts.close_sessions_of(transaction, workspace.workspace_id, row.account_id)
        trail.append(
            transaction, workspace.workspace_id, now, actor=actor, action="account:changed", outcome="disabled",
            fields={"name": name},
        )  # fmt: skip


def _secrets(workspace: OpenWorkspace, account_id: bytes, name: str) -> tuple[Secrets, str, bytes]:
    """New secrets, and what is kept of them: the password's hash, the TOTP secret sealed."""
    password, secret = passwords.new_password(), passwords.new_totp_secret()
    shown = Secrets(password, secret, passwords.totp_uri(secret, name, f"Registry {workspace.name}"))
    sealed = passwords.seal_totp(workspace.accounts, workspace.workspace_id, account_id, secret)
    return shown, passwords.hash_password(password), sealed


def _require(found: Account | None) -> Account:
    if found is None:
        raise NotFound("there is no account of this name")
    return found
