"""`retention`: destroy what has lost its ground or been kept long enough, and say what went and why."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, out, session, table
from registry.flows.retention import reports, sweeping
from registry.model.errors import Conflict

app = typer.Typer(no_args_is_help=True, help="What is locked, what has been destroyed, and what is due.")


def add_to(parent: typer.Typer) -> None:
    """Add this group to the command line."""
    parent.add_typer(app, name="retention")


@app.command()
def sweep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be destroyed.")] = False,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Destroy now what is due; the server does it by itself, too. One that was interrupted goes on."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        if dry_run:
            told = reports.report_json(sweeping.preview(registry.deployment, opened)) | {"dry_run": True}
        else:
            done = sweeping.sweep(registry.deployment, opened, actor=who.actor)
            if done is None:
                raise Conflict("another process is sweeping this workspace now", hint="wait until it is done")
            told = reports.sweep_json(done) | {"dry_run": False}
    _show(told, "would go" if dry_run else "went", as_json=as_json)


@app.command()
def report(
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many of the latest sweeps.")] = 10,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """List what is locked now and when it is destroyed, and what the latest sweeps destroyed and why."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        told = reports.told(registry.deployment, opened, limit)
    if as_json:
        answer(told, as_json=True)
        return
    shown = table("compartment", "reason", "locked", "the first is destroyed at", title="Locked now")
    for row in told["locked"]:
        shown.add_row(*(str(value or "not while restricted") for value in row.values()))
    out.print(shown)
    for one in told["sweeps"]:
        _show(one, f"went, {one['started_at']}", as_json=False)


def _show(told: dict[str, Any], title: str, *, as_json: bool) -> None:
    shown = table("what", "why", "people", "events", "values", title=f"What {title}")
    for row in told["gone"]:
        shown.add_row(row["what"], row["reason"], *(str(row.get(name, 0)) for name in ("people", "events", "values")))
    answer(told, as_json=as_json, text=shown)
    if not as_json:
        out.print(", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in told["counts"].items()))
