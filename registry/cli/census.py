"""`census`: what is held of people, field by field, and the documents that follow from it."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from registry.cli.files import written_whole
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, session, table
from registry.dsr.declarations import DECLARED
from registry.flows.accountability import breach, inventory, outside
from registry.flows.traffic import inventory as data
from registry.model.clock import DAY, Micros, parse_rfc3339
from registry.model.errors import InvalidInput

app = typer.Typer(no_args_is_help=True, help="What is held of people, field by field, and the documents that follow.")

To = Annotated[Path | None, typer.Option("--to", help="File to write; standard output if absent.")]


class Format(StrEnum):
    """Forms of the records of processing."""

    HTML = "html"
    CSV = "csv"
    JSON = "json"


SUFFIXES = {"htm": Format.HTML} | {form.value: form for form in Format}
"""What the end of a file's name says of its form."""


def add_to(parent: typer.Typer) -> None:
    """Add this group to the command line."""
    parent.add_typer(app, name="census")


@app.command("fields")
def list_fields(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List every personal field: what it is, what for, how long, and what requests do to it."""
    with session(data_dir, as_json=as_json):
        found = [field.as_json() for field in DECLARED if field.is_personal]
    shown = table("field", "what it is", "categories", "for", "at access", "at erasure")
    for field in DECLARED:
        if field.is_personal:
            does = field.as_json()["does"]
            at = dict(does) if isinstance(does, dict) else {}
            name = f"{field.table}.{field.field}"
            shown.add_row(
                name, field.handling, ", ".join(field.categories), field.purposes, at["access"], at["erasure"]
            )
    answer({"fields": found}, as_json=as_json, text=shown)


@app.command()
def records(
    form: Annotated[
        Format | None,
        typer.Option("--format", help="HTML to read, CSV or JSON for other tools; by the file's name if absent."),
    ] = None,
    to: To = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Write the records of processing activities (GDPR Art. 30)."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _who):
        chosen = Format.JSON if as_json and to is None else _form(form, to)
        found = inventory.records(registry.deployment, opened)
        written = {
            Format.HTML: lambda: inventory.records_html(found),
            Format.CSV: lambda: inventory.records_csv(found),
            Format.JSON: lambda: json.dumps(found, indent=2) + "\n",
        }[chosen]()
        _write(written, to, as_json=as_json)


@app.command()
def assessment(
    to: To = None, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False
) -> None:
    """Write the skeleton of a data-protection impact assessment (GDPR Art. 35), in Markdown."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _who):
        text = inventory.assessment(registry.deployment, opened)
        if as_json and to is None:
            answer({"markdown": text}, as_json=True)
        else:
            _write(text, to, as_json=as_json)


@app.command("inventory")
def data_inventory(
    days: Annotated[int, typer.Option(help="How far back recorded traffic is looked at.", min=1, max=3650)] = 7,
    purpose: Annotated[str, typer.Option(help="What accepted events are opened for.")] = "service",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Set what the plans in use declare beside what recorded traffic holds, by matchers on names and values.

    Traffic is opened in memory only. A finding says field, category, confidence and count, never a value.
    """
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        since = registry.deployment.clock() - days * DAY
        found = data.inventory(registry.deployment, opened, since=since, purpose=purpose, actor=who.actor)
    shown = table("plan", "event", "where", "declared", "found", "known by", "confidence", "count")
    for one in found["plans"]:
        for field in one["declared"]:
            if field["categories"]:
                shown.add_row(one["plan"], field["event"], field["pointer"], ", ".join(field["categories"]))
        for field in one["found_undeclared"]:
            declared = ", ".join(field["declared"]) or Text("nothing", "red")
            shown.add_row(
                one["plan"], field["event"] or "(unplanned)", field["path"], declared, field["category"],
                field["known_by"], field["confidence"], f"{field['count']} of {field['looked_at']}",
            )  # fmt: skip
    answer(found, as_json=as_json, text=shown)


@app.command("breach")
def assess_breach(
    in_table: Annotated[str | None, typer.Option("--table", help="Only this table was reached.")] = None,
    source: Annotated[str | None, typer.Option(help="Only what this source sent.")] = None,
    generation: Annotated[int | None, typer.Option(help="Only what this KEK generation opens.")] = None,
    since: Annotated[str | None, typer.Option(help="Only what came from then on, RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option(help="Only what came before then, RFC 3339.")] = None,
    noticed: Annotated[str | None, typer.Option(help="When it was noticed, RFC 3339; now if absent.")] = None,
    system: Annotated[str | None, typer.Option(help="A connected system was reached, not the registry.")] = None,
    profiles_to: Annotated[Path | None, typer.Option("--profiles-to", help="File for the profiles' ids.")] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Say whose data an incident touched, which categories, under which keys, since when, and by when to tell."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        if system is not None:
            if any(one is not None for one in (source, generation, since, until, profiles_to)):
                raise InvalidInput("of a connected system only --table and --noticed can be said")
            told = outside.reached(
                registry.deployment, opened, system, table=in_table, noticed_at=_time(noticed, "--noticed"),
                actor=who.actor,
            )  # fmt: skip
            answer(told, as_json=True) if as_json else _print_outside(told)
            return
        incident = breach.Incident(
            in_table, source, generation, _time(since, "--since"), _time(until, "--until"), _time(noticed, "--noticed")
        )
        impact = breach.assess(registry.deployment, opened, incident, actor=who.actor)
        if profiles_to is not None:
            _write(breach.listed(impact.profiles), profiles_to, as_json=True, quiet=True)
    if as_json:
        answer(impact.told, as_json=True)
    else:
        _print_impact(impact.told)


def _print_impact(told: dict[str, Any]) -> None:
    """The impact for a person: what was reached, the keys, and by when whom to tell."""
    narrowed = ", ".join(f"{name} {value}" for name, value in told["narrowed_to"].items()) or "everything"
    span = f"from {_minute(told['since'])} to {_minute(told['until'])}" if told["since"] else "nothing"
    typer.echo(f"Reached ({narrowed}): data of {told['people']:,} people, {span}")
    if told["without_profile"]:
        named = ", ".join(f"{table} {count:,}" for table, count in told["without_profile"].items())
        typer.echo(f"And of people without a profile, whose number nothing here says: {named}")
    typer.echo(f"Covered: {told['covers']}.")
    held = table("table", "rows", "what it holds")
    for name, count in told["rows"].items():
        if count:
            held.add_row(name, f"{count:,}", ", ".join(told["categories_by_table"][name]))
    answer({}, as_json=False, text=held)
    typer.echo(f"Purposes of events and traits: {', '.join(told['purposes']) or 'none'}")
    typer.echo(f"Sealed: {', '.join(told['sealed_fields']) or 'nothing'}")
    clear: dict[str, list[str]] = {}
    for name in told["fields_in_the_clear"]:
        clear.setdefault(name.partition(".")[0], []).append(name.partition(".")[2])
    for name, columns in clear.items():
        typer.echo(f"In the clear in {name}: {', '.join(columns)}")
    keys = ", ".join(f"generation {n}: {count:,}" for n, count in told["key_bundles_by_generation"].items())
    typer.echo(f"Key bundles that open it: {keys or 'none'}; holders without a key: {told['without_keys']:,}")
    _print_due(told["notify"])
    typer.echo(f"{told['notify']['sealed_only']}.")


def _print_outside(told: dict[str, Any]) -> None:
    """What a connected system holds, for a person; that it does not answer, where it does not."""
    typer.echo(f"Reached: the connected system {told['system']}, and what its description declares")
    typer.echo(f"Covered: {told['covers']}.")
    if not told["answers"]:
        typer.echo("It does not answer now: what its description declares was not held against it. Ask again later.")
    held = table("table", "field", "category")
    for one in told["fields"]:
        held.add_row(one["table"], one["field"], one["category"] or "about nobody")
    answer({}, as_json=False, text=held)
    _print_due(told["notify"])


def _print_due(notify: dict[str, Any]) -> None:
    noticed = _minute(notify["noticed_at"])
    tell = table("law", "the authority by", "the people by", title=f"Noticed {noticed}: tell")
    for law in notify["laws"]:
        by = [f"{_minute(one['by']) or 'no fixed time'}\n{one['ground']}" for one in (law["authority"], law["people"])]
        tell.add_row(law["law"], *by)
    answer({}, as_json=False, text=tell)


def _minute(text: str | None) -> str:
    """A time of an answer to the minute, for a person; empty where there is none."""
    return f"{text[:16].replace('T', ' ')} UTC" if text else ""


def _form(asked: Format | None, to: Path | None) -> Format:
    """The form that was asked for, or that the file's name asks for.

    Raises:
        InvalidInput: the name says another form, or none that there is.
    """
    suffix = to.suffix.removeprefix(".").lower() if to is not None else ""
    named = SUFFIXES.get(suffix)
    if asked is not None and named not in (None, asked):
        raise InvalidInput(f"--format {asked.value} and the file's name .{suffix} contradict each other")
    if asked is None and named is None and to is not None:
        raise InvalidInput("the records are written as .html, .csv or .json", hint="or say which with --format")
    return asked or named or Format.HTML


def _time(text: str | None, option: str) -> Micros | None:
    at = parse_rfc3339(text) if text else None
    if text and at is None:
        raise InvalidInput(f"{option} is not an RFC 3339 time")
    return at


def _write(text: str, to: Path | None, *, as_json: bool, quiet: bool = False) -> None:
    if to is None:
        typer.echo(text, nl=False)
        return
    with written_whole(to) as stream:
        stream.write(text.encode())
    if not quiet:
        answer({"written": str(to)}, as_json=as_json, text=f"Written: {to}")
