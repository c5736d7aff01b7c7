"""Retention: what has lost its ground, or has been kept for long enough, is destroyed (GDPR Art. 5(1)(e)).

1. begin       one sweep at a time per workspace; one that was interrupted goes on after its last page
2. look        ground and age of everything that a page of fragments holds, by compartment
3. lock        what has lost its ground without anybody saying so: a consent that expired
4. shred       the keys of compartments of which nothing may be kept; from here on it does not open
5. delete      the rows; events that keep other parts are sealed again without those that are due
6. quarantine  rejected messages that nobody let in, in time; then violations of messages that are not kept
7. keys        bundles that no data needs
8. report      what went, why, and how much of it; in the audit log and in the sweep's own row

A page is one transaction, which waits for those who write about anybody, looks again, and notes how far
the sweep is. Killed anywhere, the page is done again: what is gone already is not found any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from registry.dsr.retention import EXPIRED, RESTRICTED, kept_for
from registry.flows.acts import trail
from registry.flows.consent import locking
from registry.flows.consent.locking import Refused
from registry.flows.deployment import Deployment
from registry.flows.identity import subjects
from registry.flows.retention import outdated, rejected
from registry.flows.retention.outdated import FieldRule
from registry.flows.upkeep.pairing import unused_holders
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import DAY, Micros, rfc3339
from registry.model.compartment import Compartment, purposes_of
from registry.model.grants import ShredGrant
from registry.model.ids import FragmentId, ProfileId, RequestId, WorkspaceId, text_id
from registry.model.stored import Fragment
from registry.model.stored_upkeep import CompartmentLock, Sweep
from registry.store import consents, holdings, identities, quarantine
from registry.store import retention as rows
from registry.store.database import Transaction

PAGE = 200
"""Fragments in one transaction: few enough that those who write wait only for moments."""

SETTLED: Micros = DAY
"""How old a key bundle must be before it counts as unused: its data may still be on the way."""

FOREVER: Micros = 2**63 - 1


class Due(NamedTuple):
    """What of one compartment of one fragment is to go: everything, with its key, or what is older than `before`."""

    fragment_id: FragmentId
    compartment: str
    reason: str
    before: Micros
    whole: bool


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


@dataclass(frozen=True, slots=True)
class _Page:
    """What is due of a page of fragments, as one transaction has read it; `fields`: single ones of events, too.
    `free`: those of people on whom no legal hold stands, and who do not restrict processing.
    """

    due: Sequence[Due]
    put: Sequence[CompartmentLock]
    opened: frozenset[tuple[FragmentId, str]]
    fields: bool
    free: Sequence[FragmentId]


def sweep(deployment: Deployment, workspace: OpenWorkspace, *, actor: str) -> Sweep | None:
    """Destroy what is due; the sweep with its report, or None while another process sweeps this workspace.

    Raises:
        StoreUnavailable, KmsUnavailable: run it again; it goes on where it stood.
    """
    with deployment.data.sole(f"retention-{workspace.workspace_id.hex()}") as alone:
        if not alone:
            return None
        # 1. begin
        run = _begin(deployment, workspace.workspace_id)
        rules = outdated.field_rules(deployment, workspace.workspace_id, run)
        while True:
            page = _next(deployment, workspace.workspace_id, run.after)
            if not page:
                break
            run = _settle(deployment, workspace, page, rules, run)
        # 6. quarantine, 7. keys, 8. report
        return _finish(deployment, workspace, run, actor)


def sweep_if_due(deployment: Deployment, workspace: OpenWorkspace, every: Micros, *, actor: str) -> Sweep | None:
    """Sweep if the latest sweep was begun so long ago, or never ended; None where neither is so.

    Raises: as `sweep`.
    """
    latest, now = recent(deployment, workspace, 1), deployment.clock()
    # One that was begun in the future says nothing: the clock has been set back since.
    if latest and latest[0].finished_at is not None and now - every < latest[0].started_at <= now:
        return None
    return sweep(deployment, workspace, actor=actor)


def preview(deployment: Deployment, workspace: OpenWorkspace) -> Report:
    """What a sweep would do now, without doing it. Quarantine and unused keys included."""
    report, after = Report(), b""
    workspace_id, now = workspace.workspace_id, deployment.clock()
    begun = Sweep(workspace_id, b"", now, None, b"", "")
    rules = outdated.field_rules(deployment, workspace_id, begun)
    while page := _next(deployment, workspace_id, after):
        after = page[-1].fragment_id
        with deployment.data.read(workspace_id) as transaction:
            looked = _look(deployment, workspace_id, transaction, page, rules)
            _count(report, looked)
            for due in looked.due:
                report.add(due.compartment, due.reason, **outdated.count(transaction, workspace_id, due))
            for rule in rules:
                changed, values = rule.find(deployment, transaction, workspace_id, looked.free)
                report.add(rule.name, EXPIRED, events=len(changed), values=values)
    with deployment.data.read(workspace_id) as transaction:
        before = now - deployment.policies.retention.quarantine_for
        report.counts["violations"] = len(rows.stray_violations(transaction, workspace_id, before, b"", 1_000_000))
    report.counts["quarantine"] = rejected.due(deployment, workspace)
    report.counts["unused_keys"] = sum(len(page) for page in _unused(deployment, workspace_id))
    report.gone = {name: counts for name, counts in report.gone.items() if any(counts.values())}
    return report


def recent(deployment: Deployment, workspace: OpenWorkspace, limit: int) -> list[Sweep]:
    """The latest sweeps, newest first."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        return rows.sweeps(transaction, workspace.workspace_id, limit)


