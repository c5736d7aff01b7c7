"""Links by which a person fetches the package of their request, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from registry.access.policy import Action
from registry.api import wire
from registry.api.application import of
from registry.api.bodies import JsonRoute
from registry.api.dsr import RequestIdText
from registry.flows.dsr import mailing
from registry.flows.dsr.package import links
from registry.model.clock import rfc3339
from registry.model.ids import RequestId, parse_id

router = APIRouter(prefix="/v1/dsr/requests", tags=["data subject requests"], route_class=JsonRoute)


class NewLink(wire.Request):
    """How long a link to a package leads there, and how often."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra={"example": {"days": 7, "fetches": 1}}
    )
    days: Annotated[int, Field(ge=1, le=links.MOST_DAYS, strict=True)] = links.DAYS
    fetches: Annotated[int, Field(ge=1, le=links.MOST_FETCHES, strict=True)] = links.FETCHES


@router.post("/{request_id}/package/link", status_code=201, summary="A link by which the person fetches the package")
def link_package(request: Request, request_id: RequestIdText, body: NewLink) -> dict[str, Any]:
    """For this request's requester alone: hand it to nobody else. It stands in this answer only, leads to a page of
    the privacy centre, and each fetch is in the audit log.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_EXPORT)
    made = links.make(
        application.deployment, workspace, _id(request_id), actor=principal.actor, days=body.days, fetches=body.fetches
    )
    base = application.public_url or str(request.base_url).rstrip("/")
    return {
        "url": base + links.path_of(workspace, made.token),
        "expires_at": rfc3339(made.expires_at),
        "fetches": made.fetches,
    }


@router.post("/{request_id}/package/letter", status_code=202, summary="Send such a link by letter")
def mail_package_link(request: Request, request_id: RequestIdText, body: NewLink) -> dict[str, Any]:
    """To one of the person's verified mailboxes, or to the agent whom the answer goes to; the link stands in the
    letter only. What became of it is in the request's letters.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_EXPORT)
    to = mailing.mail(
        application.deployment, workspace, _id(request_id), actor=principal.actor, days=body.days, fetches=body.fetches
    )
    return {"to": to.value}


@router.delete("/{request_id}/package/link", status_code=204, summary="Withdraw every link to a package")
def withdraw_links(request: Request, request_id: RequestIdText) -> Response:
    """None of them leads anywhere from now on."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_EXPORT)
    links.withdraw(application.deployment, workspace, _id(request_id), actor=principal.actor)
    return Response(status_code=204)


def _id(text: str) -> RequestId:
    return RequestId(parse_id(text, "request_id"))
