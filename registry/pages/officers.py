"""Who an officer's page is for: the session's cookie, its form token, and what the access policy allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from registry.access.policy import Action, Principal
from registry.access.signing_in import ABSOLUTE
from registry.flows.access import sessions
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import SECOND
from registry.model.errors import Forbidden, RegistryError, Unauthenticated
from registry.pages.site import Form, Site, read_form, redirect, shielded

COOKIE = "registry_session"
SIGN_IN = "/console/sign-in"

MENU = (
    ("Overview", "/console/", Action.DSR_READ),
    ("Requests", "/console/requests", Action.DSR_READ),
    ("Deadlines", "/console/deadlines", Action.DSR_READ),
    ("Legal holds", "/console/holds", Action.HOLDS_READ),
    ("People", "/console/profiles", Action.PROFILES_READ),
    ("Who is who", "/console/merges", Action.PROFILES_EXPLAIN),
    ("Duplicates", "/console/suggestions", Action.PROFILES_MERGE),
    ("Data quality", "/console/quality", Action.PROFILES_EXPLAIN),
    ("Accountability", "/console/accountability", Action.CENSUS_READ),
    ("Violations", "/console/violations", Action.VIOLATIONS_READ),
    ("Purposes", "/console/purposes", Action.POLICIES_READ),
    ("Sources and plans", "/console/sources", Action.SOURCES_READ),
    ("Keys", "/console/keys", Action.KEYS_READ),
    ("Audit log", "/console/audit", Action.AUDIT_READ),
    ("Check a document", "/console/documents", None),
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of an officer who has signed in."""

    request: Request
    site: Site
    token: str
    principal: Principal
    workspace: OpenWorkspace
    form: Form

    @property
    def deployment(self) -> Deployment:
        """The deployment behind the site."""
        return self.site.deployment

    def may(self, action: Action | None) -> bool:
        """Whether the access policy allows an action; what has none is allowed to whoever signed in."""
        return action is None or self.deployment.policies.access.has(self.principal, action).allowed

    def require(self, action: Action) -> None:
        """Go on only if the access policy allows an action.

        Raises:
            Forbidden.
        """
        self.deployment.policies.access.require_action(self.principal, action)

    def query(self, name: str) -> str | None:
        """A member of the address, which is never personal."""
        return self.request.query_params.get(name)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page of the console."""
        return self.site.render(f"console/{template}", status, **_shared(self), **values)


Page = Callable[[Visit], Response]


def of(request: Request) -> Site:
    """The site that a request came to."""
    site = request.app.state.pages
    if not isinstance(site, Site):
        raise TypeError("the server was put together without its pages")
    return site


def officers(action: Action | None, *, changes: bool = False) -> Callable[[Page], Any]:
    """Open a page to officers whom the policy allows the action; one that changes something takes a form.

    Whoever has not signed in is sent to do so.
    """

    def decorate(page: Page) -> Any:
        @wraps(page)
        async def endpoint(request: Request) -> Response:
            form = await read_form(request) if request.method == "POST" else Form({})
            return await run_in_threadpool(_answer, page, request, form, action, changes)

        return shielded(_error_page)(endpoint)

    return decorate


def with_cookie(response: Response, request: Request, token: str) -> Response:
    """A response that hands the session's token to the browser."""
    response.set_cookie(
        COOKIE, token, max_age=ABSOLUTE // SECOND, path="/console", secure=request.url.scheme == "https",
        httponly=True, samesite="strict",
    )  # fmt: skip
    return response


def _answer(page: Page, request: Request, form: Form, action: Action | None, changes: bool) -> Response:
    try:
        visit = _visit(request, form)
    except Unauthenticated:
        return redirect(SIGN_IN)
    if (changes or request.method == "POST") and not sessions.is_form_token(visit.token, form.text("form_token")):
        raise Forbidden("the form is not of this session", hint="load the page again", extra={"rule": "form token"})
    if action is not None:
        visit.require(action)
    return page(visit)


def _visit(request: Request, form: Form) -> Visit:
    site, token = of(request), request.cookies.get(COOKIE, "")
    principal = sessions.principal_in(site.deployment, token)
    return Visit(request, site, token, principal, site.workspaces.open(principal.workspace_id), form)


def _shared(visit: Visit) -> dict[str, Any]:
    menu = [(name, path) for name, path, action in MENU if visit.may(action)]
    here = max((path for _, path in menu if visit.request.url.path.startswith(path)), key=len, default="")
    return {
        "menu": menu,
        "here": here,
        "workspace_name": visit.workspace.name,
        "officer": visit.principal,
        "form_token": sessions.form_token(visit.token),
        "may": lambda name: visit.may(Action(name)),
        "law_day": visit.deployment.policies.jurisdictions.day,
    }


def _error_page(request: Request, error: RegistryError, status: int) -> Response:
    """An error, with the menu where the officer is known."""
    values = {"error": error, "rule": error.extra.get("rule")}
    try:
        visit = _visit(request, Form({}))
    except RegistryError:
        return of(request).render("console/error-outside.html", status, **values)
    return visit.page("error.html", status, **values)
