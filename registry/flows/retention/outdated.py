"""Rows whose time has come: deleted, or sealed again without the parts and fields that are due."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from registry.dsr.retention import duration
from registry.flows.deployment import Deployment
from registry.flows.keyring import BROKEN
from registry.flows.opening import NO_KEYS, needs_of
from registry.flows.plans import compiled
from registry.flows.retention.due import Due
from registry.keys.bundle import Bundle
from registry.keys.envelope import record_aad
from registry.keys.parts import compartments_in, open_parts, seal_parts
from registry.model.clock import Micros
from registry.model.compartment import Compartment
from registry.model.errors import SealBroken
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, SourceId, WorkspaceId
from registry.model.stored import StoredEvent
from registry.model.stored_upkeep import Sweep
from registry.plans.versions import newest
from registry.store import administration, consents, holdings, identities
from registry.store import retention as rows
from registry.store.database import Transaction

PAGE = 500

Path = tuple[str, ...]
Counts = dict[str, int]


def count(transaction: Transaction, workspace_id: WorkspaceId, due: Due) -> Counts:
    """How many events and values `delete` would touch."""
    held = [row for row in _sets(transaction, workspace_id, due) if row.oldest < due.before]
    values = sum(
        row.rows
        for row in rows.held_traits(transaction, workspace_id, [due.fragment_id])
        if row.compartments == due.compartment and row.oldest < due.before
    )
    return {"events": sum(row.rows for row in held), "values": values}


def delete(deployment: Deployment, transaction: Transaction, workspace_id: WorkspaceId, due: Due) -> Counts:
    """Delete what is due of a compartment; how many events and values it was part of."""
    counts = {"events": 0, "values": 0}
    counts["values"] = rows.delete_traits(transaction, workspace_id, due.fragment_id, due.compartment, due.before)
    for held in _sets(transaction, workspace_id, due):
        after = b""
        while True:
            page = rows.events_of(
                transaction, workspace_id, due.fragment_id, held.compartments, due.before, after, PAGE
            )
            if not page:
                break
            after = page[-1].event_id
            left = [name for name in held.compartments.split(",") if name != due.compartment]
            if left:
                made = _resealed(deployment, page, left, ())
                counts["events"] += len(made)
                rows.rewrite_events(transaction, made)
            else:
                counts["events"] += len(page)
                ids = [row.event_id for row in page]
                rows.delete_events(transaction, workspace_id, due.fragment_id, ids)
    return counts


def _sets(transaction: Transaction, workspace_id: WorkspaceId, due: Due) -> list[rows.Held]:
    """The sets of compartments, among those of the fragment's events, that hold the one that is due."""
    found = rows.held_events(transaction, workspace_id, [due.fragment_id])
    return [row for row in found if due.compartment in row.compartments.split(",")]


def _resealed(
    deployment: Deployment, page: Sequence[StoredEvent], keep: Sequence[str], without: Sequence[Path]
) -> list[StoredEvent]:
    """The events with only these compartments, and without these fields. A part names its neighbours, so
    that none can be taken away unnoticed: the parts that stay are opened in memory and sealed again.
    """
    workspace_id = page[0].workspace_id
    grant = OpenGrant(workspace_id, frozenset(keep), "retention")
    bundles = deployment.keyring.for_opening(grant, needs_of(grant, page))
    made: list[StoredEvent] = []
    for row in page:
        bundle = bundles.get(row.fragment_id, NO_KEYS)
        with suppress(SealBroken):  # what is damaged may be mended yet, and holds up nobody else's
            changed = _without(row, bundle, grant, without) if bundle is not BROKEN else None
            made += [changed] if changed is not None else []
    return made


def _without(row: StoredEvent, bundle: Bundle, grant: OpenGrant, without: Sequence[Path]) -> StoredEvent | None:
    """One event sealed again; None where nothing of it changes.

    Raises:
        SealBroken: it is damaged, or a part stands under another name: it would be taken for one whose key is gone.
    """
    names = row.compartments.split(",")
    if set(compartments_in(row.body)) != set(names):
        raise SealBroken("the parts of an event are not those that it has", extra={"failure": "malformed"})
    aad = record_aad(b"event", row.workspace_id, row.fragment_id, row.event_id, b"body")
    opened = open_parts(row.body, bundle, aad, grant).opened
    parts: list[tuple[Compartment, bytes]] = []
    cut = 0
    for name in names:
        plain = opened.get(Compartment(name))
        if plain is not None:
            content = orjson.loads(plain)
            for path in without:
                cut += _cut(content, path)
            parts.append((Compartment(name), orjson.dumps(content)))
    if not cut and len(parts) == len(names):
        return None
    body = seal_parts(bundle, parts, aad) if parts else b""
    return row._replace(compartments=",".join(name for name, _ in parts), body=body)


def _cut(value: Any, path: Path) -> int:
    """Take what a path of names leads to out of a decoded message, `*` being every item of a list; how much it was."""
    step, rest = path[0], path[1:]
    if step == "*" and isinstance(value, list):
        if rest:
            return sum(_cut(item, rest) for item in value)
        count = len(value)
        value.clear()
        return count
    if not isinstance(value, dict) or step not in value:
        return 0
    if rest:
        return _cut(value[step], rest)
    del value[step]
    return 1


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
        self, deployment: Deployment, transaction: Transaction, workspace_id: WorkspaceId, ids: Sequence[FragmentId]
    ) -> tuple[list[StoredEvent], int]:
        """The events that still hold the field, sealed again without it, and how many values were asserted by it."""
        found = rows.events_by_plan(transaction, workspace_id, ids, self.plan, self.event, self.since, self.before)
        changed: list[StoredEvent] = []
        for start in range(0, len(found), PAGE):
            page = [row for row in found[start : start + PAGE] if row.body]
            keep = sorted({name for row in page for name in row.compartments.split(",")})
            changed += _resealed(deployment, page, keep, [self.path]) if page else []
        values = 0
        if self.event == "identify" and self.path[0] == "traits" and len(self.path) == 2:
            key = (self.path[1], self.before)
            values = sum(rows.count_named_traits(transaction, workspace_id, ids, s, *key) for s in self.sources)
        return changed, values

    def delete(
        self, deployment: Deployment, transaction: Transaction, workspace_id: WorkspaceId, ids: Sequence[FragmentId]
    ) -> Counts:
        """Take the field out of the events, and delete what was asserted by it; how many of each."""
        changed, values = self.find(deployment, transaction, workspace_id, ids)
        rows.rewrite_events(transaction, changed)
        if values:
            for source_id in self.sources:
                rows.delete_named_traits(transaction, workspace_id, ids, source_id, self.path[1], self.before)
        return {"events": len(changed), "values": values}


def field_rules(deployment: Deployment, workspace_id: WorkspaceId, run: Sweep) -> list[FieldRule]:
    """The retentions that published plans give to single fields, for a sweep begun at a moment.

    What an earlier sweep dealt with is not looked at again, unless a hold or a restriction, which it passed over, has
    ended since, or somebody was parted from whom it passed over.
    """
    with deployment.data.read(workspace_id) as transaction:
        published = [(row.name, row.version) for row in administration.plans(transaction, workspace_id)]
        sources = administration.sources(transaction, workspace_id)
        ended = (s for s in rows.sweeps(transaction, workspace_id, 2) if s.finished_at is not None)
        last = next((s for s in ended if s.started_at <= run.started_at), None)  # or the clock was set back since
        if last is not None and _let_go(transaction, workspace_id, last.started_at, run.started_at):
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
