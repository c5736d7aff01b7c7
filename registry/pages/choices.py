"""The pages of the privacy centre: purposes, the way in, the preference centre, packages. (`asking`: requests.)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.responses import Response
from starlette.routing import Route

from registry.api.package import giving_stream, lock_of, package_stream
from registry.consent.records import WHOLE_PERSON
from registry.consent.signals.banners import from_gpc
from registry.dsr.notices import LANGUAGES as NOTICES
from registry.dsr.requests import Kind
from registry.flows.access import preferences, visits
from registry.flows.access.preferences import Choice
from registry.flows.dsr import proving
from registry.flows.dsr.package import links
from registry.flows.identity.subjects import subject
from registry.model.errors import Conflict, InvalidInput, NotFound, Overloaded, Unauthenticated
from registry.model.ids import RecordId, parse_id, text_id
from registry.model.stored import StoredConsent
from registry.pages.centre import COOKIE, Guest, guests, words_of
from registry.pages.site import HEADERS, day, redirect

CHANNEL = "privacy_centre"
KEYS_MOST = 20_000
"""Characters of all the public keys that a package is locked for."""


@guests()
def start(guest: Guest) -> Response:
    """`GET /privacy/{workspace}/`: purposes in plain language, and the way in."""
    return guest.page("start.html", under=guest.deployment.policies.purposes.under, error=None)


@guests()
def invite(guest: Guest) -> Response:
    """`POST /privacy/{workspace}/enter`: send a code; the answer is the same for every address."""
    say, deployment = guest.say, guest.deployment
    link = None
    if deployment.public_url is not None:
        link = f"{deployment.public_url}/privacy/{text_id(guest.workspace.workspace_id)}/link/"
    letter = visits.Letter(say["mail_subject"], say["mail_text"], say["mail_link"], link)
    try:
        person = subject(deployment.policies.identity, "email", guest.form.text("email"))
        token = visits.invite(deployment, guest.workspace, deployment.mailer, person, letter)
    except InvalidInput:
        return guest.page("enter.html", 400, error=say["bad_email"])
    except Overloaded as error:
        return guest.page("enter.html", 429, error=words_of(guest, error))
    return guest.with_visit(redirect(guest.path("code")), token)


@guests()
def enter_code(guest: Guest) -> Response:
    """`GET` and `POST /privacy/{workspace}/code`: the code that was sent."""
    if guest.request.method != "POST":
        return guest.page("code.html", error=None)
    try:
        code = guest.form.text("code", most=16).replace(" ", "")
        token = visits.confirm(guest.deployment, guest.workspace, guest.token, code)
    except (Unauthenticated, Overloaded) as error:
        return guest.page("code.html", 429 if isinstance(error, Overloaded) else 401, error=words_of(guest, error))
    return _welcomed(guest, token)


@guests()
def follow_link(guest: Guest) -> Response:
    """`GET` and `POST /privacy/{workspace}/link/{token}`: only the form follows it, so that no mail scanner does."""
    if guest.request.method != "POST":
        return guest.page("link.html")
    token = visits.follow(guest.deployment, guest.workspace, guest.request.path_params["token"])
    return _welcomed(guest, token)


@guests()
def confirm(guest: Guest) -> Response:
    """`GET` and `POST /privacy/{workspace}/confirm/{token}`: whether a request is one's own; only the form answers."""
    token, deployment, workspace = guest.request.path_params["token"], guest.deployment, guest.workspace
    if guest.request.method != "POST":
        asked = proving.asked(deployment, workspace, token)
        words = NOTICES[guest.language].kinds[Kind(asked.request.kind)]
        return guest.page("confirm.html", wish=words, agent=asked.agent, said=None)
    if guest.form.text("answer", most=8) == "no":
        proving.deny(deployment, workspace, token, actor=visits.ACTOR)
        return guest.page("confirm.html", said="denied_request")
    proving.by_link(deployment, workspace, token, actor=visits.ACTOR)
    return guest.page("confirm.html", said="confirmed_request")


@guests(proved=True)
def choices(guest: Guest) -> Response:
    """`GET` and `POST /privacy/{workspace}/choices`: the preference centre."""
    if guest.request.method != "POST":
        return _choices(guest)
    said = {
        name: word == "yes"
        for name in guest.deployment.policies.purposes.purposes
        if (word := guest.form.text(f"choice-{name}", most=3)) in ("yes", "no")
    }
    catalogue = guest.deployment.policies.purposes.purposes
    ages = [catalogue[name].minimum_age or 0 for name, yes in said.items() if yes]  # as the words beside it say
    seen = {name: RecordId(parse_id(one)) if (one := guest.form.text(f"seen-{name}")) else None for name in said}
    try:
        made = preferences.choose(
            guest.deployment, guest.workspace, guest.known, said,
            language=guest.language, channel=CHANNEL, shown=guest.form.text("policy") or None, seen=seen,
            age_at_least=max(ages, default=None),
        )  # fmt: skip
    except Conflict:
        return _choices(guest, 409)
    return _choices(guest, said=said, made=made)


