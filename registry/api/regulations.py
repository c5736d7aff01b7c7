"""The compatibility face of Segment's deletion-and-suppression API. Off unless switched on, as its Profile API.

A regulation is a request for erasure of each person that it names, under the id of the first; each waits for its
approval as any other, and stands in the lists by itself. Registry's erasure always suppresses, and reaches connected
systems too, so the types that delete come to the same; a suppression alone, and its end, are refused by name: an
objection or a restriction says what is meant.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field
from starlette.requests import Request

from registry.access.policy import Action
from registry.api.application import Application, of
from registry.api.bodies import JsonRoute
from registry.api.schemas import COUNT, ID, TEXT, TIME, many, maybe, one_of, record
from registry.api.wire import UUID_FORM, Opening
from registry.dsr.requests import EFFECTS, Effect, Kind, Move, State
from registry.flows.dsr import lifecycle, together
from registry.flows.identity.subjects import subject
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import rfc3339
from registry.model.errors import Conflict, InvalidInput, NotFound
from registry.model.ids import RequestId, parse_id, text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest

router = APIRouter(prefix="/v1/regulations", tags=["data subject requests"], route_class=JsonRoute)


class Regulated(StrEnum):
    """The types that Segment has; those that delete are taken, and all of them erase, suppress and are passed on."""

    SUPPRESS_WITH_DELETE = "SUPPRESS_WITH_DELETE"
    DELETE_ONLY = "DELETE_ONLY"
    SUPPRESS_WITH_DELETE_INTERNAL = "SUPPRESS_WITH_DELETE_INTERNAL"
    DELETE_INTERNAL = "DELETE_INTERNAL"
    SUPPRESS_ONLY = "SUPPRESS_ONLY"
    UNSUPPRESS = "UNSUPPRESS"


REFUSED = {
    Regulated.SUPPRESS_ONLY: "open an objection or a restriction: POST /v1/dsr/requests",
    Regulated.UNSUPPRESS: "end a restriction: POST /v1/consent/unrestrict; an erasure's suppression is kept for good",
}
"""The types that are not taken, and what to do instead."""


class Subject(StrEnum):
    """What a regulation may name a person by."""

    USER_ID = "USER_ID"
    ANONYMOUS_ID = "ANONYMOUS_ID"


class Standing(StrEnum):
    """Where a regulation stands; those of Segment's words that there are reasons for."""

    INITIALIZED = "INITIALIZED"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    PARTIAL_SUCCESS = "PARTIAL_SUCCESS"


_STANDING = {
    State.RECEIVED: Standing.INITIALIZED,
    State.VERIFIED: Standing.INITIALIZED,
    State.PAUSED: Standing.INITIALIZED,
    State.APPROVED: Standing.RUNNING,
    State.ACTING: Standing.RUNNING,
    State.WAITING: Standing.RUNNING,
    State.COMPLETED: Standing.FINISHED,
    State.REFUSED: Standing.FAILED,
    State.CANCELLED: Standing.FAILED,
}

_ENDED = frozenset({Standing.FINISHED, Standing.FAILED})

