"""`profiles quality`: what is in the way of one view per person, by source, with trends."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, out, session, table
from registry.flows.profiles import quality as flow


def add_to(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command()(quality)


def quality(
    days: Annotated[int, typer.Option("--days", min=1, max=flow.MOST_DAYS, help="How far the trend goes back.")] = 90,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Report what is duplicated, disconnected, decayed and distrusted, by source; keep today's counts for the trend."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        flow.note_day(registry.deployment, opened)
        found: dict[str, Any] = flow.report(registry.deployment, opened, days=days)
    if as_json:
        answer(found, as_json=True)
        return
    told = table("source", "obstacle", "found", "of", "share", f"change in {days} days")
    for source in found["sources"]:
        for name, seen in source["obstacles"].items():
            moved = "no earlier day" if seen["change"] is None else f"{seen['change']:+.1%}"
            counts = (f"{seen['found']:,}", f"{seen['of']:,}", f"{seen['share']:.1%}")
            told.add_row(source["source"], name, *counts, moved)
    out.print(told)
    for name, sentence in found["meaning"].items():
        out.print(f"[dim]{name}: {sentence}[/]")
