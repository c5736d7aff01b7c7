"""Messages that go no further: what was seen before, and what is about somebody who was erased."""

from __future__ import annotations

from collections.abc import Sequence

from registry.flows.ingest.admission import Item, Status
from registry.flows.workspace import OpenWorkspace
from registry.model.stored import RefusedMessage
from registry.store import events, quarantine
from registry.store.database import Transaction


def dedupe(transaction: Transaction, workspace: OpenWorkspace, items: list[Item]) -> None:
    """Mark what was taken in, or refused, before: it is acknowledged again, and not stored again."""
    known = events.known_messages(transaction, workspace.workspace_id, {item.key for item in items})
    seen: set[bytes] = set()
    for item in items:
        before = known.get(item.key)
        if item.delivery.replayed and before == "quarantined":
            before = None  # a replay is the second coming of a message that was never let in
        if before is not None or item.key in seen:
            item.status = Status.SUPPRESSED if before == Status.SUPPRESSED else Status.DUPLICATE
            item.violations = ()
        seen.add(item.key)


def suppress(transaction: Transaction, workspace: OpenWorkspace, items: list[Item]) -> None:
    """Mark what is about an erased person, and keep a keyed trace of it."""
    distinct = {i for item in items for i in item.identifiers}
    keys = {i: workspace.suppression.key(i.kind, i.value) for i in distinct}
    suppressed = quarantine.suppressed(transaction, workspace.workspace_id, set(keys.values()))
    if not suppressed:
        return
    refused = []
    for item in items:
        if item.status is Status.DUPLICATE or not any(keys[i] in suppressed for i in item.identifiers):
            continue
        item.status, item.violations = Status.SUPPRESSED, ()
        refused.append(item)
    note_refused(transaction, workspace, refused)


def note_refused(transaction: Transaction, workspace: OpenWorkspace, refused: Sequence[Item]) -> None:
    """Keep a keyed trace of messages of which nothing else is kept."""
    workspace_id = workspace.workspace_id
    rows = [
        RefusedMessage(workspace_id, item.key, item.source.row.source_id, item.status.value, item.received_at)
        for item in refused
    ]
    quarantine.add_refused(transaction, rows)
