"""`init`, `serve`, `demo`, and `db`: from an empty folder, or databases that were put back, to a running server."""

from __future__ import annotations

import gc
import socket
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from registry import bootstrap
from registry.bootstrap import Initialised, Registry
from registry.cli.exits import Exit
from registry.cli.session import AsJson, DataDir, answer, out, reported, settings
from registry.flows.dsr import lifecycle, replaying
from registry.model.errors import Conflict, RegistryError, SettingInvalid
from registry.model.ids import text_id
from registry.model.origins import origin
from registry.settings import Settings
from registry.store import administration

BACKLOG = 2048

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
    as_json: AsJson = False,
) -> None:
    """Run the server; an empty folder is initialised first, with safe defaults."""
    gc.disable()  # until it serves: see `main`
    with reported(as_json=as_json):
        chosen = settings(data_dir, host=host, port=port)
        listener = _listen(chosen)
        made = None if bootstrap.is_initialised(chosen) else bootstrap.initialise(chosen)
        if made is not None and not as_json:
            _show(made, chosen)
        registry = bootstrap.connect(chosen)
        app = registry.server()
    gc.enable()
    from registry.api.serving import Server
    from registry.cli.logs import configure

    configure(chosen.log_level)
    _announce(listener, made, chosen, as_json=as_json)
    from registry.cli import schedule

    scheduler = schedule.start(registry)
    threading.Thread(target=resume, args=(registry,), name="resume", daemon=True).start()
    try:
        Server(app, app.state.registry).run(sockets=[listener])
    finally:
        scheduler.shutdown(wait=False)
        registry.close()


def demo(
    directory: Annotated[
        Path | None, typer.Option("--dir", help="New folder for the demo; a temporary one if absent.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep/--no-keep", help="Whether the folder stays afterwards.")] = True,
    as_json: AsJson = False,
) -> None:
    """Run the main job on synthetic data, from the first event to the erasure certificate."""
    from registry.cli.demo.telling import tell

    with reported(as_json=as_json):
        passed = tell(directory, keep=keep, as_json=as_json)
    raise typer.Exit(Exit.OK if passed else Exit.NO)


@database.command("upgrade")
def upgrade(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Bring both databases' schemas up to this program's version."""
    with reported(as_json=as_json):
        revisions = bootstrap.upgrade(settings(data_dir))
    answer(revisions, as_json=as_json)


@database.command("replay-erasures")
def replay_erasures(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Erase again whoever was erased after the data was put back by other means than `registry restore`, such as
    PostgreSQL's own. Stop the server first; done again, it changes nothing.
    """
    with reported(as_json=as_json):
        registry = bootstrap.connect(settings(data_dir))
        try:
            replayed = replaying.replay_erasures(registry.deployment)
        finally:
            registry.close()
    answer({"erasures_replayed": replaying.as_json(replayed)}, as_json=as_json)


def resume(registry: Registry) -> None:
    """Finish the requests that were being acted on when the last server stopped, in every workspace."""
    import structlog

    log, deployment = structlog.get_logger(), registry.deployment
    try:
        with deployment.data.directory() as transaction:
            known = administration.workspaces(transaction)
        for row in known:
            workspace = registry.workspaces.open(row.workspace_id)
            for request in lifecycle.unfinished(deployment, workspace):
                name = text_id(request.request_id)
                try:
                    lifecycle.go_on(deployment, workspace, request)
                    log.info("request resumed", request=name)
                except RegistryError as error:  # the schedule, or `registry dsr run`, goes on
                    system = getattr(error, "waiting", None)
                    log.error("request not resumed", request=name, code=error.code, system=system, **origin(error))
    except Exception as error:  # its text may hold what a row held
        log.error("resuming stopped", error=type(error).__name__)


def _listen(chosen: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((chosen.host, chosen.port))
    except OSError as error:
        raise SettingInvalid(
            f"cannot listen on {chosen.host}:{chosen.port}: {error.strerror}",
            hint="choose another with --host or --port",
        ) from None
    listener.listen(BACKLOG)
    return listener


def _announce(listener: socket.socket, made: Initialised | None, chosen: Settings, *, as_json: bool) -> None:
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    value = {"url": url, "data_dir": str(chosen.data_dir), "initialised": made._asdict() if made else None}
    answer(value, as_json=as_json, text=f"Registry listens on {url}  (data in {chosen.data_dir})")
    sys.stdout.flush()


def _show(made: Initialised, chosen: Settings) -> None:
    out.print(f"A new registry in {chosen.data_dir}. These keys are shown once and kept nowhere:")
    out.print(f"  admin key   {made.admin_key}", soft_wrap=True)
    out.print(f"  app key     {made.app_key}", soft_wrap=True)
    out.print(f"  write key   {made.write_key}   (source {made.source})", soft_wrap=True)
    out.print("Next: registry serve, and send events with any Segment SDK and the write key.")
