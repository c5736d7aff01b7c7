"""What is it, and may it come in: from decoded calls to messages that keep the plan.

Everything here happens in memory. A call that is refused here stays an `Item` with its violations,
so that nothing is lost: it goes into quarantine, sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from registry.consent.signals.spoken import NO_DATES
from registry.identity.extract import extract
from registry.identity.rules import IdentityRules
from registry.keys.blind_index import BlindIndexer
from registry.model.clock import DAY, Micros, parse_iso8601
from registry.model.ids import BlindIndex, FragmentId, MessageKey, text_id
from registry.model.message import CallType, Identifier, Message, Violation
from registry.model.stored import Fragment, Source
from registry.plans.compile import CompiledPlan
from registry.plans.enforcement import Enforcement, Mode
from registry.plans.envelope import check_envelope
from registry.plans.verdict import Verdict

MAX_EVENT_BYTES = 32 * 1024
OLDEST: Micros = 10 * 365 * DAY
"""An observed time further back is taken for a broken clock, and the time of receipt is used."""

CALL_TYPES = {call.value: call for call in CallType}


class Status(StrEnum):
    """What became of a message."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class BoundSource:
    """A source with the plan that it is bound to and the enforcement that holds for it.

    Attributes:
        at_version: the same at another version of the plan, which an event names; None where the source is
            not bound to it. Absent for a source that is bound to one version only.
    """

    row: Source
    plan: CompiledPlan
    enforcement: Enforcement
    at_version: Callable[[str], BoundSource | None] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Delivery:
    """One request's calls, decoded but unchecked, with what the request said for all of them.

    Attributes:
        sent_at: the sender's clock when it sent, for correcting the times of the calls.
        opted_out: whether the request carried `Sec-GPC: 1`.
        replayed: whether these are quarantined messages sent through again.
        size: of the request's body, in bytes: no call can be larger.
    """

    source: BoundSource
    calls: Sequence[object]
    received_at: Micros
    sent_at: Micros | None = None
    context: dict[str, Any] = field(default_factory=dict)
    integrations: dict[str, Any] = field(default_factory=dict)
    opted_out: bool = False
    replayed: bool = False
    max_event_bytes: int = MAX_EVENT_BYTES
    size: int = 0


@dataclass(slots=True, repr=False)
class Item:
    """One call on its way through ingest; `position` is that of its delivery among those of the batch.

    Attributes:
        needs_ground: whether its plan refuses it where none of its purposes may be served.
        turned_away: whether it was refused for that: nothing of it is kept, in quarantine neither.
        said: what it says of purposes, as far as that counts.
        objected: the purposes that its browser's opt-out refuses.
        yes_given_by: when its yes for a purpose was given at the latest; of those where not only its own time tells.
    """

    position: int
    delivery: Delivery
    raw: object
    message_id: str
    key: MessageKey
    received_at: Micros
    message: Message | None = None
    status: Status = Status.ACCEPTED
    violations: tuple[Violation, ...] = ()
    verdict: Verdict | None = None
    identifiers: tuple[Identifier, ...] = ()
    indexes: tuple[BlindIndex, ...] = ()
    fragment: Fragment | None = None
    fragment_id: FragmentId | None = None
    purposes: frozenset[str] = frozenset()
    said: dict[str, bool] = field(default_factory=dict)
    objected: frozenset[str] = frozenset()
    yes_given_by: Mapping[str, Micros] = field(default_factory=lambda: NO_DATES)
    grounded: frozenset[str] = frozenset()
    ungrounded: frozenset[str] = frozenset()
    needs_ground: bool = False
    turned_away: bool = False

    @property
    def source(self) -> BoundSource:
        """The source that it came from."""
        return self.delivery.source

    def reject(self, *violations: Violation) -> None:
        """Refuse the call for these reasons."""
        self.status = Status.REJECTED
        self.violations = (*self.violations, *violations)


def turn_away(items: Sequence[Item]) -> None:
    """Refuse those whose plan says so because none of their purposes may be served."""
    for item in items:
        if item.needs_ground and item.purposes and not item.grounded:
            expected = "consent, or another lawful ground, for one of its purposes"
            item.reject(Violation("consent_denied", "/context/consent", "/enforcement/consent_denied", expected))
            item.turned_away = True


def decode(deliveries: Sequence[Delivery], indexer: BlindIndexer, new_id: Callable[[], bytes]) -> list[Item]:
    """Each call as an item: envelope checked, message id and key given, times settled."""
    return [
        _decode_one(position, delivery, raw, indexer, new_id)
        for position, delivery in enumerate(deliveries)
        for raw in delivery.calls
    ]


