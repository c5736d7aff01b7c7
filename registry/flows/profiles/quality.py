"""The data-quality report: what is in the way of one view per person, by source, with what it was before.

1. count      over the whole workspace, in the database; nothing is opened, no value is looked at
2. compare    with the counts that the schedule keeps of each day
"""

from __future__ import annotations

from typing import Any

from registry.flows.deployment import Deployment
from registry.flows.ingest.computing import SOURCE
from registry.flows.opening import API_SOURCE, source_names
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import DAY, rfc3339, to_datetime
from registry.model.ids import SourceId, WorkspaceId
from registry.model.stored_upkeep import QualityDay
from registry.profiles.quality import LITTLE_TRUST, MEANING, Day, Obstacle, Tally, change
from registry.store import quality as rows
from registry.store.database import Transaction

KEPT_DAYS = 400
"""A year, and the same month of the year before."""

MOST_DAYS = 366

Found = dict[tuple[SourceId, Obstacle], Tally]


def report(deployment: Deployment, workspace: OpenWorkspace, *, days: int = 90) -> dict[str, Any]:
    """The four obstacles of each source: how many now, of how many, and day by day for so many days back."""
    workspace_id, now = workspace.workspace_id, deployment.clock()
    today = now // DAY
    with deployment.data.read(workspace_id) as transaction:
        found = _count(deployment, transaction, workspace_id)
        kept = rows.days_since(transaction, workspace_id, today - min(days, MOST_DAYS))
        names = source_names(transaction, workspace_id)
    before: dict[tuple[bytes, str], list[tuple[Day, Tally]]] = {}
    for row in kept:
        if row.day < today:
            before.setdefault((row.source_id, row.obstacle), []).append((row.day, Tally(row.found, row.looked_at)))
    sources = sorted({source for source, _ in found}, key=lambda source: (names.get(source, API_SOURCE), source))
    return {
        "as_of": rfc3339(now),
        "meaning": {one.value: MEANING[one] for one in Obstacle},
        "sources": [
            {
                "source": names.get(source, API_SOURCE),
                "obstacles": {
                    one.value: _told(found.get((source, one), Tally(0, 0)), before.get((source, one.value), []), today)
                    for one in Obstacle
                },
            }
            for source in sources
        ],
    }


def note_day(deployment: Deployment, workspace: OpenWorkspace) -> int:
    """Keep today's counts, unless they are kept already; how many were kept."""
    workspace_id, today = workspace.workspace_id, deployment.clock() // DAY
    with deployment.data.read(workspace_id) as transaction:
        if rows.days_since(transaction, workspace_id, today):
            return 0
        found = _count(deployment, transaction, workspace_id)
    counted = [
        QualityDay(workspace_id, today, source, obstacle.value, tally.found, tally.of)
        for (source, obstacle), tally in found.items()
    ]
    with deployment.data.write(workspace_id) as transaction:
        rows.put_days(transaction, counted)
        rows.drop_days(transaction, workspace_id, today - KEPT_DAYS)
    return len(counted)


def _count(deployment: Deployment, transaction: Transaction, workspace_id: WorkspaceId) -> Found:
    kinds = deployment.policies.identity.kinds.values()
    accounts = [rule.kind for rule in kinds if rule.limit == 1 and not rule.anonymous]
    anonymous = [rule.kind for rule in kinds if rule.anonymous]
    now = deployment.clock()
    since = {trait: now - half_life for trait, half_life in deployment.policies.trust.half_lives.items()}
    counts = {
        Obstacle.DUPLICATED: rows.duplicated(transaction, workspace_id, accounts),
        Obstacle.DISCONNECTED: rows.disconnected(transaction, workspace_id, anonymous),
        Obstacle.DECAYED: rows.decayed(transaction, workspace_id, since),
        Obstacle.DISTRUSTED: rows.distrusted(transaction, workspace_id, LITTLE_TRUST, SOURCE),
    }
    return {(source, one): Tally(*tally) for one, found in counts.items() for source, tally in found.items()}


def _told(now: Tally, history: list[tuple[Day, Tally]], today: Day) -> dict[str, Any]:
    days = [*history, (today, now)]
    return {
        "found": now.found,
        "of": now.of,
        "share": now.share,
        "change": change(history, now),
        "trend": [
            {"day": to_datetime(day * DAY).date().isoformat(), "found": tally.found, "of": tally.of}
            for day, tally in days
        ],
    }
