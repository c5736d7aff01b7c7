"""Every table of which the census says that access gives it out, as a file of its rows: nothing is left out silently.

Tables whose data has a file of its own in the package (`OWN_FILES`) are not written a second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import orjson

from registry.dsr.accounting import Disposition
from registry.dsr.declarations import DECLARED
from registry.dsr.requests import Kind
from registry.flows.accountability.declared import Declared
from registry.flows.deployment import Deployment
from registry.flows.dsr.package.archive import held
from registry.flows.dsr.package.redaction import Redactor
from registry.flows.dsr.reference import agent_named_by, named_by
from registry.flows.opening import API_SOURCE
from registry.flows.traffic.recorded import open_quarantined
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import rfc3339
from registry.model.compartment import Compartment, purposes_of
from registry.model.decision import Reason
from registry.model.errors import RegistryError
from registry.model.ids import FragmentId, RequestId
from registry.store import given, quarantine, requests
from registry.store.database import Transaction
from registry.store.given import Ties

OWN_FILES = {
    "identifier": "identifiers.json",
    "trait_assertion": "traits.json",
    "consent_record": "consents.json",
    "consent_state": "consents.json",
    "event": "events.jsonl",
    "retained_case": "kept.json",
}
"""The tables whose rows stand in a file of another form, and which."""

MEMBERS = {"source_id": "source", "source_name": "source", "compartment": "purposes", "compartments": "purposes"}
"""What a column is called in the package, where it is not by its own name."""

_OPENED = {"quarantine": ("quarantine_id", "content"), "dsr_request": ("request_id", "asked_for")}
"""Tables with something sealed: by which id it is opened, and what it is called then."""


@cache
def tables() -> Mapping[str, Sequence[str]]:
    """The tables that have a file of their rows, each with the columns that are given out."""
    found: dict[str, list[str]] = {}
    for field in DECLARED:
        is_given = field.is_personal and field.disposition(Kind.ACCESS)[0] is Disposition.EXPORTED
        if is_given and field.table not in OWN_FILES:
            found.setdefault(field.table, []).append(field.field)
    return found


def member(table: str, column: str) -> str:
    """What a column of a table is called in its file."""
    if table in _OPENED and column == "sealed":
        return _OPENED[table][1]
    return MEMBERS.get(column, column)


def lines(
    deployment: Deployment,
    workspace: OpenWorkspace,
    transaction: Transaction,
    table: str,
    ties: Ties,
    names: Mapping[bytes, str],
    closed: Counter[Reason],
    redactor: Redactor,
    declared: Declared,
) -> Iterator[bytes]:
    """The rows of a table as lines of JSON, with what is sealed in them opened; counts what does not open."""
    columns = [name for name in tables()[table] if name != "sealed"]
    key = _OPENED[table][0] if table in _OPENED else None
    asked = [*columns, key] if key is not None and key not in columns else columns
    for row in given.stream(transaction, workspace.workspace_id, table, asked, ties):
        told = {member(table, name): _shown(name, value, names) for name, value in zip(columns, row, strict=False)}
        if key is not None:
            opened = _open(deployment, workspace, transaction, table, bytes(row[asked.index(key)]))
            if opened is None:
                closed[Reason.DAMAGED] += 1
            told[_OPENED[table][1]] = without_others(opened, redactor, declared) if table == "quarantine" else opened
        yield orjson.dumps(told) + b"\n"


def without_others(content: object, redactor: Redactor, declared: Declared) -> object:
    """A rejected message without others, as the plans declare them, and without their addresses and numbers."""
    if not isinstance(content, dict) or not isinstance(content.get("call"), dict):
        return redactor.value(content)
    call = redactor.event(content["call"], *declared.of_rejected(content["call"]))
    return {name: call if name == "call" else redactor.value(value) for name, value in content.items()}


def _open(
    deployment: Deployment, workspace: OpenWorkspace, transaction: Transaction, table: str, holder: bytes
) -> object | None:
    """What a row seals; None where it does not open, or there is nothing any more."""
    try:
        if table == "quarantine":
            rows = quarantine.opened(transaction, workspace.workspace_id, [FragmentId(holder)])
            [(_, plain)] = open_quarantined(deployment, workspace, rows, "dsr: the package of its subject")
            shown: object = held(plain)
            return shown
        request = requests.get(transaction, workspace.workspace_id, RequestId(holder))
        if request is None:
            return None
        agent = agent_named_by(deployment, request)
        told = [{"kind": one.kind, "value": one.value} for one in named_by(deployment, request)]
        return told + ([{"kind": "authorised agent", "value": agent.called}] if agent is not None else [])
    except (RegistryError, ValueError):
        return None


def _shown(column: str, value: Any, names: Mapping[bytes, str]) -> object:
    """A column's value as a person reads it: times in RFC 3339, sources and purposes by name, actors by their kind."""
    if value is None:
        return None
    if column == "source_id":
        return names.get(bytes(value), API_SOURCE)
    if column == "compartment":
        return sorted(purposes_of(Compartment(value)))
    if column == "actor":  # which of our people it was is about them
        return str(value).partition(":")[0]
    if column == "entry":
        entry = orjson.loads(bytes(value))
        told = {name: entry[name] for name in ("action", "outcome", "fields")}
        return {"at": rfc3339(entry["at"]), "actor": entry["actor"].partition(":")[0], **told}
    if column == "content" and isinstance(value, str):
        return orjson.loads(value)
    if column.endswith(("_at", "_by", "_until")) and isinstance(value, int):
        return rfc3339(value)
    return bool(value) if column == "rejected" else value
