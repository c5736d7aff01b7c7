"""What an erasure sets aside for a legal hold or a statutory duty, and how that ends (GDPR Art. 17(3)).

1. cases     one for each hold and duty, noted before anything is sealed for it
2. seal      what the duty covers, again, under the case's own key: a compartment of that sole purpose
3. (erasure) the person's own keys and rows go; a case's items name no fragment and no identifier
4. end       a hold that is released or over, a duty whose time is over: key, rows, second look, certificate

No read path but `flows.dsr.kept` knows of the items. Each step may be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from registry.dsr.holding import Duty, covered_part, covers
from registry.flows.accountability.declared import Declared, identifier_categories
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.dsr.holds import duties_of
from registry.flows.opening import API_SOURCE, open_assertions, open_events, open_identifiers, source_names
from registry.flows.workspace import OpenWorkspace
from registry.keys.envelope import DataKey, record_aad, seal
from registry.model.clock import Micros, rfc3339
from registry.model.compartment import compartment_of
from registry.model.grants import OpenGrant
from registry.model.ids import BlindIndex, FragmentId, RequestId, WorkspaceId, text_id
from registry.model.stored import StoredRequest
from registry.model.stored_holding import RetainedCase, RetainedItem
from registry.store import events, holdings, identities
from registry.store.database import Transaction

PAGE = 500

Kept = tuple[str, dict[str, Any], Micros | None]
"""Of one value: a name that is the same when it is looked at again, what is kept, and until when."""


def foreseen(
    deployment: Deployment, workspace: OpenWorkspace, fragments: Sequence[FragmentId], indexes: Sequence[BlindIndex]
) -> list[dict[str, object]]:
    """What an erasure would set aside now, by hold and duty, without opening anything."""
    workspace_id, now = workspace.workspace_id, deployment.clock()
    with deployment.data.read(workspace_id) as transaction:
        duties = duties_of(deployment, holdings.holds_on(transaction, workspace_id, indexes), now)
        if not duties:
            return []
        traits = events.assertions(transaction, workspace_id, fragments)
        known = identities.identifiers_of(transaction, workspace_id, fragments)
        counts = {
            duty.keep_for: holdings.events_by_rule(transaction, workspace_id, fragments, _since(duty, now))
            for duty, _ in duties
        }
    declared = Declared(deployment, workspace)
    told: list[dict[str, object]] = []
    for duty, hold in duties:
        of_events = sum(
            count
            for (plan, event), count in counts[duty.keep_for].items()
            if not duty.categories
            or any(covers(duty.categories, c) for s in declared.of_event(plan, event).values() for c in s.values())
        )
        since = _since(duty, now)
        of_traits = sum(covers(duty.categories, declared.traits.get(row.trait, ())) for row in traits
                        if row.received_at > since)  # fmt: skip
        of_identifiers = (
            0 if not hold else sum(covers(duty.categories, identifier_categories(row.kind)) for row in known)
        )
        if items := of_events + of_traits + of_identifiers:
            until = rfc3339(hold.until) if hold is not None and hold.until is not None else None
            told.append(
                {
                    "because": "hold" if hold is not None else duty.name, "ground": duty.ground,
                    "purpose": duty.purpose, "categories": list(duty.categories), "items": items, "until": until,
                }
            )  # fmt: skip
    return told


def set_aside(
    deployment: Deployment,
    workspace: OpenWorkspace,
    request: StoredRequest,
    fragments: Sequence[FragmentId],
    indexes: Sequence[BlindIndex],
    *,
    actor: str,
) -> list[RetainedCase]:
    """Seal again what holds and duties cover, each for its sole purpose, before the person's keys go.

    Raises:
        StoreUnavailable, KmsUnavailable: nothing was destroyed; do it again.
    """
    workspace_id = workspace.workspace_id
    # 1. cases
    with deployment.data.write(workspace_id) as transaction:
        cases = note_cases(deployment, transaction, request, fragments, indexes)
    if not cases:
        return []
    # 2. seal
    declared = Declared(deployment, workspace)
    return [_fill(deployment, workspace, case, fragments, declared, actor) for case in cases]


def note_cases(
    deployment: Deployment,
    transaction: Transaction,
    request: StoredRequest,
    fragments: Sequence[FragmentId],
    indexes: Sequence[BlindIndex],
) -> list[RetainedCase]:
    """The cases of an erasure, with one for each hold that was placed, and duty that came, since it was looked at last.

    An erasure may wait for days, and by then nothing but its cases says which holds stand on its person.

    Args:
        fragments: those whose data is there to be kept; without any, no duty asks for a case.
    """
    workspace_id, now = request.workspace_id, deployment.clock()
    before = holdings.cases(transaction, workspace_id, request.request_id)
    if not (fragments or deployment.linked):
        return before
    known = {(case.hold_id, case.duty) for case in before}
    new = [
        RetainedCase(
            workspace_id, FragmentId(deployment.new_id()), request.request_id,
            hold.hold_id if hold is not None else None, duty.name if hold is None else None, duty.ground,
            duty.purpose, ",".join(duty.categories), now,
        )
        for duty, hold in duties_of(deployment, holdings.holds_on(transaction, workspace_id, indexes), now)
        if ((hold.hold_id, None) not in known if hold is not None else fragments and (None, duty.name) not in known)
    ]  # fmt: skip
    holdings.add_cases(transaction, new)
    return [*before, *new]


def stated(
    transaction: Transaction, workspace_id: WorkspaceId, request_id: RequestId, *, ends: FragmentId | None = None
) -> list[dict[str, object]]:
    """What is set aside of an erasure, as a certificate states it: each case has one of its own, once it has ended.

    Args:
        ends: the case whose end is certified.
    """
    told: list[dict[str, object]] = []
    for case in holdings.cases(transaction, workspace_id, request_id):
        if not case.items or case.case_id == ends or case.ended_at is not None:
            continue
        until = holdings.kept_until(transaction, case)
        told.append(
            {
                "case": text_id(case.case_id), "ground": case.ground, "purpose": case.purpose,
                "categories": list(filter(None, case.categories.split(","))), "items": case.items,
                **({"until": rfc3339(until)} if until is not None else {}),
            }
        )  # fmt: skip
    return told


def _fill(
    deployment: Deployment,
    workspace: OpenWorkspace,
    case: RetainedCase,
    fragments: Sequence[FragmentId],
    declared: Declared,
    actor: str,
) -> RetainedCase:
    workspace_id, now = workspace.workspace_id, deployment.clock()
    if case.items or case.ended_at is not None:  # it was filled before the interruption
        return case
    compartment = compartment_of([case.purpose])
    key = deployment.keyring.for_sealing(workspace_id, {case.case_id: (compartment,)})[case.case_id].key(compartment)
    duties = {duty.name: duty for duty in deployment.policies.retention.duties}
    duty = duties.get(case.duty or "")
    wanted = tuple(filter(None, case.categories.split(",")))

    def until(received_at: Micros) -> Micros | None:
        return received_at + duty.keep_for if duty is not None else None

    asked = case.duty is None or duty is not None  # a duty that left the policy meanwhile asks for nothing, for no time
    found = _covered(
        deployment, workspace, fragments if asked else (), wanted, declared, until,
        with_identifiers=case.hold_id is not None,
    )  # fmt: skip
    page: list[RetainedItem] = []
    for name, content, kept_until in found:
        if kept_until is not None and kept_until <= now:
            continue
        item_id = workspace.indexer.lasting("retained", f"{case.case_id.hex()}:{name}")
        page.append(_sealed(workspace_id, case, item_id, key, content, kept_until))
        if len(page) == PAGE:
            _store(deployment, page)
            page = []
    _store(deployment, page)
    with deployment.data.write(workspace_id) as transaction:
        done = case._replace(items=holdings.count_items(transaction, workspace_id, case.case_id))
        if not done.items and not _may_be_outside(deployment, case):  # nothing of theirs is covered: nothing to end
            done = done._replace(ended_at=now)
        holdings.write_case(transaction, done)
        trail.append(
            transaction, workspace_id, now, actor=actor, action="dsr:retained:set_aside", outcome="kept",
            fields={
                "request": text_id(case.request_id), "case": text_id(case.case_id), "purpose": case.purpose,
                "items": done.items,
            },
        )  # fmt: skip
    return done


def _covered(
    deployment: Deployment,
    workspace: OpenWorkspace,
    fragments: Sequence[FragmentId],
    wanted: Sequence[str],
    declared: Declared,
    until: Callable[[Micros], Micros | None],
    *,
    with_identifiers: bool,
) -> Iterator[Kept]:
    """Everything of these fragments that is covered, in plaintext, one value at a time."""
    workspace_id = workspace.workspace_id
    grant = OpenGrant(workspace_id, None, "set aside for a legal duty")
    with deployment.data.read(workspace_id) as transaction:
        names = source_names(transaction, workspace_id)
        stream = events.stream(transaction, workspace_id, fragments)
        for row, opened, _ in open_events(deployment, grant, stream):
            content = covered_part(opened, declared.of_event(row.plan_version, row.plan_event), wanted)
            if content:
                told: dict[str, Any] = {"what": "event", "type": row.call, "event": row.plan_event, "content": content}
                told |= _when(names.get(row.source_id, API_SOURCE), row.observed_at, row.received_at)
                yield f"event:{row.event_id.hex()}", told, until(row.received_at)
        traits = events.assertions(transaction, workspace_id, fragments)
        known = identities.identifiers_of(transaction, workspace_id, fragments)
    for found in open_assertions(deployment, grant, traits, names).assertions:
        if covers(wanted, declared.traits.get(found.trait, ())):
            by = found.provenance
            told = {"what": "trait", "trait": found.trait, "value": found.value}
            told |= _when(by.source_name, by.observed_at, by.received_at)
            name = f"trait:{found.fragment_id.hex()}:{found.trait}:{by.source_id.hex()}"
            yield name, told, until(by.received_at)
    for stored, identifier in open_identifiers(deployment, grant, known)[0] if with_identifiers else ():
        if covers(wanted, identifier_categories(identifier.kind)):
            told = {"what": "identifier", "kind": identifier.kind, "value": identifier.value}
            yield f"identifier:{stored.blind_index.hex()}", told, None


def _sealed(
    workspace_id: WorkspaceId,
    case: RetainedCase,
    item_id: bytes,
    key: DataKey,
    content: dict[str, Any],
    kept_until: Micros | None,
) -> RetainedItem:
    aad = record_aad(b"retained", workspace_id, case.case_id, item_id, b"item")
    return RetainedItem(workspace_id, case.case_id, item_id, kept_until, seal(key, orjson.dumps(content), aad))


def _store(deployment: Deployment, page: Sequence[RetainedItem]) -> None:
    if page:
        with deployment.data.write(page[0].workspace_id) as transaction:
            holdings.add_items(transaction, page)


def _when(source: str, observed_at: Micros, received_at: Micros) -> dict[str, str]:
    return {"source": source, "observed_at": rfc3339(observed_at), "received_at": rfc3339(received_at)}


def _may_be_outside(deployment: Deployment, case: RetainedCase) -> bool:
    """Whether a hold may cover something in a system outside: `held.settle` says so later."""
    return case.hold_id is not None and bool(deployment.linked)


def _since(duty: Duty, now: Micros) -> Micros:
    return now - duty.keep_for if duty.keep_for else -1
