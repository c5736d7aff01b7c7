"""Certificates: of requests, and of what was set aside when its case has ended; each in three forms."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from registry.access.policy import Action
from registry.api.application import of
from registry.api.bodies import JsonRoute
from registry.api.dsr import RequestIdText
from registry.api.holds import CaseId
from registry.flows.accountability.certificate_page import POLICY
from registry.flows.accountability.forms import Form, write
from registry.flows.dsr import kept, lifecycle
from registry.model.errors import NotFound
from registry.model.ids import RequestId, parse_id

PAGE_HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}

router = APIRouter(prefix="/v1", tags=["data subject requests"], route_class=JsonRoute)


@router.get("/dsr/requests/{request_id}/certificate", summary="The signed certificate of a finished request")
def request_certificate(request: Request, request_id: RequestIdText) -> Response:
    """A JWT (EdDSA) that anybody checks with the published keys."""
    return Response(_of_request(request, request_id, Form.JWT), 200, media_type="application/jwt")


@router.get("/dsr/requests/{request_id}/certificate/proven", summary="A certificate with its place in the audit log")
def proven_certificate(request: Request, request_id: RequestIdText) -> dict[str, Any]:
    """The JWT, the log's entry on it, and the proof that a signed checkpoint includes it (RFC 6962)."""
    return dict(orjson.loads(_of_request(request, request_id, Form.PROVEN)))


@router.get("/dsr/requests/{request_id}/certificate/page", summary="A certificate as a page to read and print")
def certificate_page(request: Request, request_id: RequestIdText) -> Response:
    """One HTML page with the JWT and its proof inside: `registry verify` checks every word of it."""
    return Response(_of_request(request, request_id, Form.PAGE), 200, PAGE_HEADERS, media_type="text/html")


@router.get("/retained/{case_id}/certificate/proven", summary="The certificate that what was kept is destroyed")
def proven_case_certificate(request: Request, case_id: CaseId) -> dict[str, Any]:
    """Of a case that has ended, with its place in the audit log."""
    return dict(orjson.loads(_of_case(request, case_id, Form.PROVEN)))


@router.get("/retained/{case_id}/certificate/page", summary="That certificate as a page to read and print")
def case_certificate_page(request: Request, case_id: CaseId) -> Response:
    """Of a case that has ended: one HTML page with the JWT and its proof inside."""
    return Response(_of_case(request, case_id, Form.PAGE), 200, PAGE_HEADERS, media_type="text/html")


def _of_request(request: Request, request_id: str, form: Form) -> str:
    application = of(request)
    _, workspace = application.caller(request, Action.DSR_READ)
    row, _ = lifecycle.get(application.deployment, workspace, RequestId(parse_id(request_id, "request_id")))
    if row.certificate is None:
        raise NotFound("the request has no certificate", hint="it is certified when it is completed")
    return write(application.deployment, workspace, row.certificate, form)


def _of_case(request: Request, case_id: str, form: Form) -> str:
    application = of(request)
    _, workspace = application.caller(request, Action.HOLDS_READ)
    token = kept.certificate_of(application.deployment, workspace, parse_id(case_id, "case_id"))
    return write(application.deployment, workspace, token, form)
