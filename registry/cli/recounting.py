"""`profiles recount`: computed traits, counted from the events that were there before they were declared."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, err, session
from registry.flows.ingest import recounting


def add_to(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command()(recount)


def recount(
    trait: Annotated[
        list[str] | None, typer.Option("--trait", help="This one, from the beginning; may repeat.")
    ] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Count computed traits back over earlier events; the server does it by itself, a little at a time."""
    with (
        session(data_dir, workspace, as_json=as_json) as (registry, opened, who),
        Progress(SpinnerColumn(), TextColumn("{task.description}"), console=err, transient=True,
                 disable=not err.is_terminal) as shown,
    ):  # fmt: skip
        task = shown.add_task("counting back", total=None)
        told = recounting.recount(
            registry.deployment, opened, names=trait or (), actor=who.actor,
            progress=lambda done: shown.update(task, description=f"{done:,} fragments"),
        )  # fmt: skip
    names = ", ".join(told["traits"])
    text = f"Counted back over {told['fragments']:,} fragments: {names}." if names else "Everything was counted back."
    answer(told, as_json=as_json, text=text)
