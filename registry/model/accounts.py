"""Rows of officers' accounts and sessions, of visits, and of counted tries: as `registry.model.stored`."""

from __future__ import annotations

from typing import NamedTuple

from registry.model.clock import Micros
from registry.model.ids import RequestId, WorkspaceId


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


class Visit(NamedTuple):
    """A visit of a person's own pages, found by the hash of its token; the visitor is sealed under the token.

    `kind` is `code` (waits for one, whose keyed hash is `code_hash`), `link` (waits to be followed), `open`, or
    `choices` (a link that an app asked for, which opens these alone).
    """

    workspace_id: WorkspaceId
    visit_hash: bytes
    kind: str
    visitor_sealed: bytes
    code_hash: bytes | None
    expires_at: Micros


class PackageLink(NamedTuple):
    """A link to the package of one request, for whoever the request is of: found by the hash of its token."""

    workspace_id: WorkspaceId
    link_hash: bytes
    request_id: RequestId
    pseudonym: str
    made_by: str
    made_at: Micros
    expires_at: Micros
    fetches_left: int
