"""The privacy centre: what a person is told, what they may choose, and what they may ask for.

A person is known here by a contact point that they proved (`flows.visits`), for half an hour. Nothing
before that says whether an address is known; nothing personal stands in an address line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from registry.flows import console
from registry.flows.access import sessions, visits
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.clock import SECOND
from registry.model.errors import Forbidden, NotFound, Overloaded, RegistryError, Unauthenticated
from registry.model.ids import WorkspaceId, parse_id, text_id
from registry.model.message import Identifier
from registry.pages.languages import LANGUAGES, language_of
from registry.pages.officers import of
from registry.pages.site import Form, Site, read_form, redirect, shielded

COOKIE = "registry_visit"


@dataclass(frozen=True, slots=True)
class Guest:
    """One request of somebody in the privacy centre; `person` is who they proved to be, if they did."""

    request: Request
    site: Site
    workspace: OpenWorkspace
    language: str
    token: str
    person: Identifier | None
    form: Form

    @property
    def deployment(self) -> Deployment:
        """The deployment behind the site."""
        return self.site.deployment

    @property
    def say(self) -> Mapping[str, str]:
        """What the pages say, in the guest's language."""
        return LANGUAGES[self.language]

    @property
    def known(self) -> Identifier:
        """Who the guest proved to be.

        Raises:
            Unauthenticated: they have not.
        """
        if self.person is None:
            raise Unauthenticated("the visit has ended")
        return self.person

    def path(self, page: str = "") -> str:
        """The address of a page, which keeps the language that was chosen."""
        chosen = f"?lang={self.language}" if self.request.query_params.get("lang") else ""
        return f"/privacy/{text_id(self.workspace.workspace_id)}/{page}{chosen}"

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page of the centre."""
        shared = {
            "lang": self.language, "skip": self.say["skip"], "say": self.say, "languages": LANGUAGES, "path": self.path,
            "person": self.person, "controller": self.deployment.controller,
            "law_day": self.deployment.policies.jurisdictions.day,
            "form_token": sessions.form_token(self.token) if self.token else "",
        }  # fmt: skip
        return self.site.render(f"privacy/{template}", status, **shared, **values)

    def with_visit(self, response: Response, token: str) -> Response:
        """A response that hands the visit's token to the browser."""
        response.set_cookie(
            COOKIE, token, max_age=visits.VISIT_FOR // SECOND, path=f"/privacy/{text_id(self.workspace.workspace_id)}",
            secure=self.request.url.scheme == "https", httponly=True, samesite="strict",
        )  # fmt: skip
        return response


Page = Callable[[Guest], Response]


def guests(*, proved: bool = False) -> Callable[[Page], Any]:
    """Open a page to everybody, or to whoever has proved a contact point; others are led to the start.

    A form of a proved visit carries the visit's token.
    """

    def decorate(page: Page) -> Any:
        @wraps(page)
        async def endpoint(request: Request) -> Response:
            form = await read_form(request) if request.method == "POST" else Form({})
            return await run_in_threadpool(_answer, page, request, form, proved)

        return shielded(_error_page)(endpoint)

    return decorate


def words_of(guest: Guest, error: RegistryError) -> str:
    """What went wrong, in the guest's language."""
    if isinstance(error, Overloaded):
        return guest.say["wait"]
    if isinstance(error, Unauthenticated):
        return guest.say["wrong"]
    if isinstance(error, NotFound):
        return guest.say["nothing"]
    if isinstance(error, Forbidden) and error.extra.get("rule") == "suppression":
        return guest.say["erased"]
    return guest.say["trouble"]


def _answer(page: Page, request: Request, form: Form, proved: bool) -> Response:
    guest = _guest(request, form)
    if proved and guest.person is None:
        return redirect(guest.path())
    if proved and request.method == "POST" and not sessions.is_form_token(guest.token, form.text("form_token")):
        raise Forbidden("the form is not of this visit", hint="load the page again")
    return page(guest)


def _guest(request: Request, form: Form) -> Guest:
    site = of(request)
    wanted = request.path_params["workspace"]
    known = {text_id(row.workspace_id) for row in console.workspaces(site.deployment)}
    if wanted not in known:
        raise NotFound("there is no such page")
    workspace = site.workspaces.open(WorkspaceId(parse_id(wanted)))
    token, person = request.cookies.get(COOKIE, ""), None
    try:
        person = visits.visitor(site.deployment, workspace, token) if token else None
    except Unauthenticated:
        person = None
    return Guest(request, site, workspace, language_of(request), token, person, form)


def _error_page(request: Request, error: RegistryError, status: int) -> Response:
    try:
        guest = _guest(request, Form({}))
    except RegistryError:
        return of(request).render("console/error-outside.html", status, error=error)
    return guest.page("error.html", status, text=words_of(guest, error))
