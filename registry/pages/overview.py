"""The console's first page: what waits for whom, what came in lately, and whether everything works."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from registry.access.policy import Action
from registry.flows import console
from registry.pages.charts import deadlines, draw_days, draw_deadlines
from registry.pages.officers import Visit, officers
from registry.pages.site import redirect

NEXT = 8
"""Requests that the first page lists: those to be answered first."""


@officers(None)
def overview(visit: Visit) -> Response:
    """`GET /console/`."""
    if not visit.may(Action.DSR_READ):
        return visit.page("welcome.html")
    seen = console.overview(visit.deployment, visit.workspace)
    days = [(number, good, bad) for number, (good, bad) in seen.by_day.items() if good or bad]
    pausing = visit.deployment.policies.jurisdictions.pausing
    return visit.page(
        "overview.html",
        seen=seen,
        due=deadlines(seen.waiting, seen.now, pausing),
        pausing=pausing,
        next_due=seen.waiting[:NEXT],
        days=days,
        accepted=sum(good for _, good, _ in days),
        rejected=sum(bad for _, _, bad in days),
        span=console.DAYS,
    )


@officers(Action.DSR_READ)
def deadline_chart(visit: Visit) -> Response:
    """`GET /console/charts/deadlines.svg`."""
    seen = console.overview(visit.deployment, visit.workspace)
    return draw_deadlines(deadlines(seen.waiting, seen.now, visit.deployment.policies.jurisdictions.pausing))


@officers(Action.DSR_READ)
def message_chart(visit: Visit) -> Response:
    """`GET /console/charts/messages.svg`."""
    return draw_days(console.overview(visit.deployment, visit.workspace).by_day)


@officers(None)
def home(_visit: Visit) -> Response:
    """`GET /console`: to its first page."""
    return redirect("/console/")


ROUTES = [
    Route("/console", home),
    Route("/console/", overview),
    Route("/console/charts/deadlines.svg", deadline_chart),
    Route("/console/charts/messages.svg", message_chart),
]
