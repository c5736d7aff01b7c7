"""`keys`: API keys, and the KEK generations that everything is wrapped under."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.progress import Progress

from registry.access.key_ages import KeyKind
from registry.access.policy import PrincipalKind
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, session, table
from registry.flows.access import credentials
from registry.flows.deployment import Deployment
from registry.flows.upkeep import ageing, reindexing, rotation
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import DAY, SECOND, parse_rfc3339, rfc3339
from registry.model.errors import InvalidInput
from registry.model.ids import parse_id, text_id
from registry.store import administration

app = typer.Typer(no_args_is_help=True, help="API keys, and the generations of key-encrypting keys.")


def add_to(parent: typer.Typer) -> None:
    """Add this group to the command line."""
    parent.add_typer(app, name="keys")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    role: Annotated[str, typer.Option(help="A role of access.yaml.")],
    kind: Annotated[PrincipalKind, typer.Option(help="Who holds it.")] = PrincipalKind.APP,
    purposes: Annotated[list[str] | None, typer.Option("--purpose", help="A purpose that it may read for.")] = None,
    owner: Annotated[str | None, typer.Option(help="Whose key it is; the same person's keys name the same.")] = None,
    expires: Annotated[str | None, typer.Option(help="When it ends, RFC 3339.")] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key; its secret is shown once."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        expires_at = parse_rfc3339(expires) if expires else None
        if expires and expires_at is None:
            raise InvalidInput("--expires is not an RFC 3339 time")
        made = credentials.create_key(
            registry.deployment, opened.workspace_id, kind=kind, role=role, name=name,
            purposes=frozenset(purposes or ()), expires_at=expires_at, owner=owner, actor=who.actor,
        )  # fmt: skip
    answer({"key_id": text_id(made.identity), "secret": made.secret}, as_json=as_json)


@app.command("list")
def list_keys(data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False) -> None:
    """List the API keys; their secrets are kept nowhere."""
    with (
        session(data_dir, workspace, as_json=as_json) as (registry, opened, _),
        registry.deployment.data.read(opened.workspace_id) as transaction,
    ):
        rows = administration.credentials(transaction, opened.workspace_id)
        now = registry.deployment.clock()
    shown = table("key", "kind", "role", "name", "purposes", "state", whole="key")
    for row in rows:
        expired = row.expires_at is not None and row.expires_at <= now
        state = "revoked" if row.revoked_at is not None else "expired" if expired else "valid"
        shown.add_row(text_id(row.credential_id), row.kind, row.role, row.name, row.purposes, state)
    listed = [
        {
            "key_id": text_id(row.credential_id),
            "kind": row.kind,
            "role": row.role,
            "name": row.name,
            "owner": row.owner,
            "purposes": [purpose for purpose in row.purposes.split(",") if purpose],
            "expires_at": rfc3339(row.expires_at) if row.expires_at is not None else None,
            "revoked": row.revoked_at is not None,
        }
        for row in rows
    ]
    answer({"keys": listed}, as_json=as_json, text=shown)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id.")],
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Revoke an API key; servers stop taking it within seconds."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        credentials.revoke_key(registry.deployment, opened.workspace_id, parse_id(key_id, "key_id"), actor=who.actor)
    answer({"revoked": key_id}, as_json=as_json)


@app.command()
def status(data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False) -> None:
    """KEK generations, their ages, what is wrapped under each, and the erasure horizon."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        found = rotation.status(registry.deployment, opened.workspace_id)
        now = registry.deployment.clock()
        agenda = ageing.agenda(registry.deployment, found)
    shown = table("generation", "state", "age", "bundles", "secrets")
    for one in found.generations:
        age = f"{(now - one.created_at) // DAY} days" if one.created_at is not None else "unknown"
        shown.add_row(str(one.number), one.state, age, str(one.bundles), str(one.secrets))
    for key in found.own:
        shown.add_row(f"{key.name} {key.version}", key.state, f"{(now - key.created_at) // DAY} days", "", "")
    for move in found.moves:
        state = "moving" if move.finished_at is None else "moved"
        shown.add_row(f"identifiers under blind-index {move.version}", state, "", f"{move.moved} of {move.total}", "")
    for due in agenda:
        what = f"destroy generation {due.generation}" if due.generation is not None else f"rotate {due.what}"
        who = "the server" if due.by_server else "you"
        late = ", overdue" if due.at <= now else ""
        shown.add_row(what, f"due{late}", rfc3339(due.at)[:10] if due.at else "at once", f"by {who}", "")
    horizon = rfc3339(found.horizon_open_since) if found.horizon_open_since is not None else None
    shown.caption = f"Backups of the keystore since {horizon} can still be opened."
    listed = [
        {
            "generation": g.number,
            "state": g.state,
            "created_at": rfc3339(g.created_at) if g.created_at is not None else None,
            "bundles": g.bundles,
            "secrets": g.secrets,
        }
        for g in found.generations
    ]
    own = [
        {"name": key.name, "version": key.version, "state": key.state, "created_at": rfc3339(key.created_at)}
        for key in found.own
    ]
    moves = [
        {
            "blind_index_key": move.version,
            "moved": move.moved,
            "total": move.total,
            "started_at": rfc3339(move.started_at),
            "finished_at": rfc3339(move.finished_at) if move.finished_at is not None else None,
        }
        for move in found.moves
    ]
    coming = [
        {
            "what": one.what, "generation": one.generation, "at": rfc3339(one.at), "overdue": one.at <= now,
            "by": "server" if one.by_server else "operator",
        }
        for one in agenda
    ]  # fmt: skip
    body = {"generations": listed, "keys": own, "moves": moves, "due": coming, "horizon_open_since": horizon}
    answer(body, as_json=as_json, text=shown)


