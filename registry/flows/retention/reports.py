"""What sweeps destroyed and why, and what is locked until then."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros, rfc3339
from registry.model.ids import text_id
from registry.model.stored_upkeep import Sweep
from registry.store import retention as rows

STAYED = "stayed"
"""The count of parts and fields that should go, or may, and stay with their event, since that does not open."""


@dataclass(slots=True)
class Report:
    """What a sweep did, or would do: counts by what, and by `compartment: reason`."""

    counts: Counter[str] = field(default_factory=Counter)
    gone: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, compartment: str, reason: str, **counts: int) -> None:
        """Count what went from a compartment, and why."""
        self.gone.setdefault(f"{compartment}: {reason}", Counter()).update(counts)

    def encode(self) -> str:
        """As it is kept: JSON of names of ours and counts."""
        gone = {name: dict(counts) for name, counts in sorted(self.gone.items())}
        return orjson.dumps({"counts": dict(self.counts), "gone": gone}).decode()

    @classmethod
    def decode(cls, text: str) -> Report:
        """The report of `encode`."""
        value = orjson.loads(text)
        gone = {name: Counter(counts) for name, counts in value["gone"].items()}
        return cls(Counter(value["counts"]), gone)


def recent(deployment: Deployment, workspace: OpenWorkspace, limit: int) -> list[Sweep]:
    """The latest sweeps, newest first."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        return rows.sweeps(transaction, workspace.workspace_id, limit)


def locked(deployment: Deployment, workspace: OpenWorkspace) -> list[tuple[str, str, int, Micros | None]]:
    """What is locked now: compartment, reason, how many persons' fragments, and when the first is shredded."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        return rows.locked(transaction, workspace.workspace_id)


def told(deployment: Deployment, workspace: OpenWorkspace, limit: int) -> dict[str, Any]:
    """What is locked now and when it is destroyed, and what the latest sweeps destroyed and why."""
    return {
        "locked": [
            {"compartment": name, "reason": reason, "count": count, "first_destroyed_at": _time(at)}
            for name, reason, count, at in locked(deployment, workspace)
        ],
        "sweeps": [sweep_json(row) for row in recent(deployment, workspace, limit)],
    }


def sweep_json(row: Sweep) -> dict[str, Any]:
    """A sweep as it is told: times, counts, and what went from which compartment, and why."""
    times = {"started_at": _time(row.started_at), "finished_at": _time(row.finished_at)}
    return {"sweep_id": text_id(row.sweep_id), **times, **report_json(Report.decode(row.report))}


def report_json(found: Report) -> dict[str, Any]:
    """A report as it is told."""
    gone = []
    for name, counts in sorted(found.gone.items()):
        compartment, _, reason = name.rpartition(": ")
        gone.append({"what": compartment or "messages without content", "reason": reason} | dict(counts))
    return {"counts": dict(found.counts), "gone": gone}


def _time(at: Micros | None) -> str | None:
    return rfc3339(at) if at is not None else None
