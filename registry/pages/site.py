"""What every page shares: the templates, the security headers, forms, and how errors look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from importlib import resources
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from registry.api.bodies import read_body
from registry.api.problems import SHOWN_BELOW, status_of, unforeseen
from registry.flows.deployment import Deployment
from registry.flows.workspace import Workspaces
from registry.model.clock import Micros, to_datetime
from registry.model.errors import Forbidden, InvalidInput, RegistryError
from registry.model.ids import text_id
from registry.model.origins import origin

FORM_BYTES = 256 * 1024
FORM_FIELDS = 200
TOKEN, ONCE = "form_token", "once"
"""Fields of forms: by which a session knows its own, and by which a form is known from every other."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'; script-src 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
CHART_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""Of an SVG, which an `img` shows: its own style stands inside it, and it may fetch nothing."""

_log = structlog.get_logger("registry.pages")


@dataclass(frozen=True, slots=True)
class Site:
    """One server's pages. Links in mail lead to `deployment.public_url`, never to what a request names."""

    deployment: Deployment
    workspaces: Workspaces
    environment: Environment

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page."""
        return HTMLResponse(self.environment.get_template(template).render(**values), status, headers=HEADERS)


def templates() -> Environment:
    """The templates, with values escaped and the ways that times and names are shown."""
    made = Environment(
        loader=PackageLoader("registry.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.globals["new_mark"] = lambda: token_hex(16)
    made.filters |= {"day": day, "moment": moment, "words": words, "uuid": text_id}
    return made


class Form:
    """The fields of a form. The `repr` hides them."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self._fields = fields

    def text(self, name: str, *, most: int = 512) -> str:
        """A field's text, trimmed; empty where it is absent.

        Raises:
            InvalidInput: it is longer than `most` characters.
        """
        value = (self._fields.get(name) or [""])[0].strip()
        if len(value) > most:
            raise InvalidInput(f"{name} is longer than {most} characters", pointer=f"/{name}")
        return value

    def every(self, name: str) -> list[str]:
        """Each value of a field that may stand several times."""
        return self._fields.get(name, [])

    def reference(self, *told: str) -> str | None:
        """By what this form is known when it is sent again (a double click, a page loaded anew), and no other is.

        Args:
            told: what else belongs to it.
        """
        if not self.text(ONCE, most=64):
            return None
        said = [(name, values) for name, values in sorted(self._fields.items()) if name != TOKEN]
        return orjson.dumps([told, said]).decode()

    def __repr__(self) -> str:
        return "Form(hidden)"


async def read_form(request: Request) -> Form:
    """The fields of a posted form, which must come from a page of this site.

    Raises:
        Forbidden: another site sent it.
        InvalidInput, TooLarge: it is no form, or too large.
    """
    require_same_site(request)
    body = await read_body(request, FORM_BYTES)
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS, errors="strict")
    except ValueError:
        raise InvalidInput("the form cannot be read") from None
    return Form(fields)


def require_same_site(request: Request) -> None:
    """Refuse a form that another site's page sent: browsers say where a form comes from, and cannot be made to lie.

    Raises:
        Forbidden: it comes from elsewhere.
    """
    fetched = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    here = request.headers.get("host", "")
    elsewhere = fetched not in (None, "same-origin", "none")
    if elsewhere or (origin is not None and urlsplit(origin).netloc != here):
        raise Forbidden("the form was sent by another site", extra={"rule": "same origin"})


def redirect(path: str) -> Response:
    """Go to another page, by GET."""
    return RedirectResponse(path, 303, headers=HEADERS)


def shielded(render_error: Callable[[Request, RegistryError, int], Response]) -> Callable[[Any], Any]:
    """Make errors into pages: what is wrong, what to do, and never a value."""

    def decorate(endpoint: Any) -> Any:
        @wraps(endpoint)
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)  # type: ignore[no-any-return]
            except HTTPException:
                raise
            except RegistryError as error:
                status = status_of(error)
                if status >= SHOWN_BELOW:
                    _log.error("page failed", code=error.code, detail=error.detail, **origin(error))
                    error = RegistryError(error.title, hint=error.hint) if status == SHOWN_BELOW else _closed(error)
                return await run_in_threadpool(render_error, request, error, status)
            except Exception as error:  # noqa: BLE001 - nothing of it may reach the page or the server's log
                unforeseen(error)
                return await run_in_threadpool(render_error, request, RegistryError("an unforeseen error"), 500)

        return answer

    return decorate


def _closed(error: RegistryError) -> RegistryError:
    """The error without its detail, which names hosts and files."""
    return RegistryError(error.title, hint="try again in a moment; nothing was lost")


def asset(request: Request) -> Response:
    """`GET /pages.css` and `/pages.svg`: the one style sheet, and the mark."""
    name = request.url.path.rpartition("/")[2]
    text = (resources.files("registry.pages") / "static" / name).read_text(encoding="utf-8")
    return Response(text, 200, HEADERS, media_type=MEDIA[name.rpartition(".")[2]])


def day(at: Micros | str | None) -> str:
    """A date for people, UTC."""
    return moment(at)[:10]


def moment(at: Micros | str | None) -> str:
    """A time for people, UTC, to the minute."""
    if at is None:
        return "never"
    text = at if isinstance(at, str) else to_datetime(at).isoformat()
    return text[:16].replace("T", " ")


def words(name: str) -> str:
    """A name of ours as words: `order_completed` as `order completed`."""
    return name.replace("_", " ")


MEDIA = {"css": "text/css", "svg": "image/svg+xml"}
ROUTES = [Route("/pages.css", asset), Route("/pages.svg", asset)]
