"""Kinds of identifiers that descriptions name: each must be one that somebody can tell, or nobody would be found by it
(pure).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from registry.connectors.datasets import Dataset, Key
from registry.connectors.services.description import ROW, TABLE, Service
from registry.documents.loading import escape
from registry.model.errors import DocumentInvalid

Place = tuple[str, str]
"""A system and a table of it; a service has one."""


class _Named(NamedTuple):
    file: str
    pointer: str
    place: Place
    kind: str


def keys_asked_by(datasets: Sequence[Dataset], services: Sequence[Service]) -> list[Key]:
    """The keys of rows and records by which services are asked: `by: shop.customers.id`."""
    asked = {call.by for service in services for calls in service.calls.values() for call in calls}
    return [key for key in _keys(datasets, services) if key.kind in asked]


def check_kinds(datasets: Sequence[Dataset], services: Sequence[Service], known: Collection[str]) -> None:
    """Refuse kinds that stand at one place alone and that Registry does not know: nobody would be found by them.

    Args:
        known: the kinds of the identity policy.

    Raises:
        DocumentInvalid: with every fault.
    """
    named = [*_of_datasets(datasets), *_of_services(services)]
    told = {key.kind for key in _keys(datasets, services)} | set(known)
    faults: list[dict[str, object]] = []
    for one in named:
        elsewhere = any(other.kind == one.kind and other.place != one.place for other in named)
        if one.kind not in told and not elsewhere:
            reason = f"no identifier is of this kind: the identity policy has {', '.join(sorted(known))}"
            faults.append({"file": one.file, "line": 1, "column": 1, "pointer": one.pointer, "reason": reason})
    if faults:
        raise DocumentInvalid(faults)


def _keys(datasets: Sequence[Dataset], services: Sequence[Service]) -> Iterator[Key]:
    for dataset in datasets:
        yield from (Key(dataset.name, one.table, (one.name,)) for one in dataset.fields)
    for service in services:
        yield from service.keys


def _of_datasets(datasets: Sequence[Dataset]) -> Iterator[_Named]:
    for dataset in datasets:
        for one in dataset.fields:
            if one.identity is not None:
                pointer = f"/tables/{escape(one.table)}/fields/{escape(one.name)}/identity"
                yield _Named(dataset.file, pointer, (dataset.name, one.table), one.identity)


def _of_services(services: Sequence[Service]) -> Iterator[_Named]:
    for service in services:
        place = service.name, TABLE
        for name, held in service.fields.items():
            if held.identity is not None:
                yield _Named(service.file, f"/fields/{escape(name)}/identity", place, held.identity)
        for action, calls in service.calls.items():
            for at, call in enumerate(calls):
                if call.by != ROW:
                    yield _Named(service.file, f"/{action}/{at}/by", place, call.by)
