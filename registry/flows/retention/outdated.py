"""Rows whose time has come: deleted, or sealed again without the parts and fields that are due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from registry.flows.deployment import Deployment
from registry.flows.keyring import BROKEN
from registry.flows.opening import NO_KEYS, needs_of
from registry.flows.retention.due import Due
from registry.keys.bundle import Bundle
from registry.keys.envelope import record_aad
from registry.keys.parts import compartments_in, open_parts, seal_parts
from registry.model.clock import Micros
from registry.model.compartment import Compartment
from registry.model.errors import KeyMissing, SealBroken
from registry.model.grants import OpenGrant
from registry.model.ids import WorkspaceId
from registry.model.stored import StoredEvent
from registry.store import retention as rows
from registry.store.database import Transaction

PAGE = 500

Path = tuple[str, ...]
Counts = dict[str, int]


def count(transaction: Transaction, workspace_id: WorkspaceId, due: Due) -> Counts:
    """How many events and values `delete` would touch."""
    held = [row for row in _sets(transaction, workspace_id, due) if row.oldest < due.before]
    values = sum(
        row.rows
        for row in rows.held_traits(transaction, workspace_id, [due.fragment_id])
        if row.compartments == due.compartment and row.oldest < due.before
    )
    return {"events": sum(row.rows for row in held), "values": values}


def delete(
    deployment: Deployment, transaction: Transaction, workspace_id: WorkspaceId, due: Due, all_due: Iterable[Due]
) -> tuple[Counts, int]:
    """Delete what is due of a compartment; how many events and values it was part of, and how many events stayed.

    An event stays as it is where what else it holds is not due and does not open: its key may be put back yet.

    Args:
        all_due: everything that is due now, this included: an event all of whose parts are goes as a whole.
    """
    counts, stayed = {"events": 0, "values": 0}, 0
    before = {one.compartment: one.before for one in all_due if one.fragment_id == due.fragment_id}
    counts["values"] = rows.delete_traits(transaction, workspace_id, due.fragment_id, due.compartment, due.before)
    for held in _sets(transaction, workspace_id, due):
        after = b""
        while True:
            page = rows.events_of(
                transaction, workspace_id, due.fragment_id, held.compartments, due.before, after, PAGE
            )
            if not page:
                break
            after = page[-1].event_id
            for left, some in _by_what_stays(page, before).items():
                if left:
                    sealed = resealed(deployment, some, left, ())
                    counts["events"] += len(sealed.made)
                    stayed += sealed.stayed
                    rows.rewrite_events(transaction, sealed.made)
                else:
                    counts["events"] += len(some)
                    ids = [row.event_id for row in some]
                    rows.delete_events(transaction, workspace_id, due.fragment_id, ids)
    return counts, stayed


def _by_what_stays(
    page: Iterable[StoredEvent], before: Mapping[str, Micros]
) -> dict[tuple[str, ...], list[StoredEvent]]:
    """Events by those of their compartments that are not due."""
    found = dict[tuple[str, ...], list[StoredEvent]]()
    for row in page:
        at = row.received_at
        left = tuple(name for name in row.compartments.split(",") if at >= before.get(name, at))
        found.setdefault(left, []).append(row)
    return found


def _sets(transaction: Transaction, workspace_id: WorkspaceId, due: Due) -> list[rows.Held]:
    """The sets of compartments, among those of the fragment's events, that hold the one that is due."""
    found = rows.held_events(transaction, workspace_id, [due.fragment_id])
    return [row for row in found if due.compartment in row.compartments.split(",")]


class Sealed(NamedTuple):
    """Events that were sealed again, and how many stay as they are since they do not open."""

    made: list[StoredEvent]
    stayed: int


def resealed(
    deployment: Deployment, page: Sequence[StoredEvent], keep: Sequence[str], without: Sequence[Path]
) -> Sealed:
    """The events with only these compartments, and without these fields. A part names its neighbours, so
    that none can be taken away unnoticed: the parts that stay are opened in memory and sealed again.
    """
    workspace_id = page[0].workspace_id
    grant = OpenGrant(workspace_id, frozenset(keep), "retention")
    bundles = deployment.keyring.for_opening(grant, needs_of(grant, page))
    made, stayed = list[StoredEvent](), 0
    for row in page:
        bundle = bundles.get(row.fragment_id, NO_KEYS)
        try:
            changed = _without(row, bundle, grant, without)
        except (KeyMissing, SealBroken):  # what is damaged or lost may be mended yet, and holds up nobody else's
            stayed += 1
            continue
        made += [changed] if changed is not None else []
    return Sealed(made, stayed)


def _without(row: StoredEvent, bundle: Bundle, grant: OpenGrant, without: Sequence[Path]) -> StoredEvent | None:
    """One event sealed again; None where nothing of it changes.

    Raises:
        SealBroken: it is damaged, or a part stands under another name.
        KeyMissing: the key of a part that stays is gone: destroyed by a sweep that was stopped, which goes on, or lost.
    """
    if bundle is BROKEN:
        raise SealBroken("the keys of an event are damaged")
    names = row.compartments.split(",")
    if set(compartments_in(row.body)) != set(names):
        raise SealBroken("the parts of an event are not those that it has", extra={"failure": "malformed"})
    aad = record_aad(b"event", row.workspace_id, row.fragment_id, row.event_id, b"body")
    found = open_parts(row.body, bundle, aad, grant)
    if found.shredded:
        raise KeyMissing("the key of what stays of an event is gone")
    opened = found.opened
    parts: list[tuple[Compartment, bytes]] = []
    cut = 0
    for name in names:
        plain = opened.get(Compartment(name))
        if plain is not None:
            content = orjson.loads(plain)
            for path in without:
                cut += _cut(content, path)
            parts.append((Compartment(name), orjson.dumps(content)))
    if not cut and len(parts) == len(names):
        return None
    body = seal_parts(bundle, parts, aad) if parts else b""
    return row._replace(compartments=",".join(name for name, _ in parts), body=body)


def _cut(value: Any, path: Path) -> int:
    """Take what a path of names leads to out of a decoded message, `*` being every item of a list; how much it was."""
    step, rest = path[0], path[1:]
    if step == "*" and isinstance(value, list):
        if rest:
            return sum(_cut(item, rest) for item in value)
        count = len(value)
        value.clear()
        return count
    if not isinstance(value, dict) or step not in value:
        return 0
    if rest:
        return _cut(value[step], rest)
    del value[step]
    return 1
