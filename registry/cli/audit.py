"""`audit`: the checkpoint to keep, the log to export, and what is wrong with it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Annotated

import typer

from registry.cli.exits import Exit
from registry.cli.files import written_whole
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, read_text, session, table
from registry.flows.accountability import verify as proofs
from registry.store import audit_log

app = typer.Typer(no_args_is_help=True, help="The tamper-evident audit log.")


def add_to(parent: typer.Typer) -> None:
    """Add this group to the command line."""
    parent.add_typer(app, name="audit")


@app.command()
def checkpoint(data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False) -> None:
    """Print the signed checkpoint: keep it elsewhere, and later rewriting of the log is found."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        note = proofs.checkpoint(registry.deployment, opened)
        stated = proofs.opened(opened, note)
    if as_json:
        value = {"checkpoint": note, "origin": stated.origin, "size": stated.size, "root": stated.root.hex()}
        answer(value, as_json=True)
    else:
        print(note, end="")


@app.command()
def verify(
    since: Annotated[list[Path] | None, typer.Option("--since", help="A checkpoint kept earlier.")] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Hold the whole log against its head and the checkpoints kept; exits 1 when it was tampered with."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        kept = [read_text(path) for path in since or ()]
        faults = proofs.log(registry.deployment, opened, kept)
        with registry.deployment.data.read(opened.workspace_id) as transaction:
            size, _frontier = audit_log.head(transaction, opened.workspace_id)
    shown = table("kind", "position", "what")
    for fault in faults:
        shown.add_row(fault.kind, str(fault.position), fault.detail)
    value = {"entries": size, "faults": [fault._asdict() for fault in faults]}
    answer(value, as_json=as_json, text=shown if faults else f"The log's {size} entries are whole and in order.")
    if faults:
        raise typer.Exit(Exit.NO)


@app.command()
def export(
    to: Annotated[Path, typer.Option("--to", help="File to write, one JSON object a line.")],
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Write every entry for an auditor: the entry, and the bytes that the tree hashes."""
    count = 0
    with (
        session(data_dir, workspace, as_json=as_json) as (registry, opened, _),
        registry.deployment.data.read(opened.workspace_id) as transaction,
        written_whole(to) as stream,
    ):
        for position, entry in enumerate(audit_log.stream(transaction, opened.workspace_id)):
            line = {"position": position, "entry": json.loads(entry), "leaf": base64.b64encode(entry).decode()}
            stream.write(json.dumps(line).encode() + b"\n")
            count += 1
    answer({"written": str(to), "entries": count}, as_json=as_json, text=f"Written: {to}, {count} entries")
