"""The compatibility face of Segment's Profile API. Off unless switched on: it carries identifiers in URLs.

Registry itself logs no URL; proxies before it may. Every answer is for a purpose, as everywhere.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query
from starlette.requests import Request

from registry.access.policy import Action, Principal
from registry.api.application import basic_user, bearer, of
from registry.flows.identity.subjects import subject
from registry.flows.profiles import spaces
from registry.model.errors import InvalidInput, NotFound
from registry.model.ids import text_id

router = APIRouter(prefix="/v1/spaces", tags=["profiles"])


def _caller(request: Request) -> Principal:
    """Who is calling: asked before anything of the URL is looked at.

    Raises:
        Unauthenticated, Forbidden.
    """
    application = of(request)
    principal = application.known(basic_user(request.headers) or bearer(request.headers))
    application.deployment.policies.access.require_action(principal, Action.PROFILES_READ)
    return principal


@router.get(
    "/{workspace}/collections/users/profiles/{reference}/{part}",
    summary="A profile as Segment's Profile API gives it; off unless `REGISTRY_SPACES_API` is set",
)
def space_profile(
    request: Request,
    principal: Annotated[Principal, Depends(_caller)],
    workspace: Annotated[str, Path(max_length=36)],
    reference: Annotated[str, Path(max_length=1100, description="`kind:value`, e.g. `user_id:u-1`.")],
    part: spaces.SpacePart,
    purpose: Annotated[
        str | None, Header(alias="Registry-Purpose", description="May be left out by a key that has one purpose.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=spaces.LIMIT)] = 10,
    include: Annotated[str, Query(max_length=4000, description="Names of traits, comma-separated.")] = "",
    following: Annotated[
        str | None, Query(alias="next", max_length=36, description="What the page before gave.")
    ] = None,
) -> dict[str, Any]:
    """The key is taken as the Basic user, as Segment's clients send it, or as bearer. What is withheld is counted in
    `registry`.
    """
    application = of(request)
    if not application.spaces:
        raise NotFound("this face is switched off", hint="set REGISTRY_SPACES_API, or use POST /v1/profiles/lookup")
    if workspace not in (text_id(principal.workspace_id), "default"):
        raise NotFound("there is no such space for this key")
    kind, colon, value = reference.partition(":")
    if not colon or not value:
        raise InvalidInput("name the person as kind:value", pointer="/reference")
    opened = application.workspaces.open(principal.workspace_id)
    return spaces.part(
        application.deployment,
        opened,
        principal,
        subject(application.deployment.policies.identity, kind, value),
        part,
        purpose=purpose,
        limit=limit,
        after=following,
        include={name for name in include.split(",") if name},
    )
