"""`version`: of the program, and of the schemas that it needs."""

from __future__ import annotations

import json
import platform
from typing import Annotated

import typer

from registry import __version__
from registry.store.versions import HEADS


def add_to(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(version)


def version(as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False) -> None:
    """Print the version of the program and of the schemas it needs."""
    if as_json:
        print(json.dumps({"version": __version__, "python": platform.python_version(), "schemas": HEADS}))
    else:
        schemas = ", ".join(f"{role} schema {revision}" for role, revision in HEADS.items())
        print(f"registry {__version__}, Python {platform.python_version()}, {schemas}")
