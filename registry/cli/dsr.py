"""`dsr`: data subject requests from intake to certificate."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from registry.cli.certificates import CERTIFICATES, shortened, write_certificate
from registry.cli.files import PRIVATE, require_absent, written_whole
from registry.cli.officers import Because, NotAwaited, Officer
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, out, session, table
from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.declarations import DECLARED
from registry.dsr.plan import plan_json
from registry.dsr.requests import EFFECTS, Effect, Kind, Move
from registry.flows.dsr import (
    beside,
    export,
    going_without,
    letters,
    lifecycle,
    mailing,
    moves,
    planning,
    reference,
    sla,
)
from registry.flows.dsr.package import links
from registry.flows.dsr.waiting import wait_of
from registry.keys.parcels import Lock
from registry.model.clock import parse_rfc3339, rfc3339
from registry.model.errors import InvalidInput, NotFound
from registry.model.ids import ProfileId, RequestId, parse_id, text_id
from registry.model.stored import StoredRequest

app = typer.Typer(no_args_is_help=True, help="Data subject requests, from intake to certificate.")


def add_to(parent: typer.Typer) -> None:
    """Add this group to the command line."""
    import_module("registry.cli.intake")  # its commands are of this group, too
    parent.add_typer(app, name="dsr")


RequestIdText = Annotated[str, typer.Argument(help="The request's id.")]


@app.command("sla")
def deadline_report(
    days: Annotated[int, typer.Option(min=1, max=3660, help="Requests of so many days; open ones always.")] = 365,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Report how requests fare against their deadlines, by jurisdiction and kind."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        found = sla.fared(registry.deployment, opened, days=days)
    columns = ("open", "due", "overdue", "completed", "in_time", "late", "extended", "days_p50", "days_p95")
    shown = table("", *(name.replace("_", " ") for name in columns), whole="")
    rows = {"all": found["all"]} | found["by_jurisdiction"] | found["by_kind"]
    for name, counts in rows.items():
        shown.add_row(name, *("-" if counts[column] is None else str(counts[column]) for column in columns))
    answer(found, as_json=as_json, text=shown)


@app.command("list")
def list_requests(
    limit: Annotated[int, typer.Option(help="How many to list.")] = 50,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """List the requests, newest first."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        rows = lifecycle.listed(registry.deployment, opened, limit, None)
        day = registry.deployment.policies.jurisdictions.day
    shown = table("request", "kind", "state", "received", "respond by", "can be", whole="request")
    for row in rows:
        view = view_of(row)
        can = ", ".join(view["allowed"])
        days = (day(row.jurisdiction, at) for at in (row.received_at, row.respond_by))
        shown.add_row(view["request_id"], row.kind, row.state, *days, can)
    answer({"requests": [view_of(row) for row in rows]}, as_json=as_json, text=shown)


