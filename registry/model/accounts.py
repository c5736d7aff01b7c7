"""Rows of people's accounts, their sessions, and counted tries: as `registry.model.stored`."""

from __future__ import annotations

from typing import NamedTuple

from registry.model.clock import Micros
from registry.model.ids import WorkspaceId


class Account(NamedTuple):
    """A person who works with the console. `totp_step` is the last 30-second step whose code was used."""

    workspace_id: WorkspaceId
    account_id: bytes
    name: str
    role: str
    purposes: str
    password_hash: str
    totp_sealed: bytes
    totp_step: int
    created_at: Micros
    disabled_at: Micros | None


class Session(NamedTuple):
    """A console session, found by the hash of its token: of an account, or of a person's API key."""

    workspace_id: WorkspaceId
    session_hash: bytes
    account_id: bytes | None
    credential_id: bytes | None
    opened_at: Micros
    seen_at: Micros


class Tries(NamedTuple):
    """How often something guarded was tried in a row; `target` is a keyed hash of what was tried."""

    workspace_id: WorkspaceId
    target: bytes
    tries: int
    last_at: Micros
