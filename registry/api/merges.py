"""Merges over HTTP: what was joined and taken apart, the inbox of what was refused, and stewards' decisions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request

from registry.access.policy import Action
from registry.api.application import of
from registry.api.bodies import JsonRoute
from registry.api.profiles import Purpose
from registry.api.wire import Cursor, MergeDecision, MergeOrder, SuggestionDecision
from registry.flows.identity.subjects import subject
from registry.flows.stewards import deciding, merges, suggestions
from registry.identity.links import Verdict
from registry.model.ids import FragmentId, parse_id

router = APIRouter(prefix="/v1/merges", tags=["profiles"], route_class=JsonRoute)

VERDICTS = {"merge": Verdict.SAME, "keep_apart": Verdict.APART, "retract": Verdict.RETRACTED}

Limit = Annotated[int, Query(ge=1, le=merges.PAGE_LIMIT)]


@router.get("", summary="Merges and splits, newest first")
def list_merges(request: Request, limit: Limit = 50, cursor: Cursor = None) -> dict[str, Any]:
    """Each move of a fragment from one profile to another, with the message that brought it about."""
    application = of(request)
    _, workspace = application.caller(request, Action.PROFILES_EXPLAIN)
    before = parse_id(cursor, "cursor") if cursor is not None else None
    return merges.newest(application.deployment, workspace, limit=limit, before=before)


@router.post("", summary="Join two people")
def merge_profiles(request: Request, body: MergeOrder) -> dict[str, Any]:
    """A steward's word goes over every limit, but not over a person's own refusal to be joined. `unmerge` takes it
    back.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.PROFILES_MERGE)
    rules = application.deployment.policies.identity
    one, other = (subject(rules, who.kind, who.value) for who in (body.one, body.other))
    return deciding.merge(application.deployment, workspace, one, other, actor=principal.actor)


@router.get("/refused", summary="Refused merges, with the reason")
def list_refused_merges(
    request: Request,
    state: Annotated[Literal["open", "all"], Query(description="`open` leaves out what was decided.")] = "open",
    limit: Limit = 50,
    cursor: Annotated[str | None, Query(max_length=80, description="What the page before gave.")] = None,
) -> dict[str, Any]:
    """Claims that two identifiers are one person which the rules did not follow, newest first; and the identifiers
    that link so many that they join nobody.
    """
    application = of(request)
    _, workspace = application.caller(request, Action.PROFILES_EXPLAIN)
    return merges.refused(application.deployment, workspace, undecided=state == "open", limit=limit, cursor=cursor)


@router.post("/refused", summary="Decide on a refused merge")
def decide_merge(request: Request, body: MergeDecision) -> dict[str, Any]:
    """The decision holds against whatever arrives later, until a steward decides otherwise."""
    application = of(request)
    principal, workspace = application.caller(request, Action.PROFILES_MERGE)
    ends = FragmentId(parse_id(body.one, "one")), FragmentId(parse_id(body.other, "other"))
    return deciding.decide(application.deployment, workspace, ends, VERDICTS[body.decision], actor=principal.actor)


@router.get("/decisions", summary="What stewards decided")
def list_merge_decisions(
    request: Request,
    limit: Limit = 50,
    cursor: Annotated[str | None, Query(max_length=80, description="What the page before gave.")] = None,
) -> dict[str, Any]:
    """Every decision about two identifiers, newest first, and whose it was; it holds until a steward decides again."""
    application = of(request)
    _, workspace = application.caller(request, Action.PROFILES_EXPLAIN)
    return merges.decisions(application.deployment, workspace, limit=limit, cursor=cursor)


@router.get("/suggestions", summary="People who may be one, to be decided on")
def list_suggestions(request: Request, purpose: Purpose, limit: Limit = 50) -> dict[str, Any]:
    """The likeliest pairs, with what speaks for and against each: how each feature agrees, and its weight in bits;
    with `start` they add up to the whole. Pairs with one `group` are suggested to be one person all together;
    `household` are rather two of one family, and come last. Compared now, in memory, among people whose consent
    allows the purpose; needs the extra `suggestions`. Nobody is merged by it, and what was decided does not come back.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.PROFILES_MERGE)
    return suggestions.suggest(application.deployment, workspace, principal, purpose, limit=limit)


@router.post("/suggestions", summary="Accept or reject a suggestion")
def decide_suggestion(request: Request, body: SuggestionDecision) -> dict[str, Any]:
    """Accepted, the two are one, until `unmerge` takes it back; rejected, they stay two for good."""
    application = of(request)
    principal, workspace = application.caller(request, Action.PROFILES_MERGE)
    ends = FragmentId(parse_id(body.one, "one")), FragmentId(parse_id(body.other, "other"))
    if body.decision == "accept":
        return deciding.accept(application.deployment, workspace, ends, actor=principal.actor)
    return deciding.decide(application.deployment, workspace, ends, Verdict.APART, actor=principal.actor)
