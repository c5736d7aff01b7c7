"""What changed in who stands how is kept for those who hold it in memory, and not for longer."""

from __future__ import annotations

from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.store import standing_server


def trim(deployment: Deployment, workspace: OpenWorkspace) -> None:
    """Let the oldest changes go; on SQLite its triggers do.

    Raises:
        StoreUnavailable: the database cannot be written.
    """
    if not deployment.data.is_sqlite:
        with deployment.data.write(workspace.workspace_id) as transaction:
            standing_server.trim(transaction, workspace.workspace_id)
