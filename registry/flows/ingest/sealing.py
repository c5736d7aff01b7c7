"""From admitted items to rows of ciphertext. Keys are committed before anything here is stored."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import orjson

from registry.flows.identity.joining import Joined
from registry.flows.identity.subjects import seal_identifier
from registry.flows.ingest.admission import Item, Status
from registry.flows.keyring import Keyring
from registry.keys.blind_index import BlindIndexer, hidden_name
from registry.keys.bundle import Bundle
from registry.keys.envelope import record_aad, seal
from registry.keys.parts import seal_parts
from registry.model.clock import Micros
from registry.model.compartment import IDENTITY, QUARANTINE, Compartment, compartment_of
from registry.model.ids import BlindIndex, EventId, FragmentId, WorkspaceId
from registry.model.message import CallType
from registry.model.provenance import Method
from registry.model.stored import (
    Quarantined,
    QuarantineSubject,
    StoredAssertion,
    StoredEvent,
    StoredIdentifier,
    StoredViolation,
)
from registry.plans.app_version import version_of_app
from registry.profiles.trust import TrustPolicy

ENVELOPE_MEMBERS = ("event", "name", "category", "groupId")

Parts = list[tuple[Compartment, dict[str, Any]]]


def grounded_parts(item: Item) -> Parts:
    """The item's content by compartment, without what has no lawful ground.

    Parts whose remaining purposes are the same become one part, under one key.
    """
    if item.verdict is None:
        return []
    merged: dict[Compartment, dict[str, Any]] = {}
    for part in item.verdict.parts:
        purposes = part.purposes & item.grounded
        if not purposes:
            continue
        content = merged.setdefault(compartment_of(purposes), {})
        for section, value in part.content.items():
            if section in content and isinstance(value, dict):
                content[section] = {**content[section], **value}
            else:
                content[section] = value
    return list(merged.items())


def keys_needed(
    items: Sequence[Item],
    parts: Sequence[Parts],
    joined: Joined,
    also: Mapping[FragmentId, Collection[Compartment]],
) -> dict[FragmentId, set[Compartment]]:
    """The compartments whose keys are needed for everything that the batch will store.

    Args:
        also: what is sealed beside the items themselves.
    """
    needs: dict[FragmentId, set[Compartment]] = defaultdict(set)
    for fragment_id in joined.new:
        needs[fragment_id].add(IDENTITY)
    for item, own in zip(items, parts, strict=True):
        if item.fragment_id is not None and own:
            needs[item.fragment_id].update(compartment for compartment, _ in own)
    for fragment_id, compartments in also.items():
        needs[fragment_id].update(compartments)
    return needs


def identifier_rows(
    workspace_id: WorkspaceId, items: Sequence[Item], joined: Joined, bundles: Mapping[FragmentId, Bundle]
) -> list[StoredIdentifier]:
    """A row for each identifier that was not known, its value sealed under its own fragment."""
    rows: dict[BlindIndex, StoredIdentifier] = {}
    for item in items:
        for identifier, index in zip(item.identifiers, item.indexes, strict=True):
            fragment = joined.by_index.get(index)
            if index in rows or fragment is None or fragment.fragment_id not in joined.new:
                continue
            sealed = seal_identifier(workspace_id, fragment.fragment_id, index, identifier, bundles)
            source_id, at = item.source.row.source_id, item.received_at
            rows[index] = StoredIdentifier(
                workspace_id, index, identifier.kind, fragment.fragment_id, sealed, source_id, item.key, at
            )
    return [rows[index] for index in sorted(rows)]


def event_row(
    workspace_id: WorkspaceId,
    event_id: EventId,
    item: Item,
    parts: Parts,
    bundles: Mapping[FragmentId, Bundle],
) -> StoredEvent:
    """The item as a row of the event log: operations' words in the clear, all else sealed."""
    message, verdict = item.message, item.verdict
    if message is None or verdict is None or item.fragment_id is None:
        raise AssertionError("only admitted items are stored")
    envelope = {name: message.body[name] for name in ENVELOPE_MEMBERS if message.body.get(name) is not None}
    envelope["messageId"] = message.message_id
    if verdict.transformed:
        envelope["transformed"] = list(verdict.transformed)
    plain = [(compartment, orjson.dumps({**envelope, **content})) for compartment, content in parts]
    aad = record_aad(b"event", workspace_id, item.fragment_id, event_id, b"body")
    body = seal_parts(bundles[item.fragment_id], plain, aad) if plain else b""
    return StoredEvent(
        workspace_id,
        item.fragment_id,
        event_id,
        item.key,
        message.call.value,
        verdict.plan_event,
        verdict.plan_version,
        item.source.row.source_id,
        message.observed_at,
        message.received_at,
        ",".join(compartment for compartment, _ in parts),
        verdict.omitted,
        ",".join(sorted(item.ungrounded)),
        body,
        ",".join(verdict.transformed) or None,
    )