_AT, _SOME_ID = "2026-01-01T12:00:00Z", "0198c2f0-6a2b-7c55-9b1e-3f2d4c5b6a79"
_LISTED = {"id": ID, "subjectType": one_of(Subject), "subjects": many(TEXT), "status": one_of(Standing)}
_LISTED |= {"createdAt": TIME, "regulationType": one_of(Regulated), "finishedAt": maybe(TIME)}
_FOUND = {"id": ID, "workspaceId": ID, "overallStatus": one_of(Standing), "createdAt": TIME}
_FOUND |= {"finishedAt": maybe(TIME), "streamStatus": many({"type": "object"})}
REGULATION_ANSWERS = {
    "CreatedRegulation": record(data=record(regulateId=ID)),
    "RegulationStanding": record(data=record(regulation=record(**_FOUND))),
    "Regulations": record(
        data=record(
            regulations=many(record(**_LISTED)),
            pagination=record(current=TEXT, next=maybe(ID), totalEntries=COUNT),
        )
    ),
    "DeletedRegulation": record(data=record(status={"const": "SUCCESS"})),
}
REGULATION_EXAMPLES: dict[str, Any] = {
    "CreatedRegulation": {"data": {"regulateId": _SOME_ID}},
    "RegulationStanding": {
        "data": {
            "regulation": {
                "id": _SOME_ID, "workspaceId": _SOME_ID, "overallStatus": "INITIALIZED", "createdAt": _AT,
                "finishedAt": None, "streamStatus": [],
            }
        }
    },
    "Regulations": {"data": {"regulations": [], "pagination": {"current": "", "next": None, "totalEntries": 0}}},
    "DeletedRegulation": {"data": {"status": "SUCCESS"}},
}  # fmt: skip
REGULATION_ANSWER_OF = {
    "create_regulation": "CreatedRegulation", "get_regulation": "RegulationStanding", "list_regulations": "Regulations",
    "delete_regulation": "DeletedRegulation",
}  # fmt: skip
REGULATION_ERRORS: dict[str, tuple[int, ...]] = {
    "create_regulation": (404, 413), "get_regulation": (404,), "list_regulations": (404,),
    "delete_regulation": (404, 409),
}  # fmt: skip


class NewRegulation(Opening):
    """A regulation of people, each by an id of theirs."""

    model_config = ConfigDict(
        hide_input_in_errors=True,
        json_schema_extra={
            "example": {"regulationType": "SUPPRESS_WITH_DELETE", "subjectType": "USER_ID", "subjectIds": ["u-1"]}
        },
    )
    regulationType: Regulated  # noqa: N815 - Segment's word
    subjectType: Subject  # noqa: N815 - Segment's word
    subjectIds: Annotated[  # noqa: N815 - Segment's word
        list[Annotated[str, Field(min_length=1, max_length=512)]], Field(min_length=1, max_length=together.MOST)
    ]


RegulationId = Annotated[str, Path(description="What creating it gave.", max_length=36, json_schema_extra=UUID_FORM)]


@router.post("", summary="Erase and suppress people, as Segment has it; off unless `REGISTRY_SPACES_API` is set")
def create_regulation(request: Request, body: NewRegulation) -> dict[str, Any]:
    """The caller vouches for these people; an officer approves each. Whether anybody is known is not said."""
    application, workspace = _called(request, Action.DSR_VERIFY)
    principal, _ = application.caller(request, Action.DSR_OPEN)
    deployment = application.deployment
    if body.regulationType in REFUSED:
        hint = REFUSED[body.regulationType]
        raise InvalidInput("regulations of this type are not supported", hint=hint, pointer="/regulationType")
    kind = body.subjectType.lower()
    people = [_person(application, kind, at, one) for at, one in enumerate(body.subjectIds)]
    first = together.open_together(
        deployment, workspace, Kind.ERASURE, people, actor=principal.actor, owner=principal.owner
    )
    return {"data": {"regulateId": text_id(first)}}


