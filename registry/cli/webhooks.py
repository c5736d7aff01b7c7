"""`webhooks`: who is told what happens here, and what could not be told."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, session, table
from registry.flows.acts.outbox import Topic
from registry.flows.outgoing import webhooks
from registry.model.clock import rfc3339
from registry.model.ids import parse_id, text_id

app = typer.Typer(no_args_is_help=True, help="Who is told what happens here, by signed webhooks.")

WebhookId = Annotated[str, typer.Argument(help="The id that creating it gave.")]


def add_to(parent: typer.Typer) -> None:
    """Add this group to the command line."""
    parent.add_typer(app, name="webhooks")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    url: Annotated[str, typer.Option(help="Where to send to: https, or http on this machine.")],
    topics: Annotated[list[Topic], typer.Option("--topic", help="What to tell of; may be given more than once.")],
    purpose: Annotated[
        str | None, typer.Option(help="For which identifiers of the person may be told, where consent allows it.")
    ] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Subscribe an address to topics; the signing secret is shown once."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        made = webhooks.create(
            registry.deployment, opened.workspace_id, name=name, url=url, topics=topics, purpose=purpose,
            actor=who.actor,
        )  # fmt: skip
    answer({"webhook_id": text_id(made.webhook_id), "secret": made.secret}, as_json=as_json)


@app.command("list")
def list_webhooks(data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False) -> None:
    """List the webhooks and how they fare."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        found = [webhooks.webhook_json(seen) for seen in webhooks.listed(registry.deployment, opened.workspace_id)]
    shown = table("webhook", "name", "state", "waiting", "given up", whole="webhook")
    for one in found:
        shown.add_row(one["webhook_id"], one["name"], one["state"], str(one["waiting"]), str(one["dead"]))
    answer({"webhooks": found}, as_json=as_json, text=shown)


@app.command()
def dead(
    webhook_id: WebhookId,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 100,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """List what could not be told, oldest first."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        identity = parse_id(webhook_id, "webhook_id")
        found = webhooks.dead_letters(registry.deployment, opened.workspace_id, identity, limit)
    shown = table("message", "topic", "happened", "attempts", "why", whole="message")
    for row in found:
        shown.add_row(text_id(row.message_id), row.topic, rfc3339(row.occurred_at)[:19], str(row.attempts), row.failure)
    answer({"messages": [webhooks.message_json(row) for row in found]}, as_json=as_json, text=shown)


@app.command()
def replay(
    webhook_id: WebhookId, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False
) -> None:
    """Try again everything that was given up."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        identity = parse_id(webhook_id, "webhook_id")
        count = webhooks.replay(registry.deployment, opened.workspace_id, identity, actor=who.actor)
    answer({"replayed": count}, as_json=as_json)


@app.command()
def pause(
    webhook_id: WebhookId, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False
) -> None:
    """Send nothing for the time being; what happens meanwhile waits."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        identity = parse_id(webhook_id, "webhook_id")
        webhooks.pause(registry.deployment, opened.workspace_id, identity, actor=who.actor)
    answer({"state": "paused"}, as_json=as_json)


@app.command()
def resume(
    webhook_id: WebhookId, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False
) -> None:
    """Go on sending, at once."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        identity = parse_id(webhook_id, "webhook_id")
        webhooks.resume(registry.deployment, opened.workspace_id, identity, actor=who.actor)
    answer({"state": "active"}, as_json=as_json)


@app.command("test")
def send_test(
    webhook_id: WebhookId, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False
) -> None:
    """Send a message that says nothing, to see whether it arrives; the server delivers it."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        identity = parse_id(webhook_id, "webhook_id")
        webhooks.send_test(registry.deployment, opened.workspace_id, identity, actor=who.actor)
    answer({"queued": True}, as_json=as_json)


@app.command()
def remove(
    webhook_id: WebhookId, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False
) -> None:
    """Forget a webhook, its secret, and what it was still to be told."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        identity = parse_id(webhook_id, "webhook_id")
        webhooks.remove(registry.deployment, opened.workspace_id, identity, actor=who.actor)
    answer({"removed": True}, as_json=as_json)
