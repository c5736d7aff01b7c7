"""The list of data subject requests, by deadline, and the form that opens one."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from registry.access.policy import Action
from registry.dsr import bulk
from registry.dsr.agents import Claim
from registry.dsr.notices import LANGUAGES
from registry.dsr.requests import EFFECTS, ENDED, Effect, Kind, State
from registry.flows import console
from registry.flows.dsr import intake, sla
from registry.flows.dsr.correctable import Correctable
from registry.flows.dsr.intake import Wish
from registry.flows.identity.subjects import subject
from registry.model.clock import Micros
from registry.model.errors import InvalidInput
from registry.model.ids import RequestId, parse_id, text_id
from registry.pages.officers import Visit, officers
from registry.pages.request import KINDS, days_left
from registry.pages.site import redirect
from registry.pages.timeline import timeline

PAGE = 30
FIELDS_MOST = 1_000
STATES = {"open": console.OPEN_STATES, "ended": [state.value for state in ENDED], "all": [*State]}
"""What the filter offers beside each state alone."""


@officers(Action.DSR_READ)
def requests_page(visit: Visit) -> Response:
    """`GET /console/requests`: what is open, the next deadline first; or what the filter asks for."""
    return _list(visit)


@officers(Action.DSR_OPEN, changes=True)
def open_request(visit: Visit) -> Response:
    """`POST /console/requests`: take a request in."""
    form, policies = visit.form, visit.deployment.policies
    try:
        kind = _kind(form.text("kind", most=32))
        received_at, claim, language = _told(visit)
        wish = Wish(
            kind,
            subject(policies.identity, form.text("subject_kind", most=64), form.text("value")),
            jurisdiction=form.text("jurisdiction", most=64) or None,
            details=_details(visit, kind),
            claim=claim,
            received_at=received_at,
            reference=form.reference(),
            language=language,
        )
        opened, _ = intake.take(
            visit.deployment, visit.workspace, wish, actor=visit.principal.actor, owner=visit.principal.owner
        )
    except InvalidInput as error:
        return _list(visit, 400, error=error)
    return redirect(f"/console/requests/{text_id(opened.request_id)}")


def _list(visit: Visit, status: int = 200, error: InvalidInput | None = None) -> Response:
    policies, now = visit.deployment.policies, visit.deployment.clock()
    pausing = policies.jurisdictions.pausing
    chosen = {name: visit.query(name) or "" for name in ("state", "of", "law")}
    chosen["state"] = chosen["state"] or "open"
    cursor = visit.query("cursor")
    rows = console.requests_sought(
        visit.deployment, visit.workspace, _states(chosen["state"]), kind=chosen["of"] or None,
        jurisdiction=chosen["law"] or None, limit=PAGE + 1,
        after=RequestId(parse_id(cursor, "cursor")) if cursor is not None else None,
    )  # fmt: skip
    page = rows[:PAGE]
    titled = [(name, purpose.told_in("en")[0]) for name, purpose in policies.purposes.purposes.items()]
    following = urlencode(chosen | {"cursor": text_id(page[-1].request_id)}) if len(rows) > PAGE else None
    return visit.page(
        "requests.html", status, error=error, kinds=KINDS, identifier_kinds=policies.identity.kinds,
        jurisdictions=sorted(policies.jurisdictions.by_name), jurisdiction=visit.deployment.jurisdiction,
        traits=Correctable(visit.deployment, visit.workspace).names,
        purposes=titled, rows=[(row, days_left(visit, row)) for row in page], line=timeline(page, now, pausing),
        languages=LANGUAGES,
        now=now, pausing=pausing, chosen=chosen, states=[*STATES, *State], following=following,
        later=cursor is not None, standing=sla.fared(visit.deployment, visit.workspace, days=1)["all"],
    )  # fmt: skip


def _states(chosen: str) -> list[str]:
    """The states that a word of the filter stands for."""
    if chosen in STATES:
        return list(STATES[chosen])
    if chosen not in list(State):
        raise InvalidInput("there is no such state", pointer="/state")
    return [chosen]


def _details(visit: Visit, kind: Kind) -> dict[str, object] | None:
    if EFFECTS[kind] is Effect.RECORD:
        return {"purposes": visit.form.every("purposes")}
    if EFFECTS[kind] is Effect.CORRECT:
        trait, text = visit.form.text("trait", most=64), visit.form.text("correct", most=FIELDS_MOST)
        return {"traits": {trait: Correctable(visit.deployment, visit.workspace).read(trait, text)}}
    return None


def _told(visit: Visit) -> tuple[Micros | date | None, Claim | None, str | None]:
    """When the request came, the agent who asks, and the language of letters, by the rules of a file's row.

    Raises:
        InvalidInput: a field is not what it has to be.
    """
    cells = {name: visit.form.text(name, most=bulk.LONGEST) for name in bulk.OPTIONAL}
    faults: list[bulk.Fault] = []
    received_at, claim = bulk.received(cells, faults), bulk.claim_of(cells, faults)
    language = bulk.language_of(cells, faults)
    for fault in faults:
        raise InvalidInput(f"{fault.column.replace('_', ' ')}: expected {fault.expected}", pointer=f"/{fault.column}")
    return received_at, claim, language


def _kind(text: str) -> Kind:
    if text not in list(Kind):
        raise InvalidInput("choose what the person asks for", pointer="/kind")
    return Kind(text)


ROUTES: list[Any] = [
    Route("/console/requests", requests_page),
    Route("/console/requests", open_request, methods=["POST"]),
]
