"""`connectors`: systems outside that requests reach, too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
import yaml

from registry import bootstrap, reviewed
from registry.cli.exits import Exit
from registry.cli.files import require_absent, written_whole
from registry.cli.session import AsJson, answer, reported, settings, table
from registry.cli.subjects import Email, Reference, UserId, named
from registry.connectors.configured import findings_of
from registry.dsr.plan import LinkedSystem, RequestPlan, plan_json
from registry.dsr.requests import Kind
from registry.flows.dsr import linked
from registry.model.errors import Conflict, SettingInvalid

app = typer.Typer(no_args_is_help=True, help="Systems outside that requests reach, too.")

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
        if to is not None:  # it may hold what somebody decided since
            require_absent(to)
        from registry.connectors.sql.scaffold import scaffold as guessed

        described = guessed(url, name, url_env)
        text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
        if to is not None:
            to.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(to) as stream:
                stream.write(text.encode())
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
    if counts["without_people"]:
        told += (
            f"\nIn {counts['without_people']} more nobody seems to stand (`without_people`): a guess like the others."
        )
    answer(
        counts | {"file": str(to)},
        as_json=as_json,
        text=f"{told}\nNext: decide on each, remove its `guess: true`, then: registry connectors check {to.parent}",
    )


@app.command("import-fides")
def import_fides(
    file: Annotated[Path, typer.Argument(help="A Fides dataset file, in YAML.")],
    to: Annotated[Path, typer.Option("--to", help="Folder to write the descriptions into, one file for each dataset.")],
    url_env: Annotated[
        str | None, typer.Option(help="The environment variable of the database; DATASET_URL if absent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read Fides datasets: what they say is taken over, what they leave open is a guess that blocks requests."""
    with reported(as_json=as_json):
        from registry.connectors.fides import imported

        found = imported(reviewed.read_document(file), url_env)
        to.mkdir(parents=True, exist_ok=True)
        files = []
        for one in found:
            files.append(to / f"{one.described['dataset']}.yaml")
            if files[-1].exists():
                raise Conflict(f"{files[-1]} exists already", hint="name another folder, or remove the file first")
            text = yaml.safe_dump(one.described, sort_keys=False, allow_unicode=True)
            files[-1].write_text(text, encoding="utf-8")
    notes = [note for one in found for note in one.notes]
    told = {"files": [str(path) for path in files], "undecided": notes}
    lines = [f"{len(found)} datasets are written to {to}.", *(f"  {note}" for note in notes)]
    lines.append(f"Next: decide on each, remove its `guess: true`, then: registry connectors check {to}")
    answer(told, as_json=as_json, text="\n".join(lines))


@app.command()
def check(folder: Folder = None, as_json: AsJson = False) -> None:
    """Hold descriptions against their systems; exits 1 while a field is there that nobody has decided on."""
    with reported(as_json=as_json), _systems(folder) as systems:
        found = [(system.name, *one) for system in systems for one in findings_of(system)]
        names = [one.name for one in systems]
    listed = [{"system": s, "table": place, "field": field, "reason": why} for s, place, field, why in found]
    shown = table("system", "table", "field", "why")
    for one in found:
        shown.add_row(*one)
    text = shown if found else "Every field of every table is decided on."
    answer({"systems": names, "undecided": listed}, as_json=as_json, text=text)
    if found:
        raise typer.Exit(int(Exit.NO))


@app.command()
def plan(
    kind: Annotated[Kind, typer.Argument(help="The kind of request.")],
    email: Email = None,
    user_id: UserId = None,
    reference: Reference = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Folder of descriptions; REGISTRY_CONNECTORS if absent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a request would do in the systems outside, without one: a dry run, which touches nothing."""
    with reported(as_json=as_json), _systems(folder) as systems:
        policies = reviewed.load_policies(settings(None).policies)
        who = named(policies.identity, email, user_id, reference)
        planned = RequestPlan(kind, linked.foreseen(systems, kind, [who], policies.identity))
    shown = table("system", "table", "rows", "field", "becomes", "why")
    for system in planned.systems:
        for account in system.accounts:
            shown.add_row(
                account.system, account.table, str(account.rows), account.field, account.disposition.value,
                account.ground or "",
            )  # fmt: skip
        for place, rows in sorted(system.others.items()):
            shown.add_row(system.system, place, str(rows), "every field", "left", "of others, who share an identifier")
        for place, field in system.undecided:
            shown.add_row(system.system, place, "", field, "undecided", "")
        if system.unreachable is not None:
            shown.add_row(system.system, "", "", "", "not reached", system.unreachable)
    answer(plan_json(planned, ()), as_json=as_json, text=shown)
    if planned.undecided or planned.unreachable:
        raise typer.Exit(int(Exit.NO))


@contextmanager
def _systems(folder: Path | None) -> Iterator[list[LinkedSystem]]:
    """The systems of a folder, or of the settings' one, closed afterwards."""
    found = settings(None, connectors=folder)
    systems = bootstrap.connected(found)
    try:
        yield systems
    finally:
        for system in systems:
            system.close()
