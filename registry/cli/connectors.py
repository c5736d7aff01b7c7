"""`connectors`: databases outside that requests reach, too."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
import yaml

from registry import bootstrap
from registry.cli.exits import Exit
from registry.cli.session import AsJson, answer, reported, settings, table
from registry.connectors.configured import linked_systems
from registry.model.errors import SettingInvalid

app = typer.Typer(no_args_is_help=True, help="Databases outside that requests reach, too.")

Folder = Annotated[
    Path | None, typer.Argument(help="Folder of descriptions; REGISTRY_CONNECTORS if absent.", show_default=False)
]


def add_to(parent: typer.Typer) -> None:
    """Add this group to the command line."""
    parent.add_typer(app, name="connectors")


@app.command()
def scaffold(
    name: Annotated[str, typer.Argument(help="What plans and certificates call the database.")],
    url_env: Annotated[str, typer.Option(help="The environment variable that holds its SQLAlchemy URL.")],
    to: Annotated[Path | None, typer.Option("--to", help="File to write; standard output if absent.")] = None,
    as_json: AsJson = False,
) -> None:
    """Describe a database by looking at its tables: guesses, which block requests until somebody confirms them."""
    with reported(as_json=as_json):
        url = os.environ.get(url_env)
        if not url:
            raise SettingInvalid(f"the environment lacks {url_env}", hint="set it to the database's SQLAlchemy URL")
        from registry.connectors.scaffold import scaffold as guessed

        described = guessed(url, name, url_env)
        text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
        if to is not None:
            to.write_text(text, encoding="utf-8")
    counts = {
        "dataset": name,
        "tables": len(described["tables"]),
        "fields": sum(len(one["fields"]) for one in described["tables"].values()),
        "without_people": len(described.get("without_people", {})),
    }
    if to is None:
        answer(described, as_json=as_json, text=text)
        return
    told = f"{counts['fields']} fields of {counts['tables']} tables are guessed in {to}."
    answer(
        counts | {"file": str(to)},
        as_json=as_json,
        text=f"{told}\nNext: decide on each, remove its `guess: true`, then: registry connectors check {to.parent}",
    )


@app.command()
def check(folder: Folder = None, as_json: AsJson = False) -> None:
    """Hold descriptions against their databases; exits 1 while a field is there that nobody has decided on."""
    with reported(as_json=as_json):
        systems = linked_systems(bootstrap.datasets(folder or settings(None).connectors), os.environ)
        try:
            found = [(system.name, place, field) for system in systems for place, field in system.undecided()]
        finally:
            for system in systems:
                system.close()
    listed = [{"system": system, "table": place, "field": field} for system, place, field in found]
    shown = table("table", "field")
    for _, place, field in found:
        shown.add_row(place, field)
    text = shown if found else "Every field of every table is decided on."
    answer({"systems": [one.name for one in systems], "undecided": listed}, as_json=as_json, text=text)
    if found:
        raise typer.Exit(int(Exit.NO))
