"""Computed traits, kept up to date as events come in: opened, added to, and sealed again, a row per purpose.

What is kept hangs on the fragment that the events hang on, so merges and their undoing move nothing. It is
sealed for its one purpose, of what the message's own consent lets serve that purpose: it is locked,
shredded, exported and erased as every other trait is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from registry.flows.deployment import Deployment
from registry.flows.identity.joining import Joined
from registry.flows.ingest.admission import Item
from registry.flows.ingest.sealing import Parts
from registry.keys.bundle import Bundle
from registry.keys.envelope import open_sealed, record_aad, seal
from registry.model.clock import Micros
from registry.model.compartment import Compartment, compartment_of, purposes_of
from registry.model.errors import SealBroken
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, SourceId, WorkspaceId
from registry.model.provenance import Method
from registry.model.stored import StoredAssertion
from registry.profiles.assertion import TraitAssertion
from registry.profiles.computed import ComputedTrait, Occurrence, State, fold, value
from registry.profiles.conditions import ComputedPolicy
from registry.store import events
from registry.store.database import Transaction

PREFIX = "@computed:"
"""What the names of the kept rows begin with; the purpose follows. What tells them from traits is their source."""

SOURCE = SourceId(b"\0" * 15 + b"\1")
"""The source of what registry computed itself."""


@dataclass(frozen=True, slots=True, repr=False)
class Contribution:
    """What one event adds to what is computed for one purpose."""

    traits: tuple[ComputedTrait, ...]
    event: Occurrence


Contributions = Mapping[tuple[FragmentId, str], Sequence[Contribution]]


def contributions(policy: ComputedPolicy, items: Sequence[Item], parts: Sequence[Parts]) -> Contributions:
    """What the accepted items add, by fragment and purpose: only of what has a ground for the purpose."""
    found: dict[tuple[FragmentId, str], list[Contribution]] = defaultdict(list)
    for item, own in zip(items, parts, strict=True):
        plan_event = item.verdict.plan_event if item.verdict is not None else None
        traits = policy.traits.get(plan_event or "")
        if not traits or item.message is None or item.fragment_id is None:
            continue
        for purpose in sorted({trait.purpose for trait in traits}):
            serving = [content for compartment, content in own if purpose in purposes_of(compartment)]
            if not serving:
                continue
            properties: dict[str, Any] = {}
            for content in serving:
                properties |= content.get("properties", {})
            event = Occurrence(item.message.message_id, item.message.observed_at, properties)
            mine = tuple(trait for trait in traits if trait.purpose == purpose)
            found[(item.fragment_id, purpose)].append(Contribution(mine, event))
    return found


def compartments(counted: Contributions) -> dict[FragmentId, list[Compartment]]:
    """What has to have keys before anything is counted."""
    needed: dict[FragmentId, list[Compartment]] = defaultdict(list)
    for fragment_id, purpose in counted:
        needed[fragment_id].append(compartment_of({purpose}))
    return needed


def rows(
    deployment: Deployment,
    transaction: Transaction,
    workspace_id: WorkspaceId,
    counted: Contributions,
    bundles: Mapping[FragmentId, Bundle],
    joined: Joined,
) -> list[StoredAssertion]:
    """The kept rows with what the items add; what is damaged stays as it lies, to be mended."""
    known = {fragment_id for fragment_id, _ in counted} - joined.new.keys()
    events.lock_fragments(transaction, known)
    before = {
        (row.fragment_id, row.trait): row for row in events.assertions_by(transaction, workspace_id, known, SOURCE)
    }
    made: list[StoredAssertion] = []
    for (fragment_id, purpose), added in sorted(counted.items(), key=lambda entry: entry[0]):
        compartment = compartment_of({purpose})
        key = bundles[fragment_id].key(compartment)
        column = PREFIX + purpose
        aad = record_aad(b"trait", workspace_id, fragment_id, column.encode(), SOURCE)
        stands = before.get((fragment_id, column))
        state: State = {}
        if stands is not None:
            grant = OpenGrant(workspace_id, frozenset({compartment}), "computed traits")
            try:
                state = orjson.loads(open_sealed(key, stands.sealed, aad, grant, compartment))["value"]
            except SealBroken:
                continue
        keep = keep_days(deployment, purpose)
        changed = [fold(state, trait, one.event, keep_days=keep) for one in added for trait in one.traits]
        if not any(changed):
            continue
        sealed = seal(key, orjson.dumps({"value": state, "messageId": added[-1].event.message_id}), aad)
        now = deployment.clock()
        rank = deployment.policies.trust.rank("computed", Method.OBSERVED)
        made.append(
            StoredAssertion(
                workspace_id, fragment_id, column, SOURCE, compartment, now, now, Method.OBSERVED.value, rank, sealed
            )
        )
    return made


def keep_days(deployment: Deployment, purpose: str) -> int:
    """For how many days back events count: the purpose's retention."""
    return deployment.policies.purposes.purposes[purpose].retention_days


def is_kept(assertion: TraitAssertion) -> bool:
    """Whether this is a kept row, not a trait: by its source, since a trait that no plan knows may have any name."""
    return assertion.provenance.source_id == SOURCE


def told(
    deployment: Deployment, purpose: str, kept: Sequence[TraitAssertion], *, now: Micros
) -> list[tuple[ComputedTrait, object]]:
    """What is computed for a purpose, of a person's opened rows; without what no event counts for."""
    states: list[State] = [row.value for row in kept if isinstance(row.value, dict)]
    keep = keep_days(deployment, purpose)
    found = []
    for trait in deployment.policies.computed.of_purpose(purpose):
        result = value(trait, states, now=now, keep_days=keep)
        if result is not None:
            found.append((trait, result))
    return found
