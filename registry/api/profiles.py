"""Profiles over HTTP: found by POST, so that no identifier stands in a URL; then by an opaque id."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from starlette.requests import Request

from registry.access.policy import Action
from registry.api.application import of
from registry.api.bodies import JsonRoute
from registry.api.wire import UUID_FORM, Cursor, ProfileQuery, Unmerge
from registry.flows.identity.subjects import subject
from registry.flows.profiles import read
from registry.flows.stewards import deciding, explain, merges
from registry.identity.links import Verdict
from registry.model.errors import InvalidInput
from registry.model.ids import EventId, FragmentId, ProfileId, parse_id

router = APIRouter(prefix="/v1/profiles", tags=["profiles"], route_class=JsonRoute)

ProfileIdText = Annotated[
    str, Path(description="The opaque id that a lookup gave.", max_length=36, json_schema_extra=UUID_FORM)
]
FragmentIdText = Annotated[
    str | None,
    Query(description="The `fragment_id` of an identifier.", max_length=36, json_schema_extra=UUID_FORM),
]
Purpose = Annotated[str, Header(alias="Registry-Purpose", description="The purpose that the data is read for.")]


@router.post("/lookup", summary="The single customer view, for a purpose")
def lookup_profile(request: Request, body: ProfileQuery) -> dict[str, Any]:
    """What may be seen of the person for the purpose: each value with its provenance and consent tags.

    What is withheld is counted, with its reason.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.PROFILES_READ)
    person = subject(application.deployment.policies.identity, body.subject.kind, body.subject.value)
    view = read.lookup(application.deployment, workspace, principal, person, body.purpose)
    return _included(view, body.include)


@router.get("/{profile_id}", summary="The view of a profile")
def get_profile(request: Request, profile_id: ProfileIdText, purpose: Purpose) -> dict[str, Any]:
    """As a lookup gives it."""
    application = of(request)
    principal, workspace = application.caller(request, Action.PROFILES_READ)
    return read.view(application.deployment, workspace, principal, _id(profile_id), purpose)


@router.get("/{profile_id}/timeline", summary="Events, newest first")
def profile_timeline(
    request: Request,
    profile_id: ProfileIdText,
    purpose: Purpose,
    limit: Annotated[int, Query(ge=1, le=read.PAGE_LIMIT)] = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """A page of events with what the purpose may see of each; `cursor` leads to the next page."""
    application = of(request)
    principal, workspace = application.caller(request, Action.PROFILES_READ)
    before = EventId(parse_id(cursor, "cursor")) if cursor is not None else None
    return read.timeline(
        application.deployment, workspace, principal, _id(profile_id), purpose, limit=limit, before=before
    )


@router.get("/{profile_id}/identifiers", summary="The identifiers of a profile")
def profile_identifiers(request: Request, profile_id: ProfileIdText, purpose: Purpose) -> dict[str, Any]:
    """Those that the purpose may see."""
    application = of(request)
    principal, workspace = application.caller(request, Action.PROFILES_READ)
    whole = read.view(application.deployment, workspace, principal, _id(profile_id), purpose)
    return _included(whole, ["identifiers"])


@router.get("/{profile_id}/merges", summary="How the profile came together")
def profile_merges(request: Request, profile_id: ProfileIdText) -> dict[str, Any]:
    """The moves of fragments into and out of the profile, oldest first."""
    application = of(request)
    _, workspace = application.caller(request, Action.PROFILES_EXPLAIN)
    return {"merges": merges.of_profile(application.deployment, workspace, _id(profile_id))}


@router.get("/{profile_id}/explain", summary="Why identifiers are one person")
def explain_profile(
    request: Request,
    profile_id: ProfileIdText,
    purpose: Purpose,
    one: FragmentIdText = None,
    other: FragmentIdText = None,
) -> dict[str, Any]:
    """The shortest path of links between two identifiers, named by the `fragment_id` that `identifiers` gives;
    without them, from the profile's oldest identifier to each of the others. Each link names its source, its
    message and its times.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.PROFILES_EXPLAIN)
    if (one is None) != (other is None):
        raise InvalidInput("name both identifiers, or neither", pointer="/one")
    ends = None
    if one is not None and other is not None:
        ends = FragmentId(parse_id(one, "one")), FragmentId(parse_id(other, "other"))
    return explain.explain(application.deployment, workspace, principal, _id(profile_id), purpose, ends=ends)


@router.post("/{profile_id}/unmerge", summary="Take apart what is not one person")
def unmerge_profile(request: Request, profile_id: ProfileIdText, body: Unmerge) -> dict[str, Any]:
    """Each side gets back exactly what it had, with what came to it since, and the two are never joined again:
    `apart` says that two identifiers are two people, `retract` that the one claim between them was wrong, and
    `merge_id` undoes one merge.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.PROFILES_MERGE)
    deployment, profile = application.deployment, _id(profile_id)
    given = [name for name in ("apart", "retract", "merge_id") if getattr(body, name) is not None]
    if len(given) != 1:
        raise InvalidInput("give one of apart, retract and merge_id", pointer="/")
    if body.merge_id is not None:
        merge_id = parse_id(body.merge_id, "merge_id")
        return deciding.undo(deployment, workspace, profile, merge_id, actor=principal.actor)
    verdict = Verdict.APART if body.apart is not None else Verdict.RETRACTED
    one, other = body.apart or body.retract or ("", "")
    ends = FragmentId(parse_id(one, given[0])), FragmentId(parse_id(other, given[0]))
    return deciding.unmerge(deployment, workspace, profile, ends, verdict, actor=principal.actor)


def _id(text: str) -> ProfileId:
    return ProfileId(parse_id(text, "profile_id"))


def _included(view: dict[str, Any], include: list[str] | None) -> dict[str, Any]:
    if include is None:
        return view
    unknown = [name for name in include if name not in view]
    if unknown:
        raise InvalidInput(f"include takes {', '.join(sorted(view))}", pointer="/include")
    kept = {"profile_id", "purpose", "as_of", "withheld", *include}
    return {name: value for name, value in view.items() if name in kept}
