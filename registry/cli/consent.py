"""`consent`: ask, record, recount."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from registry.api.tags import JURISDICTION
from registry.cli.exits import Exit
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, session, table
from registry.cli.subjects import Email, Reference, UserId, person
from registry.consent.explain import PART_SENTENCES
from registry.consent.records import ConsentStatus
from registry.flows.consent import asking_again, checks, explaining, ledger, permitted
from registry.model.clock import Micros, parse_rfc3339, rfc3339
from registry.model.errors import InvalidInput
from registry.model.ids import text_id

app = typer.Typer(no_args_is_help=True, help="Ask, record and recount consent.")


def add_to(parent: typer.Typer) -> None:
    """Add this group to the command line."""
    parent.add_typer(app, name="consent")


Purpose = Annotated[str, typer.Option("--purpose", help="A purpose of purposes.yaml.")]
Categories = Annotated[list[str] | None, typer.Option("--category", help="A category of data to be used.")]
Place = Annotated[str | None, typer.Option("--jurisdiction", help="Where the person is, ISO 3166, if you know.")]


class Said(StrEnum):
    """What a person may be recorded to have said of a purpose."""

    GRANTED = ConsentStatus.GRANTED.value
    DENIED = ConsentStatus.DENIED.value
    WITHDRAWN = ConsentStatus.WITHDRAWN.value
    EXPIRED = ConsentStatus.EXPIRED.value
    OBJECTED = ConsentStatus.OBJECTED.value


def _moment(text: str | None, option: str) -> Micros | None:
    moment = parse_rfc3339(text) if text is not None else None
    if text is not None and moment is None:
        raise InvalidInput(f"{option} is not an RFC 3339 time")
    return moment


def _place(text: str | None) -> str | None:
    if text is not None and re.fullmatch(JURISDICTION, text) is None:
        raise InvalidInput("--jurisdiction is no code of ISO 3166-1 or -2, as DE or US-CA")
    return text


@app.command()
def check(
    purpose: Purpose,
    email: Email = None,
    user_id: UserId = None,
    reference: Reference = None,
    categories: Categories = None,
    at: Annotated[str | None, typer.Option(help="A past moment, RFC 3339.")] = None,
    jurisdiction: Place = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """May this person's data be used for this purpose? Exits 1 when the answer is no."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        who = person(registry, email, user_id, reference)
        decision = checks.check(
            registry.deployment, opened, who, purpose, frozenset(categories or ()),
            at=_moment(at, "--at"), jurisdiction=_place(jurisdiction),
        )  # fmt: skip
    value = {
        "allowed": decision.allowed,
        "reason": decision.reason.value,
        "sentence": decision.sentence,
        "purpose": purpose,
        "lawful_basis": decision.lawful_basis,
        "record_id": text_id(decision.record_id) if decision.record_id else None,
        "valid_until": rfc3339(decision.valid_until) if decision.valid_until is not None else None,
        "policy_version": decision.policy_version,
    }
    word = ("yes", "bold green") if decision.allowed else ("no", "bold red")
    answer(value, as_json=as_json, text=Text.assemble(word, f"  {decision.sentence} ({decision.reason.value})"))
    if not decision.allowed:
        raise typer.Exit(Exit.NO)


