"""`plans diff, check, infer, import, export, codegen`: plans worked on like code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.text import Text

from registry import bootstrap, reviewed
from registry.cli.exits import Exit
from registry.cli.files import require_absent
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, out, reported, session, table
from registry.documents import Document, check, parse
from registry.flows import plans
from registry.flows.traffic import rehearsal
from registry.model.clock import DAY
from registry.model.errors import InvalidInput
from registry.plans.codegen import Language, generate
from registry.plans.compile import compile_plan
from registry.plans.diff import Difference, diff
from registry.plans.exchange import Form, export_plan, import_plan
from registry.plans.infer import infer

PlanFile = Annotated[Path, typer.Argument(help="The plan, YAML or JSON.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write here; else to standard output.")]
Purposes = Annotated[list[str] | None, typer.Option("--purpose", help="What everything in it serves; repeat it.")]
Source = Annotated[str | None, typer.Option(help="Only what came from this source.")]
Events = Annotated[Path | None, typer.Option(help="A file of calls, one JSON object on each line, instead.")]

MAX_SHOWN = 40


def add_to(app: typer.Typer) -> None:
    """Add these commands to `plans`."""
    commands: dict[str, Callable[..., None]] = {
        "diff": diff_plans, "check": check_traffic, "infer": infer_plan, "import": import_file, "export": export_file,
        "codegen": generate_client,
    }  # fmt: skip
    for name, command in commands.items():
        app.command(name)(command)


def diff_plans(
    old: Annotated[str, typer.Argument(help="A file, or NAME@VERSION of a published plan.")],
    new: Annotated[str, typer.Argument(help="A file, or NAME@VERSION of a published plan.")],
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Say what changed from one plan to another, and what of it breaks senders or readers.

    Exits 1 when the new version's number is too low for its changes (semver.org). Two files need no registry.
    """
    with reported(as_json=as_json):
        before, after = (_document(name, data_dir, workspace, as_json=as_json) for name in (old, new))
        for document in (before, after):
            compile_plan(document)
        found = diff(before.value, after.value)
    shown = table("change", "event", "where", "what")
    for change in found.changes:
        kind = ("breaking ", "red") if change.breaking else "compatible "
        shown.add_row(Text.assemble(kind, change.code), change.event, change.pointer, change.message)
    listed = [
        {"code": c.code, "breaking": c.breaking, "event": c.event, "pointer": c.pointer, "message": c.message}
        for c in found.changes
    ]
    value: dict[str, Any] = {"breaking": found.breaking, "least_version": found.least_version, "changes": listed}
    answer(
        value | {"version_suffices": found.version_suffices},
        as_json=as_json,
        text=shown if listed else "Nothing changed.",
    )
    _say_version(found, after.value["version"], as_json=as_json)


def _say_version(found: Difference, version: str, *, as_json: bool) -> None:
    if found.version_suffices:
        return
    if not as_json:
        out.print(f"[red]The version {version} is too low[/]: these changes need {found.least_version} or higher.")
    raise typer.Exit(Exit.NO)


