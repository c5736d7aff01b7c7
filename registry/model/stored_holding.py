"""More of what the store takes and returns, as in `stored`: legal holds, and what was set aside for them."""

from __future__ import annotations

from typing import NamedTuple

from registry.model.clock import Micros
from registry.model.ids import FragmentId, RequestId, WorkspaceId


class LegalHold(NamedTuple):
    """That a person's data must not be destroyed. `categories` is comma-separated, empty for everything;
    `until` None is until it is released. `ground` is in the clear and names nobody.
    """

    workspace_id: WorkspaceId
    hold_id: bytes
    ground: str
    purpose: str
    categories: str
    until: Micros | None
    placed_by: str
    placed_at: Micros
    released_by: str | None = None
    released_at: Micros | None = None

    def ends_by(self, now: Micros) -> bool:
        """Whether it holds nothing any more at this time."""
        return self.released_at is not None or (self.until is not None and self.until <= now)


class RetainedCase(NamedTuple):
    """What an erasure set aside for a hold (`hold_id`) or for a duty of retention.yaml (`duty`), under the key
    of `case_id`. `items` is how many there were; `certificate` says that they were destroyed; `progress` is what
    systems outside have done towards that by now, and for which it waits.
    """

    workspace_id: WorkspaceId
    case_id: FragmentId
    request_id: RequestId
    hold_id: bytes | None
    duty: str | None
    ground: str
    purpose: str
    categories: str
    made_at: Micros
    items: int = 0
    ended_at: Micros | None = None
    certificate: str | None = None
    progress: str | None = None


class RetainedItem(NamedTuple):
    """One value that is kept, until `kept_until` or, where that is None, until its hold ends."""

    workspace_id: WorkspaceId
    case_id: FragmentId
    item_id: bytes
    kept_until: Micros | None
    sealed: bytes