@app.command()
def explain(
    purpose: Purpose,
    email: Email = None,
    user_id: UserId = None,
    reference: Reference = None,
    categories: Categories = None,
    jurisdiction: Place = None,
    at: Annotated[str | None, typer.Option(help="As of this moment, RFC 3339; now if absent.")] = None,
    known_at: Annotated[str | None, typer.Option(help="By what had been recorded at this moment, RFC 3339.")] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Why is the answer what it is? Which record decided, and why each of the others did not."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        who = person(registry, email, user_id, reference)
        told = explaining.explain(
            registry.deployment, opened, who, purpose, frozenset(categories or ()),
            at=_moment(at, "--at"), known_at=_moment(known_at, "--known-at"), jurisdiction=_place(jurisdiction),
        )  # fmt: skip
    shown = table("when", "recorded", "what", "how", "its part")
    listed = []
    for row, part in told.records:
        times = rfc3339(row.acted_at), rfc3339(row.recorded_at)
        what = row.status if row.purpose == purpose else f"{row.status} ({row.purpose})"
        shown.add_row(times[0][:19], times[1][:19], what, row.channel, PART_SENTENCES[part])
        record = {"record_id": text_id(row.record_id), "purpose": row.purpose, "status": row.status}
        listed.append(record | {"acted_at": times[0], "recorded_at": times[1], "part": part.value})
    decision = told.decision
    value = {"allowed": decision.allowed, "reason": decision.reason.value, "at": rfc3339(told.at), "records": listed}
    shown.title = f"{'yes' if decision.allowed else 'no'}: {decision.sentence}"
    answer(value, as_json=as_json, text=shown)


@app.command()
def record(
    purpose: Purpose,
    status: Annotated[Said, typer.Option(help="What the person decided.")],
    email: Email = None,
    user_id: UserId = None,
    reference: Reference = None,
    at: Annotated[str | None, typer.Option(help="When they said it, RFC 3339; now if absent.")] = None,
    age_at_least: Annotated[
        int | None, typer.Option(min=0, max=150, help="The age that was shown or declared with it, in years.")
    ] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Record a grant, a refusal or a withdrawal; prints the signed receipt."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, operator):
        who = person(registry, email, user_id, reference)
        act = ledger.Act(
            purpose, ConsentStatus(status), _moment(at, "--at"), channel="officer", age_at_least=age_at_least
        )
        [(row, receipt)] = ledger.record(registry.deployment, opened, who, [act], actor=operator.actor)
    value = {"record_id": text_id(row.record_id), "status": row.status, "purpose": purpose, "receipt": receipt}
    answer(value, as_json=as_json)


@app.command()
def outdated(
    purpose: Purpose,
    listed: Annotated[bool, typer.Option("--list", help="Name the profiles, too.")] = False,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Who is to be asked again, since the purpose was changed in substance after they agreed."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, operator):
        permitted.record_listing(registry.deployment, opened, purpose, actor=operator.actor)
        found = [text_id(one) for one in asking_again.outdated(registry.deployment, opened, purpose)]
        since = registry.deployment.policies.purposes.purpose(purpose).material_since
    value: dict[str, object] = {
        "purpose": purpose,
        "count": len(found),
        "material_since": rfc3339(since) if since else None,
    }
    if listed:
        value["profiles"] = found
    answer(
        value,
        as_json=as_json,
        text="\n".join([f"{len(found)} to be asked again for {purpose}", *(found if listed else [])]),
    )


@app.command()
def unrestrict(
    email: Email = None,
    user_id: UserId = None,
    reference: Reference = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """End a restriction of processing (GDPR Art. 18); tell the person before you do."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, operator):
        who = person(registry, email, user_id, reference)
        fragments = ledger.lift_restriction(registry.deployment, opened, who, actor=operator.actor)
    answer({"lifted": True, "fragments": fragments}, as_json=as_json)


@app.command()
def history(
    email: Email = None,
    user_id: UserId = None,
    reference: Reference = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Every record of a person, in the order of the acts."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        rows = ledger.history(registry.deployment, opened, person(registry, email, user_id, reference))
    shown = table("when", "purpose", "what", "how", "source")
    for row in rows:
        shown.add_row(rfc3339(row.acted_at)[:19], row.purpose, row.status, row.channel, row.source_name)
    listed = [
        {
            "record_id": text_id(row.record_id),
            "purpose": row.purpose,
            "status": row.status,
            "acted_at": rfc3339(row.acted_at),
            "recorded_at": rfc3339(row.recorded_at),
            "channel": row.channel,
            "source": row.source_name,
        }
        for row in rows
    ]
    answer({"records": listed}, as_json=as_json, text=shown)
