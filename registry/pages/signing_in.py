"""Signing in and out of the console."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from registry.flows import console
from registry.flows.access import sessions
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import Overloaded, RegistryError, Unauthenticated
from registry.model.ids import WorkspaceId, parse_id
from registry.pages.officers import COOKIE, SIGN_IN, Visit, of, officers, with_cookie
from registry.pages.site import Form, Site, read_form, redirect, shielded

HOME = "/console/"


def _error(request: Request, error: RegistryError, status: int) -> Response:
    return _form(of(request), status, error=error)


@shielded(_error)
async def sign_in(request: Request) -> Response:
    """`/console/sign-in`: the form, and what is sent with it."""
    if request.method != "POST":
        return await run_in_threadpool(_form, of(request))
    form = await read_form(request)
    return await run_in_threadpool(_sign_in, request, form)


@officers(None, changes=True)
def sign_out(visit: Visit) -> Response:
    """`POST /console/sign-out`: the session ends."""
    sessions.sign_out(visit.deployment, visit.principal, visit.token)
    response = redirect(SIGN_IN)
    response.delete_cookie(COOKIE, path="/console")
    return response


def _sign_in(request: Request, form: Form) -> Response:
    site = of(request)
    try:
        key = form.text("key")
        if key:
            opened = sessions.sign_in_by_key(site.deployment, key)
        else:
            workspace = _workspace(site, form)
            name, code = form.text("name", most=64), form.text("code", most=16).replace(" ", "")
            opened = sessions.sign_in(site.deployment, workspace, name, form.text("password"), code)
    except Unauthenticated as error:
        return _form(site, 401, error=error)
    except Overloaded as error:
        response = _form(site, 429, error=error)
        response.headers["Retry-After"] = str(error.retry_after_s)
        return response
    return with_cookie(redirect(HOME), request, opened.token)


def _workspace(site: Site, form: Form) -> OpenWorkspace:
    given = form.text("workspace", most=36)
    if not given:
        return site.workspaces.only()
    wanted = parse_id(given, "workspace")
    known = [row.workspace_id for row in console.workspaces(site.deployment)]
    if wanted not in known:
        raise Unauthenticated(sessions.WRONG)
    return site.workspaces.open(WorkspaceId(wanted))


def _form(site: Site, status: int = 200, error: RegistryError | None = None) -> Response:
    several = len(console.workspaces(site.deployment)) > 1
    return site.render("console/sign-in.html", status, error=error, several=several)


ROUTES = [
    Route(SIGN_IN, sign_in, methods=["GET", "POST"]),
    Route("/console/sign-out", sign_out, methods=["POST"]),
]
