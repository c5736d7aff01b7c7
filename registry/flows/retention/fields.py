"""Single fields that a plan keeps for a time of their own: taken out of events, whatever else those hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from registry.dsr.retention import duration
from registry.flows.deployment import Deployment
from registry.flows.plans import compiled
from registry.flows.retention.due import Due
from registry.flows.retention.outdated import PAGE, Counts, Path, left_of, resealed
from registry.flows.retention.reports import STAYED, Report
from registry.model.clock import Micros
from registry.model.ids import FragmentId, SourceId, WorkspaceId
from registry.model.stored import StoredEvent
from registry.model.stored_upkeep import Sweep
from registry.plans.versions import newest
from registry.store import administration, consents, holdings, identities
from registry.store import retention as rows
from registry.store.database import Transaction


class Found(NamedTuple):
    """What holds a field whose time is over.

    Attributes:
        changed: the events, sealed again without it.
        values: how many were asserted by it.
        stayed: events that do not open, and stay as they are.
    """

    changed: list[StoredEvent]
    values: int
    stayed: int


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One `x-retention` of one published plan, and the span of events that it is due for now.

    Attributes:
        since: what was received before has been dealt with by an earlier sweep.
        sources: those bound to the plan, whose trait assertions it covers too.
    """

    plan: str
    event: str
    path: Path
    since: Micros
    before: Micros
    sources: tuple[SourceId, ...]

    @property
    def name(self) -> str:
        """How a report calls it."""
        return f"{self.plan}/{self.event}/{'/'.join(self.path)}"

    def find(
        self,
        deployment: Deployment,
        transaction: Transaction,
        workspace_id: WorkspaceId,
        ids: Sequence[FragmentId],
        going: Sequence[Due] = (),
        earlier: Sequence[FieldRule] = (),
    ) -> Found:
        """What still holds the field, but for what goes before it: with what is due of these fragments, and with a
        whole object, by one of these rules.
        """
        found = rows.events_by_plan(transaction, workspace_id, ids, self.plan, self.event, self.since, self.before)
        changed, stayed = list[StoredEvent](), 0
        for start in range(0, len(found), PAGE):
            page = left_of(deployment, [row for row in found[start : start + PAGE] if row.body], going)
            keep = sorted({name for row in page for name in row.compartments.split(",")})
            if page:
                sealed = resealed(deployment, page, keep, [self.path])
                changed += (row for row in sealed.made if not any(one.takes(self, row) for one in earlier))
                stayed += sealed.stayed
        values = 0
        if self.event == "identify" and self.path[0] == "traits" and len(self.path) == 2:
            for named in ((source_id, self.path[1]) for source_id in self.sources):
                values += rows.count_traits(transaction, workspace_id, ids, self.before, named=named)
                for one in going if values else ():
                    key = [one.fragment_id], min(self.before, one.before)
                    values -= rows.count_traits(
                        transaction, workspace_id, *key, named=named, compartment=one.compartment
                    )
        return Found(changed, values, stayed)

    def takes(self, inner: FieldRule, row: StoredEvent) -> bool:
        """Whether an event's field of another rule goes with what it stands in."""
        alike = (self.plan, self.event, self.path) == (inner.plan, inner.event, inner.path[: len(self.path)])
        return alike and self.since <= row.received_at < self.before

    def delete(
        self, deployment: Deployment, transaction: Transaction, workspace_id: WorkspaceId, ids: Sequence[FragmentId]
    ) -> tuple[Counts, int]:
        """Take the field out of the events, and delete what was asserted by it; how many of each, and how many events
        stayed as they are.
        """
        found = self.find(deployment, transaction, workspace_id, ids)
        rows.rewrite_events(transaction, found.changed)
        if found.values:
            for source_id in self.sources:
                rows.delete_named_traits(transaction, workspace_id, ids, source_id, self.path[1], self.before)
        return {"events": len(found.changed), "values": found.values}, found.stayed


def field_rules(deployment: Deployment, workspace_id: WorkspaceId, run: Sweep) -> list[FieldRule]:
    """The retentions that published plans give to single fields, for a sweep begun at a moment.

    What an earlier sweep dealt with is not looked at again, unless a hold or a restriction, which it passed over, has
    ended since, or somebody was parted from whom it passed over; or events stayed that did not open, and may now.
    """
    with deployment.data.read(workspace_id) as transaction:
        published = [(row.name, row.version) for row in administration.plans(transaction, workspace_id)]
        sources = administration.sources(transaction, workspace_id)
        ended = (s for s in rows.sweeps(transaction, workspace_id, 2) if s.finished_at is not None)
        last = next((s for s in ended if s.started_at <= run.started_at), None)  # or the clock was set back since
        if last is not None and (
            Report.decode(last.report).counts[STAYED]
            or _let_go(transaction, workspace_id, last.started_at, run.started_at)
        ):
            last = None
    # A message may have waited in quarantine, and has kept its time: it is looked for that much further back.
    done = last.started_at - deployment.policies.retention.quarantine_for if last is not None else None
    found = []
    for name, version in sorted(published):
        plan = compiled(deployment, workspace_id, name, version)
        versions = [other for known, other in published if known == name]
        # A source that is bound to a range keeps its traits by the newest version that it allows.
        own = tuple(s.source_id for s in sources if s.plan_name == name and newest(s.plan_version, versions) == version)
        for event, text, path in plan.retentions():
            period = duration(text)
            since = done - period if done is not None else 0
            found.append(FieldRule(plan.identity, event, path, since, run.started_at - period, own))
    return found


def _let_go(transaction: Transaction, workspace_id: WorkspaceId, since: Micros, now: Micros) -> bool:
    """Whether a hold, or somebody's restriction, has ended since a moment, or may have for who was parted."""
    ends = (end for hold in holdings.holds(transaction, workspace_id) for end in (hold.released_at, hold.until))
    ended = any(end is not None and since <= end <= now for end in ends)
    lifted = ended or consents.lifted_since(transaction, workspace_id, since)
    return lifted or identities.parted_since(transaction, workspace_id, since)
