"""Looking a person up for a stated purpose: the view, the timeline and the consent history.

The identifier comes in the body of a POST; from then on the address holds the opaque profile id.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from registry.access.policy import Action
from registry.flows import console
from registry.flows.identity.subjects import subject
from registry.flows.profiles import read
from registry.flows.stewards import explain
from registry.model.errors import InvalidInput, NotFound, PurposeDenied
from registry.model.ids import EventId, ProfileId, parse_id, text_id
from registry.pages.officers import Visit, officers
from registry.pages.site import CHART_POLICY, HEADERS, redirect

PAGE = 25


@officers(Action.PROFILES_READ)
def look_up(visit: Visit) -> Response:
    """`GET` and `POST /console/profiles`: whom, and for what."""
    if visit.request.method != "POST":
        return _form(visit)
    kind, purpose = visit.form.text("kind", most=64), visit.form.text("purpose", most=64)
    try:
        person = subject(visit.deployment.policies.identity, kind, visit.form.text("value"))
        profile_id = console.find_profile(visit.deployment, visit.workspace, visit.principal, person, purpose)
    except (InvalidInput, NotFound) as error:
        return _form(visit, 404 if isinstance(error, NotFound) else 400, error=error, kind=kind, purpose=purpose)
    return redirect(f"/console/profiles/{text_id(profile_id)}?purpose={purpose}")


@officers(Action.PROFILES_READ)
def profile(visit: Visit) -> Response:
    """`GET /console/profiles/{profile_id}?purpose=…`: what the purpose may see."""
    profile_id = ProfileId(parse_id(visit.request.path_params["profile_id"], "profile_id"))
    purpose, cursor = visit.query("purpose") or "", visit.query("cursor")
    before = EventId(parse_id(cursor, "cursor")) if cursor is not None else None
    given = (visit.deployment, visit.workspace, visit.principal, profile_id, purpose)
    try:
        view = read.view(*given)
        timeline = read.timeline(*given, limit=PAGE, before=before)
    except PurposeDenied as error:
        return visit.page("profile-denied.html", 403, error=error, purpose=purpose)
    history = []
    if visit.may(Action.CONSENT_HISTORY):
        history = console.consent_history(visit.deployment, visit.workspace, profile_id)
    return visit.page(
        "profile.html", view=view, timeline=timeline, history=history, purpose=purpose, cursor=cursor,
        titles=_titles(visit),
    )  # fmt: skip


@officers(Action.PROFILES_EXPLAIN)
def graph(visit: Visit) -> Response:
    """`GET /console/profiles/{profile_id}/graph.svg?purpose=…`: why the identifiers are one person, drawn."""
    profile_id = ProfileId(parse_id(visit.request.path_params["profile_id"], "profile_id"))
    given = (visit.deployment, visit.workspace, visit.principal, profile_id, visit.query("purpose") or "")
    drawn = explain.picture(explain.graph(*given), list(visit.deployment.policies.identity.kinds))
    headers = HEADERS | {"Content-Security-Policy": CHART_POLICY}
    return Response(drawn, 200, headers, media_type="image/svg+xml")


def _form(visit: Visit, status: int = 200, **values: Any) -> Response:
    titles = _titles(visit)
    mine = [(name, title) for name, title in titles.items() if name in visit.principal.purposes]
    shown = {"error": None, "kind": "email", "purpose": ""} | values
    return visit.page("look-up.html", status, kinds=visit.deployment.policies.identity.kinds, mine=mine, **shown)


def _titles(visit: Visit) -> dict[str, str]:
    catalogue = visit.deployment.policies.purposes
    return {name: catalogue.title_of(name, "en") for name in catalogue.purposes}


ROUTES = [
    Route("/console/profiles", look_up, methods=["GET", "POST"]),
    Route("/console/profiles/{profile_id}", profile),
    Route("/console/profiles/{profile_id}/graph.svg", graph),
]
