"""The `registry` command: its groups, loaded when they are called, so that `--help` is quick."""

from __future__ import annotations

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


GROUPS = {
    "setup": ("init", "serve", "demo", "db"),
    "operations": ("verify", "doctor", "backup", "restore"),
    "plans": ("sources", "plans", "policies", "quarantine", "violations", "trace"),
    "consent": ("consent",),
    "profiles": ("profiles",),
    "dsr": ("dsr",),
    "keys": ("keys",),
    "audit": ("audit",),
}
"""The modules of this room, and the commands that each adds."""


def main() -> None:
    """Run the command line. Only the module of the command that is called is imported."""
    called = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    modules = [name for name, commands in GROUPS.items() if called in commands] or list(GROUPS)
    for name in modules:
        import_module(f"registry.cli.{name}").add_to(app)
    app()
