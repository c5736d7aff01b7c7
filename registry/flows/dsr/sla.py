"""The report of how requests fare against their deadlines; counts and times only."""

from __future__ import annotations

from typing import Any

from registry.dsr.sla import Fared, report
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import DAY, rfc3339
from registry.store import requests


def fared(deployment: Deployment, workspace: OpenWorkspace, *, days: int) -> dict[str, Any]:
    """How the requests of the last days, and every one that is still open, fare now."""
    now = deployment.clock()
    with deployment.data.read(workspace.workspace_id) as transaction:
        rows = requests.fared_since(transaction, workspace.workspace_id, now - days * DAY)
    pausing = deployment.policies.jurisdictions.pausing
    found = report((Fared._make((*row[:6], bool(row[6]))) for row in rows), now, pausing)
    return {"at": rfc3339(now), "days": days, **found}
