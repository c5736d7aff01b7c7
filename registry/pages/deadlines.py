"""How requests fare against their deadlines, with charts; and how each law of the policy counts."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from registry.access.policy import Action
from registry.dsr.deadlines import Jurisdiction, Period
from registry.dsr.sla import GROUPS
from registry.flows.dsr import sla
from registry.model.errors import InvalidInput, NotFound
from registry.pages.charts import draw_answers, draw_times
from registry.pages.officers import Visit, officers

SPANS = {30: "30 days", 90: "90 days", 365: "a year", 3650: "ten years"}
USUAL = 365


@officers(Action.DSR_READ)
def deadlines(visit: Visit) -> Response:
    """`GET /console/deadlines`: open, due, overdue, in time and late, by kind and by law."""
    days = _days(visit)
    found = sla.fared(visit.deployment, visit.workspace, days=days)
    every = found["all"]
    share = every["in_time"] / every["completed"] if every["completed"] else None
    policy = visit.deployment.policies.jurisdictions
    laws = [(law, _told(law)) for _, law in sorted(policy.by_name.items())]
    return visit.page(
        "deadlines.html", found=found, groups=[(name, found[f"by_{name}"]) for name in GROUPS], share=share, days=days,
        spans=SPANS, laws=laws, two_people=policy.two_people_erase,
    )  # fmt: skip


@officers(Action.DSR_READ)
def chart(visit: Visit) -> Response:
    """`GET /console/charts/deadlines/{what}/{group}.svg`: `answers` or `times`, by `kind` or `jurisdiction`."""
    what, group = visit.request.path_params["what"], visit.request.path_params["group"]
    if what not in CHARTS or group not in GROUPS:
        raise NotFound("there is no such chart")
    found = sla.fared(visit.deployment, visit.workspace, days=_days(visit))
    return CHARTS[what](found[f"by_{group}"])


def _days(visit: Visit) -> int:
    text = visit.query("days") or str(USUAL)
    if text not in {str(days) for days in SPANS}:
        raise InvalidInput("the report covers one of the spans that it offers", pointer="/days")
    return int(text)


def _told(law: Jurisdiction) -> dict[str, Any]:
    """How a law counts, in words."""
    kinds = {kind.replace("_", " "): _period(period) for kind, period in law.by_kind.items()}
    return {
        "respond": _period(law.respond),
        "kinds": kinds,
        "extend": _period(law.extend) if law.extend is not None else "no",
        "acknowledge": _period(law.acknowledge) if law.acknowledge is not None else "",
    }


def _period(period: Period) -> str:
    for count, unit in ((period.months, "month"), (period.days, "day"), (period.business_days, "business day")):
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "none"


CHARTS = {"answers": draw_answers, "times": draw_times}
ROUTES = [
    Route("/console/deadlines", deadlines),
    Route("/console/charts/deadlines/{what}/{group}.svg", chart),
]