@guests(proved=True)
def package(guest: Guest) -> Response:
    """`POST /privacy/{workspace}/package`: the package of an own request that was approved and run."""
    wanted = parse_id(guest.form.text("request", most=36), "request")
    own = visits.requests_of(guest.deployment, guest.workspace, guest.known)
    row = next((row for row in own if row.request_id == wanted), None)
    if row is None:
        raise NotFound("there is no such request")
    try:
        lock = lock_of(*_locked_with(guest))
    except InvalidInput:
        return guest.page("error.html", 400, text=guest.say["lock_wrong"])
    response = package_stream(guest.deployment, guest.workspace, row, actor=visits.ACTOR, lock=lock)
    response.headers.update(HEADERS)
    return response


@guests()
def fetch(guest: Guest) -> Response:
    """`GET` and `POST /privacy/{workspace}/fetch/{token}`: only the form fetches, so that no mail scanner does."""
    token = guest.request.path_params["token"]
    if guest.request.method != "POST":
        is_open = links.is_open(guest.deployment, guest.workspace, token)
        return guest.page("fetch.html", 200 if is_open else 401, is_open=is_open, is_wrong=False)
    given = guest.deployment, guest.workspace
    try:
        lock = lock_of(*_locked_with(guest))
    except InvalidInput:
        return guest.page("fetch.html", 400, is_open=links.is_open(*given, token), is_wrong=True)
    response = giving_stream(*given, links.Fetch(*given, token), actor=links.ACTOR, lock=lock)
    response.headers.update(HEADERS)
    return response


def _welcomed(guest: Guest, token: str) -> Response:
    """On to the choices, once it is known who comes: what their browser objects to is theirs from now on."""
    if _objects(guest):
        person = visits.visitor(guest.deployment, guest.workspace, token)
        preferences.heed_browser(guest.deployment, guest.workspace, person)
    return guest.with_visit(redirect(guest.path("choices")), token)


def _objects(guest: Guest) -> bool:
    return from_gpc(guest.request.headers.getlist("sec-gpc"))


def _locked_with(guest: Guest) -> tuple[str | None, list[str]]:
    """The password, and the public keys, that the person locks their package with, if they do."""
    keys = guest.form.text("recipients", most=KEYS_MOST).splitlines()
    return guest.form.text("password") or None, [key.strip() for key in keys if key.strip()]


@guests(proved=True)
def leave(guest: Guest) -> Response:
    """`POST /privacy/{workspace}/leave`: the visit ends."""
    visits.leave(guest.deployment, guest.workspace, guest.token)
    response = redirect(guest.path())
    response.delete_cookie(COOKIE, path=f"/privacy/{text_id(guest.workspace.workspace_id)}")
    return response


def _choices(
    guest: Guest,
    status: int = 200,
    *,
    said: Mapping[str, bool] | None = None,
    made: Sequence[tuple[StoredConsent, str]] = (),
) -> Response:
    """The page as it stands, also once `said` was saved; 409 where the purposes were changed since it was shown."""
    deployment, workspace, person = guest.deployment, guest.workspace, guest.known
    catalogue = deployment.policies.purposes
    offered = preferences.choices(deployment, workspace, person, guest.language)
    recorded = {row.purpose for row, _ in made}
    passed = [
        _title(guest, choice.purpose.name)
        for choice in offered
        if said is not None and choice.purpose.name not in recorded
        and said.get(choice.purpose.name, choice.now) != choice.now
    ]  # fmt: skip
    heeding = (one.purpose.name for one in offered if one.purpose.gpc_opts_out and one.now is False)
    objected = [_title(guest, name) for name in heeding] if _objects(guest) else []
    receipts = [(_title(guest, row.purpose), receipt) for row, receipt in made]
    shown = {choice.purpose.name: (choice, _since(guest, choice)) for choice in offered}
    history = [
        (row, _title(guest, row.purpose)) for row in reversed(preferences.records(deployment, workspace, person))
    ]
    return guest.page(
        "choices.html", status, choices=shown, history=history, receipts=receipts, passed=passed, objected=objected,
        under=catalogue.under, saved=said is not None, policy=catalogue.version, is_changed=status == 409,
    )  # fmt: skip


def _since(guest: Guest, choice: Choice) -> str:
    """What the person said last of a purpose, and when."""
    row = choice.last
    if row is None:
        return ""
    return guest.say["since"].format(status=guest.say.get(row.status, row.status), day=day(row.acted_at))


def _title(guest: Guest, name: str) -> str:
    if name == WHOLE_PERSON:
        return guest.say["every_use"]
    catalogue = guest.deployment.policies.purposes
    return catalogue.title_of(name, guest.language) if name in catalogue.purposes else name


ROUTES = [
    Route("/privacy/{workspace}", start),  # as people type it
    Route("/privacy/{workspace}/", start),
    Route("/privacy/{workspace}/enter", invite, methods=["POST"]),
    Route("/privacy/{workspace}/code", enter_code, methods=["GET", "POST"]),
    Route("/privacy/{workspace}/link/{token}", follow_link, methods=["GET", "POST"]),
    Route("/privacy/{workspace}/confirm/{token}", confirm, methods=["GET", "POST"]),
    Route("/privacy/{workspace}/choices", choices, methods=["GET", "POST"]),
    Route("/privacy/{workspace}/package", package, methods=["POST"]),
    Route("/privacy/{workspace}/fetch/{token}", fetch, methods=["GET", "POST"]),
    Route("/privacy/{workspace}/leave", leave, methods=["POST"]),
]
