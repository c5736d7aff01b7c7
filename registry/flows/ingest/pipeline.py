"""Ingest: messages in, whole batches at a time, one transaction, one append to the audit log.

 1. decode        each call an item: envelope checked, message id keyed, times settled
 2. validate      hold it against its source's tracking plan
 3. identify      whom it is about: normalised identifiers, blind indexes
 -- the transaction begins --
 4. dedupe        what was seen before is acknowledged again and not stored again
 5. suppress      what is about an erased person is refused, and only a keyed trace kept
 6. first gate    what the message itself and its own identifiers' records allow; a plan may refuse what serves nothing
 7. join          identifiers into fragments, links into profiles
 8. second gate   what the resolved person's records allow; consent that the message carries is recorded
 9. seal          parts by compartment; keys are committed to the keystore here, before the data
10. append        events, traits, identifiers, violations, quarantine, consent, what webhooks are told; one audit entry
 -- the transaction commits; only then is anything acknowledged --

After a crash before the commit nothing of the batch is there but possibly keys without data, which
open nothing; the sender's retry stores it. After it, the retry is found by its message ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from registry.flows.acts import trail
from registry.flows.acts.outbox import announce_consents, announce_violations
from registry.flows.consent import changes
from registry.flows.deployment import Deployment
from registry.flows.identity.joining import Claim, Joined, join
from registry.flows.identity.subjects import standing
from registry.flows.ingest import computing
from registry.flows.ingest.admission import (
    Delivery,
    Item,
    Status,
    check_size,
    decode,
    identify,
    turn_away,
    validate,
)
from registry.flows.ingest.closing import close, hold_who_grows
from registry.flows.ingest.gate import Gate
from registry.flows.ingest.hearing import Hearing
from registry.flows.ingest.known import Known
from registry.flows.ingest.refusing import dedupe, note_refused, suppress
from registry.flows.ingest.sealing import (
    assertion_rows,
    event_row,
    grounded_parts,
    identifier_rows,
    keys_needed,
    quarantine_rows,
    violation_rows,
)
from registry.flows.workspace import OpenWorkspace
from registry.model.ids import EventId
from registry.model.stored import StoredEvent
from registry.model.stored_upkeep import FeedItem
from registry.store import consents, destinations, events, identities, quarantine
from registry.store.database import Transaction


@dataclass(slots=True)
class Receipt:
    """What became of one delivery; `items` lists what was not plainly accepted."""

    counts: Counter[Status] = field(default_factory=Counter)
    items: list[Item] = field(default_factory=list)


def ingest(deployment: Deployment, workspace: OpenWorkspace, deliveries: Sequence[Delivery]) -> list[Receipt]:
    """Take the deliveries in; a receipt for each, in order, once all is durable.

    Raises:
        StoreUnavailable, KmsUnavailable, KeyMissing: nothing was stored, and nothing may be acknowledged.
    """
    # 1. decode
    items = decode(deliveries, workspace.indexer, deployment.new_id)
    check_size(items)
    # 2. validate
    validate(items)
    # 3. identify
    identify(items, deployment.policies.identity, workspace.indexer)
    with deployment.data.write(workspace.workspace_id) as transaction:
        _take_in(deployment, workspace, items, transaction)
    return _receipts(deliveries, items)


def _take_in(deployment: Deployment, workspace: OpenWorkspace, items: list[Item], transaction: Transaction) -> None:
    workspace_id, now = workspace.workspace_id, deployment.clock()
    # 4. dedupe
    dedupe(transaction, workspace, items)
    # 5. suppress
    suppress(transaction, workspace, items)
    if workspace.indexer.several:
        _name(transaction, workspace, items)
    accepted = [item for item in items if item.status is Status.ACCEPTED]
    # 6. first gate
    purposes = deployment.policies.purposes
    known = Known(transaction, workspace_id)
    known.load(index for item in accepted for index in item.indexes)
    gate = Gate(known, Hearing(known, workspace_id, purposes, now), purposes, deployment.policies.identity, now)
    for item in accepted:
        gate.admit(item)
    turn_away([item for item in accepted if not item.said])  # what a message says of consent is recorded first
    accepted = [item for item in accepted if not item.turned_away]
    # 7. join
    joined = _join(deployment, workspace, transaction, accepted, known, gate)
    # 8. second gate
    gate.settle(accepted, joined, deployment.new_id)
    turn_away(accepted)
    # 9. seal
    parts = [grounded_parts(item) for item in accepted]
    counted = computing.contributions(deployment.policies.computed, accepted, parts)
    also = computing.compartments(counted)
    needs = keys_needed(accepted, parts, joined, also)
    versions = {fragment.fragment_id: fragment.state_version for fragment in joined.by_index.values()}
    grown = hold_who_grows(deployment, transaction, workspace, needs, joined, versions)
    bundles = deployment.keyring.for_sealing(workspace_id, needs, new=joined.new.keys(), versions=versions)
    # 10. append
    _release(transaction, workspace, [item for item in accepted if not item.turned_away])
    identities.add_identifiers(transaction, identifier_rows(workspace_id, accepted, joined, bundles))
    stored = [
        (i, p, event_row(workspace_id, EventId(deployment.new_id()), i, p, bundles))
        for i, p in zip(accepted, parts, strict=True)
        if not i.turned_away
    ]
    events.append(transaction, [row for _, _, row in stored])
    trust = deployment.policies.trust
    indexer = workspace.indexer
    traits = [row for i, p, _ in stored for row in assertion_rows(workspace_id, i, p, bundles, trust, indexer)]
    traits += computing.rows(deployment, transaction, workspace_id, counted, bundles, joined)
    events.assert_traits(transaction, traits)
    consents.append(transaction, known.records)
    consents.note_repeated(transaction, workspace_id, known.repeated)
    announce_consents(deployment, transaction, workspace_id, known.records, known.homes())
    _set_aside(deployment, transaction, workspace, items)
    _bump(transaction, workspace, known, joined)
    close(deployment, transaction, workspace, known, joined, grown)
    position = _log(transaction, workspace, items, now)
    changes.tell(transaction, workspace_id, position, known.records)
    _feed(transaction, workspace, position, [row for _, _, row in stored])


def _join(
    deployment: Deployment,
    workspace: OpenWorkspace,
    transaction: Transaction,
    accepted: Sequence[Item],
    known: Known,
    gate: Gate,
) -> Joined:
    joined = join(
        transaction,
        workspace.workspace_id,
        deployment.policies.identity,
        [_claim(item) for item in accepted],
        new_id=deployment.new_id,
        now=deployment.clock(),
        index_version=workspace.indexer.version,
        known=known.by_index,
        refused_on=gate.refused_on,
    )
    for item in accepted:
        item.fragment = joined.by_index[item.indexes[0]]
        item.fragment_id = item.fragment.fragment_id
    return joined


def _name(transaction: Transaction, workspace: OpenWorkspace, items: Sequence[Item]) -> None:
    """While identifiers move to another blind-index key: each by the index that it stands under now."""
    indexes = standing(workspace, transaction, {i for item in items for i in item.identifiers})
    for item in items:
        item.indexes = tuple(indexes[identifier] for identifier in item.identifiers)


def _release(transaction: Transaction, workspace: OpenWorkspace, accepted: Sequence[Item]) -> None:
    """Take what a replay has let in out of quarantine; its key is shredded by the replay."""
    keys = [item.key for item in accepted if item.delivery.replayed]
    quarantine.release(transaction, workspace.workspace_id, keys)


def _set_aside(
    deployment: Deployment, transaction: Transaction, workspace: OpenWorkspace, items: Sequence[Item]
) -> None:
    """Keep what was rejected for the sender's team, but for what may not be kept, and say what is wrong with it."""
    workspace_id, keep_for = workspace.workspace_id, deployment.policies.retention.quarantine_for
    new = [item for item in items if not item.delivery.replayed]  # what is replayed is there already
    rejected = [item for item in new if item.status is Status.REJECTED]
    note_refused(transaction, workspace, [item for item in rejected if item.turned_away])
    kept = [item for item in rejected if not item.turned_away]
    shut, subjects = quarantine_rows(workspace_id, kept, deployment.keyring, deployment.new_id, keep_for)
    quarantine.add(transaction, shut, subjects)
    admitted = (item for item in items if item.status is Status.ACCEPTED)
    broken = [item for item in (*admitted, *rejected) if item.violations]
    listed = [row for item in broken for row in violation_rows(workspace_id, item, deployment.new_id)]
    quarantine.add_violations(transaction, listed)
    announce_violations(deployment, transaction, workspace_id, listed)