@app.command()
def rotate(
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a rotation that was interrupted.")] = False,
    signing: Annotated[bool, typer.Option("--signing", help="Rotate the signing key instead of the KEK.")] = False,
    blind_index: Annotated[
        bool, typer.Option("--blind-index", help="Rotate the key that identifiers are found by instead of the KEK.")
    ] = False,
    older_than: Annotated[
        int | None, typer.Option(min=0, help="Only if the present one is older than so many days; for a schedule.")
    ] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Make a new KEK generation and move every bundle under it, or another new key; the server goes on running."""
    if signing and blind_index:
        raise typer.BadParameter("rotate one kind of key at a time")
    if resume and (signing or older_than is not None):
        raise typer.BadParameter("--resume goes with neither --signing nor --older-than")
    kind = KeyKind.SIGNING if signing else KeyKind.BLIND_INDEX if blind_index else KeyKind.KEK
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        deployment, age = registry.deployment, None if older_than is None else older_than * DAY
        if age is not None and not rotation.is_due(deployment, opened.workspace_id, kind, older_than=age):
            answer({"rotated": False}, as_json=as_json, text="Not due yet.")
            return
        with Progress(disable=as_json) as bar:
            task = bar.add_task("Moving", total=None)
            done, text = _rotate(
                kind, deployment, opened, resume, who.actor,
                lambda done, total: bar.update(task, completed=done, total=total),
            )  # fmt: skip
    answer({"rotated": True} | done, as_json=as_json, text=text)


def _rotate(
    kind: KeyKind,
    deployment: Deployment,
    opened: OpenWorkspace,
    resume: bool,
    actor: str,
    progress: rotation.Progress,
) -> tuple[dict[str, object], str]:
    """Rotate, or go on; what to answer."""
    if kind is KeyKind.SIGNING:
        version = rotation.rotate_signing(deployment, opened, actor=actor)
        text = f"Signing key {version} is published, and signs in two minutes; the earlier ones go on to verify."
        return {"signing_key": version}, text
    if kind is KeyKind.KEK:
        number = rotation.rotate(deployment, opened, start=not resume, progress=progress)
        text = f"Generation {number} wraps now. End the erasure horizon with: registry keys destroy GENERATION"
        return {"generation": number}, text
    if not resume:
        reindexing.begin(deployment, opened, actor=actor)
    ready = reindexing.movable_at(deployment, opened.workspace_id)
    if ready is None:
        return {"blind_index_key": None}, "Every identifier is under the newest key."
    time.sleep(max(0, ready - deployment.clock()) / SECOND)  # until every server knows the key
    moved = reindexing.go_on(deployment, opened.workspace_id, actor=actor, progress=progress)
    return {"blind_index_key": moved}, f"Every identifier is found by blind-index key {moved} now."


@app.command()
def destroy(
    generation: Annotated[int, typer.Argument(help="The generation to destroy.")],
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Destroy an old KEK generation: keystore backups under it can never be opened again."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        rotation.destroy(registry.deployment, opened.workspace_id, generation)
    answer({"destroyed": generation}, as_json=as_json)
