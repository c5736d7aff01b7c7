"""Destinations over HTTP: systems that events are passed on to, by consent."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from registry.access.policy import Action
from registry.api.application import of
from registry.api.bodies import JsonRoute
from registry.api.wire import UUID_FORM, NewDestination
from registry.flows.dsr import passing_on
from registry.flows.outgoing import destinations
from registry.model.errors import NotFound
from registry.model.ids import RequestId, parse_id, text_id

router = APIRouter(prefix="/v1/destinations", tags=["destinations"], route_class=JsonRoute)

DestinationId = Annotated[
    str, Path(description="The id that creating it gave.", max_length=36, json_schema_extra=UUID_FORM)
]
RequestIdQuery = Annotated[
    str, Query(description="The request for erasure.", max_length=36, json_schema_extra=UUID_FORM)
]
MOVES = ("pause", "resume", "replay")


@router.get("", summary="Destinations, and how they fare")
def list_destinations(request: Request) -> dict[str, Any]:
    """Every destination, oldest first; of its address, the origin only."""
    application = of(request)
    _, workspace = application.caller(request, Action.DESTINATIONS_READ)
    found = destinations.listed(application.deployment, workspace.workspace_id)
    return {"destinations": [destinations.destination_json(seen) for seen in found]}


@router.post("", status_code=201, summary="Pass events on to an address")
def create_destination(request: Request, body: NewDestination) -> dict[str, Any]:
    """From now on; the secret that signs what is sent stands in this answer only."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DESTINATIONS_WRITE)
    made = destinations.create(
        application.deployment, workspace.workspace_id, actor=principal.actor, **body.model_dump()
    )
    return {"destination_id": text_id(made.destination_id), "secret": made.secret}


@router.get("/erasures", summary="What became of an erasure at each destination")
def erasures_passed_on(request: Request, request_id: RequestIdQuery) -> dict[str, Any]:
    """Whom the erasure of a request was passed on to, and whether they have acknowledged it (GDPR Art. 19)."""
    application = of(request)
    _, workspace = application.caller(request, Action.DESTINATIONS_READ)
    identity = RequestId(parse_id(request_id, "request_id"))
    return {"erasures": passing_on.account(application.deployment, workspace.workspace_id, identity)}


@router.get("/{destination_id}", summary="One destination")
def get_destination(request: Request, destination_id: DestinationId) -> dict[str, Any]:
    """What it is sent, and how it fares: what waits, what was refused, what was withheld."""
    application = of(request)
    _, workspace = application.caller(request, Action.DESTINATIONS_READ)
    identity = parse_id(destination_id, "destination_id")
    return destinations.destination_json(destinations.get(application.deployment, workspace.workspace_id, identity))


@router.get("/{destination_id}/refused", summary="Events that a destination refused")
def list_refused_events(
    request: Request, destination_id: DestinationId, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:
    """In the order in which they came, to be replayed."""
    application = of(request)
    _, workspace = application.caller(request, Action.DESTINATIONS_READ)
    identity = parse_id(destination_id, "destination_id")
    found = destinations.refused(application.deployment, workspace.workspace_id, identity, limit)
    return {"events": [destinations.failure_json(row) for row in found]}


@router.post("/{destination_id}/{by}", summary="Pause or resume a destination, or replay what it refused")
def move_destination(
    request: Request,
    destination_id: DestinationId,
    by: Annotated[str, Path(json_schema_extra={"enum": [*MOVES]})],
) -> dict[str, Any]:
    """Change how a destination is sent to; the answer is the destination as it is now."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DESTINATIONS_WRITE)
    if by not in MOVES:
        raise NotFound("there is no such move", hint=f"one of {', '.join(MOVES)}")
    act = {"pause": destinations.pause, "resume": destinations.resume, "replay": destinations.replay}[by]
    deployment, workspace_id = application.deployment, workspace.workspace_id
    identity = parse_id(destination_id, "destination_id")
    act(deployment, workspace_id, identity, actor=principal.actor)
    return destinations.destination_json(destinations.get(deployment, workspace_id, identity))


@router.delete("/{destination_id}", status_code=204, summary="Remove a destination")
def remove_destination(request: Request, destination_id: DestinationId) -> Response:
    """Its address and secrets are forgotten; what it has received it keeps."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DESTINATIONS_WRITE)
    identity = parse_id(destination_id, "destination_id")
    destinations.remove(application.deployment, workspace.workspace_id, identity, actor=principal.actor)
    return Response(status_code=204)
