"""`verify`, `doctor`, `backup`, `restore`: is it sound, and what to do if it is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from registry import bootstrap
from registry.cli.diagnosis import diagnose
from registry.cli.exits import Exit
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, out, reported, session, settings, table
from registry.flows import backup as copies
from registry.flows import verify as proofs
from registry.model.errors import Conflict, InvalidInput, NotFound


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(verify)
    app.command()(doctor)
    app.command()(backup)
    app.command()(restore)


def verify(
    document: Annotated[Path, typer.Argument(help="A certificate or receipt: the JWT in a file.")],
    keys: Annotated[Path | None, typer.Option("--keys", help="The published key set (JWKS), in a file.")] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Check a certificate or a receipt offline; exits 1 when it does not verify.

    With --keys nothing else is needed: anybody can check with the keys that the server publishes at
    /.well-known/jwks.json.
    """
    with reported(as_json=as_json):
        token = _read(document)
        if keys is None:
            with session(data_dir, workspace, as_json=as_json) as (_, opened, _who):
                jwks = opened.jwks()
        else:
            jwks = _jwks(keys)
        kind, claims = proofs.document(token, jwks)
    value: dict[str, Any] = {"valid": True, "type": kind, "claims": claims}
    if as_json:
        answer(value, as_json=True)
    else:
        out.print(f"[bold green]The signature is good.[/] This is a {kind.removesuffix('+jwt')}, and it states:")
        out.print_json(json.dumps(claims))


def doctor(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Say what is wrong with this installation and how to mend it; exits 1 when something is."""
    findings = diagnose(settings(data_dir))
    shown = table("", "what", "finding", "what to do")
    for finding in findings:
        mark = "[green]ok[/]" if finding.good else "[red]bad[/]"
        shown.add_row(mark, finding.what, finding.found, finding.mend)
    answer(
        {"healthy": all(f.good for f in findings), "findings": [f._asdict() for f in findings]},
        as_json=as_json,
        text=shown,
    )
    if not all(finding.good for finding in findings):
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
        if not copy.exists():
            raise NotFound(f"there is no {copies.DATA_FILE} in {source}")
        if chosen.database_url is not None:
            raise Conflict("PostgreSQL is restored with its own tools", hint="see docs/how-to/back-up-and-restore.md")
        _replace(copy, target)
        registry = bootstrap.connect(chosen)
        try:
            replayed = copies.replay_erasures(registry.deployment)
        finally:
            registry.close()
    counts = [r._asdict() for r in replayed.values()]
    answer({"restored": str(target), "erasures_replayed": counts}, as_json=as_json)


def _replace(copy: Path, target: Path) -> None:
    """Put the copy in the place of the data; its journal of before must not be applied to it."""
    staged = target.with_suffix(".restoring")
    shutil.copyfile(copy, staged)
    staged.chmod(0o600)
    for suffix in ("-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    staged.replace(target)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InvalidInput(f"{path} cannot be read") from None


def _jwks(path: Path) -> dict[str, object]:
    try:
        value = json.loads(_read(path))
    except ValueError:
        raise InvalidInput(f"{path} is not JSON") from None
    if not isinstance(value, dict) or not isinstance(value.get("keys"), list):
        raise InvalidInput(f"{path} is no key set: it has no list of keys")
    return value
