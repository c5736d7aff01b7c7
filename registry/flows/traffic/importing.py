"""Bulk import: rows of existing customers through the same ingest as every message, with the import as their source.

1. begin     one run of a name at a time; one that was interrupted goes on after its last finished batch
2. map       each row to an identify call; what cannot be read is reported by row and column
3. ingest    batches of calls, each one transaction; what breaks the plan is reported, and lies sealed in quarantine
4. note      how far it is, after each batch; killed between 3 and 4, the batch's rows come again as duplicates
5. finish    one entry in the audit log
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any

from registry.flows.access.credentials import bind
from registry.flows.acts import trail
from registry.flows.deployment import Deployment
from registry.flows.ingest.admission import BoundSource, Delivery, Item, Status, check_size, decode, identify, validate
from registry.flows.ingest.pipeline import ingest
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import rfc3339
from registry.model.errors import Conflict, InvalidInput, NotFound
from registry.model.ids import SourceId
from registry.model.message import Violation
from registry.model.provenance import Method
from registry.model.stored_upkeep import ImportRun
from registry.plans.rows import ImportMapping
from registry.store import administration, imports

BATCH = 500
"""Rows of one transaction."""

UNREADABLE = "unreadable"
MEASURED = 2**31
"""As the size of a delivery: no limit of a request holds for a file, so each call is measured."""


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong with one row, without a value of it. Its call lies in quarantine if it could be read."""

    number: int
    outcome: str
    violations: Sequence[Violation]

    def as_json(self) -> dict[str, Any]:
        """As a report's line."""
        told = [{"code": one.code, "path": one.path, "expected": one.expected} for one in self.violations]
        return {"row": self.number, "outcome": self.outcome, "violations": told}


@dataclass(frozen=True, slots=True)
class Input:
    """What is imported: rows (number, cells or None, why not), and a name of what they are read from."""

    rows: Iterable[tuple[int, Any, str]]
    identity: str


Report = Callable[[RowFault], None]
Told = Callable[[int], None]


def _unheard(_told: object) -> None:
    """Nobody listens."""


def run(
    deployment: Deployment,
    workspace: OpenWorkspace,
    mapping: ImportMapping,
    given: Input,
    *,
    source_name: str,
    actor: str,
    dry_run: bool = False,
    start_over: bool = False,
    report: Report = _unheard,
    progress: Told = _unheard,
) -> dict[str, Any]:
    """Take rows in; how many were accepted, rejected, known already, refused because of an erasure, unreadable.

    Args:
        dry_run: only say what would become of them; nothing is stored.
        start_over: from the first row, though an earlier run got further.
        report: told each row that was not plainly accepted, in order.
        progress: told after each batch how many rows are done.

    Raises:
        NotFound: there is no such source.
        InvalidInput: the mapping names a kind of identifier that the policy does not know.
        Conflict: an import of this name is running, or was begun with other rows or another mapping.
    """
    unknown = mapping.identifiers.keys() - deployment.policies.identity.kinds.keys()
    if unknown:
        raise InvalidInput(f"not in identity.yaml: {', '.join(sorted(unknown))}", pointer="/identifiers")
    source = _source(deployment, workspace, source_name)
    if dry_run:
        return _told(_tried(deployment, workspace, source, mapping, given, report, progress), dry_run=True)
    with deployment.data.sole(f"import-{workspace.workspace_id.hex()}-{mapping.name}") as alone:
        if not alone:
            raise Conflict("an import of this name is running", hint="wait until it is done")
        # 1. begin
        row = _begin(deployment, workspace, source, mapping, given.identity, start_over=start_over, actor=actor)
        rows = (one for one in given.rows if one[0] > row.rows_done)
        for batch in _batches(rows):
            counts = _take(deployment, workspace, source, mapping, batch, report)
            row = _counted(row, counts, batch[-1][0])
            with deployment.data.write(workspace.workspace_id) as transaction:
                imports.put(transaction, row)  # 4. note
            progress(row.rows_done)
        return _told(_finish(deployment, workspace, row, actor))


def listed(deployment: Deployment, workspace: OpenWorkspace) -> list[dict[str, Any]]:
    """Every import and how far it is, the latest first."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        return [_told(row) for row in imports.listed(transaction, workspace.workspace_id)]


def is_unfinished(deployment: Deployment, workspace: OpenWorkspace, name: str) -> bool:
    """Whether an import of this name was begun and not finished."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        found = imports.get(transaction, workspace.workspace_id, name)
    return found is not None and found.finished_at is None


