"""OpenDSR 2.0, the processor's side: requests that controllers send, answered with a signature.

Errors are problem documents that also hold the specification's `error` member.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, Path, Query
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from registry.access.policy import Action
from registry.api import problems
from registry.api.application import Application, of
from registry.api.bodies import JSON_BYTES, JsonRoute, read_body
from registry.api.consent import moment
from registry.api.package import package_stream
from registry.api.wire import UUID_FORM, OpenDsrIdentity, OpenDsrRequestBody
from registry.dsr import opendsr as terms
from registry.dsr.requests import State
from registry.flows.dsr import callbacks, called_back, opendsr
from registry.flows.identity.subjects import subject
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import rfc3339
from registry.model.errors import InvalidInput, RegistryError
from registry.model.ids import WorkspaceId, parse_id, text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from registry.model.stored_upkeep import OpenDsrRequest

PREFIX = "/opendsr/v2"
OLD_PREFIX = "/opendsr/v1"
OLD_REQUESTS = "/opengdpr_requests"
"""Where the protocol's older versions have requests; honoured as the specification wants it (section 10.1)."""
SENDERS_FAULT = (404, 409, 413, 422)
UNNAMED = "localhost"
"""The host name that is signed for where REGISTRY_PUBLIC_URL gives none."""


class OpenDsrRoute(JsonRoute):
    """A route whose errors say what the specification wants said, too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the errors' form around it."""
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return _refusal(request, problems.not_of_the_form(error))
            except RegistryError as error:
                return _refusal(request, error)

        return answered


router = APIRouter(tags=["OpenDSR"], route_class=OpenDsrRoute)
open_router = APIRouter(tags=["OpenDSR"])

SystemName = Annotated[str, Path(description="The processor's name.", max_length=40)]
CALLBACK_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "object", "required": ["subject_request_id", "status_callback_url"]},
            "example": {
                "controller_id": "our-id-there",
                "expected_completion_time": "2026-02-01T12:00:00Z",
                "status_callback_url": "https://registry.example/opendsr/v2/callbacks/mailer",
                "subject_request_id": "a7551968-d5d6-44b2-9831-815ac9017798",
                "request_status": "completed",
            },
        }
    },
}
RequestIdText = Annotated[
    str, Path(description="The id that the controller gave.", max_length=36, json_schema_extra=UUID_FORM)
]
WorkspaceText = Annotated[
    str | None, Query(description="Where there are several.", max_length=36, json_schema_extra=UUID_FORM)
]


@open_router.get(f"{PREFIX}/discovery", summary="What a controller may ask for, and by which identities")
def discover(request: Request, workspace: WorkspaceText = None) -> dict[str, Any]:
    """No key is needed (specification section 6)."""
    application = of(request)
    opened = _workspace(application, workspace)
    return {
        "api_version": terms.OLD_VERSION if request.url.path.startswith(OLD_PREFIX) else terms.API_VERSION,
        "supported_identities": terms.supported(application.deployment.policies.identity.kinds),
        "supported_subject_request_types": [asked.value for asked in terms.Asked],
        "processor_certificate": f"{_base(request)}{PREFIX}/certificate?workspace={text_id(opened.workspace_id)}",
    }


@open_router.get(f"{PREFIX}/certificate", summary="The certificate that answers are checked with")
def get_certificate(request: Request, workspace: WorkspaceText = None) -> Response:
    """PEM: the chain that an authority issued, or one signed by its own key, to be pinned. No key is needed."""
    application = of(request)
    opened = _workspace(application, workspace)
    pem = opendsr.published(application.deployment, opened, _domain(application))
    return Response(pem, 200, media_type="application/x-pem-file")


