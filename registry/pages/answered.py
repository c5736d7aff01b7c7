"""What a finished request gives, in the console: its package, links to it for the person, and its certificate."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from registry.access.policy import Action
from registry.api.certificates import PAGE_HEADERS
from registry.api.package import lock_of, package_stream
from registry.flows.accountability import forms
from registry.flows.dsr import lifecycle, mailing
from registry.flows.dsr.package import links
from registry.model.errors import Conflict, InvalidInput, NotFound
from registry.model.ids import text_id
from registry.pages.officers import Visit, officers
from registry.pages.request import acted, request_id_of, shown
from registry.pages.site import HEADERS

RECIPIENTS_MOST = 20_000


@officers(Action.DSR_EXPORT, changes=True)
def package(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/package`: the ZIP, streamed; a POST, since each is logged."""
    row, _ = lifecycle.get(visit.deployment, visit.workspace, request_id_of(visit))
    keys = visit.form.text("recipients", most=RECIPIENTS_MOST).splitlines()
    try:
        lock = lock_of(visit.form.text("password") or None, [key.strip() for key in keys if key.strip()])
        response = package_stream(visit.deployment, visit.workspace, row, actor=visit.principal.actor, lock=lock)
    except (Conflict, InvalidInput) as error:
        return shown(visit, error=error)
    response.headers.update(HEADERS)
    return response


@officers(Action.DSR_READ)
def certificate(visit: Visit) -> Response:
    """`GET /console/requests/{request_id}/certificate`: the signed JWT of a finished erasure."""
    row, _ = lifecycle.get(visit.deployment, visit.workspace, request_id_of(visit))
    if row.certificate is None:
        raise NotFound("the request has no certificate", hint="it is certified when it is completed")
    name = f'attachment; filename="{text_id(row.request_id)}.jwt"'
    return Response(row.certificate, 200, HEADERS | {"Content-Disposition": name}, media_type="application/jwt")


@officers(Action.DSR_READ)
def certificate_page(visit: Visit) -> Response:
    """`GET /console/requests/{request_id}/certificate/page`: the certificate with its proof, to read and print."""
    row, _ = lifecycle.get(visit.deployment, visit.workspace, request_id_of(visit))
    if row.certificate is None:
        raise NotFound("the request has no certificate", hint="it is certified when it is completed")
    page = forms.write(visit.deployment, visit.workspace, row.certificate, forms.Form.PAGE)
    return Response(page, 200, HEADERS | PAGE_HEADERS, media_type="text/html")


@officers(Action.DSR_EXPORT, changes=True)
def link(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/link`: a link by which the person fetches the package, shown this once."""
    given = visit.deployment, visit.workspace, request_id_of(visit)
    try:
        days, fetches = (_number(visit, name) for name in ("days", "fetches"))
        made = links.make(*given, actor=visit.principal.actor, days=days, fetches=fetches)
    except (Conflict, InvalidInput) as error:
        return shown(visit, error=error)
    base = visit.deployment.public_url or str(visit.request.base_url).rstrip("/")
    told = {"url": base + links.path_of(visit.workspace, made.token), "until": made.expires_at, "fetches": made.fetches}
    return shown(visit, link=told)


@officers(Action.DSR_EXPORT, changes=True)
def letter(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/letter`: send such a link to the person, or to the agent who gets it."""
    given = visit.deployment, visit.workspace, request_id_of(visit)

    def send() -> None:
        days, fetches = (_number(visit, name) for name in ("days", "fetches"))
        mailing.mail(*given, actor=visit.principal.actor, days=days, fetches=fetches)

    return acted(visit, send)


@officers(Action.DSR_EXPORT, changes=True)
def unlink(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/unlink`: no link leads to the package any more."""
    given = visit.deployment, visit.workspace, request_id_of(visit)
    return acted(visit, lambda: links.withdraw(*given, actor=visit.principal.actor))


def _number(visit: Visit, name: str) -> int:
    text = visit.form.text(name, most=4)
    if not text.isdecimal():
        raise InvalidInput(f"{name} is not a number", pointer=f"/{name}")
    return int(text)


ROUTES: list[Any] = [
    Route("/console/requests/{request_id}/package", package, methods=["POST"]),
    Route("/console/requests/{request_id}/link", link, methods=["POST"]),
    Route("/console/requests/{request_id}/letter", letter, methods=["POST"]),
    Route("/console/requests/{request_id}/unlink", unlink, methods=["POST"]),
    Route("/console/requests/{request_id}/certificate", certificate),
    Route("/console/requests/{request_id}/certificate/page", certificate_page),
]