def _decode_one(
    position: int, delivery: Delivery, raw: object, indexer: BlindIndexer, new_id: Callable[[], bytes]
) -> Item:
    message_id = raw.get("messageId") if isinstance(raw, dict) else None
    if not isinstance(message_id, str) or not message_id:
        message_id = text_id(new_id())
    key = indexer.message_key(message_id)
    item = Item(position, delivery, raw, message_id, key, delivery.received_at)
    faults = check_envelope(raw)
    if faults or not isinstance(raw, dict):
        item.reject(*faults)
        return item
    body = raw
    if delivery.context:
        context = raw.get("context")
        body = {**raw, "context": {**delivery.context, **(context if isinstance(context, dict) else {})}}
    call = CALL_TYPES[body["type"]]
    if call is CallType.IDENTIFY and body.get("traits") is None:
        body = _traits_in_context(body)
    item.message = Message(
        call=call,
        name=str(body.get("event") or body.get("name") or ""),
        message_id=message_id,
        body=body,
        observed_at=_observed_at(body, delivery),
        received_at=delivery.received_at,
        opted_out_by_signal=delivery.opted_out,
    )
    return item


def _traits_in_context(body: dict[str, Any]) -> dict[str, Any]:
    """The call with its traits in their place: RudderStack's SDKs put those of `identify` into `context`."""
    context = body.get("context")
    traits = context.get("traits") if isinstance(context, dict) else None
    return {**body, "traits": traits} if isinstance(traits, dict) else body


def check_size(items: Sequence[Item]) -> None:
    """Reject calls over their delivery's limit; only those of requests large enough to hold one are measured."""
    for item in items:
        limit = item.delivery.max_event_bytes
        if item.delivery.size <= limit or item.status is not Status.ACCEPTED:
            continue
        if len(orjson.dumps(item.raw)) > limit:
            item.reject(Violation("event_too_large", "", "", f"at most {limit} bytes"))


def _observed_at(body: dict[str, Any], delivery: Delivery) -> Micros:
    """When it happened, by our clock: receivedAt - (sentAt - timestamp), never in the future."""
    text = body.get("originalTimestamp") or body.get("timestamp")
    original = parse_iso8601(text) if isinstance(text, str) else None
    if original is None:
        return delivery.received_at
    sent = delivery.sent_at
    if sent is None:
        own = body.get("sentAt")
        sent = parse_iso8601(own) if isinstance(own, str) else None
    corrected = delivery.received_at - (sent - original) if sent is not None else original
    if corrected < delivery.received_at - OLDEST:
        return delivery.received_at
    return min(corrected, delivery.received_at)


def identify(items: Sequence[Item], rules: IdentityRules, indexer: BlindIndexer) -> None:
    """Find whom each item is about: its identifiers, strongest first, and their blind indexes.

    A call that no usable identifier is left of is rejected; what a rejected call says of its
    subject is still looked for, however broken it is, so that an erasure finds it in quarantine.
    """
    known: dict[Identifier, BlindIndex] = {}  # the same few people come again and again within a batch
    for item in items:
        body = item.message.body if item.message is not None else item.raw
        if not isinstance(body, dict):
            continue
        found = item.verdict.identifiers if item.verdict is not None else ()
        extracted = extract(body, rules, found)
        item.identifiers = extracted.identifiers
        for identifier in extracted.identifiers:
            if identifier not in known:
                known[identifier] = indexer.index(identifier.kind, identifier.value)
        item.indexes = tuple(known[identifier] for identifier in extracted.identifiers)
        if not item.identifiers and item.status is Status.ACCEPTED:
            expected = "at least one identifier that points at a person"
            item.reject(Violation("no_usable_identifier", "", "", expected))


def validate(items: Sequence[Item]) -> None:
    """Hold each item against its source's plan, at the version that the event names if it names one.

    The plan's transformations come first: from here on the message is as they made it.
    """
    for item in items:
        if item.message is None or item.status is not Status.ACCEPTED:
            continue
        source = _at_named_version(item.message, item.source)
        if source is None:
            expected = "a published version of the plan that the source is bound to"
            item.reject(Violation("plan_version_unknown", "/context/plan/version", "", expected))
            continue
        item.message, transformed = source.plan.transform(item.message)
        verdict = source.plan.check(item.message, source.enforcement)
        verdict.transformed = transformed
        item.verdict = verdict
        item.needs_ground = source.enforcement.consent_denied is Mode.BLOCK
        item.violations = verdict.violations
        if not verdict.accepted:
            item.status = Status.REJECTED


def _at_named_version(message: Message, source: BoundSource) -> BoundSource | None:
    """The source at the plan version of `context.plan`; None where it is not bound to that one.

    `context.plan` may be of somebody else's making: it counts only where it names the source's plan.
    """
    context = message.body.get("context")
    named = context.get("plan") if isinstance(context, dict) else None
    if not isinstance(named, dict) or named.get("name") != source.plan.name:
        return source
    version = named.get("version")
    if version == source.plan.version:
        return source
    if not isinstance(version, str) or source.at_version is None:
        return None
    return source.at_version(version)
