"""Data quality in the console: the four obstacles by source, each as a chart of days and a table."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from registry.access.policy import Action
from registry.flows.profiles import quality
from registry.model.errors import NotFound
from registry.pages.charts import draw_shares
from registry.pages.officers import Visit, officers
from registry.profiles.quality import Obstacle

DAYS = 90


@officers(Action.PROFILES_EXPLAIN)
def data_quality(visit: Visit) -> Response:
    """`GET /console/quality`."""
    found = quality.report(visit.deployment, visit.workspace, days=DAYS)
    return visit.page("quality.html", report=found, obstacles=[one.value for one in Obstacle], days=DAYS)


@officers(Action.PROFILES_EXPLAIN)
def chart(visit: Visit) -> Response:
    """`GET /console/charts/quality/{obstacle}.svg`: the shares of each source, day by day."""
    name = visit.request.path_params["obstacle"]
    if name not in set(Obstacle):
        raise NotFound("there is no such obstacle")
    found = quality.report(visit.deployment, visit.workspace, days=DAYS)
    shares = {
        one["source"]: {
            day["day"]: 100 * day["found"] / day["of"] for day in one["obstacles"][name]["trend"] if day["of"]
        }
        for one in found["sources"]
    }
    return draw_shares({source: days for source, days in shares.items() if days})


ROUTES = [
    Route("/console/quality", data_quality),
    Route("/console/charts/quality/{obstacle}.svg", chart),
]
