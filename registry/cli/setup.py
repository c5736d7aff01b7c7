"""`init`, `serve`, `demo`, `db upgrade`: from an empty folder to a running server."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from registry import bootstrap
from registry.bootstrap import Initialised
from registry.cli.session import AsJson, DataDir, answer, err, out, reported, settings
from registry.flows import dsr
from registry.model.errors import Conflict, RegistryError, SettingInvalid
from registry.settings import Settings

database = typer.Typer(no_args_is_help=True, help="The databases' schemas.")


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(init)
    app.command()(serve)
    app.command()(demo)
    app.add_typer(database, name="db")


def init(
    data_dir: DataDir = None,
    name: Annotated[str, typer.Option(help="The workspace's name.")] = "default",
    as_json: AsJson = False,
) -> None:
    """Make a new registry: databases, key file, workspace, first source and keys, shown once."""
    with reported(as_json=as_json):
        chosen = settings(data_dir)
        if bootstrap.is_initialised(chosen):
            raise Conflict("there is a registry here already", hint="run: registry serve")
        made = bootstrap.initialise(chosen, name=name)
    if as_json:
        answer(made._asdict(), as_json=True)
    else:
        _show(made, chosen)


def serve(
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (REGISTRY_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 for a free one (REGISTRY_PORT).")] = None,
) -> None:
    """Run the server; an empty folder is initialised first, with safe defaults."""
    with reported():
        chosen = settings(data_dir, host=host, port=port)
        if not bootstrap.is_initialised(chosen):
            _show(bootstrap.initialise(chosen), chosen)
        registry = bootstrap.connect(chosen)
        listener = _listen(chosen)
        app = registry.server()
    address = listener.getsockname()
    out.print(f"Registry listens on http://{address[0]}:{address[1]}  (data in {chosen.data_dir})", soft_wrap=True)
    sys.stdout.flush()
    threading.Thread(target=_resume, args=(registry,), name="resume", daemon=True).start()
    import uvicorn

    from registry.cli.logs import configure

    configure(chosen.log_level)
    config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=10)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        registry.close()


def demo(
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Folder for the demo; a temporary one if absent.")
    ] = None,
) -> None:
    """Run the main job on synthetic data, from the first event to the erasure certificate."""
    from registry.cli.demo.story import tell

    raise typer.Exit(tell(directory))


@database.command("upgrade")
def upgrade(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Bring both databases' schemas up to this program's version."""
    with reported(as_json=as_json):
        revisions = bootstrap.upgrade(settings(data_dir))
    answer(revisions, as_json=as_json)


def _listen(chosen: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((chosen.host, chosen.port))
    except OSError as error:
        raise SettingInvalid(
            f"cannot listen on {chosen.host}:{chosen.port}: {error.strerror}", hint="choose another with --port"
        ) from None
    listener.listen(2048)
    return listener


def _resume(registry: Any) -> None:
    """Finish the requests that were being acted on when the last server stopped."""
    try:
        workspace = registry.workspaces.only()
        for request in dsr.unfinished(registry.deployment, workspace):
            dsr.run(registry.deployment, workspace, request.request_id, actor="operator")
    except RegistryError as error:
        err.print(f"Could not finish an interrupted request: {error.detail}")


def _show(made: Initialised, chosen: Settings) -> None:
    out.print(f"A new registry in {chosen.data_dir}. These keys are shown once and kept nowhere:")
    out.print(f"  admin key   {made.admin_key}", soft_wrap=True)
    out.print(f"  app key     {made.app_key}", soft_wrap=True)
    out.print(f"  write key   {made.write_key}   (source {made.source})", soft_wrap=True)
    out.print("Next: registry serve, and send events with any Segment SDK and the write key.")