def check_traffic(
    file: PlanFile,
    events: Events = None,
    source: Source = None,
    days: Annotated[int, typer.Option(help="How far back recorded traffic is looked at.", min=1, max=3650)] = 7,
    purpose: Annotated[str, typer.Option(help="What accepted events are opened for.")] = "service",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Hold a plan against recorded traffic before it is published; nothing is changed.

    Says what of the accepted events it would have rejected, what of the quarantined ones it would let in, and
    which fields hold personal data that the plan does not declare. Exits 1 if an event is newly rejected.
    """
    if events is not None:
        with reported(as_json=as_json), events.open("rb") as lines:
            plan = compile_plan(_checked(reviewed.read_document(file)))
            run = rehearsal.rehearse_file(plan, lines, now=bootstrap.now())
    else:
        with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
            plan = plans.check_plan(registry.deployment, _checked(reviewed.read_document(file)))
            since = registry.deployment.clock() - days * DAY
            run = rehearsal.rehearse(
                registry.deployment, opened, plan, source_name=source, since=since, purpose=purpose, actor=who.actor
            )
    report = run.as_json()
    if as_json:
        answer(report, as_json=True)
    else:
        _show(report)
    if run.outcomes["newly_rejected"]:
        raise typer.Exit(Exit.NO)


def _show(report: dict[str, Any]) -> None:
    outcomes = report["outcomes"]
    words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in outcomes.items() if count)
    closed = f"; {report['withheld']} not opened for want of consent" if report["withheld"] else ""
    out.print(f"Recorded events: {words or 'none'}{closed}.", soft_wrap=True)
    if report["violations"]:
        shown = table("count", "event", "code", "where", "expected")
        for row in report["violations"][:MAX_SHOWN]:
            shown.add_row(str(row["count"]), row["event"] or "(unplanned)", row["code"], row["path"], row["expected"])
        out.print(shown)
    if report["undeclared_personal_data"]:
        shown = table("event", "where", "holds", "known by", "confidence", "count", title="Undeclared personal data")
        for row in report["undeclared_personal_data"][:MAX_SHOWN]:
            share = f"{row['count']} of {row['looked_at']}"
            event = row["event"] or "(unplanned)"
            shown.add_row(event, row["path"], row["category"], row["known_by"], row["confidence"], share)
        out.print(shown)


def infer_plan(
    name: Annotated[str, typer.Argument(help="The plan's name.")],
    events: Events = None,
    source: Source = None,
    purpose: Purposes = None,
    output: Output = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Write a first plan from what lies in quarantine, or from a file of calls; a person reviews it.

    It holds types, formats and what was always there, and no value of the traffic.
    """
    with reported(as_json=as_json):
        if output is not None:  # a person may have reviewed what stands there
            require_absent(output, "--output")
    if events is not None:
        with reported(as_json=as_json), events.open("rb") as lines:
            sample = rehearsal.sample_file(lines, now=bootstrap.now())
    else:
        with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
            sample = rehearsal.sample_of(registry.deployment, opened, source_name=source, actor=who.actor)
    with reported(as_json=as_json):
        if not sample.events:
            raise InvalidInput("there is no traffic to infer a plan from", hint="name a file with --events")
        _write_plan(infer(sample, name=name, purposes=purpose or ["service"]), output, as_json=as_json)


def import_file(
    file: Annotated[Path, typer.Argument(help="What the other system exported.")],
    form: Annotated[Form, typer.Option("--from", help="Whose it is.")],
    name: Annotated[str, typer.Option(help="The plan's name here.")],
    purpose: Purposes = None,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Write a plan from a tracking plan of Segment, RudderStack or a table. Needs no registry."""
    with reported(as_json=as_json):
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise InvalidInput("the file is not UTF-8 text") from None
        _write_plan(import_plan(text, form, name=name, purposes=purpose or ["service"]), output, as_json=as_json)


def export_file(
    plan: Annotated[str, typer.Argument(help="A file, or NAME@VERSION of a published plan.")],
    form: Annotated[Form, typer.Option("--to", help="For whom.")],
    output: Output = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Write a plan as Segment's or RudderStack's JSON, or as a table."""
    with _sound(plan, data_dir, workspace, as_json=as_json) as document:
        _write(export_plan(document.value, form), output, as_json=as_json)


def generate_client(
    plan: Annotated[str, typer.Argument(help="A file, or NAME@VERSION of a published plan.")],
    language: Annotated[Language, typer.Option("--language", help="What it is written in.")],
    output: Output = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Write a typed client for a plan: what the plan would reject does not compile."""
    with _sound(plan, data_dir, workspace, as_json=as_json) as document:
        _write(generate(document.value, language), output, as_json=as_json)


@contextmanager
def _sound(name: str, data_dir: Path | None, workspace: str | None, *, as_json: bool) -> Iterator[Document]:
    with reported(as_json=as_json):
        document = _document(name, data_dir, workspace, as_json=as_json)
        compile_plan(document)
        yield document


def _document(name: str, data_dir: Path | None, workspace: str | None, *, as_json: bool) -> Document:
    """The plan of a file, or a published one: `NAME@VERSION`, where no file is called so."""
    if "@" not in name or Path(name).exists():
        return _checked(reviewed.read_document(Path(name)))
    plan, _, version = name.partition("@")
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        row = plans.get(registry.deployment, opened.workspace_id, plan, version)
    return parse(row.document, file=name)


def _checked(document: Document) -> Document:
    check(document, reviewed.plan_schema())
    return document


def _write_plan(plan: dict[str, Any], output: Path | None, *, as_json: bool) -> None:
    """A plan as YAML, once it is known to be sound."""
    text = yaml.safe_dump(plan, sort_keys=False, allow_unicode=True, width=110)
    compile_plan(_checked(parse(text, file=str(output or "the plan"))))
    _write(text, output, as_json=as_json)


def _write(text: str, output: Path | None, *, as_json: bool) -> None:
    if output is not None:
        output.write_text(text, encoding="utf-8")
        answer({"written": str(output), "bytes": len(text.encode())}, as_json=as_json, text=f"{output} is written.")
    elif as_json:
        answer({"text": text}, as_json=True)
    else:
        print(text, end="")
