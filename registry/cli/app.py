"""The `registry` command: its groups, loaded when they are called, so that `--help` is quick."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import Annotated

import typer

from registry import __version__

app = typer.Typer(
    name="registry",
    help="Consent and profiles: validated events, one sealed profile per person, consent before use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

GROUPS = {
    "setup": {
        "init": "Make a new registry: databases, key file, workspace, first source and keys, shown once.",
        "serve": "Run the server; an empty folder is initialised first, with safe defaults.",
        "demo": "Run the main job on synthetic data, from the first event to the erasure certificate.",
        "db": "The databases' schemas.",
    },
    "verify": {"verify": "Check a certificate or a receipt offline; exits 1 when it does not verify."},
    "operations": {
        "doctor": "Say what is wrong with this installation and how to mend it; exits 1 when something is.",
        "backup": "Copy the data, or the keystore, while the server runs.",
        "restore": "Put a copy of the data back, and erase again whoever was erased since.",
    },
    "plans": {
        "sources": "Where messages come from.",
        "plans": "Tracking plans.",
        "policies": "Policy files.",
        "quarantine": "Rejected messages.",
        "violations": "Why messages were rejected or reported, newest first; never with a value.",
        "trace": "What became of a message, and why; without its values.",
    },
    "importing": {"imports": "Existing customers, from CSV, JSON Lines or a database."},
    "consent": {"consent": "Ask, record and recount consent."},
    "profiles": {"profiles": "What is known of a person, for a purpose."},
    "dsr": {"dsr": "Data subject requests, from intake to certificate."},
    "connectors": {"connectors": "Databases outside that requests reach, too."},
    "holds": {"holds": "Legal holds, and what erasures set aside for them and for statutory duties."},
    "destinations": {"destinations": "Systems that events are passed on to, by consent."},
    "webhooks": {"webhooks": "Who is told what happens here, by signed webhooks."},
    "retention": {"retention": "What is locked, what has been destroyed, and what is due."},
    "census": {"census": "What is held of people, field by field, and the documents that follow."},
    "keys": {"keys": "API keys, and the generations of key-encrypting keys."},
    "users": {"users": "People who sign in to the console."},
    "audit": {"audit": "The tamper-evident audit log."},
    "version": {"version": "Print the version of the program and of the schemas it needs."},
}
"""The modules of this room, and the commands that each adds, in the words of `registry --help`."""


def _version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def _registry(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Read the options that stand before a command."""


def main() -> None:
    """Run the command line. Only the module of the command that is called is imported."""
    try:
        _run()
    except KeyboardInterrupt:  # what was committed stays, and a command that is called again goes on from there
        raise SystemExit(130) from None


def _run() -> None:
    called = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    module = next((name for name, commands in GROUPS.items() if called in commands), None)
    gc.disable()  # what importing allocates stays: looking for garbage in it costs a tenth of the start
    if module is None:
        _list()
    else:
        import_module(f"registry.cli.{module}").add_to(app)
        gc.enable()
    app()


def _list() -> None:
    """Add every command by its name and summary alone: `--help` and a mistyped word need no more."""
    for commands in GROUPS.values():
        for name, summary in commands.items():
            app.command(name, help=summary)(_listed)


def _listed() -> None:
    """Stand for a command in a list."""