def _source(deployment: Deployment, workspace: OpenWorkspace, name: str) -> BoundSource:
    """The source, whatever it learns otherwise, as one that imports."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        found = [row for row in administration.sources(transaction, workspace.workspace_id) if row.name == name]
    if not found:
        raise NotFound("there is no such source", hint=f"registry sources create {name} --method imported")
    return bind(deployment, found[0]._replace(method=Method.IMPORTED.value))


def _begin(
    deployment: Deployment,
    workspace: OpenWorkspace,
    source: BoundSource,
    mapping: ImportMapping,
    identity: str,
    *,
    start_over: bool,
    actor: str,
) -> ImportRun:
    workspace_id, now = workspace.workspace_id, deployment.clock()
    told = sha256(repr((mapping, identity)).encode()).hexdigest()
    fingerprint = bytes(workspace.indexer.message_key(told))
    with deployment.data.write(workspace_id) as transaction:
        before = imports.get(transaction, workspace_id, mapping.name)
        if before is not None and not start_over and before.finished_at is None:
            if before.fingerprint != fingerprint or before.source_id != source.row.source_id:
                raise Conflict(
                    "the import of this name was begun with other rows, another mapping or another source",
                    hint="give it another name, or start over: rows that are there are not taken twice",
                )
            return before
        row = ImportRun(
            workspace_id, mapping.name, SourceId(source.row.source_id), fingerprint, 0, 0, 0, 0, 0, 0, now, None
        )
        imports.put(transaction, row)
        trail.append(
            transaction, workspace_id, now, actor=actor, action="import:rows:begun", outcome="begun",
            fields={"import": mapping.name, "source": source.row.name},
        )  # fmt: skip
    return row


def _finish(deployment: Deployment, workspace: OpenWorkspace, row: ImportRun, actor: str) -> ImportRun:
    done = row._replace(finished_at=deployment.clock())
    counts = {name: getattr(row, name) for name in ("rows_done", *(status.value for status in Status), UNREADABLE)}
    with deployment.data.write(workspace.workspace_id) as transaction:
        imports.put(transaction, done)
        trail.append(
            transaction, workspace.workspace_id, deployment.clock(), actor=actor, action="import:rows:finished",
            outcome="done", fields={"import": row.name} | counts,
        )  # fmt: skip
    return done


def _batches(rows: Iterable[tuple[int, Any, str]]) -> Iterator[list[tuple[int, Any, str]]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _mapped(
    mapping: ImportMapping, batch: Sequence[tuple[int, Any, str]], report: Report
) -> tuple[dict[str, int], list[dict[str, Any]], int]:
    """2. map: row numbers by message id, calls, and how many rows cannot be read."""
    numbers: dict[str, int] = {}
    calls: list[dict[str, Any]] = []
    unreadable = 0
    for number, cells, why in batch:
        faults: list[Violation] = []
        if cells is None:
            faults.append(Violation("row_unreadable", "", "", why))
        else:
            call, faults = mapping.call(number, cells)
        if faults:
            unreadable += 1
            report(RowFault(number, UNREADABLE, faults))
        else:
            numbers.setdefault(call["messageId"], number)
            calls.append(call)
    return numbers, calls, unreadable


def _take(
    deployment: Deployment,
    workspace: OpenWorkspace,
    source: BoundSource,
    mapping: ImportMapping,
    batch: Sequence[tuple[int, Any, str]],
    report: Report,
) -> Counter[str]:
    numbers, calls, unreadable = _mapped(mapping, batch, report)
    counts: Counter[str] = Counter({UNREADABLE: unreadable})
    if calls:
        # 3. ingest
        [receipt] = ingest(deployment, workspace, [Delivery(source, calls, deployment.clock(), size=MEASURED)])
        counts.update({status.value: count for status, count in receipt.counts.items()})
        _report_items(receipt.items, numbers, report)
    return counts


def _tried(
    deployment: Deployment,
    workspace: OpenWorkspace,
    source: BoundSource,
    mapping: ImportMapping,
    given: Input,
    report: Report,
    progress: Told,
) -> ImportRun:
    """What would become of the rows: as `_take`, without the transaction."""
    row = ImportRun(
        workspace.workspace_id, mapping.name, SourceId(source.row.source_id), b"", 0, 0, 0, 0, 0, 0,
        deployment.clock(), None,
    )  # fmt: skip
    for batch in _batches(given.rows):
        numbers, calls, unreadable = _mapped(mapping, batch, report)
        delivery = Delivery(source, calls, deployment.clock(), size=MEASURED)
        items = decode([delivery], workspace.indexer, deployment.new_id)
        check_size(items)
        validate(items)
        identify(items, deployment.policies.identity, workspace.indexer)
        counts = Counter(item.status.value for item in items)
        _report_items([item for item in items if item.violations], numbers, report)
        row = _counted(row, counts + Counter({UNREADABLE: unreadable}), batch[-1][0])
        progress(row.rows_done)
    return row


def _report_items(items: Sequence[Item], numbers: dict[str, int], report: Report) -> None:
    for item in items:
        if item.status is not Status.DUPLICATE:
            report(RowFault(numbers[item.message_id], item.status.value, item.violations))


def _counted(row: ImportRun, counts: Counter[str], last: int) -> ImportRun:
    return row._replace(rows_done=last, **{name: getattr(row, name) + count for name, count in counts.items()})


def _told(row: ImportRun, *, dry_run: bool = False) -> dict[str, Any]:
    counts = {name: getattr(row, name) for name in (*(status.value for status in Status), UNREADABLE)}
    finished = rfc3339(row.finished_at) if row.finished_at is not None else None
    told = {"import": row.name, "rows": row.rows_done} | counts
    return told | ({"dry_run": True} if dry_run else {"started_at": rfc3339(row.started_at), "finished_at": finished})
