"""Data quality over HTTP: what is in the way of one view per person, by source."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request

from registry.access.policy import Action
from registry.api.application import of
from registry.api.bodies import JsonRoute
from registry.flows.profiles import quality

router = APIRouter(prefix="/v1/quality", tags=["profiles"], route_class=JsonRoute)


@router.get("", summary="Data quality by source, with trends")
def data_quality(
    request: Request,
    days: Annotated[int, Query(ge=1, le=quality.MOST_DAYS, description="How many days the trend goes back.")] = 90,
) -> dict[str, Any]:
    """What is duplicated, disconnected, decayed and distrusted: counts of each source, without a value, and the same
    day by day. The server keeps a count of each day by itself.
    """
    application = of(request)
    _, workspace = application.caller(request, Action.PROFILES_EXPLAIN)
    return quality.report(application.deployment, workspace, days=days)
