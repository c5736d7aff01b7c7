"""`doctor`, `backup`, `restore`: is it sound, and what to do if it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from registry.cli.diagnosis import diagnose
from registry.cli.exits import Exit
from registry.cli.restoring import put_back
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, reported, session, settings, table
from registry.flows.dsr import replaying
from registry.flows.upkeep import backup as copies
from registry.model.errors import Conflict, NotFound


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(doctor)
    app.command()(backup)
    app.command()(restore)


def doctor(
    data_dir: DataDir = None,
    deep: Annotated[bool, typer.Option("--deep", help="Also open everything that is sealed: slow.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with this installation and how to mend it; exits 1 when something is."""
    with reported(as_json=as_json):
        findings = diagnose(settings(data_dir), deep=deep)
    shown = table("", "what", "finding", "why it matters", "what to do")
    for finding in findings:
        mark = Text("ok", "green") if finding.good else Text("bad", "red")
        why = "" if finding.good else finding.why
        shown.add_row(mark, finding.what, finding.found, why, finding.mend)
    healthy = all(finding.good for finding in findings)
    listed = [finding._asdict() for finding in findings]
    answer({"healthy": healthy, "findings": listed}, as_json=as_json, text=shown)
    if not healthy:
        raise typer.Exit(Exit.NO)


def backup(
    to: Annotated[Path, typer.Option("--to", help="Folder to write the copy into.")],
    keystore: Annotated[bool, typer.Option("--keystore", help="Copy the keystore instead of the data.")] = False,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Copy the data, or the keystore, while the server runs. Keep the two apart; the KEK file is in neither."""
    with session(data_dir, workspace, as_json=as_json) as (registry, _, _who):
        written = copies.back_up(registry.deployment, to, with_keystore=keystore)
    answer({"written": [str(path) for path in written]}, as_json=as_json)


def restore(
    source: Annotated[Path, typer.Argument(help="Folder of a data backup.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Put a copy of the data back, and erase again whoever was erased since. Stop the server first."""
    with reported(as_json=as_json):
        chosen = settings(data_dir)
        copy = source / copies.DATA_FILE
        target = chosen.data_dir / copies.DATA_FILE
        if chosen.database_url is not None:
            raise Conflict("PostgreSQL is restored with its own tools", hint="see docs/how-to/use-postgresql.md")
        if not copy.exists():
            raise NotFound(f"there is no {copies.DATA_FILE} in {source}")
        replayed = put_back(chosen, copy, target)
    counts = replaying.as_json(replayed)
    answer({"restored": str(target), "erasures_replayed": counts}, as_json=as_json)
