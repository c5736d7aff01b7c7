"""Opening what is sealed: the only place where a profile's values become plaintext.

Every call takes a grant; what it does not cover, or whose key is gone, is counted and not opened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

from registry.flows.deployment import Deployment
from registry.flows.keyring import BROKEN
from registry.flows.opened_keys import NO_VERSIONS, Versions
from registry.keys.bundle import Bundle
from registry.keys.envelope import open_sealed, record_aad
from registry.keys.parts import open_parts
from registry.model.clock import DAY, Micros
from registry.model.compartment import IDENTITY, Compartment, purposes_of
from registry.model.decision import Reason
from registry.model.errors import SealBroken
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, WorkspaceId
from registry.model.message import Identifier
from registry.model.provenance import Method, Provenance
from registry.model.stored import Fragment, StoredAssertion, StoredEvent, StoredIdentifier
from registry.profiles.assertion import TraitAssertion
from registry.store import administration
from registry.store.database import Transaction

NO_KEYS = Bundle({})

PAGE = 200
"""Events whose keys are looked up together."""

API_SOURCE = "api"
"""The name of what did not come through a tracking source."""


@dataclass(slots=True)
class Opened:
    """What could be opened, and how much could not, by reason."""

    assertions: list[TraitAssertion] = field(default_factory=list)
    withheld: Counter[Reason] = field(default_factory=Counter)


def source_names(transaction: Transaction, workspace_id: WorkspaceId) -> dict[bytes, str]:
    """The names of the workspace's sources, by id."""
    return {row.source_id: row.name for row in administration.sources(transaction, workspace_id)}


def versions_of(fragments: Iterable[Fragment]) -> Versions:
    """The state versions of fragments, as they were read."""
    return {fragment.fragment_id: fragment.state_version for fragment in fragments}


def compartments_for(purpose: str, present: Iterable[str]) -> frozenset[str]:
    """Which of the compartments present serve a purpose; identifiers are opened with any."""
    serving = {name for name in present if not name.startswith("@") and purpose in purposes_of(Compartment(name))}
    return frozenset(serving | {IDENTITY})


def kept_since(deployment: Deployment, purpose: str) -> Micros:
    """What was received before this is not read for the purpose any more, though others may still keep it."""
    return deployment.clock() - deployment.policies.purposes.purposes[purpose].retention_days * DAY


def open_assertions(
    deployment: Deployment,
    grant: OpenGrant,
    rows: Sequence[StoredAssertion],
    names: Mapping[bytes, str],
    *,
    versions: Versions = NO_VERSIONS,
) -> Opened:
    """Trait assertions in plaintext; keys opened under other state versions than these are not used."""
    opened = Opened()
    bundles = deployment.keyring.for_opening(grant, needs_of(grant, rows), versions=versions)
    for row in rows:
        if not grant.covers(row.compartment):
            opened.withheld[Reason.OTHER_PURPOSE] += 1
            continue
        bundle = bundles.get(row.fragment_id, NO_KEYS)
        key = bundle.get(Compartment(row.compartment))
        if key is None:
            opened.withheld[_closed(bundle)] += 1
            continue
        aad = record_aad(b"trait", grant.workspace_id, row.fragment_id, row.trait.encode(), row.source_id)
        try:
            plain = orjson.loads(open_sealed(key, row.sealed, aad, grant, row.compartment))
        except SealBroken:
            opened.withheld[Reason.DAMAGED] += 1
            continue
        provenance = Provenance(
            source_id=row.source_id,
            source_name=names.get(row.source_id, API_SOURCE),
            message_id=plain["messageId"],
            observed_at=row.observed_at,
            received_at=row.received_at,
            method=Method(row.method),
            trust=row.trust,
            transformed_by=tuple(plain.get("transformed", ())),
        )
        trait = plain.get("trait", row.trait)
        compartment = Compartment(row.compartment)
        opened.assertions.append(TraitAssertion(trait, plain["value"], provenance, row.fragment_id, compartment))
    return opened


