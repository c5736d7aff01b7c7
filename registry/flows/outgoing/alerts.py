"""Alerts that no single act raises: too many violations at once, and identifiers that link more than one person can
have.
"""

from __future__ import annotations

from registry.flows.acts import outbox
from registry.flows.acts.outbox import Notice, Topic
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import DAY, SECOND, Micros, rfc3339
from registry.model.ids import text_id
from registry.store import identities, stewardship
from registry.store import webhooks as rows

WINDOW: Micros = 60 * SECOND
QUIET_FOR: Micros = 3600 * SECOND
"""A source that goes on breaking its plan is told of again after so long."""


def violation_rates(deployment: Deployment, workspace: OpenWorkspace, per_minute: int) -> int:
    """Tell of sources that caused more violations in the last minute than allowed; how many were told of."""
    workspace_id, now = workspace.workspace_id, deployment.clock()
    since = now - WINDOW
    with deployment.data.read(workspace_id) as transaction:
        to = outbox.subscribed(transaction, workspace_id, Topic.VIOLATION_RATE)
        least = (max(since, 0) // 1000).to_bytes(6, "big") + b"\0" * 10  # violations' ids begin with their time
        counts = rows.violations_since(transaction, workspace_id, least, since) if to else []
    loud = {f"rate:{source.hex()}:{now // QUIET_FOR}": (source, n) for source, n in counts if n > per_minute}
    if not loud:
        return 0
    with deployment.data.write(workspace_id) as transaction:
        rows.forget_alerts(transaction, workspace_id, "rate:", now - DAY)
        fresh = rows.alerted(transaction, workspace_id, loud.keys(), now)
        notices = [
            Notice({"source_id": text_id(loud[name][0]), "violations": loud[name][1], "seconds": WINDOW // SECOND})
            for name in fresh
        ]
        outbox.announce(deployment, transaction, workspace_id, Topic.VIOLATION_RATE, notices, to=to)
    return len(fresh)


def runaways(deployment: Deployment, workspace: OpenWorkspace) -> int:
    """Tell of identifiers that passed the alarm threshold lately, once each; how many."""
    workspace_id, now = workspace.workspace_id, deployment.clock()
    with deployment.data.read(workspace_id) as transaction:
        to = outbox.subscribed(transaction, workspace_id, Topic.IDENTITY_RUNAWAY)
        found = stewardship.runaways_since(transaction, workspace_id, now - DAY) if to else []
        fragments = identities.fragments(transaction, workspace_id, {row.fragment_id for row in found})
        links = {row.fragment_id: stewardship.neighbours(transaction, workspace_id, row.blind_index) for row in found}
    noticed = {f"runaway:{row.fragment_id.hex()}": row for row in found if row.fragment_id in fragments}
    if not noticed:
        return 0
    with deployment.data.write(workspace_id) as transaction:
        rows.forget_alerts(transaction, workspace_id, "runaway:", now - 2 * DAY)
        fresh = rows.alerted(transaction, workspace_id, noticed.keys(), now)
        notices = [
            Notice(
                {
                    "fragment_id": text_id(row.fragment_id),
                    "kind": fragments[row.fragment_id].kind,
                    "neighbours": links[row.fragment_id],
                    "noticed_at": rfc3339(row.noticed_at),
                },
                row.fragment_id,
            )
            for row in (noticed[name] for name in fresh)
        ]
        outbox.announce(deployment, transaction, workspace_id, Topic.IDENTITY_RUNAWAY, notices, to=to)
    return len(fresh)