@router.post(f"{PREFIX}/requests", status_code=201, summary="Send a request of a data subject")
def receive_request(request: Request, body: OpenDsrRequestBody) -> Response:
    """Taken in once: the same sent again is answered alike. The controller vouches for the person, so the request
    waits for its approval only. Whether the person is known is not said.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_RECEIVE)
    moment(body.submitted_time, "/submitted_time")
    raw: bytes = request.state.raw
    received = opendsr.Received(
        subject_request_id=parse_id(body.subject_request_id, "subject_request_id"),
        regulation=body.regulation,
        asked=body.subject_request_type,
        people=[_person(application, at, one) for at, one in enumerate(body.subject_identities)],
        callbacks=body.status_callback_urls,
        raw=raw,
    )
    domain = _domain(application)
    row, opened = opendsr.receive(
        application.deployment, workspace, received, domain=domain, actor=principal.actor, owner=principal.owner
    )
    answer = {
        "controller_id": text_id(workspace.workspace_id),
        "expected_completion_time": rfc3339(opened.respond_by),
        "received_time": rfc3339(row.received_at),
        "encoded_request": base64.b64encode(raw).decode(),
        "subject_request_id": text_id(row.subject_request_id),
    }
    return _signed(application, workspace, answer, 201)


@router.get(PREFIX + "/requests/{subject_request_id}", summary="Where a controller's request stands")
def request_status(request: Request, subject_request_id: RequestIdText) -> Response:
    """Once an access or portability request is completed, `results_url` leads to its package."""
    application, workspace, row, found, _ = _found(request, subject_request_id)
    status = terms.status_of(State(found.state))
    answer = callbacks.status_json(row, found, status, _base(request))
    return _signed(application, workspace, answer)


@router.get(PREFIX + "/requests/{subject_request_id}/results", summary="The package of a completed request")
def request_results(request: Request, subject_request_id: RequestIdText) -> StreamingResponse:
    """A ZIP, streamed as it is written; no copy of it is kept."""
    application, workspace, _, found, actor = _found(request, subject_request_id)
    return package_stream(application.deployment, workspace, found, actor=actor)


@router.delete(PREFIX + "/requests/{subject_request_id}", status_code=202, summary="Cancel a request that is pending")
def cancel_received(request: Request, subject_request_id: RequestIdText) -> Response:
    """One that is being worked on, or has ended, is not cancelled."""
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_RECEIVE)
    identity = parse_id(subject_request_id, "subject_request_id")
    row, _ = opendsr.cancel(application.deployment, workspace, identity, actor=principal.actor, owner=principal.owner)
    answer = {
        "controller_id": text_id(workspace.workspace_id),
        "received_time": rfc3339(application.deployment.clock()),
        "subject_request_id": text_id(row.subject_request_id),
        "api_version": terms.API_VERSION,
    }
    return _signed(application, workspace, answer, 202)


@open_router.post(
    PREFIX + "/callbacks/{system}",
    status_code=202,
    summary="What a processor reports of a request that it was sent",
    openapi_extra={"requestBody": CALLBACK_BODY},
)
async def take_callback(request: Request, system: SystemName) -> dict[str, Any]:
    """No key is needed: the bytes are held against the certificate that is pinned for the processor."""
    application = of(request)
    raw = await read_body(request, JSON_BYTES)
    await run_in_threadpool(called_back.take, application.deployment, system, raw, request.headers)
    return {"success": True}


def _found(
    request: Request, subject_request_id: str
) -> tuple[Application, OpenWorkspace, OpenDsrRequest, StoredRequest, str]:
    application = of(request)
    principal, workspace = application.caller(request, Action.DSR_RECEIVE)
    identity = parse_id(subject_request_id, "subject_request_id")
    row, found = opendsr.look_up(application.deployment, workspace, identity, owner=principal.owner)
    return application, workspace, row, found, principal.actor


def _person(application: Application, at: int, identity: OpenDsrIdentity) -> Identifier:
    """The identifier that an identity stands for.

    Raises:
        InvalidInput: the policy knows no such kind, or the value cannot point at a person.
    """
    rules = application.deployment.policies.identity
    kind = terms.IDENTITIES.get(identity.identity_type)
    if kind is None or kind not in rules.kinds or identity.identity_format != terms.RAW:
        raise InvalidInput(
            "an identity is of a type or format that is not supported",
            hint=f"GET {PREFIX}/discovery lists those that are",
            pointer=f"/subject_identities/{at}",
        )
    try:
        return subject(rules, kind, identity.identity_value)
    except InvalidInput as error:
        raise InvalidInput(error.detail, hint=error.hint, pointer=f"/subject_identities/{at}") from None


def _workspace(application: Application, named: str | None) -> OpenWorkspace:
    if named is None:
        return application.workspaces.only()
    return application.workspaces.open(WorkspaceId(parse_id(named, "workspace")))


def _signed(application: Application, workspace: OpenWorkspace, answer: dict[str, Any], status: int = 200) -> Response:
    body = orjson.dumps(answer)
    headers = callbacks.signed_headers(application.deployment, workspace, _domain(application), body)
    return Response(body, status, headers)


def _refusal(request: Request, error: RegistryError) -> Response:
    """A refusal in both forms; of a request that is sent, each that is the sender's fault is a 400 (section 7.5)."""
    application, status = of(request), problems.status_of(error)
    reason = error.extra.get("reason", error.code)
    if request.method == "POST" and status in SENDERS_FAULT:
        error, status = InvalidInput(error.detail, hint=error.hint, extra=error.extra), 400
    message = error.detail if status < problems.SHOWN_BELOW else error.title
    one = {"domain": _domain(application), "reason": reason, "message": message}
    error.extra["error"] = {"code": status, "message": message, "errors": [one]}
    return problems.render(error)


def _base(request: Request) -> str:
    return of(request).public_url or str(request.base_url).rstrip("/")


def _domain(application: Application) -> str:
    return urlsplit(application.public_url or "").hostname or UNNAMED


def _add_old_routes() -> None:
    """What the protocol's older versions call by other names, answered alike."""
    one = OLD_REQUESTS + "/{subject_request_id}"
    for method, path, endpoint, status in (
        ("POST", OLD_REQUESTS, receive_request, 201),
        ("GET", one, request_status, 200),
        ("DELETE", one, cancel_received, 202),
    ):
        name, summary = f"older_{endpoint.__name__}", "The same, by the protocol's older name"
        router.add_api_route(
            OLD_PREFIX + path, endpoint, methods=[method], status_code=status, name=name, summary=summary
        )
    summary = "What may be asked for, by the protocol's older address"
    open_router.add_api_route(f"{OLD_PREFIX}/discovery", discover, name="older_discover", summary=summary)


_add_old_routes()
