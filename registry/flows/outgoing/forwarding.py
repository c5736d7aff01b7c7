"""Forwarding: events to destinations, for a purpose, judged at the moment of sending; at least once, in order.

1. look     the next events after the destination's cursor over the feed, in the order of their commits
2. judge    may the purpose be served for this person now? Else the event is passed over, and counted
3. open     only the compartments that serve the purpose, of what is not locked; only the events and traits wanted
4. promise  that the destination has data of these people is committed before any of it leaves
5. send     as signed webhooks, or as a batch of Segment's protocol; ids stay the same at every attempt
6. advance  the cursor, past what was taken, passed over, or refused for good and kept to be replayed

Killed between 5 and 6, the same events are sent again. A destination that does not answer is tried again
later and later; nobody else waits for it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from registry.connectors.outgoing import Answer, Verdict
from registry.flows.acts import trail
from registry.flows.consent.locking import locked_of, refused_by_profile
from registry.flows.deployment import Deployment
from registry.flows.opening import compartments_for, open_event, versions_of
from registry.flows.outgoing.delivery import people_of
from registry.flows.outgoing.destinations import ALL, DestinationKind
from registry.flows.outgoing.endpoints import open_config, wait_after
from registry.flows.workspace import OpenWorkspace
from registry.keys.webhooks import signed_headers
from registry.model.clock import rfc3339
from registry.model.errors import SealBroken
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, text_id
from registry.model.stored_upkeep import Destination, DestinationFailure, FeedItem
from registry.store import consents, identities
from registry.store import destinations as rows
from registry.store.database import Transaction
from registry.store.destinations import Cursor

PAGE = 100


class Ready(NamedTuple):
    """An event that may be sent: where it stands, and what is sent of it."""

    item: FeedItem
    call: dict[str, Any]


class Judged(NamedTuple):
    """What of an event a destination may have now, if anything; `withheld`: it would have had more otherwise."""

    ready: Ready | None
    withheld: bool = False


UNWANTED = Judged(None)
WITHHELD = Judged(None, withheld=True)


def due(deployment: Deployment, workspace: OpenWorkspace) -> list[FragmentId]:
    """The destinations that have something to be sent now."""
    workspace_id, now = workspace.workspace_id, deployment.clock()
    with deployment.data.read(workspace_id) as transaction:
        ready = [row for row in rows.listed(transaction, workspace_id) if row.paused_at is None and row.retry_at <= now]
        return [
            row.destination_id
            for row in ready
            if rows.following(transaction, workspace_id, (row.position, row.place), 1)
            or rows.failures(transaction, workspace_id, row.destination_id, 1, due=now)
        ]


def forward(deployment: Deployment, workspace: OpenWorkspace, destination_id: FragmentId) -> int:
    """Send to one destination what is due; how many events it took, none while another process sends to it.

    Raises:
        StoreUnavailable, KmsUnavailable: what was taken meanwhile may be sent again.
    """
    count = 0
    with deployment.data.sole(f"destination-{destination_id.hex()}") as alone:
        while alone:
            now = deployment.clock()
            # 1. look
            with deployment.data.read(workspace.workspace_id) as transaction:
                row = rows.get(transaction, workspace.workspace_id, destination_id)
                if row is None or row.paused_at is not None or row.retry_at > now:
                    break
                page = rows.following(transaction, workspace.workspace_id, (row.position, row.place), PAGE)
                again = rows.failures(transaction, workspace.workspace_id, destination_id, PAGE, due=now)
            if not page and not again:
                break
            config = open_config(deployment, workspace.workspace_id, destination_id, row.sealed)
            taken, on = _retry(deployment, workspace, row, config, again)
            count += taken
            if not on:
                break
            taken, on = _pass_on(deployment, workspace, row, config, page)
            count += taken
            if not on:
                break
    return count


def _pass_on(
    deployment: Deployment, workspace: OpenWorkspace, row: Destination, config: dict[str, Any], page: Sequence[FeedItem]
) -> tuple[int, bool]:
    """Send a page of the feed; how many events were taken, and whether the destination still answers."""
    if not page:
        return 0, True
    looked = [judged(deployment, workspace, row, item) for item in page]
    ready = [one.ready for one in looked if one.ready is not None]
    _promise(deployment, row, [one.item.fragment_id for one in ready])
    taken, refused, answer, done = _send(deployment, row, config, ready)
    now = deployment.clock()
    with deployment.data.write(workspace.workspace_id) as transaction:
        rows.put_failures(transaction, refused)
        # 6. advance
        stopped = answer is not None and answer.verdict in (Verdict.DOWN, Verdict.GONE)
        if stopped and done is None:
            last = _before(page, ready[0].item, row)
        elif stopped and done is not None:
            last = (done.position, done.place)
        else:
            last = (page[-1].position, page[-1].place)
        passed = [one for item, one in zip(page, looked, strict=True) if (item.position, item.place) <= last]
        rows.advance(transaction, row, last, sent=taken, withheld=sum(one.withheld for one in passed), now=now)
        rows.prune(transaction, row.workspace_id)
        if stopped and answer is not None:
            _hold(deployment, transaction, row, answer)
    return taken, not stopped


def _retry(
    deployment: Deployment,
    workspace: OpenWorkspace,
    row: Destination,
    config: dict[str, Any],
    again: Sequence[DestinationFailure],
) -> tuple[int, bool]:
    """Send what was refused once more, judged anew; what may not be sent any more is forgotten."""
    count = 0
    for failed in again:
        item = FeedItem(row.workspace_id, failed.position, failed.place, failed.fragment_id, failed.event_id)
        one = judged(deployment, workspace, row, item).ready
        if one is not None:
            _promise(deployment, row, [item.fragment_id])
            taken, refused, answer, _ = _send(deployment, row, config, [one])
            with deployment.data.write(workspace.workspace_id) as transaction:
                rows.put_failures(transaction, refused)
                if answer is not None and answer.verdict in (Verdict.DOWN, Verdict.GONE):
                    _hold(deployment, transaction, row, answer)
                    return count, False
            count += taken
            if refused:
                continue
        with deployment.data.write(workspace.workspace_id) as transaction:
            rows.drop_failure(transaction, failed)
            if one is not None:
                rows.advance(transaction, row, (row.position, row.place), sent=1, withheld=0, now=deployment.clock())
    return count, True


def judged(deployment: Deployment, workspace: OpenWorkspace, row: Destination, item: FeedItem) -> Judged:
    """What of an event a destination may have now, by its purpose and by what it wants."""
    # 2. judge
    workspace_id = workspace.workspace_id
    with deployment.data.read(workspace_id) as transaction:
        event = rows.event(transaction, workspace_id, item.fragment_id, item.event_id)
        own = identities.fragments(transaction, workspace_id, [item.fragment_id])
        whole = identities.fragments_of_profiles(transaction, workspace_id, {f.profile_id for f in own.values()})
        states = consents.states(transaction, workspace_id, [fragment.fragment_id for fragment in whole])
        locked = locked_of(transaction, workspace_id, whole)
    if event is None or not whole or not _wanted(row.events, event.plan_event or event.call):
        return UNWANTED
    refused = refused_by_profile(deployment, whole, states)[whole[0].profile_id]
    if row.purpose in refused or row.purpose not in deployment.policies.purposes.purposes:
        return WITHHELD
    # 3. open
    present = {name for name in event.compartments.split(",") if name} - locked
    grant = OpenGrant(workspace_id, compartments_for(row.purpose, present), f"destination for {row.purpose}")
    bundles = deployment.keyring.for_opening(grant, [item.fragment_id], versions=versions_of(whole))
    try:
        content, _ = open_event(grant, event, bundles)
    except SealBroken:
        return WITHHELD
    people = {person.kind: person.value for person in people_of(deployment, workspace, item.fragment_id, row.purpose)}
    known = {"userId": people.get("user_id"), "anonymousId": people.get("anonymous_id")}
    if not content or not any(known.values()):
        return WITHHELD
    if event.call == "identify" and ALL not in row.traits.split(","):
        kept = {name: value for name, value in content.get("traits", {}).items() if name in row.traits.split(",")}
        content = {**content, "traits": kept}
    call = {
        "type": event.call,
        "messageId": content.pop("messageId", None) or text_id(event.event_id),
        "timestamp": rfc3339(event.observed_at),
        **{name: value for name, value in known.items() if value is not None},
        **content,
    }
    return Judged(Ready(item, call))


def _promise(deployment: Deployment, row: Destination, fragments: Sequence[FragmentId]) -> None:
    # 4. promise
    if not fragments:
        return
    with deployment.data.write(row.workspace_id) as transaction:
        rows.received(transaction, row, set(fragments), deployment.clock())
        trail.append(
            transaction, row.workspace_id, deployment.clock(), actor="registry", action="destination:events:sent",
            outcome="given",
            fields={
                "destination": text_id(row.destination_id), "purpose": row.purpose,
                "events": len(fragments), "people": len(set(fragments)),
            },
        )  # fmt: skip


def _send(
    deployment: Deployment, row: Destination, config: dict[str, Any], ready: Sequence[Ready]
) -> tuple[int, list[DestinationFailure], Answer | None, FeedItem | None]:
    """How many were taken, which were refused, the last answer, and the last event that is settled."""
    # 5. send
    if row.kind == DestinationKind.SEGMENT and len(ready) > 1:
        answer = _post(deployment, row, config, ready)
        if answer.verdict is not Verdict.REFUSED:
            settled = ready[-1].item if answer.verdict is Verdict.DELIVERED else None
            return (len(ready) if settled else 0), [], answer, settled
    taken, refused, done, last = 0, [], None, None
    for one in ready:  # what is refused as a batch is sent one by one: the others are not to suffer
        last = _post(deployment, row, config, [one])
        if last.verdict in (Verdict.DOWN, Verdict.GONE):
            break
        done = one.item
        if last.verdict is Verdict.DELIVERED:
            taken += 1
        else:
            refused.append(
                DestinationFailure(
                    row.workspace_id, row.destination_id, *one.item[1:], last.failure or "", deployment.clock(), None
                )
            )
    return taken, refused, last, done


def _post(deployment: Deployment, row: Destination, config: dict[str, Any], ready: Sequence[Ready]) -> Answer:
    now = deployment.clock()
    if row.kind == DestinationKind.SEGMENT:
        key = base64.b64encode(f"{config['write_key']}:".encode()).decode()
        headers = {"authorization": f"Basic {key}", "content-type": "application/json"}
        body = orjson.dumps({"batch": [one.call for one in ready], "sentAt": rfc3339(now)})
        return deployment.outgoing.post(config["url"], body, headers)
    [one] = ready
    content = {"type": f"event.{one.call['type']}", "timestamp": one.call["timestamp"], "data": one.call}
    body = orjson.dumps(content)
    headers = signed_headers(config["secret"], text_id(one.item.event_id), now, body)
    return deployment.outgoing.post(config["url"], body, headers)


def _hold(deployment: Deployment, transaction: Transaction, row: Destination, answer: Answer) -> None:
    now = deployment.clock()
    if answer.verdict is Verdict.GONE:
        rows.pause(transaction, row.workspace_id, row.destination_id, now)
    rows.hold(transaction, row, answer.failure, now + wait_after(row.failures + 1, answer.retry_after_s))


def _before(page: Sequence[FeedItem], item: FeedItem, row: Destination) -> Cursor:
    """The place just before an event: what stands before it has been passed over."""
    index = page.index(item)
    return (page[index - 1].position, page[index - 1].place) if index else (row.position, row.place)


def _wanted(words: str, name: str) -> bool:
    listed = words.split(",")
    return ALL in listed or name in listed
