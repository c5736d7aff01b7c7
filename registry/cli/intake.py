"""`dsr`, how requests come in: opening one or many, proofs, mandates, refusals and letters."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from registry.cli.dsr import RequestIdText, answer_with, app, request_id_of
from registry.cli.exits import Exit
from registry.cli.officers import Officer
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, err, out, require_another, session, table
from registry.cli.subjects import Email, Reference, UserId, person
from registry.connectors.rows import of_file
from registry.dsr.agents import Agent, Claim, Party
from registry.dsr.bulk import check_columns
from registry.dsr.notices import LANGUAGES
from registry.dsr.requests import Kind, Move
from registry.dsr.verification import MandateKind, Seen
from registry.flows.dsr import bulk, intake, letters, lifecycle, moves, proofs, proving
from registry.flows.dsr.intake import Wish
from registry.model.clock import Micros, parse_rfc3339
from registry.model.errors import InvalidInput

SHOWN = 10
"""Rows that could not be opened and are printed; a report has them all."""

WhatWasSeen = Annotated[
    list[Seen] | None, typer.Option("--seen", help="What the officer has seen; no copy of it is kept.")
]
Why = Annotated[str | None, typer.Option("--reason", help="Of the request, never of the person: kept in the clear.")]


@app.command("open")
def open_request(
    kind: Annotated[Kind, typer.Argument(help="What the person asks for.")],
    email: Email = None,
    user_id: UserId = None,
    reference: Reference = None,
    jurisdiction: Annotated[str | None, typer.Option(help="A law of jurisdictions.yaml.")] = None,
    purposes: Annotated[
        list[str] | None, typer.Option("--for-purpose", help="Purposes objected to or withdrawn.")
    ] = None,
    corrections: Annotated[
        list[str] | None, typer.Option("--set", help="A rectification's TRAIT=TEXT or TRAIT:=JSON.")
    ] = None,
    received: Annotated[str | None, typer.Option(help="When it came, RFC 3339; now if absent.")] = None,
    language: Annotated[
        str | None, typer.Option(help=f"In which letters are written, English if absent: {', '.join(LANGUAGES)}.")
    ] = None,
    number: Annotated[str | None, typer.Option(help="Your own number of it: the same is opened once.")] = None,
    agent: Annotated[str | None, typer.Option(help="Name of an agent who asks for the person.")] = None,
    agent_email: Annotated[str | None, typer.Option(help="Where the agent is written to.")] = None,
    mandate: Annotated[MandateKind | None, typer.Option(help="By what the agent acts.")] = None,
    mandate_until: Annotated[str | None, typer.Option(help="When the mandate ends, RFC 3339.")] = None,
    evidence: Annotated[
        str | None, typer.Option("--evidence", "--mandate-evidence", help="Where the mandate is filed; sealed.")
    ] = None,
    deliver_to: Annotated[Party, typer.Option(help="Whom the mandate has the answer go to.")] = Party.PERSON,
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Take a request in; its deadline starts."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        who = person(registry, email, user_id, reference)
        if language is not None and language not in LANGUAGES:
            raise InvalidInput(f"letters are written in one of {', '.join(LANGUAGES)}", pointer="--language")
        claim, of_agents = None, (agent_email, mandate, mandate_until, evidence)
        if agent is None and (deliver_to is not Party.PERSON or any(one is not None for one in of_agents)):
            raise InvalidInput("these options are of an agent, and none is named", hint="name the agent with --agent")
        if agent is not None:
            until = _moment(mandate_until, "--mandate-until")
            claim = Claim(Agent(agent, email=agent_email, evidence=evidence), mandate, until, deliver_to)
        wish = Wish(
            kind, who, jurisdiction=jurisdiction, claim=claim, received_at=_moment(received, "--received"),
            details={"purposes": purposes or [], "traits": dict(map(_correction, corrections or ()))}, reference=number,
            language=language,
        )  # fmt: skip
        row, _ = intake.take(registry.deployment, opened, wish, actor=f"person:{officer}")
    answer_with(row, as_json=as_json)


@app.command("verify")
def verify_request(
    request_id: RequestIdText,
    seen: WhatWasSeen = None,
    code: Annotated[str | None, typer.Option(help="The code that the person was sent.")] = None,
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Record a proof of who asks: an officer's check, or the code that the person was sent."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        identity, actor = request_id_of(request_id), f"person:{officer}"
        if code is not None:
            row = proving.by_code(registry.deployment, opened, identity, code.replace(" ", ""), actor=actor)
        else:
            row = proving.by_officer(registry.deployment, opened, identity, seen or (), actor=actor)
        standing = proofs.standing(registry.deployment, opened, identity)
    _standing(standing, as_json=as_json)
    answer_with(row, as_json=as_json)


@app.command("challenge")
def ask_for_proof(
    request_id: RequestIdText,
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Send the person a code and a link, if there is a mailbox."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        row = proving.ask(registry.deployment, opened, request_id_of(request_id), actor=f"person:{officer}")
        letters.send_due(registry.deployment, opened)
    answer_with(row, as_json=as_json)


@app.command("mandate")
def check_mandate(
    request_id: RequestIdText,
    accept: Annotated[bool, typer.Option("--accept/--reject", help="Whether the agent may act for the person.")],
    seen: WhatWasSeen = None,
    reason: Why = None,
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Record the check of an agent's mandate; a rejected one refuses the request."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        row = proofs.check_mandate(
            registry.deployment, opened, request_id_of(request_id), accepted=accept, seen=seen or (), words=reason,
            actor=f"person:{officer}",
        )  # fmt: skip
        standing = proofs.standing(registry.deployment, opened, request_id_of(request_id))
    _standing(standing, as_json=as_json)
    answer_with(row, as_json=as_json)


def _told(name: Move, summary: str) -> None:
    @app.command(name.value, help=summary)
    def moved(
        request_id: RequestIdText,
        reason: Why = None,
        officer: Officer = "operator",
        data_dir: DataDir = None,
        workspace: WorkspaceOption = None,
        as_json: AsJson = False,
    ) -> None:
        with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
            row = lifecycle.move_request(
                registry.deployment, opened, request_id_of(request_id), name, actor=f"person:{officer}", reason=reason
            )
        answer_with(row, as_json=as_json)


_told(Move.PAUSE, "Stop the clock while it is not clear who asks; whoever asked is told why, where there is a mailbox.")
_told(Move.CANCEL, "Cancel a request; one that was begun, and that nobody can read any more, with a reason.")
_told(Move.REFUSE, "Refuse a request; whoever asked is told why, where there is a mailbox.")


@app.command("acknowledge")
def acknowledge_request(
    request_id: RequestIdText,
    channel: Annotated[str, typer.Option(help="How whoever asked was told.")] = "letter",
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Record that whoever asked was told that the request came."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        row = moves.acknowledge(
            registry.deployment, opened, request_id_of(request_id), channel=channel, actor=f"person:{officer}"
        )
    answer_with(row, as_json=as_json)


@app.command("letters")
def list_letters(
    request_id: RequestIdText, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False
) -> None:
    """List the letters about a request, and what became of each; never where they went."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        row, _events = lifecycle.get(registry.deployment, opened, request_id_of(request_id))
        found = letters.told(registry.deployment, opened, row)
    shown = table("letter", "to", "written", "what became of it")
    for one in found:
        shown.add_row(str(one["notice"]), str(one["to"]), str(one["written_at"])[:19], str(one["outcome"]))
    answer({"letters": found}, as_json=as_json, text=shown)


