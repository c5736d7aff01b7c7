"""`quarantine replay`, also as `plans replay`: rejected messages sent through again after a plan fix."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, err, session
from registry.flows.traffic import replay


def add_to(plans_app: typer.Typer, quarantine_app: typer.Typer) -> None:
    """Add the command to both groups."""
    for app in (plans_app, quarantine_app):
        app.command("replay")(replay_quarantine)


def replay_quarantine(
    source: Annotated[str | None, typer.Option(help="Only what came from this source.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would become of them.")] = False,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Send rejected messages through again after a plan fix, under their own ids and times."""
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        session(data_dir, workspace, as_json=as_json) as (registry, opened, who),
        Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as shown,
    ):
        task = shown.add_task("replaying", total=None)
        counts = replay.replay(
            registry.deployment, opened, source_name=source, dry_run=dry_run, actor=who.actor,
            progress=lambda done, total: shown.update(task, completed=done, total=max(done, total)),
        )  # fmt: skip
    answer(counts, as_json=as_json)
