"""`holds`: legal holds, and what erasures have set aside for them and for statutory duties."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.certificates import shortened, write_certificate
from registry.cli.officers import Because, NotAwaited, Officer
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, session, table
from registry.cli.subjects import Email, Reference, UserId, person
from registry.flows.dsr import holds, kept, resuming
from registry.model.clock import parse_rfc3339
from registry.model.errors import InvalidInput
from registry.model.ids import parse_id
from registry.model.stored_holding import RetainedCase

app = typer.Typer(no_args_is_help=True, help="Legal holds, and what is set aside for them and for statutory duties.")


def add_to(parent: typer.Typer) -> None:
    """Add this group to the command line."""
    parent.add_typer(app, name="holds")


@app.command()
def place(
    ground: Annotated[str, typer.Option(help="Why: about the duty, never the person; kept in the clear.")],
    email: Email = None,
    user_id: UserId = None,
    reference: Reference = None,
    purpose: Annotated[str, typer.Option(help="The one purpose that it may be opened for.")] = "legal",
    categories: Annotated[
        list[str] | None, typer.Option("--category", help="A data category; everything if absent.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="RFC 3339; until it is released if absent.")] = None,
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Hold a person's data: retention and erasures leave what is held."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        ends = parse_rfc3339(until) if until else None
        if until and ends is None:
            raise InvalidInput("--until is not an RFC 3339 time")
        placed = holds.place(
            registry.deployment, opened, person(registry, email, user_id, reference), ground=ground, purpose=purpose,
            categories=categories or (), until=ends, actor=f"person:{officer}",
        )  # fmt: skip
        told = holds.hold_json(placed, registry.deployment.clock())
    answer(told, as_json=as_json)


@app.command("list")
def list_holds(data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False) -> None:
    """List the holds, newest first."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        now = registry.deployment.clock()
        found = [holds.hold_json(row, now) for row in holds.listed(registry.deployment, opened)]
    shown = table("hold", "state", "purpose", "categories", "until", "ground", whole="hold")
    for one in found:
        held = ", ".join(one["categories"]) or "everything"
        shown.add_row(one["hold_id"], one["state"], one["purpose"], held, one["until"] or "released", one["ground"])
    answer({"holds": found}, as_json=as_json, text=shown)


@app.command()
def release(
    hold_id: Annotated[str, typer.Argument(help="The id that placing it gave.")],
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Release a hold, and finish the erasures that it deferred."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        identity = parse_id(hold_id, "hold_id")
        released = holds.release(registry.deployment, opened, identity, actor=f"person:{officer}")
        ended = kept.end_due(registry.deployment, opened, actor=f"person:{officer}")
        told = holds.hold_json(released, registry.deployment.clock())
    answer(told | {"erased": [_ended(row, as_json=as_json) for row in ended]}, as_json=as_json)


@app.command()
def retained(
    limit: Annotated[int, typer.Option(min=1, max=kept.PAGE, help="How many to list.")] = 50,
    after: Annotated[str | None, typer.Option(help="The case to go on after: the last one of the page before.")] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """List what erasures have set aside, and for what, newest first; never what it is."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        before = parse_id(after, "after") if after is not None else None
        found = [kept.case_json(row) for row in kept.listed(registry.deployment, opened, limit, before)]
    shown = table("case", "because", "purpose", "items", "ended", "ground", whole="case")
    for one in found:
        waits = one["waiting"]
        ended = one["ended_at"] or (f"waits for {waits['system']}: {waits['cause']}" if waits else "kept")
        shown.add_row(one["case_id"], one["because"], one["purpose"], str(one["items"]), ended, one["ground"])
    answer({"cases": found}, as_json=as_json, text=shown)


@app.command("override")
def override_system(
    case_id: Annotated[str, typer.Argument(help="A case whose hold has ended, and that waits for a system.")],
    system: NotAwaited,
    reason: Because,
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Decide, on the record, that what a hold had kept ends without a system; then end what is due."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        identity, actor = parse_id(case_id, "case_id"), f"person:{officer}"
        resuming.override(registry.deployment, opened, identity, system, reason=reason, actor=actor)
        ended = kept.end_due(registry.deployment, opened, actor=actor)
    answer({"erased": [_ended(row, as_json=as_json) for row in ended]}, as_json=as_json)


@app.command("certificate")
def case_certificate(
    case_id: Annotated[str, typer.Argument(help="A case that has ended.")],
    to: Annotated[Path, typer.Option("--to", help="The file: .jwt, .json (with its proof) or .html.")],
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Write the certificate that what was kept in a case is destroyed."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        token = kept.certificate_of(registry.deployment, opened, parse_id(case_id, "case_id"))
        write_certificate(registry.deployment, opened, token, to)
    answer({"written": str(to)}, as_json=as_json, text=f"Written: {to}")


@app.command("open")
def open_case(
    case_id: Annotated[str, typer.Argument(help="The case's id, of the certificate.")],
    purpose: Annotated[str, typer.Option(help="The one purpose that it is kept for.")],
    limit: Annotated[int, typer.Option(min=1, max=500)] = 100,
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Open what is kept in a case, for its one purpose; the audit log says who did."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        identity = parse_id(case_id, "case_id")
        items, _ = kept.read(registry.deployment, opened, replace(who, name=officer), identity, purpose, limit=limit)
    answer({"items": items}, as_json=as_json)


def _ended(case: RetainedCase, *, as_json: bool) -> dict[str, Any]:
    """A case that has ended, whole for programs."""
    told = kept.case_json(case)
    return told if as_json else shortened(told, f"registry holds certificate {told['case_id']}")
