"""`violations`: why messages were rejected or reported; counted, listed, or followed as they come."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, out, session, table
from registry.flows.opening import source_names
from registry.flows.traffic import trace
from registry.flows.traffic.violations import DIMENSIONS, follow, summary
from registry.model.clock import DAY
from registry.store import quarantine

PAUSE = 0.5
"""Seconds between two looks at what is new."""


def violations(
    limit: Annotated[int, typer.Option(help="How many to list.")] = 20,
    by: Annotated[str, typer.Option(help=f"Count by some of {', '.join(DIMENSIONS)}.")] = "event,code,property",
    days: Annotated[int, typer.Option(help="How far back to count.", min=1, max=3650)] = 7,
    live: Annotated[bool, typer.Option("--follow", "-f", help="Show new ones, until interrupted.")] = False,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Why messages were rejected or reported, newest first; never with a value."""
    if live:
        _follow(data_dir, workspace, as_json=as_json)
        return
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        deployment = registry.deployment
        since = deployment.clock() - days * DAY
        counts = summary(deployment, opened, by.split(","), since=since, limit=500)
        with deployment.data.read(opened.workspace_id) as transaction:
            rows = quarantine.violations(transaction, opened.workspace_id, limit)
            names = source_names(transaction, opened.workspace_id)
    listed = [trace.violation_json(row, names) for row in rows]
    columns = by.split(",")
    shown = table("count", *columns, "first seen", "last seen")
    for row in counts:
        said = [str(row[name]) if row[name] is not None else "(unplanned)" for name in columns]
        shown.add_row(str(row["count"]), *said, str(row["first_seen_at"])[:19], str(row["last_seen_at"])[:19])
    answer({"violations": listed, "counts": counts}, as_json=as_json, text=shown)


def _follow(data_dir: DataDir, workspace: WorkspaceOption, *, as_json: bool) -> None:
    def wait() -> bool:
        time.sleep(PAUSE)
        return True

    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        try:
            for row in follow(registry.deployment, opened, wait=wait):
                if as_json:
                    print(json.dumps(row), flush=True)
                    continue
                kind = "rejected" if row["rejected"] else "reported"
                line = f"{row['received_at']} {row['source']} {row['event'] or '(unplanned)'} {kind}: "
                out.print(
                    f"{line}{row['code']} {row['path']}: expected {row['expected']}", markup=False, soft_wrap=True
                )
        except KeyboardInterrupt:
            return