@router.get("", summary="Erasures as Segment lists regulations, newest first")
def list_regulations(
    request: Request,
    count: Annotated[int, Query(alias="pagination[count]", ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(alias="pagination[cursor]", max_length=36, json_schema_extra=UUID_FORM)] = None,
    status: Annotated[Standing | None, Query(description="Only those that stand so.")] = None,
) -> dict[str, Any]:
    """`subjects` is empty: nobody's identifier is told. A page may hold fewer than asked for; `next` says if more."""
    application, workspace = _called(request, Action.DSR_READ)
    before = parse_id(cursor, "pagination[cursor]") if cursor is not None else None
    rows = lifecycle.listed(application.deployment, workspace, count + 1, before)
    page = [row for row in rows[:count] if _erases(row) and status in (None, _STANDING[State(row.state)])]
    following = text_id(rows[count - 1].request_id) if len(rows) > count else None
    entries: list[dict[str, Any]] = [
        {
            "id": text_id(row.request_id),
            "subjectType": Subject.USER_ID,
            "subjects": [],
            "status": _STANDING[State(row.state)],
            "createdAt": rfc3339(row.received_at),
            "regulationType": Regulated.SUPPRESS_WITH_DELETE,
            "finishedAt": _finished(row),
        }
        for row in page
    ]
    pagination = {"current": cursor or "", "next": following, "totalEntries": len(entries)}
    return {"data": {"regulations": entries, "pagination": pagination}}


@router.get("/{regulation_id}", summary="Where a regulation stands")
def get_regulation(request: Request, regulation_id: RegulationId) -> dict[str, Any]:
    """The erasures that were asked for under this id, in Segment's words: where they stand together."""
    application, workspace = _called(request, Action.DSR_READ)
    rows = _found(application, workspace, regulation_id)
    told: dict[str, Any] = {
        "id": text_id(rows[0].request_id),
        "workspaceId": text_id(workspace.workspace_id),
        "overallStatus": _overall({_STANDING[State(row.state)] for row in rows}),
        "createdAt": rfc3339(rows[0].received_at),
        "finishedAt": max(_finished(row) or "" for row in rows) if all(map(_finished, rows)) else None,
        "streamStatus": [],
    }
    return {"data": {"regulation": told}}


@router.delete("/{regulation_id}", summary="Cancel a regulation that nobody has begun")
def delete_regulation(request: Request, regulation_id: RegulationId) -> dict[str, Any]:
    """Only one that is `INITIALIZED`; its requests stay on record as cancelled."""
    application, workspace = _called(request, Action.DSR_APPROVE)
    principal = application.principal(request)
    rows = _found(application, workspace, regulation_id)
    standings = {_STANDING[State(row.state)] for row in rows}
    if Standing.INITIALIZED not in standings or not standings <= {Standing.INITIALIZED, Standing.FAILED}:
        raise Conflict(f"the regulation is {_overall(standings).value}: only an INITIALIZED one is deleted")
    for row in (row for row in rows if _STANDING[State(row.state)] is Standing.INITIALIZED):  # or they were, before
        lifecycle.move_request(
            application.deployment, workspace, row.request_id, Move.CANCEL, actor=principal.actor, owner=principal.owner
        )
    return {"data": {"status": "SUCCESS"}}


def _called(request: Request, action: Action) -> tuple[Application, OpenWorkspace]:
    application = of(request)
    _, workspace = application.caller(request, action)
    if not application.spaces:
        raise NotFound("this face is switched off", hint="set REGISTRY_SPACES_API, or use POST /v1/dsr/requests")
    return application, workspace


def _person(application: Application, kind: str, at: int, value: str) -> Identifier:
    """Whom one of the ids means; one that can point at nobody is told by its place among them."""
    try:
        return subject(application.deployment.policies.identity, kind, value)
    except InvalidInput as error:
        raise InvalidInput(error.detail, hint=error.hint, pointer=f"/subjectIds/{at}") from None


def _found(application: Application, workspace: OpenWorkspace, regulation_id: str) -> list[StoredRequest]:
    identity = RequestId(parse_id(regulation_id, "regulation_id"))
    rows = together.opened_with(application.deployment, workspace, identity)
    if not _erases(rows[0]):
        raise NotFound("there is no such regulation")
    return rows


def _overall(standings: Collection[Standing]) -> Standing:
    """Where requests stand together: as all of them do, ended in several ways, or on their way."""
    if len(standings) == 1:
        return next(iter(standings))
    return Standing.PARTIAL_SUCCESS if set(standings) <= _ENDED else Standing.RUNNING


def _erases(row: StoredRequest) -> bool:
    return EFFECTS[Kind(row.kind)] is Effect.ERASE


def _finished(row: StoredRequest) -> str | None:
    return rfc3339(row.completed_at) if row.completed_at is not None else None
