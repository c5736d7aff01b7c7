"""Legal holds in the console: placed, listed with what each keeps, released; and the statutory duties beside them."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import Route

from registry.access.policy import Action
from registry.api.problems import status_of
from registry.dsr.census import Handling
from registry.dsr.declarations import DECLARED
from registry.flows.dsr import holds, kept, resuming
from registry.flows.identity.subjects import subject
from registry.model.clock import DAY, Micros, end_of_day, parse_rfc3339
from registry.model.errors import Conflict, Forbidden, InvalidInput, NotFound, RegistryError
from registry.model.ids import parse_id, text_id
from registry.pages.officers import Visit, officers
from registry.pages.request import reason_of
from registry.pages.site import redirect

HOLDS = "/console/holds"
PAGE = 50
CATEGORIES = sorted({name for field in DECLARED if field.handling is Handling.CONTENT for name in field.categories})
"""What the form offers: the categories that Registry's own tables hold."""


@officers(Action.HOLDS_READ)
def holds_page(visit: Visit) -> Response:
    """`GET /console/holds`: every hold with what erasures have set aside for it, and the duties of the policy."""
    return _shown(visit)


@officers(Action.HOLDS_WRITE, changes=True)
def place_hold(visit: Visit) -> Response:
    """`POST /console/holds`: hold a person's data. Whether anything is held of them is not said."""
    form = visit.form
    try:
        holds.place(
            visit.deployment,
            visit.workspace,
            subject(visit.deployment.policies.identity, form.text("subject_kind", most=64), form.text("value")),
            ground=form.text("ground"),
            purpose=form.text("purpose", most=64),
            categories=[*form.every("categories"), *form.text("other").replace(",", " ").split()],
            until=_end_of(form.text("until", most=10)),
            actor=visit.principal.actor,
        )
    except InvalidInput as error:
        return _shown(visit, error=error)
    return redirect(HOLDS)


@officers(Action.HOLDS_WRITE, changes=True)
def release_hold(visit: Visit) -> Response:
    """`POST /console/holds/{hold_id}/release`: what was set aside for it is destroyed next, and certified."""
    hold_id = parse_id(visit.request.path_params["hold_id"], "hold_id")
    try:
        holds.release(visit.deployment, visit.workspace, hold_id, actor=visit.principal.actor)
    except (Conflict, NotFound) as error:
        return _shown(visit, error=error)
    return redirect(HOLDS)


@officers(Action.HOLDS_OPEN, changes=True)
def open_case(visit: Visit) -> Response:
    """`POST /console/retained/{case_id}`: what is kept in a case, for its one purpose; a POST, since it is audited."""
    case_id = parse_id(visit.request.path_params["case_id"], "case_id")
    purpose, cursor = visit.form.text("purpose", most=64), visit.form.text("after", most=36)
    after = parse_id(cursor, "after") if cursor else b""
    given = visit.deployment, visit.workspace, visit.principal, case_id, purpose
    try:
        items, following = kept.read(*given, after=after, limit=PAGE)
    except (Forbidden, NotFound) as error:
        return _shown(visit, error=error)
    written = [orjson.dumps(item, option=orjson.OPT_INDENT_2).decode() for item in items]
    return visit.page(
        "retained.html", case_id=text_id(case_id), purpose=purpose, items=written, is_first=not cursor,
        following=text_id(following) if following is not None else None,
    )  # fmt: skip


@officers(Action.HOLDS_WRITE, changes=True)
def override_system(visit: Visit) -> Response:
    """`POST /console/retained/{case_id}/override`: decide that what a hold had kept ends without a system."""
    case_id = parse_id(visit.request.path_params["case_id"], "case_id")
    given = visit.deployment, visit.workspace, case_id, visit.form.text("system", most=64)
    try:
        resuming.override(*given, reason=reason_of(visit), actor=visit.principal.actor)
    except (Conflict, InvalidInput, NotFound) as error:
        return _shown(visit, error=error)
    return redirect(HOLDS)


def _shown(visit: Visit, error: RegistryError | None = None) -> Response:
    now, policies = visit.deployment.clock(), visit.deployment.policies
    every = [holds.hold_json(row, now) for row in holds.listed(visit.deployment, visit.workspace)]
    cursor, given = visit.query("cursor"), (visit.deployment, visit.workspace)
    before = parse_id(cursor, "cursor") if cursor is not None else None
    of_duties = kept.listed(*given, PAGE + 1, before, of_duties=True)
    cases = [kept.case_json(row) for row in [*kept.of_holds(*given), *of_duties[:PAGE]]]
    titled = [(name, purpose.told_in("en")[0]) for name, purpose in policies.purposes.purposes.items()]
    keeps: dict[str | None, list[dict[str, Any]]] = {}
    for case in cases:
        keeps.setdefault(case["hold_id"], []).append(case)
    return visit.page(
        "holds.html", status_of(error) if error is not None else 200, error=error,
        standing=[one for one in every if one["state"] == "held"],
        ended=[one for one in every if one["state"] != "held"], keeps=keeps, later=cursor is not None,
        following=text_id(of_duties[PAGE - 1].case_id) if len(of_duties) > PAGE else None,
        duties=[(duty, duty.keep_for // DAY) for duty in policies.retention.duties], purposes=titled,
        identifier_kinds=policies.identity.kinds, categories=CATEGORIES,
    )  # fmt: skip


def _end_of(day: str) -> Micros | None:
    """The end of a day, UTC; None where none is given.

    Raises:
        InvalidInput: it is no date.
    """
    begin = parse_rfc3339(f"{day}T00:00:00Z") if day else None
    if day and begin is None:
        raise InvalidInput("this is no date", pointer="/until")
    return end_of_day(begin) if begin is not None else None


ROUTES = [
    Route(HOLDS, holds_page),
    Route(HOLDS, place_hold, methods=["POST"]),
    Route("/console/holds/{hold_id}/release", release_hold, methods=["POST"]),
    Route("/console/retained/{case_id}", open_case, methods=["POST"]),
    Route("/console/retained/{case_id}/override", override_system, methods=["POST"]),
]
