"""`profiles`: the single customer view, for a purpose."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from registry.cli import quality, recounting, stewardship, suggestions
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, in_words, out, session, table
from registry.cli.subjects import Email, Reference, UserId, person
from registry.flows.profiles import audiences, read
from registry.model.ids import ProfileId, parse_id

app = typer.Typer(no_args_is_help=True, help="What is known of a person, for a purpose.")


def add_to(parent: typer.Typer) -> None:
    """Add this group to the command line."""
    stewardship.add_to(app)
    suggestions.add_to(app)
    quality.add_to(app)
    recounting.add_to(app)
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


@app.command()
def audience(
    name: Annotated[str, typer.Argument(help="A name of computed.yaml; without one, they are listed.")] = "",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """List who is in an audience: only people whose consent allows its purpose."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        if not name:
            found: dict[str, Any] = {"audiences": audiences.listed(registry.deployment)}
        else:
            found = {"audience": name, "members": [], "looked_at": 0}
            after: ProfileId | None = None
            while True:
                page = audiences.members(
                    registry.deployment, opened, who, name, limit=audiences.PAGE_LIMIT, after=after
                )
                found["members"] += page["members"]
                found["looked_at"] += page["looked_at"]
                if page["cursor"] is None:
                    break
                after = ProfileId(parse_id(page["cursor"]))
    if as_json:
        answer(found, as_json=True)
    elif not name:
        listed = table("audience", "title", "purpose")
        for row in found["audiences"]:
            listed.add_row(row["audience"], row["title"], row["purpose"])
        out.print(listed)
    else:
        for row in found["members"]:
            out.print(row["profile_id"])
        out.print(f"[dim]{len(found['members'])} of {found['looked_at']} people[/]")


def draw(view: dict[str, Any], out: Console) -> None:
    """Print a view as tables, where `out` says."""
    out.print(f"[bold]Profile[/] {view['profile_id']}, read for [bold]{escape(view['purpose'])}[/]")
    traits = table("trait", "value", "source", "method", "trust", "may serve", "why this value")
    for trait in view["traits"]:
        said = trait["provenance"]
        tags = ", ".join(trait["consent_tags"])
        row = (
            trait["trait"],
            in_words(trait["value"]),
            said["source"],
            said["method"],
            str(said["trust"]),
            tags,
            trait["because"],
        )
        traits.add_row(*row)
    out.print(traits)
    if view["computed"]:
        computed = table("computed trait", "value", "of", "in the last")
        for row in view["computed"]:
            window = f"{row['window_days']} days" if row["window_days"] else "as long as it is kept"
            computed.add_row(row["trait"], in_words(row["value"]), f"{row['measure']} of {row['event']}", window)
        out.print(computed)
    if view["labels"]:
        out.print(f"Labels: [bold]{', '.join(view['labels'])}[/]")
    identifiers = table("identifier", "value", "proven", "learnt from")
    for row in view["identifiers"]:
        proven = (row["verification"] or "").replace("_", " ")
        identifiers.add_row(row["kind"], row["value"], proven, row["source"])
    out.print(identifiers)
    matrix = table("purpose", "now", "because")
    for name, decision in view["consents"].items():
        matrix.add_row(name, Text("yes", "green") if decision["allowed"] else Text("no", "red"), decision["sentence"])
    out.print(matrix)
    for reason in view["withheld"]["reasons"]:
        out.print(f"[dim]Withheld: {reason['count']}. {reason['sentence']}[/]")
