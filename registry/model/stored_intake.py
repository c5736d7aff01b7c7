"""More of what the store takes and returns, as in `stored`: how requests came in, and the letters about them."""

from __future__ import annotations

from typing import NamedTuple

from registry.model.clock import Micros
from registry.model.ids import FragmentId, RequestId, WorkspaceId


class Challenge(NamedTuple):
    """A code and a link that were sent; found by the hash of the link's token. `address` is of which standing."""

    workspace_id: WorkspaceId
    link_hash: bytes
    request_id: RequestId
    code_hash: bytes
    address: str
    expires_at: Micros


class Reference(NamedTuple):
    """Which request somebody's own number of it opened; both keys are keyed hashes."""

    workspace_id: WorkspaceId
    reference_key: bytes
    content_key: bytes
    request_id: RequestId


class Letter(NamedTuple):
    """A letter to be sent, or what became of it. `details` is JSON of words, ids and times, nothing personal;
    `sealed` is where it goes, under a key of the letter's own, where that could not be known any more later.
    """

    workspace_id: WorkspaceId
    letter_id: FragmentId
    request_id: RequestId | None
    notice: str
    recipient: str
    details: str
    sealed: bytes | None
    created_at: Micros
    next_at: Micros
    attempts: int = 0
    outcome: str = "waiting"
    settled_at: Micros | None = None
