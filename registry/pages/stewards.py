"""Stewards' pages: who may be one person and why, what the rules did not join, and what was decided.

People stand here as kinds and opaque ids; whoever may read for a purpose looks them up from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from registry.access.policy import Action
from registry.flows.stewards import deciding, merges, suggestions
from registry.identity.likeness import FEATURES, Agreement
from registry.identity.links import Verdict
from registry.identity.waterfall import waterfall
from registry.model.errors import Conflict, InvalidInput, NotFound
from registry.model.ids import FragmentId, parse_id
from registry.pages.officers import Visit, officers
from registry.pages.site import CHART_POLICY, HEADERS

PAGE = 25
VERDICTS = {"merge": Verdict.SAME, "keep_apart": Verdict.APART, "retract": Verdict.RETRACTED}


@officers(Action.PROFILES_EXPLAIN)
def inbox(visit: Visit) -> Response:
    """`GET /console/merges`: what waits for a steward, the alarm, what was decided, and the latest merges."""
    return _inbox(visit)


@officers(Action.PROFILES_MERGE, changes=True)
def decide(visit: Visit) -> Response:
    """`POST /console/merges`: a steward's word on two identifiers, in place of the rules' or of an earlier one."""
    try:
        ends = _ends(visit)
        verdict = VERDICTS.get(visit.form.text("decision", most=16))
        if verdict is None:
            raise InvalidInput("say what is decided", pointer="/decision")
        given = (visit.deployment, visit.workspace, ends)
        if verdict is Verdict.SAME and visit.form.text("from", most=16) == "decisions":
            done = deciding.accept(*given, actor=visit.principal.actor)
        else:
            done = deciding.decide(*given, verdict, actor=visit.principal.actor)
    except (Conflict, InvalidInput, NotFound) as error:
        return _inbox(visit, 404 if isinstance(error, NotFound) else 409, error=error)
    return _inbox(visit, done=done)


@officers(Action.PROFILES_MERGE)
def suggested(visit: Visit) -> Response:
    """`GET /console/suggestions`: likely duplicates, compared now for the purpose that is named."""
    return _suggested(visit, visit.query("purpose") or "")


@officers(Action.PROFILES_MERGE, changes=True)
def judge(visit: Visit) -> Response:
    """`POST /console/suggestions`: accept or reject one."""
    purpose = visit.form.text("purpose", most=64)
    try:
        given = (visit.deployment, visit.workspace, _ends(visit))
        if visit.form.text("decision", most=16) == "accept":
            done = deciding.accept(*given, actor=visit.principal.actor)
        else:
            done = deciding.decide(*given, Verdict.APART, actor=visit.principal.actor)
    except (Conflict, InvalidInput, NotFound) as error:
        return _suggested(visit, purpose, 404 if isinstance(error, NotFound) else 409, error=error)
    return _suggested(visit, purpose, done=done)


@officers(Action.PROFILES_MERGE)
def chart(visit: Visit) -> Response:
    """`GET /console/charts/suggestion.svg`: the waterfall of weights that the address holds; nobody is in it."""
    agreements = []
    for row in (visit.query("because") or "").split(",")[: len(FEATURES)]:
        feature, _, rest = row.partition(":")
        level, _, weight = rest.rpartition(":")
        if feature in FEATURES and level.replace(" ", "").isalpha() and len(level) <= 20:
            agreements.append(Agreement(feature, level, _bits(weight)))
    drawn = waterfall(_bits(visit.query("start") or "0"), agreements)
    headers = HEADERS | {"Content-Security-Policy": CHART_POLICY}
    return Response(drawn, 200, headers, media_type="image/svg+xml")


def _bits(text: str) -> float:
    try:
        return max(-1000.0, min(1000.0, float(text)))
    except ValueError:
        raise InvalidInput("a weight is a number", pointer="/because") from None


def _ends(visit: Visit) -> tuple[FragmentId, FragmentId]:
    one, other = (FragmentId(parse_id(visit.form.text(name, most=64), name)) for name in ("one", "other"))
    return one, other


def _inbox(visit: Visit, status: int = 200, **values: Any) -> Response:
    shown = {"error": None, "done": None} | values
    given, cursor = (visit.deployment, visit.workspace), visit.query("cursor")
    waiting = merges.refused(*given, undecided=True, limit=PAGE, cursor=cursor)
    decided = merges.decisions(*given, limit=PAGE, cursor=visit.query("decided"))
    latest = merges.newest(*given, limit=PAGE, before=None)
    return visit.page("merges.html", status, waiting=waiting, decided=decided, latest=latest, **shown)


def _suggested(visit: Visit, purpose: str, status: int = 200, **values: Any) -> Response:
    titles = {name: told.told_in("en")[0] for name, told in visit.deployment.policies.purposes.purposes.items()}
    mine = [(name, title) for name, title in titles.items() if name in visit.principal.purposes]
    shown: dict[str, Any] = {"error": None, "done": None} | values
    found = None
    if purpose:
        try:
            found = suggestions.suggest(visit.deployment, visit.workspace, visit.principal, purpose, limit=PAGE)
        except Conflict as error:
            status, shown["error"] = 409, error
    charts = [_chart_of(one) for one in found["suggestions"]] if found is not None else []
    return visit.page("suggestions.html", status, found=found, mine=mine, purpose=purpose, charts=charts, **shown)


def _chart_of(suggestion: Mapping[str, Any]) -> str:
    because = ",".join(f"{row['feature']}:{row['agreement']}:{row['weight']}" for row in suggestion["because"])
    return "/console/charts/suggestion.svg?" + urlencode({"start": suggestion["start"], "because": because})


ROUTES = [
    Route("/console/merges", inbox),
    Route("/console/merges", decide, methods=["POST"]),
    Route("/console/suggestions", suggested),
    Route("/console/suggestions", judge, methods=["POST"]),
    Route("/console/charts/suggestion.svg", chart),
]
