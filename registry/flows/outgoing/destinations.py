"""Destinations: systems that events are passed on to, for one purpose each; made, paused, removed, shown."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any, NamedTuple

from registry.flows.acts import trail
from registry.flows.acts.outbox import AT_ONCE
from registry.flows.deployment import Deployment
from registry.flows.outgoing.endpoints import forget_config, origin_of, seal_config, waits
from registry.keys.webhooks import mint_secret
from registry.model.clock import Micros, rfc3339
from registry.model.errors import Conflict, InvalidInput, NotFound, UnknownPurpose
from registry.model.ids import FragmentId, WorkspaceId, text_id
from registry.model.stored_upkeep import Destination, DestinationFailure
from registry.store import destinations as rows
from registry.store.database import Transaction

ALL = "*"
MOST = 50


class DestinationKind(StrEnum):
    """How a destination is spoken to."""

    WEBHOOK = "webhook"
    """One signed POST an event, in the form of Standard Webhooks."""
    SEGMENT = "segment"
    """Batches of Segment's HTTP tracking protocol, by a write key."""


class ErasureState(StrEnum):
    """What became of an erasure at a destination, or at a subscriber."""

    WAITING = "waiting"
    RECEIVED = "received"
    """It has taken the message (202) and will say when it is done: by an acknowledgement of its own."""
    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"
    """It was refused, or nobody answered, too often: a replay tries again."""
    UNREACHABLE = "unreachable"
    """The destination has no address for erasures, or the message is lost: somebody has to tell it."""


class Minted(NamedTuple):
    """A new destination; the secret that signs what it gets is shown once."""

    destination_id: FragmentId
    secret: str


class Seen(NamedTuple):
    """A destination as it is shown: the origin of its address, and how it fares."""

    row: Destination
    origin: str
    backlog: int
    refused: int
    erasures_waiting: int


def create(
    deployment: Deployment,
    workspace_id: WorkspaceId,
    *,
    name: str,
    kind: DestinationKind,
    purpose: str,
    url: str,
    events: Collection[str] = (ALL,),
    traits: Collection[str] = (ALL,),
    write_key: str | None = None,
    erasure_url: str | None = None,
    actor: str,
) -> Minted:
    """Pass events on to an address, from now on.

    Args:
        purpose: what the destination uses them for: only what may be used for it, by the policy and by each
            person's standing at the moment of sending, is sent.
        events: ids of the plan's events, `*` for all. `traits`: names of traits, `*` for all.
        write_key: for `segment`, what Basic authentication carries.
        erasure_url: where erasures are told; a webhook's own address unless another is given.

    Raises:
        InvalidInput: an address may not be sent to, the write key is missing, or there are too many.
        UnknownPurpose: the purpose is not in the policy.
    """
    origin = deployment.outgoing.require_url(url)
    if erasure_url is not None:
        deployment.outgoing.require_url(erasure_url)
    if purpose not in deployment.policies.purposes.purposes:
        raise UnknownPurpose("the purpose is not in the policy", pointer="/purpose")
    if (kind is DestinationKind.SEGMENT) != (write_key is not None):
        raise InvalidInput("a write key goes with the kind segment, and with no other", pointer="/write_key")
    if any("," in word for word in (*events, *traits)) or not events:
        raise InvalidInput("name events and traits one by one, or * for all", pointer="/events")
    destination_id, secret, now = FragmentId(deployment.new_id()), mint_secret(), deployment.clock()
    telling = erasure_url or (url if kind is DestinationKind.WEBHOOK else None)
    config = {"url": url, "origin": origin, "secret": secret, "write_key": write_key, "erasure_url": telling}
    sealed = seal_config(deployment, workspace_id, destination_id, config)
    with deployment.data.write(workspace_id) as transaction:
        if len(rows.listed(transaction, workspace_id)) >= MOST:
            raise InvalidInput(f"there are {MOST} destinations already", hint="remove one")
        position = trail.append(
            transaction, workspace_id, now, actor=actor, action="destination:created", outcome="done",
            fields={"destination": text_id(destination_id), "kind": kind.value, "purpose": purpose},
        )  # fmt: skip
        row = Destination(
            workspace_id, destination_id, name, kind.value, purpose, ",".join(sorted(set(events))),
            ",".join(sorted(set(traits))), sealed, now, None, position, 0, 0, None, 0, 0, 0, None,
        )  # fmt: skip
        rows.add(transaction, row)
    return Minted(destination_id, secret)


def listed(deployment: Deployment, workspace_id: WorkspaceId) -> list[Seen]:
    """Every destination, oldest first."""
    seen: list[Seen] = []
    with deployment.data.read(workspace_id) as transaction:
        for row in rows.listed(transaction, workspace_id):
            backlog = rows.backlog(transaction, workspace_id, (row.position, row.place))
            refused = rows.failure_count(transaction, workspace_id, row.destination_id)
            waiting = rows.erasures_in(transaction, workspace_id, row.destination_id, [ErasureState.WAITING])
            seen.append(Seen(row, "", backlog, refused, len(waiting)))
    return [
        one._replace(origin=origin_of(deployment, workspace_id, one.row.destination_id, one.row.sealed)) for one in seen
    ]


def get(deployment: Deployment, workspace_id: WorkspaceId, destination_id: bytes) -> Seen:
    """One destination.

    Raises:
        NotFound: there is no such destination.
    """
    for seen in listed(deployment, workspace_id):
        if seen.row.destination_id == destination_id:
            return seen
    raise NotFound("there is no such destination")


