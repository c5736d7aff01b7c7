"""A plan before it is published, held against traffic: what it would have rejected, and what it overlooks.

1. compile     the plan, against the policies that it refers to
2. quarantine  what was rejected: would it be let in now?
3. let in      what was accepted: would it be rejected now?
4. file        or, instead of both, the calls of a file
5. report      counts by event, rule and path; personal data in fields that the plan does not declare as such

Nothing is stored but an audit entry with the counts. No value leaves this file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.ingest.admission import BoundSource, Delivery, Item, Status, decode, validate
from registry.flows.traffic.recorded import Counts, calls_in, kept, open_quarantined, quarantined_pages, source_id_of
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import Micros
from registry.model.message import CallType, Message, Violation
from registry.model.stored import Source
from registry.plans.compile import CompiledPlan
from registry.plans.envelope import check_envelope
from registry.plans.inventory import Found, undeclared
from registry.plans.sample import Sample
from registry.store import administration

OUTCOMES = ("let_in", "still_rejected", "newly_rejected", "still_let_in", "not_decided")
MISSING = "required_missing"


@dataclass(slots=True)
class Rehearsal:
    """What would have become of the traffic.

    Attributes:
        outcomes: `let_in` and `still_rejected` of what is in quarantine; `newly_rejected` and `still_let_in`
            of what was let in; `not_decided` where a part could not be opened.
        broken: how often each (event, violation) came up, accepted events included.
        personal: personal data in fields that the plan does not declare as such.
    """

    outcomes: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(OUTCOMES, 0)))
    broken: Counter[tuple[str | None, Violation]] = field(default_factory=Counter)
    personal: list[Found] = field(default_factory=list)
    withheld: int = 0

    def as_json(self) -> dict[str, Any]:
        """The report, without values."""
        return {
            "outcomes": dict(self.outcomes),
            "withheld": self.withheld,
            "violations": [
                {"event": event, "code": v.code, "path": v.path, "rule": v.rule, "expected": v.expected, "count": count}
                for (event, v), count in self.broken.most_common()
            ],
            "undeclared_personal_data": [found.as_json() for found in self.personal],
        }


def rehearse(
    deployment: Deployment,
    workspace: OpenWorkspace,
    plan: CompiledPlan,
    *,
    source_name: str | None,
    since: Micros,
    purpose: str,
    actor: str,
) -> Rehearsal:
    """Hold a plan against what was recorded since a time.

    Args:
        source_name: only what came from this source; its own enforcement holds.
        purpose: what the events that were let in are opened for.

    Raises:
        NotFound: there is no such source.
        UnknownPurpose: policy has no such purpose.
    """
    chosen = source_id_of(deployment, workspace, source_name)
    with deployment.data.read(workspace.workspace_id) as transaction:
        rows = administration.sources(transaction, workspace.workspace_id)
    bound = {row.source_id: _bind(row, plan) for row in rows}
    run, sample = Rehearsal(), Sample(_year(deployment.clock()))
    # 2. quarantine
    for item in _quarantined(deployment, workspace, bound, chosen, since):
        _note(run, item)
        sample.add([item.raw])
    # 3. let in
    counts = Counts()
    for found in kept(deployment, workspace, purpose=purpose, since=since, counts=counts):
        if chosen is None or found.source_id == chosen:
            enforced = bound[found.source_id].enforcement if found.source_id in bound else plan.enforcement
            message, _ = plan.transform(found.message)
            _judge(run, plan, message, enforced, whole=found.whole)
            sample.add([found.message.body])
    run.withheld = counts.withheld
    # 5. report
    run.personal = undeclared(plan, sample)
    with deployment.data.write(workspace.workspace_id) as transaction:
        trail.append(
            transaction, workspace.workspace_id, deployment.clock(), actor=actor, action="plans:traffic:checked",
            outcome="done", fields={"plan": plan.identity, "purpose": purpose, **run.outcomes},
        )  # fmt: skip
    return run


def rehearse_file(plan: CompiledPlan, lines: Iterable[bytes], *, now: Micros) -> Rehearsal:
    """Hold a plan against the calls of a file, as if they had just come.

    Raises:
        InvalidInput: the file is none of calls.
    """
    run, sample = Rehearsal(), Sample(_year(now))
    for call in calls_in(iter(lines)):
        faults = check_envelope(call)
        if faults:
            run.outcomes["newly_rejected"] += 1
            run.broken.update((None, fault) for fault in faults)
            continue
        message, _ = plan.transform(decoded(call))
        _judge(run, plan, message, plan.enforcement, whole=True)
        sample.add([call])
    run.personal = undeclared(plan, sample)
    return run


def decoded(call: dict[str, Any]) -> Message:
    """A call whose envelope is sound as a message outside of any time."""
    name = str(call.get("event") or call.get("name") or "")
    return Message(CallType(call["type"]), name, str(call.get("messageId", "")), call, 0, 0)


def sample_of(deployment: Deployment, workspace: OpenWorkspace, *, source_name: str | None, actor: str) -> Sample:
    """What lies in quarantine, looked at: the traffic that no plan let in.

    Raises:
        NotFound: there is no such source.
    """
    chosen = source_id_of(deployment, workspace, source_name)
    sample = Sample(_year(deployment.clock()))
    for page in quarantined_pages(deployment, workspace, chosen):
        opened = open_quarantined(deployment, workspace, page, "plans:infer")
        sample.add(plain["call"] for _, plain in opened)
    with deployment.data.write(workspace.workspace_id) as transaction:
        trail.append(
            transaction, workspace.workspace_id, deployment.clock(), actor=actor, action="plans:plan:inferred",
            outcome="done", fields={"calls": sample.calls, "events": len(sample.events)},
        )  # fmt: skip
    return sample


def sample_file(lines: Iterable[bytes], *, now: Micros) -> Sample:
    """The calls of a file, looked at.

    Raises:
        InvalidInput: the file is none of calls.
    """
    sample = Sample(_year(now))
    sample.add(calls_in(iter(lines)))
    return sample


def _bind(row: Source, plan: CompiledPlan) -> BoundSource:
    enforcement = plan.enforcement.override(
        unplanned_events=row.unplanned_events, unplanned_properties=row.unplanned_properties, violations=row.violations
    )
    return BoundSource(row, plan, enforcement)


def _quarantined(
    deployment: Deployment, workspace: OpenWorkspace, bound: dict[Any, BoundSource], chosen: Any, since: Micros
) -> Iterator[Item]:
    for page in quarantined_pages(deployment, workspace, chosen):
        recent = [row for row in page if row.received_at >= since]
        deliveries = [
            Delivery(bound[row.source_id], [plain["call"]], row.received_at, context=plain["context"])
            for row, plain in open_quarantined(deployment, workspace, recent, "plans:check")
        ]
        items = decode(deliveries, workspace.indexer, deployment.new_id)
        validate(items)
        yield from items


def _note(run: Rehearsal, item: Item) -> None:
    run.outcomes["let_in" if item.status is Status.ACCEPTED else "still_rejected"] += 1
    event = item.verdict.plan_event if item.verdict is not None else None
    run.broken.update((event, violation) for violation in item.violations)


def _judge(run: Rehearsal, plan: CompiledPlan, message: Message, enforcement: Any, *, whole: bool) -> None:
    verdict = plan.check(message, enforcement)
    violations = [v for v in verdict.violations if whole or v.code != MISSING]
    if verdict.accepted:
        run.outcomes["still_let_in"] += 1
    elif violations:
        run.outcomes["newly_rejected"] += 1
    else:
        run.outcomes["not_decided"] += 1
    run.broken.update((verdict.plan_event, violation) for violation in violations)


def _year(now: Micros) -> int:
    return datetime.fromtimestamp(now / 1e6, UTC).year