def _bump(transaction: Transaction, workspace: OpenWorkspace, known: Known, joined: Joined) -> None:
    changed = {row.fragment_id for row in known.records} - joined.new.keys()
    identities.bump(transaction, workspace.workspace_id, changed)


def _claim(item: Item) -> Claim:
    message = item.message
    if message is None:
        raise AssertionError("only admitted items make claims")
    pairs = tuple((index, i.kind) for index, i in zip(item.indexes, item.identifiers, strict=True))
    source_id = item.source.row.source_id
    return Claim(pairs, source_id, item.key, message.observed_at, message.received_at)


def _feed(transaction: Transaction, workspace: OpenWorkspace, position: int, stored: Sequence[StoredEvent]) -> None:
    """Put the events where destinations look for them: in the order of the audit log, which is that of the commits."""
    if stored and destinations.are_there(transaction, workspace.workspace_id):
        items = [
            FeedItem(workspace.workspace_id, position, place, row.fragment_id, row.event_id)
            for place, row in enumerate(stored)
        ]
        destinations.feed(transaction, items)


def _log(transaction: Transaction, workspace: OpenWorkspace, items: Sequence[Item], now: int) -> int:
    counts = Counter(item.status for item in items)
    fields = {status.value: counts[status] for status in Status if counts[status]}
    sources = ",".join(sorted({item.source.row.name for item in items}))
    return trail.append(
        transaction,
        workspace.workspace_id,
        now,
        actor=f"source:{sources}",
        action="events:batch:ingested",
        outcome="done",
        fields=fields,
    )


def _receipts(deliveries: Sequence[Delivery], items: Sequence[Item]) -> list[Receipt]:
    receipts = [Receipt() for _ in deliveries]
    for item in items:
        receipt = receipts[item.position]
        receipt.counts[item.status] += 1
        if item.status is not Status.ACCEPTED or item.violations:
            receipt.items.append(item)
    return receipts
