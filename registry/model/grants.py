"""Grants: opening or shredding takes one, so that every such place can be found by its name."""

from __future__ import annotations

from dataclasses import dataclass

from registry.model.ids import RequestId, WorkspaceId


@dataclass(frozen=True, slots=True)
class OpenGrant:
    """Permission to open sealed values of one workspace.

    Attributes:
        compartments: what may be opened; None means every compartment (a DSR, an ingest).
        because: the decision or duty it rests on, for the audit log; no personal values.
    """

    workspace_id: WorkspaceId
    compartments: frozenset[str] | None
    because: str

    def covers(self, compartment: str) -> bool:
        """Whether the compartment may be opened under this grant."""
        return self.compartments is None or compartment in self.compartments


@dataclass(frozen=True, slots=True)
class ShredGrant:
    """Permission to destroy keys, given by one DSR or retention run."""

    workspace_id: WorkspaceId
    request_id: RequestId
    because: str
