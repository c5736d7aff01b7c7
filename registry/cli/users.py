"""`users`: the people who sign in to the console."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, out, session, table
from registry.flows.access import accounts
from registry.flows.access.accounts import Secrets
from registry.model.clock import rfc3339
from registry.model.ids import text_id

app = typer.Typer(no_args_is_help=True, help="People who sign in to the console.")

Name = Annotated[str, typer.Argument(help="The account's name: a plain word, as the audit log will write it.")]


def add_to(parent: typer.Typer) -> None:
    """Add this group to the command line."""
    parent.add_typer(app, name="users")


@app.command()
def create(
    name: Name,
    role: Annotated[str, typer.Option(help="A role of access.yaml.")] = "compliance_officer",
    purposes: Annotated[list[str] | None, typer.Option("--purpose", help="A purpose to read for.")] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Make an account; its password and one-time-code secret are shown once."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        made = accounts.create(
            registry.deployment, opened, name=name, role=role, purposes=frozenset(purposes or ()), actor=who.actor
        )
    _show(name, made, as_json=as_json)


@app.command()
def reset(name: Name, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False) -> None:
    """Give an account a new password and one-time-code secret, shown once; its sessions end."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        made = accounts.reset(registry.deployment, opened, name, actor=who.actor)
    _show(name, made, as_json=as_json)


@app.command()
def disable(name: Name, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False) -> None:
    """Let an account sign in no more; its sessions end at once."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        accounts.disable(registry.deployment, opened, name, actor=who.actor)
    answer({"name": name, "disabled": True}, as_json=as_json, text=f"{name} can sign in no more.")


@app.command("list")
def list_users(data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False) -> None:
    """List the accounts."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        rows = accounts.listed(registry.deployment, opened)
    shown = table("name", "role", "purposes", "state", "since")
    listed = []
    for row in rows:
        state, since = "active" if row.disabled_at is None else "disabled", rfc3339(row.created_at)
        purposes = [purpose for purpose in row.purposes.split(",") if purpose]
        shown.add_row(row.name, row.role, ", ".join(purposes), state, since[:10])
        listed.append(
            {"account_id": text_id(row.account_id), "name": row.name, "role": row.role, "purposes": purposes,
             "state": state, "created_at": since}
        )  # fmt: skip
    answer({"users": listed}, as_json=as_json, text=shown)


def _show(name: str, made: Secrets, *, as_json: bool) -> None:
    if as_json:
        answer({"name": name, **made._asdict()}, as_json=True)
        return
    out.print(f"The account {name}. What follows is shown once and kept nowhere in the clear:")
    out.print(f"  password         {made.password}", soft_wrap=True)
    out.print(f"  one-time codes   {made.totp_secret}", soft_wrap=True)
    out.print(f"                   {made.totp_uri}", soft_wrap=True, markup=False)
    out.print("Add the secret, or the address, to an authenticator app; then sign in at /console/")
