"""Forwarding: events to destinations, for a purpose, judged at the moment of sending; at least once, in order.

1. look     the next events after the destination's cursor over the feed, in the order of their commits
2. judge    may the purpose be served for this person now? Else the event is passed over, and counted
3. open     only the compartments that serve the purpose, of what is not locked; only the events and traits wanted
4. promise  that the destination has data of these people is committed before any of it leaves
5. send     as signed webhooks or as a batch of Segment's protocol, judged once more; ids stay the same
6. advance  the cursor, past what was taken, passed over, or refused for good and kept to be replayed

Killed between 5 and 6, the same events are sent again; that something may be on its way stays noted, for the notice of
an erasure that comes after it. A destination that does not answer is tried again
later and later; nobody else waits for it. One that is to be told of an erasure is told that first.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from registry.connectors.outgoing import Answer, Verdict
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.outgoing.delivery import keys_of
from registry.flows.outgoing.destinations import DestinationKind, is_notice_due
from registry.flows.outgoing.endpoints import (
    ANSWERED_WITHIN,
    CLOSED,
    LOST,
    is_over,
    open_config,
    sending_to,
    wait_after,
)
from registry.flows.outgoing.judging import Ready, judged, judged_since
from registry.flows.workspace import OpenWorkspace
from registry.keys.webhooks import signed_headers
from registry.model.clock import rfc3339
from registry.model.ids import FragmentId, text_id
from registry.model.stored_upkeep import Destination, DestinationFailure, FeedItem
from registry.store import destinations as rows
from registry.store import identities, quarantine, sending
from registry.store.database import Transaction
from registry.store.destinations import Cursor

PAGE = 100


class Sent(NamedTuple):
    """What became of what was to be sent.

    Attributes:
        taken, withheld: how many events were, or may not be had any more.
        refused: those that the other side does not want so.
        answer: the last one.
        settled: the last event that nothing more is to be done about now.
        stopped: whether the rest is for another time.
    """

    taken: int = 0
    withheld: int = 0
    refused: Sequence[DestinationFailure] = ()
    answer: Answer | None = None
    settled: FeedItem | None = None
    stopped: bool = False


def due(deployment: Deployment, workspace: OpenWorkspace) -> list[FragmentId]:
    """The destinations that have something to be sent now."""
    workspace_id, now = workspace.workspace_id, deployment.clock()
    with deployment.data.read(workspace_id) as transaction:
        ready = [
            row
            for row in rows.listed(transaction, workspace_id)
            if row.paused_at is None and is_over(row.retry_at, now)
        ]
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
    with deployment.data.sole(sending_to("destination", destination_id)) as alone:
        while alone:
            now = deployment.clock()
            # 1. look
            with deployment.data.read(workspace.workspace_id) as transaction:
                row = rows.get(transaction, workspace.workspace_id, destination_id)
                if row is None or row.paused_at is not None or not is_over(row.retry_at, now):
                    break
                if is_notice_due(deployment, transaction, workspace.workspace_id, destination_id):
                    break
                page = rows.following(transaction, workspace.workspace_id, (row.position, row.place), PAGE)
                again = rows.failures(transaction, workspace.workspace_id, destination_id, PAGE, due=now)
            if not page and not again:
                break
            try:
                config = open_config(deployment, workspace.workspace_id, destination_id, row.sealed)
            except CLOSED:  # the list says so; it is looked for again with growing pauses
                with deployment.data.write(workspace.workspace_id) as transaction:
                    _hold(deployment, transaction, row, Answer(Verdict.DOWN, None, LOST, 0))
                break
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
    ready = _promise(deployment, workspace, row, ready)
    sent = _send(deployment, workspace, row, config, ready)
    now = deployment.clock()
    with deployment.data.write(workspace.workspace_id) as transaction:
        sending.end(transaction, row.workspace_id, "destination", row.destination_id)
        _keep_refused(transaction, row, sent.refused)
        # 6. advance
        if sent.stopped and sent.settled is None:
            last = _before(page, ready[0].item, row)
        elif sent.stopped and sent.settled is not None:
            last = (sent.settled.position, sent.settled.place)
        else:
            last = (page[-1].position, page[-1].place)
        passed = [one for item, one in zip(page, looked, strict=True) if (item.position, item.place) <= last]
        withheld = sent.withheld + sum(one.withheld for one in passed)
        rows.advance(transaction, row, last, sent=sent.taken, withheld=withheld, now=now)
        rows.prune(transaction, row.workspace_id)
        if sent.stopped and sent.answer is not None:
            _hold(deployment, transaction, row, sent.answer)
    return sent.taken, not sent.stopped


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
            sent = _send(deployment, workspace, row, config, _promise(deployment, workspace, row, [one]))
            with deployment.data.write(workspace.workspace_id) as transaction:
                sending.end(transaction, row.workspace_id, "destination", row.destination_id)
                _keep_refused(transaction, row, sent.refused)
                if sent.stopped:
                    if sent.answer is not None:
                        _hold(deployment, transaction, row, sent.answer)
                    return count, False
                here = (row.position, row.place)
                rows.advance(transaction, row, here, sent=sent.taken, withheld=sent.withheld, now=deployment.clock())
            count += sent.taken
            if sent.refused:
                continue
        with deployment.data.write(workspace.workspace_id) as transaction:
            rows.drop_failure(transaction, failed)
    return count, True


def _promise(deployment: Deployment, workspace: OpenWorkspace, row: Destination, ready: Sequence[Ready]) -> list[Ready]:
    """Those that may go out: of nobody whose erasure has begun, since it is fixed then whom that is told to."""
    # 4. promise
    if not ready:
        return []
    keys = [keys_of(workspace, one.people) for one in ready]
    with deployment.data.write(row.workspace_id) as transaction:
        begun = quarantine.suppressed(transaction, row.workspace_id, set().union(*keys))
        ready = [one for one, own in zip(ready, keys, strict=True) if not own & begun]
        if not ready or rows.get(transaction, row.workspace_id, row.destination_id) is None:
            return []
        fragments = [one.item.fragment_id for one in ready]
        rows.received(transaction, row, set(fragments), deployment.clock())
        now = deployment.clock()
        sending.begin(transaction, row.workspace_id, "destination", row.destination_id, now, ANSWERED_WITHIN)
        trail.append(
            transaction, row.workspace_id, deployment.clock(), actor="registry", action="destination:events:sent",
            outcome="given",
            fields={
                "destination": text_id(row.destination_id), "purpose": row.purpose,
                "events": len(fragments), "people": len(set(fragments)),
            },
        )  # fmt: skip
    return ready


def _keep_refused(transaction: Transaction, row: Destination, refused: Sequence[DestinationFailure]) -> None:
    """Keep what was refused, of those who have not been erased while it was on its way."""
    if refused:
        identities.lock(transaction, row.workspace_id)
        present = identities.fragments(transaction, row.workspace_id, {one.fragment_id for one in refused})
        rows.put_failures(transaction, [one for one in refused if one.fragment_id in present])


def _send(
    deployment: Deployment,
    workspace: OpenWorkspace,
    row: Destination,
    config: dict[str, Any],
    ready: Sequence[Ready],
) -> Sent:
    # 5. send
    if row.kind == DestinationKind.SEGMENT and len(ready) > 1:
        looked = judged_since(deployment, workspace, row, ready)  # what was promised waited for those who write
        batch = [one.ready for one in looked if one.ready is not None]
        answer = _post(deployment, row, config, batch) if batch else None
        if answer is None or answer.verdict is Verdict.DELIVERED:
            withheld = sum(one.withheld for one in looked)
            return Sent(len(batch), withheld, answer=answer, settled=ready[-1].item)
        if answer.verdict is not Verdict.REFUSED:
            return Sent(answer=answer, stopped=True)
    sent, refused = Sent(), list[DestinationFailure]()
    for one in ready:  # what is refused as a batch is sent one by one: the others are not to suffer
        if not _stands(deployment, row):
            return sent._replace(stopped=True)
        [now] = judged_since(deployment, workspace, row, [one])  # a slow receiver makes minutes of a page
        if now.ready is None:
            sent = sent._replace(withheld=sent.withheld + now.withheld, settled=one.item)
            continue
        answer = _post(deployment, row, config, [now.ready])
        if answer.verdict in (Verdict.DOWN, Verdict.GONE):
            return sent._replace(answer=answer, stopped=True)
        if answer.verdict is Verdict.REFUSED:
            refused.append(
                DestinationFailure(
                    row.workspace_id, row.destination_id, *one.item[1:], answer.failure or "", deployment.clock(), None
                )
            )
        taken = sent.taken + (answer.verdict is Verdict.DELIVERED)
        sent = sent._replace(taken=taken, answer=answer, settled=one.item, refused=refused)
    return sent


def _stands(deployment: Deployment, row: Destination) -> bool:
    """Whether a destination is still there, not paused, and is not to be told of an erasure first."""
    with deployment.data.read(row.workspace_id) as transaction:
        now = rows.get(transaction, row.workspace_id, row.destination_id)
        waits = is_notice_due(deployment, transaction, row.workspace_id, row.destination_id)
    return now is not None and now.paused_at is None and not waits


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
