"""Documents of accountability in the console: records, impact assessment, and whom an incident touched."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import Route

from registry.access.policy import Action
from registry.api.census import PAGE_POLICY
from registry.api.problems import status_of
from registry.dsr.declarations import DECLARED
from registry.flows import console
from registry.flows.accountability import breach, inventory
from registry.model.clock import Micros, parse_rfc3339
from registry.model.errors import InvalidInput, NotFound, RegistryError
from registry.pages.officers import Visit, officers
from registry.pages.site import HEADERS

HERE = "/console/accountability"
MOST_GENERATION = 2**31


@officers(Action.CENSUS_READ)
def accountability(visit: Visit) -> Response:
    """`GET /console/accountability`: the documents, and the form that asks whom an incident touched."""
    return _shown(visit)


@officers(Action.CENSUS_READ)
def records(visit: Visit) -> Response:
    """`GET /console/accountability/records.{form}`: the records of processing as `html`, `csv` or `json`."""
    form = visit.request.path_params["form"]
    found = inventory.records(visit.deployment, visit.workspace)
    if form == "html":
        return Response(inventory.records_html(found), 200, HEADERS | PAGE_POLICY, media_type="text/html")
    if form not in WRITTEN:
        raise NotFound("the records have no such form")
    media, write = WRITTEN[form]
    named = {"Content-Disposition": f'attachment; filename="records-of-processing.{form}"'}
    return Response(write(found), 200, HEADERS | named, media_type=media)


@officers(Action.CENSUS_READ)
def assessment(visit: Visit) -> Response:
    """`GET /console/accountability/assessment.md`: the skeleton of an impact assessment."""
    named = {"Content-Disposition": 'attachment; filename="impact-assessment.md"'}
    text = inventory.assessment(visit.deployment, visit.workspace)
    return Response(text, 200, HEADERS | named, media_type="text/markdown")


@officers(Action.CENSUS_READ, changes=True)
def assess_breach(visit: Visit) -> Response:
    """`POST /console/accountability`: whose data an incident touched, and by when to tell whom."""
    form = visit.form
    try:
        incident = breach.Incident(
            form.text("table", most=64) or None, form.text("source", most=100) or None, _generation(visit),
            _time(visit, "since"), _time(visit, "until"), _time(visit, "noticed"),
        )  # fmt: skip
        impact = breach.assess(visit.deployment, visit.workspace, incident, actor=visit.principal.actor)
    except (InvalidInput, NotFound) as error:
        return _shown(visit, error=error)
    if form.text("how") == "profiles":
        named = {"Content-Disposition": 'attachment; filename="profiles-reached.txt"'}
        return Response(breach.listed(impact.profiles), 200, HEADERS | named, media_type="text/plain")
    return _shown(visit, impact=impact.told)


def _shown(visit: Visit, error: RegistryError | None = None, impact: dict[str, Any] | None = None) -> Response:
    personal = [field for field in DECLARED if field.is_personal]
    sources = [source.name for source in console.sources(visit.deployment, visit.workspace)]
    asked = {name: visit.form.text(name, most=100) for name in ("table", "source", "generation", *TIMES)}
    return visit.page(
        "accountability.html", status_of(error) if error is not None else 200, error=error, impact=impact,
        fields=len(personal), tables=len({field.table for field in personal}), sources=sources, asked=asked,
        places=breach.TABLES, systems=inventory.receivers(visit.deployment, visit.workspace),
        controller=visit.deployment.controller,
    )  # fmt: skip


def _generation(visit: Visit) -> int | None:
    text = visit.form.text("generation", most=10)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) < MOST_GENERATION):
        raise InvalidInput("a generation is a number from 1", pointer="/generation")
    return int(text)


def _time(visit: Visit, name: str) -> Micros | None:
    """A time of the form (`2026-11-28T09:00`, with or without seconds), UTC; None where none is given."""
    text = visit.form.text(name, most=32)
    full = f"{text}:00Z" if len(text) == len("2026-11-28T09:00") else f"{text}Z"
    at = parse_rfc3339(full) if text else None
    if text and at is None:
        raise InvalidInput("this is no time", pointer=f"/{name}")
    return at


def _indented(found: dict[str, Any]) -> bytes:
    return orjson.dumps(found, option=orjson.OPT_INDENT_2)


TIMES = ("since", "until", "noticed")
WRITTEN = {"csv": ("text/csv", inventory.records_csv), "json": ("application/json", _indented)}
ROUTES = [
    Route(HERE, accountability),
    Route(HERE, assess_breach, methods=["POST"]),
    Route(f"{HERE}/records.{{form}}", records),
    Route(f"{HERE}/assessment.md", assessment),
]