@app.command("import")
def import_requests(
    file: Annotated[Path, typer.Argument(help="A .csv or .jsonl file (also .gz), a request a row.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would become of the rows.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="JSON Lines: each row and what became of it; no values.")
    ] = None,
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Open a request for each row; the same file again opens nothing twice. Exit code 1 if a row could not be read."""
    faulty: list[bulk.Told] = []
    seen: Counter[str] = Counter()
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _), ExitStack() as stack:
        require_another(report, file)
        rows = bulk.read(of_file(file, delimiter=",", encoding="utf-8", check=check_columns)[0])
        lines = stack.enter_context(report.open("w", buffering=1, encoding="utf-8")) if report is not None else None

        def note(told: bulk.Told) -> None:
            seen.update(f"{fault.column}: {fault.expected}".strip(": ") for fault in told.faults)
            if told.faults and len(faulty) < SHOWN:
                faulty.append(told)
            if lines is not None:
                lines.write(json.dumps(told.as_json()) + "\n")

        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        shown = stack.enter_context(Progress(*columns, console=err, transient=True, disable=not err.is_terminal))
        task = shown.add_task("opening", total=len(rows))

        def tell(done: int) -> None:
            shown.update(task, description=f"{done:,} rows", completed=done)

        told = bulk.take(
            registry.deployment, opened, rows, actor=f"person:{officer}", dry_run=dry_run, report=note, progress=tell
        )
    _imported(told, faulty, seen, as_json=as_json)
    if told["invalid"] or told["unreadable"]:
        raise typer.Exit(Exit.NO)  # somebody asked for something, and no request stands for it


def _imported(told: dict[str, Any], faulty: list[bulk.Told], seen: Counter[str], *, as_json: bool) -> None:
    if as_json:
        answer(told | {"faults": dict(seen.most_common()), "first": [one.as_json() for one in faulty]}, as_json=True)
        return
    word = "Would be opened" if told["dry_run"] else "Opened"
    out.print(f"{told['rows']:,} rows. {word}: [bold]{told['opened']:,}[/]")
    for name in ("refused", "already", "invalid", "unreadable"):
        if told[name]:
            out.print(f"  {told[name]:,} {name}")
    for one in faulty:
        for fault in one.faults:
            where = f"{fault.column}: " if fault.column else ""
            out.print(f"[yellow]row {one.row}[/] {one.outcome}: {where}{escape(fault.expected)}", soft_wrap=True)
    if told["invalid"] or told["unreadable"]:
        out.print("[dim]Next:[/] mend these rows and import the file again: what was opened is not opened twice.")
    elif not told["dry_run"]:
        out.print("[dim]Next:[/] registry dsr list")


def _standing(standing: dict[str, Any], *, as_json: bool) -> None:
    """Say what a request still lacks to be verified."""
    if not as_json and standing["missing"]:
        words = {
            "proof": f"a proof for the level {standing['level']}: {standing['needs']} of {', '.join(standing['by'])}",
            "mandate": "the check of the mandate: registry dsr mandate --accept, or --reject",
            "person": "the person's own confirmation: registry dsr challenge",
        }
        for name in standing["missing"]:
            out.print(f"[yellow]Missing:[/] {words[name]}", soft_wrap=True)


def _moment(text: str | None, option: str) -> Micros | None:
    found = parse_rfc3339(text) if text is not None else None
    if text is not None and found is None:
        raise InvalidInput(f"{option} is not an RFC 3339 time")
    return found


def _correction(text: str) -> tuple[str, object]:
    trait, separator, value = text.partition("=")
    if not trait.rstrip(":") or not separator:
        raise InvalidInput("--set takes TRAIT=TEXT or TRAIT:=JSON")
    if not trait.endswith(":"):
        return trait, value
    try:
        return trait[:-1], orjson.loads(value)
    except orjson.JSONDecodeError:
        raise InvalidInput("the value after := is not JSON") from None
