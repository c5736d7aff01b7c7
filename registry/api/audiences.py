"""Audiences over HTTP: the named conditions of the policy, and who fulfils them and may be used for their purpose."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request

from registry.access.policy import Action
from registry.api.application import of
from registry.api.bodies import JsonRoute
from registry.api.wire import Cursor
from registry.flows.profiles import audiences
from registry.model.ids import ProfileId, parse_id

router = APIRouter(prefix="/v1/audiences", tags=["profiles"], route_class=JsonRoute)


@router.get("", summary="The audiences of the policy")
def list_audiences(request: Request) -> dict[str, Any]:
    """Their names and purposes."""
    application = of(request)
    application.caller(request, Action.PROFILES_READ)
    return {"audiences": audiences.listed(application.deployment)}


@router.get("/{name}", summary="Who is in an audience")
def audience_members(
    request: Request,
    name: Annotated[str, Path(max_length=64)],
    limit: Annotated[int, Query(ge=1, le=audiences.PAGE_LIMIT, description="How many people to look at.")] = 200,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Of the next people, those who fulfil its conditions and whose consent allows its purpose. A page may hold no
    member and yet lead on.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.PROFILES_READ)
    after = ProfileId(parse_id(cursor, "cursor")) if cursor is not None else None
    return audiences.members(application.deployment, workspace, principal, name, limit=limit, after=after)