@app.command("show")
def show_request(
    request_id: RequestIdText, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False
) -> None:
    """Show one request with its history."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        row, events = lifecycle.get(registry.deployment, opened, request_id_of(request_id))
    history = [
        {"at": rfc3339(e.happened_at), "action": e.action, "state": e.state, "actor": e.actor}
        | ({"details": orjson.loads(e.details)} if e.details else {})
        for e in events
    ]
    view = view_of(row)
    shown = view if as_json else shortened(view, f"registry dsr export {view['request_id']}")
    answer(shown | {"events": history}, as_json=as_json)


def _move(name: Move, summary: str) -> None:
    @app.command(name.value, help=summary)
    def moved(
        request_id: RequestIdText,
        officer: Officer = "operator",
        data_dir: DataDir = None,
        workspace: WorkspaceOption = None,
        as_json: AsJson = False,
    ) -> None:
        with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
            row = lifecycle.move_request(
                registry.deployment, opened, request_id_of(request_id), name, actor=f"person:{officer}"
            )
        answer_with(row, as_json=as_json)


_move(Move.APPROVE, "Approve a verified request.")
_move(Move.RESUME, "Let the clock run again.")


@app.command("extend")
def extend_request(
    request_id: RequestIdText,
    reason: Annotated[str, typer.Option(help="Why, about the request and not about the person: kept in the clear.")],
    channel: Annotated[str, typer.Option(help="How the person was told.")] = "letter",
    notified: Annotated[str | None, typer.Option(help="When, RFC 3339; now if absent.")] = None,
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Put the answer off by what the law allows; that the person was told is recorded."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        notified_at = parse_rfc3339(notified) if notified else None
        if notified and notified_at is None:
            raise InvalidInput("--notified is not an RFC 3339 time")
        row = moves.extend(
            registry.deployment, opened, request_id_of(request_id), reason=reason, channel=channel,
            notified_at=notified_at, actor=f"person:{officer}",
        )  # fmt: skip
    answer_with(row, as_json=as_json)


@app.command("override")
def override_system(
    request_id: RequestIdText,
    system: NotAwaited,
    reason: Because,
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Decide, on the record, that a waiting request ends without a system, or an erasure reads no more than it can."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        given = registry.deployment, opened, request_id_of(request_id)
        row = going_without.override(*given, system, reason=reason, actor=f"person:{officer}")
    answer_with(row, as_json=as_json)


@app.command("apart")
def set_apart(
    request_id: RequestIdText,
    profile: Annotated[str, typer.Option(help="The other profile, as the request's plan names it.")],
    reason: Because,
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Decide, on the record, that a profile under what systems outside know the person by is not part of a request."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        given = registry.deployment, opened, request_id_of(request_id), ProfileId(parse_id(profile, "profile"))
        row = beside.set_apart(*given, reason=reason, actor=f"person:{officer}")
    answer_with(row, as_json=as_json)


@app.command("plan")
def plan_request(
    request_id: RequestIdText, data_dir: DataDir = None, workspace: WorkspaceOption = None, as_json: AsJson = False
) -> None:
    """Show what a request will do with every field, before anything is touched."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        plan = planning.plan_of(registry.deployment, opened, request_id_of(request_id))
    shown = table("system", "table", "rows", "exported", "erased", "retained")
    for system in plan.systems:
        for name in sorted({account.table for account in system.accounts}):
            of_table = [account for account in system.accounts if account.table == name]
            told = [
                _planned([account for account in of_table if account.disposition is disposition])
                for disposition in (Disposition.EXPORTED, Disposition.ERASED, Disposition.RETAINED)
            ]
            shown.add_row(system.system, name, str(of_table[0].rows), *told)
        for name, rows in sorted(system.others.items()):
            shown.add_row(system.system, name, str(rows), "", "", f"{rows} rows of others, who share an identifier")
        for name in dict.fromkeys(place for place, _ in system.undecided):
            fields = ", ".join(field for place, field in system.undecided if place == name)
            shown.add_row(system.system, name, "", "", "", f"nobody has decided on: {fields}")
        if system.unreachable is not None:
            shown.add_row(system.system, "", "", "", "", f"not reached: {system.unreachable}")
    if not plan.is_complete:
        shown.caption = (
            "It cannot be approved before every system answers, and somebody has decided on all that is open."
        )
    answer(plan_json(plan, DECLARED), as_json=as_json, text=shown)
    if plan.beside and not as_json:
        out.print(
            f"Not part of it: {len(plan.beside)} other profile(s) here, under what systems outside know the person by: "
            f"{', '.join(plan.beside)}. Nothing is approved before it is decided whose they are: {beside.UNDECIDED}",
            soft_wrap=True,
        )
    if plan.retained and not as_json:
        kept = table("set aside first", "ground", "purpose", "what", "values, at most", "until")
        for case in plan.retained:
            ends = "its release" if case["because"] == "hold" else "its days are over"
            what = ", ".join(case["categories"]) or "everything"
            row = (case["because"], case["ground"], case["purpose"], what, case["items"], case["until"] or ends)
            kept.add_row(*map(str, row))
        out.print(kept)


def _planned(accounts: Iterable[FieldAccount]) -> str:
    """Fields by the ground on which they are kept, or by where they are emptied besides the person's own rows."""
    by_ground: dict[str | None, list[str]] = {}
    for account in accounts:
        by_ground.setdefault(account.ground, []).append(account.field)
    return "; ".join(", ".join(names) + (f" ({ground})" if ground else "") for ground, names in by_ground.items())


