"""`imports`: existing customers, from a file or a database, through the same checks as every message."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from registry import reviewed
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, err, out, require_another, session, table
from registry.connectors.rows import Progress as HowFar
from registry.connectors.rows import Row, is_json_lines, of_file
from registry.documents import check
from registry.flows.ingest.admission import Status
from registry.flows.traffic import importing
from registry.flows.traffic.importing import Input, RowFault
from registry.model.errors import InvalidInput
from registry.plans.rows import ImportMapping

SHOWN = 10
"""Faulty rows that are printed; a report has them all."""

COUNTED = tuple(status.value for status in Status)
ENVIRONMENT = "env:"

app = typer.Typer(no_args_is_help=True, help="Existing customers, from CSV, JSON Lines or a database.")


def add_to(parent: typer.Typer) -> None:
    """Add this group to the command line."""
    parent.add_typer(app, name="imports")


@app.command()
def run(
    rows: Annotated[
        str,
        typer.Argument(help="A .csv, .jsonl or .ndjson file (also .gz), or env:NAME: a variable with a database URL."),
    ],
    mapping: Annotated[Path, typer.Option("--mapping", help="Which column is which trait.")],
    source: Annotated[str, typer.Option("--source", help="The source that the data came from.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would become of the rows.")] = False,
    start_over: Annotated[bool, typer.Option("--start-over", help="From the first row; none is taken twice.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="JSON Lines: each row that was not accepted, and why; no values.")
    ] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Import rows as people; what was interrupted goes on where it stood."""
    seen: Counter[str] = Counter()
    first: list[RowFault] = []
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who), ExitStack() as stack:
        document = reviewed.read_document(mapping)
        check(document, reviewed.shipped_schema("import-mapping.schema.json"))
        mapped = ImportMapping.from_document(document)
        found, how_far, identity = _rows(rows, mapped)
        require_another(report, Path(rows))
        file = None
        if report is not None:  # line by line: killed, the run has told what it had found
            goes_on = not (dry_run or start_over) and importing.is_unfinished(registry.deployment, opened, mapped.name)
            file = stack.enter_context(report.open("a" if goes_on else "w", buffering=1, encoding="utf-8"))

        def note(fault: RowFault) -> None:
            seen.update(f"{one.code} {one.path}".strip() for one in fault.violations)
            if len(first) < SHOWN:
                first.append(fault)
            if file is not None:
                file.write(json.dumps(fault.as_json()) + "\n")

        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        shown = stack.enter_context(Progress(*columns, console=err, transient=True, disable=not err.is_terminal))
        task = shown.add_task("importing", total=None)

        def tell(done: int) -> None:
            reached, whole = how_far()
            shown.update(task, description=f"{done:,} rows", completed=reached, total=whole or None)

        told = importing.run(
            registry.deployment, opened, mapped, Input(found, identity), source_name=source, actor=who.actor,
            dry_run=dry_run, start_over=start_over, report=note, progress=tell,
        )  # fmt: skip
    _show(told | {"faults": dict(seen.most_common())}, first, as_json=as_json)


@app.command("list")
def list_imports(data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False) -> None:
    """List the imports, and how far each is."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        found = importing.listed(registry.deployment, opened)
    shown = table("import", "rows", "what became of them", "begun", "ended")
    for one in found:
        counts = [f"{one[name]:,} {name}" for name in (*COUNTED, importing.UNREADABLE) if one[name]]
        ended = (one["finished_at"] or "not yet: run it again")[:21]
        shown.add_row(one["import"], f"{one['rows']:,}", ", ".join(counts), one["started_at"][:19], ended)
    answer({"imports": found}, as_json=as_json, text=shown)


def _rows(given: str, mapping: ImportMapping) -> tuple[Iterator[Row], HowFar, str]:
    """The rows, how far they are, and a name of what they come from that an import can be resumed by."""
    if given.startswith(ENVIRONMENT):
        name = given.removeprefix(ENVIRONMENT)
        url = os.environ.get(name)
        if not url:
            raise InvalidInput(f"the environment variable {name} is not set")
        if mapping.row_id is None or (mapping.table is None and mapping.query is None):
            raise InvalidInput("of a database the mapping names row_id, and a table or a query")
        from registry.connectors.sql_rows import of_database

        found, how_far = of_database(url, table=mapping.table, query=mapping.query, order=mapping.row_id)
        return _with_columns(found, mapping), how_far, given
    if "://" in given:
        raise InvalidInput("a URL may hold a password, which others see: put it into a variable, and say env:NAME")
    path = Path(given)
    found, how_far = of_file(path, delimiter=mapping.delimiter, encoding=mapping.encoding)
    if not is_json_lines(path):
        found = _with_columns(found, mapping)
    return found, how_far, f"{path.name} {path.stat().st_size}"


def _with_columns(rows: Iterator[Row], mapping: ImportMapping) -> Iterator[Row]:
    """The rows of a table, whose first must have every column that the mapping names."""
    first = next(rows, None)
    if first is None:
        return
    missing = sorted(mapping.columns - first.cells.keys()) if first.cells is not None else []
    if missing:
        raise InvalidInput(f"there is no column {', '.join(missing)}", hint="look at the mapping and the delimiter")
    yield first
    yield from rows


def _show(told: dict[str, Any], first: list[RowFault], *, as_json: bool) -> None:
    if as_json:
        answer(told, as_json=True)
        return
    word = "Would be" if told.get("dry_run") else "Imported"
    out.print(f"{word}: {told['rows']:,} rows, [bold]{told['accepted']:,} accepted[/]")
    for name in (*COUNTED[1:], importing.UNREADABLE):
        if told[name]:
            out.print(f"  {told[name]:,} {name}")
    for fault in first:
        for one in fault.violations:
            out.print(f"[yellow]row {fault.number}[/] {fault.outcome}: {one.code} {one.path} {one.expected}".rstrip())
    if len(first) == SHOWN:
        out.print("[dim]The rest: --report FILE.[/]")