def refused(
    deployment: Deployment, workspace_id: WorkspaceId, destination_id: bytes, limit: int
) -> list[DestinationFailure]:
    """The events that a destination refused, in the order in which they came.

    Raises:
        NotFound: there is no such destination.
    """
    get(deployment, workspace_id, destination_id)
    with deployment.data.read(workspace_id) as transaction:
        return rows.failures(transaction, workspace_id, destination_id, limit)


def pause(deployment: Deployment, workspace_id: WorkspaceId, destination_id: bytes, *, actor: str) -> None:
    """Send nothing for the time being; events wait, and are judged by the consent of when they are sent."""
    get(deployment, workspace_id, destination_id)
    with deployment.data.write(workspace_id) as transaction:
        rows.pause(transaction, workspace_id, destination_id, deployment.clock())
        _log(deployment, transaction, workspace_id, destination_id, "paused", actor)


def resume(deployment: Deployment, workspace_id: WorkspaceId, destination_id: bytes, *, actor: str) -> None:
    """Go on, at once."""
    get(deployment, workspace_id, destination_id)
    with deployment.data.write(workspace_id) as transaction:
        rows.pause(transaction, workspace_id, destination_id, None)
        _log(deployment, transaction, workspace_id, destination_id, "resumed", actor)


def replay(deployment: Deployment, workspace_id: WorkspaceId, destination_id: bytes, *, actor: str) -> int:
    """Try again what was refused: events, judged anew, and erasures that failed; how many of both.

    Raises:
        NotFound: there is no such destination.
    """
    get(deployment, workspace_id, destination_id)
    with deployment.data.write(workspace_id) as transaction:
        count = rows.retry_failures(transaction, workspace_id, destination_id, AT_ONCE)
        count += retry_erasures(transaction, workspace_id, destination_id)
        _log(deployment, transaction, workspace_id, destination_id, "replayed", actor)
    return count


def retry_erasures(transaction: Transaction, workspace_id: WorkspaceId, recipient_id: bytes) -> int:
    """Tell a destination or webhook once more of the erasures that it could not be told of; how many."""
    failed = rows.erasures_in(transaction, workspace_id, recipient_id, [ErasureState.FAILED])
    again = [row._replace(state=ErasureState.WAITING.value, attempts=0, retry_at=AT_ONCE) for row in failed]
    rows.put_erasures(transaction, again)
    return len(again)


def is_notice_due(deployment: Deployment, transaction: Transaction, workspace_id: WorkspaceId, to: FragmentId) -> bool:
    """Whether a destination or webhook is to be told of an erasure now: before anything else is sent to it."""
    return to in rows.erasures_due(transaction, workspace_id, ErasureState.WAITING, waits(deployment.clock()))


def require_told(transaction: Transaction, workspace_id: WorkspaceId, recipient_id: bytes) -> None:
    """Go on only if a destination or webhook has been told of every erasure.

    Raises:
        Conflict: it has not.
    """
    if rows.erasures_in(transaction, workspace_id, recipient_id, [ErasureState.WAITING, ErasureState.FAILED]):
        raise Conflict("an erasure has not been passed on to it yet", hint="pause it, or wait until it is")


def remove(deployment: Deployment, workspace_id: WorkspaceId, destination_id: bytes, *, actor: str) -> None:
    """Forget a destination, its address and secrets. What it has received it keeps: tell it yourself.

    Raises:
        NotFound: there is no such destination.
        Conflict: an erasure has not been passed on to it yet.
    """
    row = get(deployment, workspace_id, destination_id).row
    with deployment.data.write(workspace_id) as transaction:
        require_told(transaction, workspace_id, destination_id)
        rows.remove(transaction, workspace_id, destination_id)
        _log(deployment, transaction, workspace_id, destination_id, "removed", actor)
    forget_config(deployment, workspace_id, row.destination_id)


def destination_json(seen: Seen) -> dict[str, Any]:
    """A destination as it is told; of its address, the origin only."""
    row = seen.row
    state = "paused" if row.paused_at is not None else "failing" if row.failures else "active"
    return {
        "destination_id": text_id(row.destination_id),
        "name": row.name,
        "kind": row.kind,
        "origin": seen.origin,
        "purpose": row.purpose,
        "events": row.events.split(","),
        "traits": row.traits.split(","),
        "state": state,
        "failures": row.failures,
        "failure": row.failure,
        "delivered": row.delivered,
        "withheld": row.withheld,
        "delivered_at": _time(row.delivered_at),
        "backlog": seen.backlog,
        "refused": seen.refused,
        "erasures_waiting": seen.erasures_waiting,
        "created_at": rfc3339(row.created_at),
    }


def failure_json(row: DestinationFailure) -> dict[str, Any]:
    """An event that was refused, as it is told."""
    return {"event_id": text_id(row.event_id), "failure": row.failure, "failed_at": rfc3339(row.failed_at)}


def _time(at: Micros | None) -> str | None:
    return rfc3339(at) if at is not None else None


def _log(
    deployment: Deployment,
    transaction: Transaction,
    workspace_id: WorkspaceId,
    destination_id: bytes,
    outcome: str,
    actor: str,
) -> None:
    trail.append(
        transaction, workspace_id, deployment.clock(), actor=actor, action="destination:changed", outcome=outcome,
        fields={"destination": text_id(destination_id)},
    )  # fmt: skip
