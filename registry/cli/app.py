"""The `registry` command: its groups, loaded when they are called, so that `--help` is quick."""

from __future__ import annotations

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
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Read the options that stand before a command."""


def main() -> None:
    """Run the command line."""
    from registry.cli import audit, consent, dsr, keys, operations, plans, profiles, setup

    setup.add_to(app)
    operations.add_to(app)
    plans.add_to(app)
    app.add_typer(consent.app, name="consent")
    app.add_typer(profiles.app, name="profiles")
    app.add_typer(dsr.app, name="dsr")
    app.add_typer(keys.app, name="keys")
    app.add_typer(audit.app, name="audit")
    app()
