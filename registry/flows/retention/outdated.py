"""Rows whose time has come: deleted, or sealed again without the parts and fields that are due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from registry.model.ids import FragmentId, WorkspaceId
from registry.model.stored import StoredEvent
from registry.store import retention as rows
from registry.store.database import Transaction

PAGE = 500

Path = tuple[str, ...]
Counts = dict[str, int]


def count(
    deployment: Deployment, transaction: Transaction, workspace_id: WorkspaceId, due: Due, all_due: Iterable[Due]
) -> tuple[Counts, int]:
    """How many events and values `delete` would touch, and how many events would stay, if it came to each of these in
    turn: an event is counted with the first of its parts that is due.
    """
    before = _befores(due.fragment_id, all_due)
    events, stayed = 0, 0
    for held in _sets(transaction, workspace_id, due):
        names = held.compartments.split(",")
        if all(
            held.newest < before.get(name, held.newest) for name in names
        ):  # all of them go whole: nothing is opened
            events += held.rows if next(one for one in before if one in names) == due.compartment else 0
            continue
        for left, some in _due_events(transaction, workspace_id, due, held.compartments, before):
            first = {row.event_id for row in some if _first(row, before) == due.compartment}
            sealed = resealed(deployment, some, left, ()) if left else Sealed(some, 0)
            events += sum(row.event_id in first for row in sealed.made)
            stayed += sealed.stayed
    values = rows.count_traits(transaction, workspace_id, [due.fragment_id], due.before, compartment=due.compartment)
    return {"events": events, "values": values}, stayed


def delete(
    deployment: Deployment, transaction: Transaction, workspace_id: WorkspaceId, due: Due, all_due: Iterable[Due]
) -> tuple[Counts, int]:
    """Delete what is due of a compartment; how many events and values it was part of, and how many events stayed.

    An event stays as it is where what else it holds is not due and does not open: its key may be put back yet.

    Args:
        all_due: everything that is due now, this included: an event all of whose parts are goes as a whole.
    """
    counts, stayed = {"events": 0, "values": 0}, 0
    before = _befores(due.fragment_id, all_due)
    counts["values"] = rows.delete_traits(transaction, workspace_id, due.fragment_id, due.compartment, due.before)
    for held in _sets(transaction, workspace_id, due):
        for left, some in _due_events(transaction, workspace_id, due, held.compartments, before):
            if left:
                sealed = resealed(deployment, some, left, ())
                counts["events"] += len(sealed.made)
                stayed += sealed.stayed
                rows.rewrite_events(transaction, sealed.made)
            else:
                counts["events"] += len(some)
                rows.delete_events(transaction, workspace_id, due.fragment_id, [row.event_id for row in some])
    return counts, stayed


def left_of(deployment: Deployment, page: Sequence[StoredEvent], all_due: Sequence[Due]) -> list[StoredEvent]:
    """What is left of these events once what is due is gone, in memory; what goes as a whole is not among them."""
    if not all_due:
        return list(page)
    found = list[StoredEvent]()
    for fragment_id in dict.fromkeys(row.fragment_id for row in page):
        own = (row for row in page if row.fragment_id == fragment_id)
        for left, some in _by_what_stays(own, _befores(fragment_id, all_due)).items():
            if left:
                parted = [row for row in some if row.compartments != ",".join(left)]
                made = {row.event_id: row for row in resealed(deployment, parted, left, ()).made} if parted else {}
                found += [made.get(row.event_id, row) for row in some]
    return found


def _befores(fragment_id: FragmentId, all_due: Iterable[Due]) -> dict[str, Micros]:
    """What is due of a fragment by compartment, in the order in which it is dealt with."""
    return {one.compartment: one.before for one in all_due if one.fragment_id == fragment_id}


def _first(row: StoredEvent, before: Mapping[str, Micros]) -> str:
    """The first part of an event that is due."""
    names = row.compartments.split(",")
    return next(name for name, until in before.items() if name in names and row.received_at < until)


def _due_events(
    transaction: Transaction, workspace_id: WorkspaceId, due: Due, compartments: str, before: Mapping[str, Micros]
) -> Iterator[tuple[tuple[str, ...], list[StoredEvent]]]:
    """The events with just these compartments that are due, page by page, by those of their parts that are not."""
    after = b""
    while page := rows.events_of(transaction, workspace_id, due.fragment_id, compartments, due.before, after, PAGE):
        after = page[-1].event_id
        yield from _by_what_stays(page, before).items()


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
