"""`profiles suggestions` and `profiles decide`: who may be one person, why, and a steward's word on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, out, session, table
from registry.flows.stewards import deciding
from registry.flows.stewards import suggestions as flow
from registry.identity.comparisons import ENGINES, settings
from registry.identity.likeness import Agreement
from registry.identity.links import Verdict
from registry.identity.waterfall import waterfall
from registry.model.errors import InvalidInput
from registry.model.ids import FragmentId, parse_id

ACTOR = "operator"
MOST = 200


class Word(StrEnum):
    """What a steward says of two identifiers."""

    MERGE = "merge"
    APART = "apart"
    RETRACT = "retract"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the group."""
    app.command()(suggestions)
    app.command()(decide)


def suggestions(
    purpose: Annotated[str, typer.Option("--purpose", help="What the data is read for.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST, help="How many.")] = 50,
    charts: Annotated[
        Path | None, typer.Option("--charts", help="A folder: a waterfall as SVG for each suggestion.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option("--settings", help="Print Splink's settings for duckdb or spark instead.")
    ] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """List people who may be one, likeliest first, with what speaks for and against each; needs Splink."""
    if engine is not None:
        chosen = next((one for one in ENGINES if one == engine), None)
        if chosen is None:
            raise typer.BadParameter(f"there are settings for {' and '.join(ENGINES)}")
        print(json.dumps(settings(chosen), indent=2))
        return
    if not purpose:
        raise typer.BadParameter("say what the data is read for: --purpose")
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, who):
        found: dict[str, Any] = flow.suggest(registry.deployment, opened, who, purpose, limit=limit)
    if charts is not None:
        charts.mkdir(parents=True, exist_ok=True)
        for number, one in enumerate(found["suggestions"], 1):
            (charts / f"suggestion-{number}.svg").write_text(waterfall(one["start"], agreements(one)), encoding="utf-8")
    if as_json:
        answer(found, as_json=True)
        return
    listed = table("one", "other", "probability", "", "because (bits)")
    for one in found["suggestions"]:
        ends = [f"{one[end]['kind']} {one[end]['fragment_id']}" for end in ("one", "other")]
        word = "certain" if one["certain"] else "household?" if one["household"] else ""
        listed.add_row(*ends, f"{one['probability']:.4f}", word, _because(one))
    out.print(listed)
    out.print(
        f"[dim]{found['looked_at']:,} people looked at. Decide: registry profiles decide merge|apart ONE OTHER[/]"
    )


def agreements(suggestion: Mapping[str, Any]) -> list[Agreement]:
    """A suggestion's features, as they were compared."""
    return [Agreement(row["feature"], row["agreement"], row["weight"]) for row in suggestion["because"]]


def decide(
    word: Annotated[Word, typer.Argument(help="One person; two people for good; or this claim was wrong.")],
    one: Annotated[str, typer.Argument(help="The fragment id of one identifier.")],
    other: Annotated[str, typer.Argument(help="The fragment id of the other.")],
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Decide on a suggestion or a refused merge, by the ids that list it; `unmerge` takes a merge back."""
    if one == other:
        raise InvalidInput("name two different fragment ids")
    with session(data_dir, workspace, as_json=as_json) as (registry, opened, _):
        ends = FragmentId(parse_id(one, "one")), FragmentId(parse_id(other, "other"))
        if word is Word.MERGE:
            done = deciding.accept(registry.deployment, opened, ends, actor=ACTOR)
        else:
            verdict = Verdict.APART if word is Word.APART else Verdict.RETRACTED
            done = deciding.decide(registry.deployment, opened, ends, verdict, actor=ACTOR)
    if as_json:
        answer(done, as_json=True)
    else:
        out.print(f"Decided: [bold]{done['verdict']}[/].")


def _because(suggestion: Mapping[str, Any]) -> str:
    rows = sorted(suggestion["because"], key=lambda row: -abs(row["weight"]))
    return ", ".join(f"{row['feature']} {row['agreement']} {row['weight']:+.1f}" for row in rows)
