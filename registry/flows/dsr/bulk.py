"""Requests from a file, a row each: every row by itself, once for its reference, however often the file comes.

Interrupted, it is run again from the first row: what was opened is found by its reference, and not opened twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from registry.dsr.bulk import Asked, Fault, asked, check_columns
from registry.dsr.requests import State
from registry.flows.deployment import Deployment
from registry.flows.dsr import intake
from registry.flows.dsr.intake import Wish
from registry.flows.identity.subjects import subject
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import Conflict, InvalidInput
from registry.model.ids import text_id
from registry.store import intake as rows

Row = tuple[int, Mapping[str, object] | None, str]
"""A row as it was read: its number, its cells or None, why not."""

MOST = 10_000
"""Rows of one file."""


class Outcome(StrEnum):
    """What became of a row."""

    OPENED = "opened"
    REFUSED = "refused"
    """Opened, and refused at once: an agent without a mandate that holds."""
    ALREADY = "already"
    """Its reference has opened this request before."""
    INVALID = "invalid"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Told:
    """One row: its number from 1 after the header, what became of it, and why not, without a value of it."""

    row: int
    outcome: Outcome
    request_id: str | None = None
    faults: tuple[Fault, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As a report's line."""
        told: dict[str, Any] = {"row": self.row, "outcome": self.outcome.value, "request_id": self.request_id}
        return told | {"faults": [fault._asdict() for fault in self.faults]}


def _unheard(_told: object) -> None:
    """Nobody listens."""


def read(given: Iterable[Row]) -> list[Row]:
    """The rows of a file, if it is not too long: before any is opened, or nobody would be told of those that were.

    Raises:
        InvalidInput: there are too many, or its columns cannot be used.
    """
    rows = list(islice(given, MOST + 1))
    if len(rows) > MOST:
        raise InvalidInput(f"a file has {MOST:,} rows at most", hint="give the rest in another file")
    return rows


def take(
    deployment: Deployment,
    workspace: OpenWorkspace,
    given: Iterable[Row],
    *,
    actor: str,
    owner: str | None = None,
    dry_run: bool = False,
    report: Callable[[Told], None] = _unheard,
    progress: Callable[[int], None] = _unheard,
) -> dict[str, Any]:
    """Open a request for each row; how many rows came to what.

    Args:
        given: rows: number, cells or None, why not; what reads them checks the columns of a file that has a header.
        dry_run: only say what would become of them.
        report: told each row, in order.
        progress: told after each row how many are done.

    Raises:
        InvalidInput: a column is missing or not known, and nothing was opened.
        StoreUnavailable, KmsUnavailable: run it again: nothing is opened twice.
    """
    counts: Counter[str] = Counter()
    seen: dict[bytes, bytes] = {}
    done = 0
    for number, cells, why in given:
        if cells is not None and not done:
            check_columns(cells)
        told = _row(deployment, workspace, number, cells, why, seen, actor=actor, owner=owner, dry_run=dry_run)
        counts[told.outcome.value] += 1
        done += 1
        report(told)
        progress(done)
    return {"rows": done, "dry_run": dry_run} | {outcome.value: counts[outcome.value] for outcome in Outcome}


def _row(
    deployment: Deployment,
    workspace: OpenWorkspace,
    number: int,
    cells: Mapping[str, object] | None,
    why: str,
    seen: dict[bytes, bytes],
    *,
    actor: str,
    owner: str | None,
    dry_run: bool,
) -> Told:
    if cells is None:
        return Told(number, Outcome.UNREADABLE, faults=(Fault("", why),))
    found, faults = asked(cells)
    if found is None:
        return Told(number, Outcome.INVALID, faults=tuple(faults))
    try:
        wish = _wish(deployment, found)
        if dry_run:
            outcome, request_id = _tried(deployment, workspace, wish, seen)
        else:
            outcome, request_id = _taken(deployment, workspace, wish, actor, owner)
    except InvalidInput as error:
        return Told(number, Outcome.INVALID, faults=(Fault(_column(error.pointer), error.detail),))
    except Conflict as error:
        return Told(number, Outcome.INVALID, faults=(Fault("reference", error.detail),))
    return Told(number, outcome, request_id)


def _wish(deployment: Deployment, found: Asked) -> Wish:
    person = subject(deployment.policies.identity, found.subject_kind, found.subject_value)
    return Wish(
        found.kind, person, jurisdiction=found.jurisdiction, details=found.details, claim=found.claim,
        received_at=found.received_at, reference=found.reference, language=found.language,
    )  # fmt: skip


def _taken(
    deployment: Deployment, workspace: OpenWorkspace, wish: Wish, actor: str, owner: str | None
) -> tuple[Outcome, str]:
    request, is_new = intake.take(deployment, workspace, wish, actor=actor, owner=owner)
    if not is_new:
        return Outcome.ALREADY, text_id(request.request_id)
    if State(request.state) is State.REFUSED:
        return Outcome.REFUSED, text_id(request.request_id)
    return Outcome.OPENED, text_id(request.request_id)


def _tried(
    deployment: Deployment, workspace: OpenWorkspace, wish: Wish, seen: dict[bytes, bytes]
) -> tuple[Outcome, str | None]:
    """What would become of a wish, after the rows before it: `seen` has what each reference of theirs says."""
    found = intake.read(deployment, workspace, wish)
    key = intake.reference_key(workspace, wish.reference or "")
    with deployment.data.read(workspace.workspace_id) as transaction:
        taken = rows.references(transaction, workspace.workspace_id, [key]).get(key)
    content = intake.content_key(workspace, found)
    before = bytes(taken.content_key) if taken is not None else seen.get(key)
    if before is not None and before != content:
        raise intake.is_anothers()
    if before is not None:
        return Outcome.ALREADY, text_id(taken.request_id) if taken is not None else None
    seen[key] = content
    claim = found.wish.claim
    refused = claim is not None and claim.refused_at(deployment.clock()) is not None
    return (Outcome.REFUSED if refused else Outcome.OPENED), None


def _column(pointer: str | None) -> str:
    """Which column an error of the API's is about."""
    known = {
        "/subject/value": "subject_value", "/subject/kind": "subject_kind", "/kind": "subject_kind",
        "/jurisdiction": "jurisdiction", "/details/purposes": "purposes", "/details/traits": "traits",
        "/received_at": "received_at",
    }  # fmt: skip
    place = next((place for place in known if pointer == place or (pointer or "").startswith(f"{place}/")), "")
    return known.get(place, "")