def locked(deployment: Deployment, workspace: OpenWorkspace) -> list[tuple[str, str, int, Micros | None]]:
    """What is locked now: compartment, reason, how many persons' fragments, and when the first is shredded."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        return rows.locked(transaction, workspace.workspace_id)


def _begin(deployment: Deployment, workspace_id: WorkspaceId) -> Sweep:
    with deployment.data.read(workspace_id) as transaction:
        latest = rows.sweeps(transaction, workspace_id, 1)
    if latest and latest[0].finished_at is None:
        return latest[0]
    run = Sweep(workspace_id, deployment.new_id(), deployment.clock(), None, b"", Report().encode())
    with deployment.data.write(workspace_id) as transaction:
        rows.put_sweep(transaction, run)
    return run


def _next(deployment: Deployment, workspace_id: WorkspaceId, after: bytes) -> list[Fragment]:
    with deployment.data.read(workspace_id) as transaction:
        return identities.fragments_after(transaction, workspace_id, after, PAGE)


def _settle(
    deployment: Deployment, workspace: OpenWorkspace, page: Sequence[Fragment], rules: Sequence[FieldRule], run: Sweep
) -> Sweep:
    """One page: nothing is written where nothing is due but how far the sweep is, with the next page that has."""
    workspace_id, after = workspace.workspace_id, page[-1].fragment_id
    with deployment.data.read(workspace_id) as transaction:
        looked = _look(deployment, workspace_id, transaction, page, rules)
    report = Report.decode(run.report)
    report.counts["fragments"] += len(page)
    if not (looked.due or looked.put or looked.opened or looked.fields):
        return run._replace(after=after, report=report.encode())
    grant = ShredGrant(workspace_id, RequestId(run.sweep_id), "retention")
    with deployment.data.write(workspace_id) as transaction:
        subjects.hold(workspace, transaction, exclusive=True)
        # 2. look
        looked = _look(deployment, workspace_id, transaction, page, rules)
        # 3. lock
        locking.change(deployment, workspace_id, transaction, looked.put, looked.opened)
        # 4. shred
        whole: dict[FragmentId, list[Compartment]] = {}
        for due in looked.due:
            if due.whole:
                whole.setdefault(due.fragment_id, []).append(Compartment(due.compartment))
        if whole:
            report.counts["keys"] += deployment.keyring.shred_compartments(grant, whole)
        # 5. delete
        for due in looked.due:
            report.add(due.compartment, due.reason, **outdated.delete(deployment, transaction, workspace_id, due))
        for rule in rules:
            report.add(rule.name, EXPIRED, **rule.delete(deployment, transaction, workspace_id, looked.free))
        rows.drop_locks(transaction, workspace_id, {(d.fragment_id, d.compartment) for d in looked.due if d.whole})
        identities.bump(transaction, workspace_id, {due.fragment_id for due in looked.due})
        _count(report, looked)
        done = run._replace(after=after, report=report.encode())
        rows.put_sweep(transaction, done)
    return done


def _look(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    transaction: Transaction,
    page: Sequence[Fragment],
    rules: Sequence[FieldRule],
) -> _Page:
    ids = [fragment.fragment_id for fragment in page]
    present = list(identities.fragments(transaction, workspace_id, ids).values())
    home: dict[FragmentId, ProfileId] = {row.fragment_id: row.profile_id for row in present}
    standing = {(row.fragment_id, row.compartment): row for row in rows.locks(transaction, workspace_id, home)}
    ages: dict[tuple[FragmentId, str], tuple[Micros, Micros]] = dict.fromkeys(
        standing, (FOREVER, -1)
    )  # a compartment may be locked of which nothing is stored any more: its key goes, too
    for held in rows.held_events(transaction, workspace_id, ids) + rows.held_traits(transaction, workspace_id, ids):
        for name in held.compartments.split(","):
            oldest, newest = ages.get((held.fragment_id, name), (FOREVER, -1))
            ages[(held.fragment_id, name)] = (min(oldest, held.oldest), max(newest, held.newest))
    whole = identities.fragments_of_profiles(transaction, workspace_id, {row.profile_id for row in present})
    holders = {home[fragment_id] for fragment_id, _ in ages}  # nobody else's ground decides on anything
    asked = [row for row in whole if row.profile_id in holders]
    states = consents.states(transaction, workspace_id, [row.fragment_id for row in asked])
    refused = locking.refused_by_profile(deployment, asked, states)
    due: list[Due] = []
    put: list[CompartmentLock] = []
    opened: set[tuple[FragmentId, str]] = set()
    for (fragment_id, name), span in sorted(ages.items()):
        told, before = refused[home[fragment_id]], standing.get((fragment_id, name))
        lock = locking.needed_lock(deployment, name, told, before) if name else None
        if lock is None:
            if before is not None:
                opened.add((fragment_id, name))
            due += _outlived(deployment, fragment_id, name, told, span)
        elif lock.shred_at is not None and lock.shred_at <= deployment.clock():
            due.append(Due(fragment_id, name, lock.reason, FOREVER, whole=True))
        elif before is None or lock != (before.reason, before.locked_at, before.shred_at):
            put.append(CompartmentLock(workspace_id, fragment_id, name, *lock))
    on_hold = holdings.held_fragments(transaction, workspace_id, [row.fragment_id for row in whole], deployment.clock())
    spared = {row.profile_id for row in whole if row.fragment_id in on_hold}
    spared |= {profile_id for profile_id, told in refused.items() if RESTRICTED in told.values()}
    free = [fragment_id for fragment_id in ids if home.get(fragment_id) not in spared]
    found = [rule.find(deployment, transaction, workspace_id, free) for rule in rules]
    outlived = any(changed or values for changed, values in found)
    return _Page([one for one in due if one.fragment_id in free], put, frozenset(opened), outlived, free)


def _outlived(
    deployment: Deployment, fragment_id: FragmentId, name: str, refused: Refused, span: tuple[Micros, Micros]
) -> Iterator[Due]:
    """What of a compartment with a lawful ground has been kept for long enough; nothing of what is restricted."""
    if RESTRICTED in refused.values():
        return
    oldest, newest = span
    catalogue = deployment.policies.purposes.purposes
    periods: Mapping[str, Micros] = {purpose.name: purpose.retention_days * DAY for purpose in catalogue.values()}
    purposes = purposes_of(Compartment(name)) if name else frozenset()
    before = deployment.clock() - kept_for(purposes, frozenset(periods) - refused.keys(), periods)
    if oldest < before:
        yield Due(fragment_id, name, EXPIRED, before, whole=bool(name) and newest < before)


def _count(report: Report, looked: _Page) -> None:
    report.counts.update(locked=len(looked.put), opened=len(looked.opened))


def _unused(deployment: Deployment, workspace_id: WorkspaceId) -> Iterator[list[FragmentId]]:
    settled = (deployment.clock() - SETTLED) // 1000
    for holders in unused_holders(deployment, workspace_id):
        old = [holder for holder in holders if int.from_bytes(holder[:6], "big") < settled]  # UUIDv7: ms first
        if old:
            yield old


def _finish(deployment: Deployment, workspace: OpenWorkspace, run: Sweep, actor: str) -> Sweep:
    workspace_id, report = workspace.workspace_id, Report.decode(run.report)
    grant = ShredGrant(workspace_id, RequestId(run.sweep_id), "retention")
    # 6. quarantine
    for transaction, count in rejected.destroy(deployment, workspace, grant):
        report.counts["quarantine"] += count
        rows.put_sweep(transaction, run._replace(report=report.encode()))
    report.counts["violations"] += _forget_violations(deployment, workspace_id)
    # 7. keys
    for holders in list(_unused(deployment, workspace_id)):
        report.counts["unused_keys"] += deployment.keyring.sweep(grant, holders)
    report.gone = {name: counts for name, counts in report.gone.items() if any(counts.values())}
    # 8. report
    now = deployment.clock()
    done = run._replace(finished_at=now, report=report.encode())
    with deployment.data.write(workspace_id) as transaction:
        rows.put_sweep(transaction, done)
        told = {name: count for name, count in report.counts.items() if count}
        lost = sum((Counter(counts) for counts in report.gone.values()), Counter())
        trail.append(
            transaction, workspace_id, now, actor=actor, action="retention:data:swept", outcome="done",
            fields=told | dict(lost),
        )  # fmt: skip
    deployment.data.checkpoint()
    deployment.keyring.checkpoint()
    return done


def _forget_violations(deployment: Deployment, workspace_id: WorkspaceId) -> int:
    """Nobody's erasure finds a violation whose message is not there: it names no person, and goes by its age."""
    before, after, count = deployment.clock() - deployment.policies.retention.quarantine_for, b"", 0
    while True:
        with deployment.data.write(workspace_id) as transaction:
            stray = rows.stray_violations(transaction, workspace_id, before, after, PAGE)
            count += quarantine.delete_violations(transaction, workspace_id, stray)
        if len(stray) < PAGE:
            return count
        after = stray[-1]


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
