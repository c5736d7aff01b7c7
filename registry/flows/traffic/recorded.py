"""Recorded traffic: what lies in quarantine, what was let in, and what a file of calls holds.

It is opened in memory and never written again. Quarantine opens under a grant of its own; what was let
in opens for a purpose that the person's consent allows, like any reading, and what is locked stays shut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from registry.flows.consent.locking import locked_of
from registry.flows.deployment import Deployment
from registry.flows.opening import compartments_for, open_events, versions_of
from registry.flows.paging import pages
from registry.flows.profiles.read import permitted
from registry.flows.workspace import OpenWorkspace
from registry.keys.envelope import open_sealed, record_aad
from registry.model.clock import Micros
from registry.model.compartment import QUARANTINE
from registry.model.errors import InvalidInput, NotFound, PurposeDenied, UnknownPurpose
from registry.model.grants import OpenGrant
from registry.model.ids import FragmentId, SourceId
from registry.model.message import CallType, Message
from registry.model.stored import Fragment, Quarantined, StoredEvent
from registry.store import administration, events, identities, quarantine
from registry.store.database import Transaction

PAGE = 500
MAX_LINE = 4 * 1024 * 1024
"""Bytes of one line of a file of calls: as large as a request may be."""


@dataclass(frozen=True, slots=True, repr=False)
class Kept:
    """A call that was let in, as far as it may be opened.

    Attributes:
        whole: whether all of it was stored and could be opened: only then is what is missing really missing.
    """

    message: Message
    source_id: SourceId
    whole: bool


@dataclass(slots=True)
class Counts:
    """How many recorded calls could not be looked at, by reason."""

    withheld: int = 0
    unreadable: int = 0
    sources: dict[bytes, str] = field(default_factory=dict)


def source_id_of(deployment: Deployment, workspace: OpenWorkspace, name: str | None) -> SourceId | None:
    """The id of the source of this name; None for no name.

    Raises:
        NotFound: there is no such source.
    """
    if name is None:
        return None
    with deployment.data.read(workspace.workspace_id) as transaction:
        for row in administration.sources(transaction, workspace.workspace_id):
            if row.name == name:
                return row.source_id
    raise NotFound("there is no source of this name")


def quarantined_pages(
    deployment: Deployment, workspace: OpenWorkspace, source_id: SourceId | None, *, size: int = PAGE
) -> Iterator[Sequence[Quarantined]]:
    """What lies in quarantine, oldest first, page by page; what is added meanwhile comes too."""
    return pages(
        deployment.data, workspace.workspace_id,
        lambda transaction, after: quarantine.page(transaction, workspace.workspace_id, source_id, after, size),
        lambda row: row.quarantine_id,
    )  # fmt: skip


def open_quarantined(
    deployment: Deployment, workspace: OpenWorkspace, page: Sequence[Quarantined], because: str
) -> list[tuple[Quarantined, dict[str, Any]]]:
    """Quarantined messages in plaintext, with what their batch said for all of them (see `quarantine_rows`).

    One whose key is gone is left out. A call whose sender gave it no id has the one that was given it here.
    """
    grant = OpenGrant(workspace.workspace_id, frozenset({QUARANTINE}), because)
    bundles = deployment.keyring.for_opening(grant, {row.quarantine_id: (QUARANTINE,) for row in page})
    opened = []
    for row in page:
        if row.quarantine_id not in bundles:
            continue
        aad = record_aad(b"quarantine", workspace.workspace_id, row.quarantine_id, row.message_key, b"body")
        key = bundles[row.quarantine_id].key(QUARANTINE)
        plain = orjson.loads(open_sealed(key, row.sealed, aad, grant, QUARANTINE))
        if isinstance(plain["call"], dict):
            plain["call"] = {**plain["call"], "messageId": plain["messageId"]}
        opened.append((row, plain))
    return opened


def kept(
    deployment: Deployment, workspace: OpenWorkspace, *, purpose: str, since: Micros, counts: Counts
) -> Iterator[Kept]:
    """What was let in since a time, opened for a purpose; of whose owners that is not allowed is counted.

    Raises:
        UnknownPurpose: policy has no such purpose.
    """
    if purpose not in deployment.policies.purposes.purposes:
        raise UnknownPurpose("policy has no such purpose")
    after = (b"", b"")
    while True:
        with deployment.data.read(workspace.workspace_id) as transaction:
            page = events.received_since(transaction, workspace.workspace_id, since, after, PAGE)
            fragments = _allowed(deployment, transaction, workspace, page, purpose) if page else {}
            locked = locked_of(transaction, workspace.workspace_id, fragments.values()) if fragments else frozenset()
        if not page:
            return
        after = (page[-1].fragment_id, page[-1].event_id)
        present = {name for row in page for name in row.compartments.split(",") if name}
        grant = OpenGrant(workspace.workspace_id, compartments_for(purpose, present - locked), f"plans:check {purpose}")
        allowed = [row for row in page if row.fragment_id in fragments]
        counts.withheld += len(page) - len(allowed)
        versions = versions_of(fragments.values())
        for row, content, closed in open_events(deployment, grant, allowed, versions=versions):
            if row.body and not content:
                counts.withheld += 1
                continue
            yield Kept(_message(row, content), row.source_id, not closed and not row.omitted and not row.ungrounded)


def _allowed(
    deployment: Deployment,
    transaction: Transaction,
    workspace: OpenWorkspace,
    page: Sequence[StoredEvent],
    purpose: str,
) -> dict[FragmentId, Fragment]:
    """The fragments of a page whose owners' consent allows the purpose."""
    workspace_id = workspace.workspace_id
    found = identities.fragments(transaction, workspace_id, {row.fragment_id for row in page})
    profiles = {fragment.profile_id for fragment in found.values()}
    by_profile: dict[bytes, list[Fragment]] = {}
    for fragment in identities.fragments_of_profiles(transaction, workspace_id, profiles):
        by_profile.setdefault(fragment.profile_id, []).append(fragment)
    allowed: dict[FragmentId, Fragment] = {}
    for fragments in by_profile.values():
        try:
            permitted(deployment, transaction, workspace, fragments, purpose)
        except PurposeDenied:
            continue
        allowed |= {fragment.fragment_id: fragment for fragment in fragments if fragment.fragment_id in found}
    return allowed


def _message(row: StoredEvent, content: dict[str, Any]) -> Message:
    call = CallType(row.call)
    body = {"type": row.call, **content}
    name = str(content.get("event") or content.get("name") or "")
    return Message(call, name, str(content.get("messageId", "")), body, row.observed_at, row.received_at)


def calls_in(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """The calls of a file: a call or a batch on each line (NDJSON), or one list of them.

    Raises:
        InvalidInput: a line is not JSON, or too long; it is named by its number.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            raise InvalidInput(f"line {number} is longer than {MAX_LINE} bytes")
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise InvalidInput(f"line {number} is not JSON", hint="a file of calls has one call on each line") from None
        for held in value if isinstance(value, list) else [value]:
            calls = held["batch"] if isinstance(held, dict) and isinstance(held.get("batch"), list) else [held]
            yield from (call for call in calls if isinstance(call, dict))
