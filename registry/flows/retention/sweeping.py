"""Retention: what has lost its ground, or has been kept for long enough, is destroyed (GDPR Art. 5(1)(e)).

1. begin       one sweep at a time per workspace; one that was interrupted goes on after its last page
2. look        ground and age of everything that a page of fragments holds, by compartment
3. lock        what has lost its ground without anybody saying so: a consent that expired
4. shred       the keys of compartments of which nothing may be kept; from here on it does not open
5. delete      the rows; events that keep other parts are sealed again without those that are due
6. forget      people of whom nothing but identifiers and consent records is left, where the policy says so
7. quarantine  rejected messages that nobody let in, in time; then violations of messages that are not kept
8. keys        bundles that no data needs
9. report      what went, why, and how much of it; in the audit log and in the sweep's own row

A page is one transaction, which waits for those who write about anybody, looks again, and notes how far
the sweep is. Killed anywhere, the page is done again: what is gone already is not found any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from registry.dsr.retention import EXPIRED
from registry.flows.acts import trail
from registry.flows.consent import locking
from registry.flows.deployment import Deployment
from registry.flows.identity import subjects
from registry.flows.retention import bare, outdated, rejected
from registry.flows.retention.fields import FieldRule, field_rules
from registry.flows.retention.looking import Page, look
from registry.flows.retention.reports import STAYED, Report, recent
from registry.flows.upkeep.pairing import unused_holders
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import DAY, Micros
from registry.model.compartment import Compartment
from registry.model.grants import ShredGrant
from registry.model.ids import FragmentId, RequestId, WorkspaceId
from registry.model.stored import Fragment
from registry.model.stored_upkeep import Sweep
from registry.store import identities, quarantine
from registry.store import retention as rows

PAGE = 200
"""Fragments in one transaction: few enough that those who write wait only for moments."""

SETTLED: Micros = DAY
"""How old a key bundle must be before it counts as unused: its data may still be on the way."""


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
        rules = field_rules(deployment, workspace.workspace_id, run)
        while True:
            page = _next(deployment, workspace.workspace_id, run.after)
            if not page:
                break
            run = _settle(deployment, workspace, page, rules, run)
        # 7. quarantine, 8. keys, 9. report
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
    """What a sweep would do now, without doing it. Quarantine and unused keys included; what would stay is counted
    apart.
    """
    report, after = Report(), b""
    workspace_id, now = workspace.workspace_id, deployment.clock()
    begun = Sweep(workspace_id, b"", now, None, b"", "")
    rules = field_rules(deployment, workspace_id, begun)
    while page := _next(deployment, workspace_id, after):
        after = page[-1].fragment_id
        with deployment.data.read(workspace_id) as transaction:
            looked = look(deployment, workspace_id, transaction, page, rules)
            _count(report, looked)
            for due in looked.due:
                gone, stayed = outdated.count(deployment, transaction, workspace_id, due, looked.due)
                report.add(due.compartment, due.reason, **gone)
                report.counts[STAYED] += stayed
            for at, rule in enumerate(rules):
                found = rule.find(deployment, transaction, workspace_id, looked.free, looked.due, rules[:at])
                report.add(rule.name, EXPIRED, events=len(found.changed), values=found.values)
                report.counts[STAYED] += found.stayed
    with deployment.data.read(workspace_id) as transaction:
        before = now - deployment.policies.retention.quarantine_for
        report.counts["violations"] = len(rows.stray_violations(transaction, workspace_id, before, b"", 1_000_000))
    report.counts["quarantine"] = rejected.due(deployment, workspace)
    report.counts["unused_keys"] = sum(len(page) for page in _unused(deployment, workspace_id))
    report.gone = {name: counts for name, counts in report.gone.items() if any(counts.values())}
    return report


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
        looked = look(deployment, workspace_id, transaction, page, rules)
    report = Report.decode(run.report)
    report.counts["fragments"] += len(page)
    if not (looked.due or looked.put or looked.opened or looked.fields or looked.bare.profiles):
        return run._replace(after=after, report=report.encode())
    grant = ShredGrant(workspace_id, RequestId(run.sweep_id), "retention")
    with deployment.data.write(workspace_id) as transaction:
        subjects.hold(workspace, transaction, exclusive=True)
        # 2. look
        looked = look(deployment, workspace_id, transaction, page, rules)
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
            gone, stayed = outdated.delete(deployment, transaction, workspace_id, due, looked.due)
            report.add(due.compartment, due.reason, **gone)
            report.counts[STAYED] += stayed
        for rule in rules:
            gone, stayed = rule.delete(deployment, transaction, workspace_id, looked.free)
            report.add(rule.name, EXPIRED, **gone)
            report.counts[STAYED] += stayed
        rows.drop_locks(transaction, workspace_id, {(d.fragment_id, d.compartment) for d in looked.due if d.whole})
        identities.bump(transaction, workspace_id, {due.fragment_id for due in looked.due})
        # 6. forget
        if looked.bare.profiles:
            report.counts["keys"] += bare.forget(deployment, grant, transaction, looked.bare)
        _count(report, looked)
        done = run._replace(after=after, report=report.encode())
        rows.put_sweep(transaction, done)
    return done


def _count(report: Report, looked: Page) -> None:
    report.counts.update(locked=len(looked.put), opened=len(looked.opened))
    if looked.bare.profiles:
        report.add(bare.NAME, EXPIRED, **looked.bare.counted())


def _unused(deployment: Deployment, workspace_id: WorkspaceId) -> Iterator[list[FragmentId]]:
    settled = (deployment.clock() - SETTLED) // 1000
    for holders in unused_holders(deployment, workspace_id):
        old = [holder for holder in holders if int.from_bytes(holder[:6], "big") < settled]  # UUIDv7: ms first
        if old:
            yield old


def _finish(deployment: Deployment, workspace: OpenWorkspace, run: Sweep, actor: str) -> Sweep:
    workspace_id, report = workspace.workspace_id, Report.decode(run.report)
    grant = ShredGrant(workspace_id, RequestId(run.sweep_id), "retention")
    # 7. quarantine
    for transaction, count in rejected.destroy(deployment, workspace, grant):
        report.counts["quarantine"] += count
        rows.put_sweep(transaction, run._replace(report=report.encode()))
    report.counts["violations"] += _forget_violations(deployment, workspace_id)
    # 8. keys
    for holders in list(_unused(deployment, workspace_id)):
        report.counts["unused_keys"] += deployment.keyring.sweep(grant, holders)
    report.gone = {name: counts for name, counts in report.gone.items() if any(counts.values())}
    # 9. report
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
