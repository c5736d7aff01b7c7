"""More of what the store takes and returns, as in `stored`: locks, sweeps of retention."""

from __future__ import annotations

from typing import NamedTuple

from registry.model.clock import Micros
from registry.model.ids import FragmentId, WorkspaceId


class CompartmentLock(NamedTuple):
    """That no purpose of a compartment has a lawful ground any more, or that processing is restricted.

    `shred_at` is when the key is to be destroyed; None while a restriction keeps it.
    """

    workspace_id: WorkspaceId
    fragment_id: FragmentId
    compartment: str
    reason: str
    locked_at: Micros
    shred_at: Micros | None


class Sweep(NamedTuple):
    """One run of retention. `after` is the last fragment that is done; `report` is JSON of counts and names."""

    workspace_id: WorkspaceId
    sweep_id: bytes
    started_at: Micros
    finished_at: Micros | None
    after: bytes
    report: str
