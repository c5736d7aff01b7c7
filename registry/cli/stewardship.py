"""`profiles explain|unmerge|merge|merges|graph`: why identifiers are one person, and what to do when they are not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from registry.bootstrap import Registry
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, out, session, table
from registry.cli.subjects import Email, Reference, UserId, person
from registry.flows.identity.subjects import fragments_of, standing, subject
from registry.flows.stewards import deciding
from registry.flows.stewards import explain as explaining
from registry.flows.stewards import merges as listing
from registry.flows.workspace import OpenWorkspace
from registry.identity.links import Verdict
from registry.model.errors import InvalidInput, NotFound
from registry.model.ids import FragmentId, ProfileId, parse_id
from registry.model.message import Identifier

Purpose = Annotated[str, typer.Option("--purpose", help="What the data is read for.")]
Other = Annotated[str | None, typer.Option("--and", help="KIND=VALUE: the other identifier.", metavar="KIND=VALUE")]
ACTOR = "operator"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the group."""
    for command in (explain, unmerge, merge, merges, graph):
        app.command()(command)


def explain(
    purpose: Purpose,
    email: Email = None,
    user_id: UserId = None,
    reference: Reference = None,
    other: Other = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Say why identifiers are one person: the shortest path of links, each with source, message and time."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        one = person(registry, email, user_id, reference)
        profile_id, here = _found(registry, opened, one)
        ends = None
        if other is not None:
            there = _found(registry, opened, _reference(registry, other))
            if there[0] != profile_id:
                raise NotFound(
                    "these two are two people", hint="registry profiles merges --refused says what was refused"
                )
            ends = here, there[1]
        found: dict[str, Any] = explaining.explain(registry.deployment, opened, who, profile_id, purpose, ends=ends)
    if as_json:
        answer(found, as_json=True)
        return
    names = {row["fragment_id"]: f"{row['kind']} {row['value'] or '(not shown)'}" for row in found["identifiers"]}
    for path in found["paths"]:
        out.print(f"[bold]{escape(names[path['one']])}[/] and [bold]{escape(names[path['other']])}[/]")
        steps = table("link", "source", "message", "received")
        for link in path["links"]:
            for claim in link["claims"]:
                ends_of = f"{names[link['one']]} – {names[link['other']]}"
                cells = (ends_of, claim["source"], claim["message_id"] or claim["event_id"] or "", claim["received_at"])
                steps.add_row(*cells)
        out.print(steps)
    if not found["paths"]:
        out.print("One identifier, and nothing joined to it.")


def unmerge(
    email: Email = None,
    user_id: UserId = None,
    reference: Reference = None,
    other: Other = None,
    retract: Annotated[bool, typer.Option("--retract", help="Only this claim was wrong.")] = False,
    merge_id: Annotated[str | None, typer.Option("--merge-id", help="Undo this merge.")] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Take two identifiers apart, for good; each side gets back exactly what it had."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        deployment = registry.deployment
        profile_id, here = _found(registry, opened, person(registry, email, user_id, reference))
        if (other is None) == (merge_id is None):
            raise InvalidInput("say from whom", hint="use --and KIND=VALUE or --merge-id ID")
        if other is None:
            done = deciding.undo(deployment, opened, profile_id, parse_id(merge_id or "", "merge id"), actor=ACTOR)
        else:
            their_profile, there = _found(registry, opened, _reference(registry, other))
            verdict = Verdict.RETRACTED if retract else Verdict.APART
            if their_profile == profile_id:
                done = deciding.unmerge(deployment, opened, profile_id, (here, there), verdict, actor=ACTOR)
            else:
                done = deciding.decide(deployment, opened, (here, there), verdict, actor=ACTOR)
    _report(done, as_json=as_json)


def merge(
    other: Annotated[str, typer.Option("--and", help="KIND=VALUE: the other identifier.", metavar="KIND=VALUE")],
    email: Email = None,
    user_id: UserId = None,
    reference: Reference = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Join two people who are one, whatever the limits; `unmerge` takes it back."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        one = person(registry, email, user_id, reference)
        done = deciding.merge(registry.deployment, opened, one, _reference(registry, other), actor=ACTOR)
    _report(done, as_json=as_json)


def merges(
    email: Email = None,
    user_id: UserId = None,
    reference: Reference = None,
    refused: Annotated[bool, typer.Option("--refused", help="The inbox: what the rules did not join.")] = False,
    decisions: Annotated[bool, typer.Option("--decisions", help="What stewards decided.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=listing.PAGE_LIMIT, help="How many.")] = 50,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """List merges and splits: of one person, of everybody, those that were refused and why, or what was decided."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        deployment = registry.deployment
        found: dict[str, Any]
        if refused:
            found = listing.refused(deployment, opened, undecided=True, limit=limit, cursor=None)
        elif decisions:
            found = listing.decisions(deployment, opened, limit=limit, cursor=None)
        elif any((email, user_id, reference)):
            profile_id, _own = _found(registry, opened, person(registry, email, user_id, reference))
            found = {"merges": listing.of_profile(deployment, opened, profile_id)}
        else:
            found = listing.newest(deployment, opened, limit=limit, before=None)
    if as_json:
        answer(found, as_json=True)
    elif refused:
        _show_refused(found)
    elif decisions:
        decided = table("when", "one", "other", "verdict", "by")
        for row in found["decisions"]:
            ends = [f"{row[end]['kind']} {row[end]['fragment_id']}" for end in ("one", "other")]
            decided.add_row(row["decided_at"], *ends, row["verdict"], row["actor"])
        out.print(decided)
    else:
        moves = table("when", "what", "fragment", "from", "into", "source", "merge id")
        for row in found["merges"]:
            cells = (row["merged_at"], row["kind"], row["fragment_id"], row["from_profile"], row["into_profile"])
            moves.add_row(*cells, row["source"] or "a steward, or an erasure", row["merge_id"])
        out.print(moves)


def graph(
    purpose: Purpose,
    to: Annotated[Path, typer.Option("--out", help="The SVG file to write.")],
    email: Email = None,
    user_id: UserId = None,
    reference: Reference = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Draw a person's identity graph as SVG: identifiers, the links that join them, and what was refused."""
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        profile_id, _ = _found(registry, opened, person(registry, email, user_id, reference))
        found = explaining.graph(registry.deployment, opened, who, profile_id, purpose)
        drawn = explaining.picture(found, list(registry.deployment.policies.identity.kinds))
        to.touch(mode=0o600)  # it shows identifiers
        if to.is_file():  # one of an earlier time may be open to others
            to.chmod(0o600)
        to.write_text(drawn, encoding="utf-8")
    told = {
        "file": str(to),
        "identifiers": len(found.fragments),
        "links": len(found.claims),
        "refused": len(found.refused),
    }
    answer(told, as_json=as_json)


def _reference(registry: Registry, text: str) -> Identifier:
    kind, _, value = text.partition("=")
    return subject(registry.deployment.policies.identity, kind, value)


def _found(registry: Registry, opened: OpenWorkspace, who: Identifier) -> tuple[ProfileId, FragmentId]:
    """The profile and the fragment behind an identifier."""
    with registry.deployment.data.read(opened.workspace_id) as transaction:
        fragments = fragments_of(opened, transaction, who)
        index = standing(opened, transaction, [who])[who]
    own = [fragment for fragment in fragments if fragment.anchor == index]
    if not own:
        raise NotFound("nobody is known under this identifier")
    return own[0].profile_id, own[0].fragment_id


def _report(done: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        answer(done, as_json=True)
        return
    out.print(f"Decided: [bold]{done['verdict']}[/]. Those whom it touches are now:")
    people = table("profile", "identifiers, by fragment")
    for row in done["profiles"]:
        people.add_row(row["profile_id"], "\n".join(row["fragments"]))
    out.print(people)


def _show_refused(found: dict[str, Any]) -> None:
    waiting = table("when", "one", "other", "sources", "why not")
    for row in found["refused"]:
        ends = [f"{row[end]['kind']} {row[end]['fragment_id']}" for end in ("one", "other")]
        waiting.add_row(row["refused_at"], *ends, ", ".join(row["sources"]), row["sentence"])
    out.print(waiting)
    for alarm in found["runaways"]:
        out.print(
            f"[yellow]Joins nobody:[/] {alarm['kind']} {alarm['fragment_id']}, linked with {alarm['neighbours']} others"
        )