def assertion_rows(
    workspace_id: WorkspaceId,
    item: Item,
    parts: Parts,
    bundles: Mapping[FragmentId, Bundle],
    trust: TrustPolicy,
    indexer: BlindIndexer,
) -> list[StoredAssertion]:
    """One row for each trait that an identify call asserts."""
    message = item.message
    if message is None or message.call is not CallType.IDENTIFY or item.fragment_id is None:
        return []
    source = item.source.row
    method = Method(source.method)
    rank = trust.rank(source.name, method)
    transformed = item.verdict.transformed_by if item.verdict is not None else []
    rows = []
    for compartment, content in parts:
        for trait, value in content.get("traits", {}).items():
            content_of: dict[str, Any] = {"value": value, "messageId": message.message_id}
            if transformed:
                content_of["transformed"] = transformed
            column = trait
            if item.verdict is not None and trait in item.verdict.unplanned:
                column, content_of["trait"] = hidden_name(indexer, trait), trait
            plain = orjson.dumps(content_of)
            aad = record_aad(b"trait", workspace_id, item.fragment_id, column.encode(), source.source_id)
            sealed = seal(bundles[item.fragment_id].key(compartment), plain, aad)
            rows.append(
                StoredAssertion(
                    workspace_id,
                    item.fragment_id,
                    column,
                    source.source_id,
                    compartment,
                    message.observed_at,
                    message.received_at,
                    method.value,
                    rank,
                    sealed,
                )
            )
    return rows


def violation_rows(workspace_id: WorkspaceId, item: Item, new_id: Callable[[], bytes]) -> list[StoredViolation]:
    """A row for each violation, without values."""
    plan_event = item.verdict.plan_event if item.verdict is not None else None
    call = item.message.call.value if item.message is not None else "unknown"
    app_version = version_of_app(item.message.body if item.message is not None else item.raw)
    return [
        StoredViolation(
            workspace_id,
            new_id(),
            item.key,
            item.source.row.source_id,
            call,
            plan_event,
            item.verdict.plan_version if item.verdict is not None else item.source.plan.identity,
            violation.code,
            violation.path,
            violation.rule,
            violation.expected,
            item.status is Status.REJECTED,
            item.received_at,
            app_version,
        )
        for violation in item.violations
    ]


def _as_json(value: dict[str, Any]) -> bytes:
    """JSON, also of what is nested deeper than orjson writes (it reads deeper than that)."""
    try:
        return orjson.dumps(value)
    except TypeError:
        pass
    try:
        return json.dumps(value).encode()
    except RecursionError:  # no parser of ours would take it in again: what is left is that it came
        return orjson.dumps({**value, "call": None})


def quarantine_rows(
    workspace_id: WorkspaceId,
    items: Sequence[Item],
    keyring: Keyring,
    new_id: Callable[[], bytes],
    keep_for: Micros,
) -> tuple[list[Quarantined], list[QuarantineSubject]]:
    """Rejected items, each sealed under a key bundle of its own, and whom they are about."""
    ids = [FragmentId(new_id()) for _ in items]
    bundles = keyring.for_sealing(workspace_id, dict.fromkeys(ids, (QUARANTINE,)), new=ids) if ids else {}
    rows: list[Quarantined] = []
    subjects: list[QuarantineSubject] = []
    for quarantine_id, item in zip(ids, items, strict=True):
        aad = record_aad(b"quarantine", workspace_id, quarantine_id, item.key, b"body")
        # What the batch said for all of its calls is kept with each, so that a replay judges it alike.
        around = {
            "sentAt": item.delivery.sent_at,
            "context": item.delivery.context,
            "integrations": item.delivery.integrations,
            "optedOut": item.delivery.opted_out,
        }
        plain = _as_json({"call": item.raw, "messageId": item.message_id, **around})
        sealed = seal(bundles[quarantine_id].key(QUARANTINE), plain, aad)
        source_id, at = item.source.row.source_id, item.received_at
        rows.append(Quarantined(workspace_id, quarantine_id, item.key, source_id, at, at + keep_for, sealed))
        subjects += [QuarantineSubject(workspace_id, index, quarantine_id) for index in sorted(set(item.indexes))]
    return rows, subjects
