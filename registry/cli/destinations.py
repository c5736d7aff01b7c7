"""`destinations`: systems that events are passed on to, for one purpose each."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, session, table
from registry.flows.dsr import passing_on
from registry.flows.outgoing import destinations
from registry.flows.outgoing.destinations import DestinationKind
from registry.model.ids import RequestId, parse_id, text_id

app = typer.Typer(no_args_is_help=True, help="Systems that events are passed on to, by consent.")

DestinationId = Annotated[str, typer.Argument(help="The id that creating it gave.")]


def add_to(parent: typer.Typer) -> None:
    """Add this group to the command line."""
    parent.add_typer(app, name="destinations")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is.")],
    kind: Annotated[DestinationKind, typer.Option(help="How it is spoken to.")],
    purpose: Annotated[str, typer.Option(help="What it uses the data for.")],
    url: Annotated[str, typer.Option(help="Where to send to: https, or http on this machine.")],
    events: Annotated[
        list[str] | None, typer.Option("--event", help="Id of an event of the plan, more than once; all if absent.")
    ] = None,
    traits: Annotated[
        list[str] | None, typer.Option("--trait", help="Name of a trait, more than once; all if absent.")
    ] = None,
    write_key: Annotated[str | None, typer.Option(help="For the kind segment.", envvar="REGISTRY_WRITE_KEY")] = None,
    erasure_url: Annotated[str | None, typer.Option(help="Where erasures are told.")] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Pass events on from now on; the secret that signs them is shown once."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        made = destinations.create(
            registry.deployment, opened.workspace_id, name=name, kind=kind, purpose=purpose, url=url,
            events=events or ["*"], traits=traits or ["*"], write_key=write_key, erasure_url=erasure_url,
            actor=who.actor,
        )  # fmt: skip
    answer({"destination_id": text_id(made.destination_id), "secret": made.secret}, as_json=as_json)


@app.command("list")
def list_destinations(data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False) -> None:
    """List the destinations and how they fare."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        rows = destinations.listed(registry.deployment, opened.workspace_id)
    found = [destinations.destination_json(seen) for seen in rows]
    shown = table("destination", "name", "state", "waiting", "refused", whole="destination")
    for one in found:
        counts = (str(one["backlog"]), str(one["refused"]))
        shown.add_row(one["destination_id"], one["name"], one["state"], *counts)
    answer({"destinations": found}, as_json=as_json, text=shown)


@app.command()
def show(
    destination_id: DestinationId, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False
) -> None:
    """Show one destination: what it is sent, what waits, what it refused, what was withheld."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        identity = parse_id(destination_id, "destination_id")
        seen = destinations.get(registry.deployment, opened.workspace_id, identity)
        refused = destinations.refused(registry.deployment, opened.workspace_id, identity, 20)
    failures = [destinations.failure_json(row) for row in refused]
    answer(destinations.destination_json(seen) | {"latest_refused": failures}, as_json=as_json)


@app.command()
def pause(
    destination_id: DestinationId, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False
) -> None:
    """Send nothing for the time being; events wait."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        identity = parse_id(destination_id, "destination_id")
        destinations.pause(registry.deployment, opened.workspace_id, identity, actor=who.actor)
    answer({"state": "paused"}, as_json=as_json)


@app.command()
def resume(
    destination_id: DestinationId, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False
) -> None:
    """Go on sending, at once."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        identity = parse_id(destination_id, "destination_id")
        destinations.resume(registry.deployment, opened.workspace_id, identity, actor=who.actor)
    answer({"state": "active"}, as_json=as_json)


@app.command()
def replay(
    destination_id: DestinationId, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False
) -> None:
    """Try again what was refused: events, judged anew, and erasures that failed."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        identity = parse_id(destination_id, "destination_id")
        count = destinations.replay(registry.deployment, opened.workspace_id, identity, actor=who.actor)
    answer({"replayed": count}, as_json=as_json)


@app.command()
def remove(
    destination_id: DestinationId, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False
) -> None:
    """Forget a destination, its address and secrets. What it has received it keeps."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        identity = parse_id(destination_id, "destination_id")
        destinations.remove(registry.deployment, opened.workspace_id, identity, actor=who.actor)
    answer({"removed": True}, as_json=as_json)


@app.command()
def erasures(
    request_id: Annotated[str, typer.Argument(help="Id of a request for erasure.")],
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Say which destinations were told of an erasure, and whether they have acknowledged it."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        identity = RequestId(parse_id(request_id, "request_id"))
        found = passing_on.account(registry.deployment, opened.workspace_id, identity)
    shown = table("destination", "kind", "state", "attempts", "why", "settled")
    for one in found:
        shown.add_row(*(str(one[n] or "") for n in ("name", "kind", "state", "attempts", "failure", "settled_at")))
    answer({"erasures": found}, as_json=as_json, text=shown)
