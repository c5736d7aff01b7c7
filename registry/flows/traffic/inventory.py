"""The data inventory (DESIGN section 16): what each plan in use declares, beside what sampled traffic holds.

1. plans    every version that a source is bound to now
2. sample   recorded traffic of those sources, opened in memory: what was let in for a purpose, and quarantine
3. compare  each declared field, and each finding of personal data where the plan declares none of its category

Nothing is stored but an audit entry with the counts. No value leaves this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.plans import compiled, resolved
from registry.flows.traffic.recorded import Counts, kept, open_quarantined, quarantined_pages
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros
from registry.model.ids import SourceId
from registry.plans.compile import CompiledPlan
from registry.plans.inventory import undeclared
from registry.plans.sample import Sample
from registry.store import administration

MOST_CALLS = 20_000
"""Calls of each plan that are looked at: the rest is like them."""


def inventory(
    deployment: Deployment, workspace: OpenWorkspace, *, since: Micros, purpose: str, actor: str
) -> dict[str, Any]:
    """What is declared and what was found, for each plan that a source is bound to.

    Args:
        since: only traffic received then or later, in microseconds.
        purpose: what the events that were let in are opened for; whose consent does not allow it are passed over.

    Raises:
        UnknownPurpose: policy has no such purpose.
    """
    # 1. plans
    by_source, names = _in_use(deployment, workspace)
    year = datetime.fromtimestamp(deployment.clock() / 1e6, UTC).year
    samples = {identity: Sample(year) for identity in names}
    # 2. sample
    counts = Counts()
    for source_id, call in _traffic(deployment, workspace, since, purpose, counts):
        plan = by_source.get(source_id)
        if plan is not None and samples[plan.identity].calls < MOST_CALLS:
            samples[plan.identity].add([call])
    # 3. compare
    by_name = {plan.identity: plan for plan in by_source.values()}
    listed = [_compared(by_name[identity], names[identity], samples[identity]) for identity in sorted(names)]
    with deployment.data.write(workspace.workspace_id) as transaction:
        trail.append(
            transaction, workspace.workspace_id, deployment.clock(), actor=actor, action="plans:traffic:inventoried",
            outcome="done", fields={"purpose": purpose, "calls": sum(sample.calls for sample in samples.values())},
        )  # fmt: skip
    return {"plans": listed, "withheld": counts.withheld}


def _in_use(
    deployment: Deployment, workspace: OpenWorkspace
) -> tuple[dict[SourceId, CompiledPlan], dict[str, list[str]]]:
    """The plan of each source, and the sources' names by plan."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        rows = administration.sources(transaction, workspace.workspace_id)
    by_source: dict[SourceId, CompiledPlan] = {}
    names: dict[str, list[str]] = {}
    for row in rows:
        version = resolved(deployment, workspace.workspace_id, row.plan_name, row.plan_version)
        plan = compiled(deployment, workspace.workspace_id, row.plan_name, version)
        by_source[row.source_id] = plan
        names.setdefault(plan.identity, []).append(row.name)
    return by_source, names


def _traffic(
    deployment: Deployment, workspace: OpenWorkspace, since: Micros, purpose: str, counts: Counts
) -> Iterator[tuple[SourceId, Any]]:
    for found in kept(deployment, workspace, purpose=purpose, since=since, counts=counts):
        yield found.source_id, found.message.body
    for page in quarantined_pages(deployment, workspace, None):
        recent = [row for row in page if row.received_at >= since]
        for row, plain in open_quarantined(deployment, workspace, recent, "plans:inventory"):
            yield row.source_id, plain["call"]


def _compared(plan: CompiledPlan, sources: list[str], sample: Sample) -> dict[str, Any]:
    return {
        "plan": plan.identity,
        "sources": sorted(sources),
        "calls_looked_at": sample.calls,
        "unnamed_events": sample.unnamed,
        "declared": [
            {
                "event": field.event,
                "pointer": field.pointer,
                "categories": list(field.categories),
                "purposes": sorted(field.purposes),
                "identifier": field.identifier,
                "retention": field.retention,
                "sensitivity": field.sensitivity,
                "personal": field.personal,
            }
            for field in plan.declarations
        ],
        "found_undeclared": [found.as_json() for found in undeclared(plan, sample)],
    }