def open_identifiers(
    deployment: Deployment, grant: OpenGrant, rows: Sequence[StoredIdentifier]
) -> tuple[list[tuple[StoredIdentifier, Identifier]], Counter[Reason]]:
    """Identifiers in plaintext, with their rows, and how many stayed closed."""
    bundles = deployment.keyring.for_opening(grant, {row.fragment_id: (IDENTITY,) for row in rows})
    found: list[tuple[StoredIdentifier, Identifier]] = []
    withheld: Counter[Reason] = Counter()
    for row in rows:
        bundle = bundles.get(row.fragment_id, NO_KEYS)
        key = bundle.get(IDENTITY)
        if key is None:
            withheld[_closed(bundle)] += 1
            continue
        aad = record_aad(b"identifier", grant.workspace_id, row.fragment_id, row.blind_index, b"value")
        try:
            value = open_sealed(key, row.sealed, aad, grant, IDENTITY).decode()
        except SealBroken:
            withheld[Reason.DAMAGED] += 1
            continue
        found.append((row, Identifier(row.kind, value)))
    return found, withheld


def open_events(
    deployment: Deployment, grant: OpenGrant, rows: Iterable[StoredEvent], *, versions: Versions = NO_VERSIONS
) -> Iterator[tuple[StoredEvent, dict[str, Any], Counter[Reason]]]:
    """Events, each with what the grant covers of it, and how many of its parts stayed closed; a page in memory at a
    time.

    Args:
        versions: keys opened under other state versions than these are not used.
    """
    stream = iter(rows)
    while page := list(islice(stream, PAGE)):
        bundles = deployment.keyring.for_opening(grant, needs_of(grant, page), versions=versions)
        for row in page:
            yield row, *open_event(grant, row, bundles)


def needs_of(grant: OpenGrant, rows: Iterable[StoredAssertion | StoredEvent]) -> dict[FragmentId, set[Compartment]]:
    """The compartments of each fragment that are to be opened, as far as the grant covers them."""
    needs: dict[FragmentId, set[Compartment]] = {}
    told = [(row.fragment_id, row.compartments if isinstance(row, StoredEvent) else row.compartment) for row in rows]
    for fragment_id, text in dict.fromkeys(told):  # most events have the same few
        covered = {Compartment(name) for name in text.split(",") if name and grant.covers(name)}
        needs.setdefault(fragment_id, set()).update(covered)
    return needs


def open_event(
    grant: OpenGrant, row: StoredEvent, bundles: Mapping[FragmentId, Bundle]
) -> tuple[dict[str, Any], Counter[Reason]]:
    """What the grant covers of one event, its parts put together again, and how many stayed closed."""
    if not row.body:
        return {}, Counter()
    aad = record_aad(b"event", grant.workspace_id, row.fragment_id, row.event_id, b"body")
    bundle = bundles.get(row.fragment_id, NO_KEYS)
    try:
        parts = open_parts(row.body, bundle, aad, grant)
    except SealBroken:
        return _open_sound_parts(grant, row, bundle, aad)
    counts = Counter[Reason]()
    if parts.withheld or parts.shredded:  # of most events nothing stays closed
        counts = +Counter({Reason.OTHER_PURPOSE: len(parts.withheld), _closed(bundle): len(parts.shredded)})
    return _together(parts.opened.values()), counts


def _open_sound_parts(
    grant: OpenGrant, row: StoredEvent, bundle: Bundle, aad: bytes
) -> tuple[dict[str, Any], Counter[Reason]]:
    """What is left of an event of which something does not open."""
    opened: list[bytes] = []
    counts: Counter[Reason] = Counter()
    for name in row.compartments.split(","):
        compartment = Compartment(name)
        key = bundle.get(compartment)
        if not grant.covers(name):
            counts[Reason.OTHER_PURPOSE] += 1
        elif key is None:
            counts[_closed(bundle)] += 1
        else:
            try:
                opened.append(open_parts(row.body, {compartment: key}, aad, grant).opened[compartment])
            except (SealBroken, KeyError):
                counts[Reason.DAMAGED] += 1
    return _together(opened), counts


def _closed(bundle: Bundle) -> Reason:
    return Reason.DAMAGED if bundle is BROKEN else Reason.SHREDDED


def _together(plaintexts: Iterable[bytes]) -> dict[str, Any]:
    """An event's parts as one object."""
    content: dict[str, Any] = {}
    for plain in plaintexts:
        for section, value in orjson.loads(plain).items():
            if isinstance(value, dict) and section in content:
                content[section].update(value)
            else:
                content[section] = value
    return content
