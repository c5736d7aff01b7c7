"""`profiles`: the single customer view, for a purpose."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from registry.cli import stewardship
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, out, session, table
from registry.cli.subjects import Email, Reference, UserId, person
from registry.flows import read

app = typer.Typer(no_args_is_help=True, help="What is known of a person, for a purpose.")


def add_to(parent: typer.Typer) -> None:
    """Add this group to the command line."""
    stewardship.add_to(app)
    parent.add_typer(app, name="profiles")


@app.command()
def show(
    purpose: Annotated[str, typer.Option("--purpose", help="What the data is read for.")],
    email: Email = None,
    user_id: UserId = None,
    reference: Reference = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Show a person's profile: each value with its provenance and consent tags."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        found: dict[str, Any] = dict(
            read.lookup(registry.deployment, opened, who, person(registry, email, user_id, reference), purpose)
        )
    if as_json:
        answer(found, as_json=True)
    else:
        draw(found, out)


def draw(view: dict[str, Any], out: Console) -> None:
    """Print a view as tables, where `out` says."""
    out.print(f"[bold]Profile[/] {view['profile_id']}, read for [bold]{escape(view['purpose'])}[/]")
    traits = table("trait", "value", "source", "method", "trust", "may serve", "why this value")
    for trait in view["traits"]:
        said = trait["provenance"]
        tags = ", ".join(trait["consent_tags"])
        row = (
            trait["trait"],
            str(trait["value"]),
            said["source"],
            said["method"],
            str(said["trust"]),
            tags,
            trait["because"],
        )
        traits.add_row(*map(escape, row))
    out.print(traits)
    identifiers = table("identifier", "value", "learnt from")
    for row in view["identifiers"]:
        identifiers.add_row(row["kind"], escape(row["value"]), escape(row["source"]))
    out.print(identifiers)
    matrix = table("purpose", "now", "because")
    for name, decision in view["consents"].items():
        matrix.add_row(name, "[green]yes[/]" if decision["allowed"] else "[red]no[/]", decision["sentence"])
    out.print(matrix)
    for reason in view["withheld"]["reasons"]:
        out.print(f"[dim]Withheld: {reason['count']}. {reason['sentence']}[/]")
