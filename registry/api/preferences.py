"""A person's own page over HTTP, for a page of the company's own: choices, a change in one call, history and receipts.

Browsers call this from the origins of `REGISTRY_CORS_ORIGINS`, with a bearer token and never a cookie, so that no other
page can act in the person's name. Nothing that is answered holds an identifier.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request

from registry.access.policy import Action
from registry.api.application import Application, bearer, of
from registry.api.bodies import JsonRoute, PersonRoute
from registry.api.consent import recorded_json, said_json
from registry.api.preference_wire import Choosing, LinkOrder
from registry.api.wire import UUID_FORM
from registry.flows.access import preferences
from registry.flows.access.preferences import Choice
from registry.flows.identity.subjects import subject
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import rfc3339
from registry.model.ids import RecordId, WorkspaceId, parse_id, text_id
from registry.model.message import Identifier

CHANNEL = "preference_page"

router = APIRouter(prefix="/v1/preferences", tags=["preferences"], route_class=JsonRoute)
person_router = APIRouter(prefix="/v1/preferences", tags=["preferences"], route_class=PersonRoute)

WorkspaceText = Annotated[
    str, Path(description="The id that `registry init` gave.", max_length=36, json_schema_extra=UUID_FORM)
]
Language = Annotated[
    str | None, Query(description="BCP 47; the first of Accept-Language that there is, if absent.", max_length=35)
]


@router.post("/links", status_code=201, summary="A link to a person's own page")
def make_preference_link(request: Request, body: LinkOrder) -> dict[str, Any]:
    """You vouch for the person. The token opens their choices and history, to see and to change, and nothing else,
    until it expires; it is the same for somebody who is not known.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.CONSENT_RECORD)
    deployment = application.deployment
    deployment.policies.access.require_action(principal, Action.CONSENT_HISTORY)
    person = subject(deployment.policies.identity, body.subject.kind, body.subject.value)
    made = preferences.link(deployment, workspace, person, lifetime_s=body.lifetime_s, actor=principal.actor)
    return {"token": made.token, "expires_at": rfc3339(made.expires_at)}


@person_router.get("/{workspace}/choices", summary="What a person may choose, and what stands")
def own_choices(request: Request, workspace: WorkspaceText, language: Language = None) -> dict[str, Any]:
    """Every purpose, told in the language asked for. The bearer is the token of a link, of a visit to the privacy
    centre, or of the company's own login (`REGISTRY_LOGINS`).
    """
    application = of(request)
    opened, person = _visited(application, request, workspace)
    return _page(application, opened, person, language or _accepted(application, request))


@person_router.post("/{workspace}/choices", summary="Change choices, in one call")
def choose(request: Request, workspace: WorkspaceText, body: Choosing) -> dict[str, Any]:
    """All of them or, where one cannot be recorded, none. Each change has its signed receipt."""
    application = of(request)
    opened, person = _visited(application, request, workspace)
    language = body.language or _accepted(application, request)
    made = preferences.choose(
        application.deployment, opened, person, body.choices,
        language=language, channel=CHANNEL, shown=body.policy_version, seen=_seen(body.seen),
        age_at_least=body.age_at_least,
    )  # fmt: skip
    records = [recorded_json(row, receipt) for row, receipt in made]
    return _page(application, opened, person, language) | {"records": records}


@person_router.get("/{workspace}/history", summary="Everything a person said, with receipts")
def own_history(request: Request, workspace: WorkspaceText) -> dict[str, Any]:
    """In the order of the acts. Receipts are issued anew; of a wording that is no more they tell the version only."""
    application = of(request)
    opened, person = _visited(application, request, workspace)
    return {
        "records": [
            said_json(row) | {"receipt": receipt}
            for row, receipt in preferences.history(application.deployment, opened, person)
        ]
    }


def _visited(application: Application, request: Request, workspace: str) -> tuple[OpenWorkspace, Identifier]:
    """The workspace, and whom the bearer token stands for there."""
    opened = application.workspaces.open(WorkspaceId(parse_id(workspace)))
    person = preferences.person_of(application.deployment, opened, bearer(request.headers))
    caller = (opened.workspace_id, person.kind.encode(), person.value.encode())
    application.own_pages.take(caller, application.deployment.clock())
    return opened, person


def _page(
    application: Application, workspace: OpenWorkspace, person: Identifier, language: str | None
) -> dict[str, Any]:
    shown = preferences.choices(application.deployment, workspace, person, language)
    version = application.deployment.policies.purposes.version
    return {"policy_version": version, "choices": [_choice_json(choice) for choice in shown]}


def _choice_json(choice: Choice) -> dict[str, Any]:
    purpose, last = choice.purpose, choice.last
    return {
        "purpose": purpose.name,
        "title": choice.title,
        "text": choice.text,
        "language": choice.language,
        "version": purpose.version,
        "parent": purpose.parent,
        "lawful_basis": choice.basis.value,
        "retention_days": purpose.retention_days,
        "recipients": list(purpose.recipients),
        "minimum_age": purpose.minimum_age,
        "can_choose": choice.now is not None,
        "choice": choice.now,
        "allowed": choice.decision.allowed,
        "reason": choice.decision.reason.value,
        "sentence": choice.decision.sentence,
        "answered": {
            "record_id": text_id(last.record_id),
            "status": last.status,
            "acted_at": rfc3339(last.acted_at),
            "channel": last.channel,
        }
        if last is not None
        else None,
    }


def _seen(given: Mapping[str, str | None] | None) -> dict[str, RecordId | None] | None:
    """The records that were shown, by purpose."""
    return (
        {name: RecordId(parse_id(one, "seen")) if one else None for name, one in given.items()}
        if given is not None
        else None
    )


def _accepted(application: Application, request: Request) -> str | None:
    """The first of `Accept-Language`, in the browser's order, that a purpose is told in (RFC 9110 section 12.5.4)."""
    told = {tag for purpose in application.deployment.policies.purposes.purposes.values() for tag in purpose.title}
    wanted = [part.partition(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")[:20]]
    return next((tag for tag in wanted if tag in told or tag.split("-")[0] in told), None)