@app.command("run")
def run_request(
    request_id: RequestIdText,
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Do what an approved request asks for; one that was interrupted goes on."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        row = lifecycle.run(registry.deployment, opened, request_id_of(request_id), actor=f"person:{officer}")
    answer_with(row, as_json=as_json)


@app.command("link")
def link_package(
    request_id: RequestIdText,
    days: Annotated[int, typer.Option(help=f"How long it leads there, {links.MOST_DAYS} at most.")] = links.DAYS,
    fetches: Annotated[int, typer.Option(help=f"How often, {links.MOST_FETCHES} at most.")] = links.FETCHES,
    by_letter: Annotated[
        bool, typer.Option("--mail", help="Send it to the mailbox known to be the person's; it is not shown.")
    ] = False,
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Make a link by which the requester, and nobody else, fetches the package; shown once, each fetch logged."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        given = registry.deployment, opened, request_id_of(request_id)
        if by_letter:
            to = mailing.mail(*given, actor=f"person:{officer}", days=days, fetches=fetches)
            letters.send_due(registry.deployment, opened)
            answer({"to": to.value}, as_json=as_json)
            return
        made = links.make(*given, actor=f"person:{officer}", days=days, fetches=fetches)
        base = registry.deployment.public_url or f"http://{registry.settings.host}:{registry.settings.port}"
    url = base + links.path_of(opened, made.token)
    told = {"url": url, "expires_at": rfc3339(made.expires_at), "fetches": made.fetches}
    if as_json:
        answer(told, as_json=True)
        return
    out.print(url, soft_wrap=True, highlight=False)
    times = "once" if made.fetches == 1 else f"{made.fetches} times"
    out.print(f"[dim]Leads there {times}, until {rfc3339(made.expires_at)[:16]}Z. Tell it to the requester.[/]")


@app.command("export")
def export_package(
    request_id: RequestIdText,
    to: Annotated[Path, typer.Option("--to", help="The package; as .jwt, .json or .html the certificate.")],
    recipients: Annotated[
        list[str] | None, typer.Option("--recipient", help="A public key of age or SSH: writes an age file.")
    ] = None,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for a password, of a ZIP that common programs open.")
    ] = False,
    officer: Officer = "operator",
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Write the package of an access request, locked if you like, or the certificate of any completed one."""
    asked = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True) if password else None
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        lock = Lock(asked, tuple(recipients or ()))
        row, _events = lifecycle.get(registry.deployment, opened, request_id_of(request_id))
        require_absent(to)
        if to.suffix.lower() in CERTIFICATES:
            if row.certificate is None:
                raise NotFound("the request has no certificate yet", hint="it is certified when it is completed")
            write_certificate(registry.deployment, opened, row.certificate, to)
        else:
            reference.scope_of(registry.deployment, opened, row)
            with written_whole(to, PRIVATE) as stream:
                export.write_package(registry.deployment, opened, row, stream, actor=f"person:{officer}", lock=lock)
    answer({"written": str(to), "bytes": to.stat().st_size}, as_json=as_json, text=f"Written: {to}")


def request_id_of(text: str) -> RequestId:
    """The id of a request that a command was given.

    Raises:
        InvalidInput: it is no UUID.
    """
    return RequestId(parse_id(text, "request_id"))


def view_of(row: StoredRequest) -> dict[str, Any]:
    """A request as commands show it."""
    return {
        "request_id": text_id(row.request_id),
        "kind": row.kind,
        "state": row.state,
        "allowed": moves.possible(row),
        "received_at": rfc3339(row.received_at),
        "respond_by": rfc3339(row.respond_by),
        "counts": orjson.loads(row.progress).get("counts", {}),
        "reason": row.reason,
        "waiting": wait_of(row),
        "mandate": row.mandate,
        "deliver_to": row.deliver_to,
        "certificate": row.certificate,
    }


def answer_with(row: StoredRequest, *, as_json: bool) -> None:
    """Say where a request stands, and what comes next."""
    view = view_of(row)
    if as_json:
        answer(view, as_json=True)
        return
    out.print(f"[bold]{row.kind}[/] request {view['request_id']} is [bold]{row.state}[/].", soft_wrap=True)
    if waits := view["waiting"]:
        told = f"It waits for {waits['system']}, since {waits['since']}: {waits['cause']}"
        out.print(f"{told}; {waits['hint']}" if waits["hint"] else told, soft_wrap=True, markup=False)
    if view["allowed"]:
        out.print(f"[dim]Next:[/] registry dsr {view['allowed'][0]} {view['request_id']}", soft_wrap=True)
    elif row.certificate is not None:
        file = "package.zip" if EFFECTS[Kind(row.kind)] is Effect.GIVE else "certificate.html"
        out.print(f"[dim]Next:[/] registry dsr export {view['request_id']} --to {file}", soft_wrap=True)
