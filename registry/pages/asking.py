"""Requests in the privacy centre: what may be asked for, asking for it, and how far each request is."""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.responses import Response
from starlette.routing import Route

from registry.dsr.requests import EFFECTS, UNPROVED, Effect, Kind
from registry.flows.access import visits
from registry.flows.dsr import intake, proving
from registry.flows.dsr.correctable import PLACE, Correctable
from registry.flows.dsr.intake import Wish
from registry.model.errors import InvalidInput
from registry.pages.centre import Guest, guests
from registry.pages.site import redirect
from registry.pages.wishes import NAMED, WORDS, offered, purposes_for

SENT = "sent"
"""The query of the page after something was asked for."""


class Asked(NamedTuple):
    """What the form says; what was chosen is shown again where it cannot be taken, no value. The `repr` hides it."""

    kind: str = ""
    purposes: tuple[str, ...] = ()
    trait: str = ""
    correct: str = ""

    def __repr__(self) -> str:
        return "Asked(hidden)"


@guests(proved=True)
def requests(guest: Guest) -> Response:
    """`GET` and `POST /privacy/{workspace}/requests`: ask for something, and see how far it is."""
    if guest.request.method != "POST":
        return _shown(guest, opened=guest.request.query_params.get(SENT) is not None)
    asked, deployment, workspace = Asked(), guest.deployment, guest.workspace
    try:
        asked = _asked(guest)
        kind = _kind(guest, asked)
        reference = guest.form.reference(guest.known.kind, guest.known.value)
        details = _details(guest, kind, asked)
        wish = Wish(kind, guest.known, details=details, reference=reference, language=guest.language)
        opened, is_new = intake.take(deployment, workspace, wish, actor=visits.ACTOR)
    except InvalidInput as error:
        return _shown(guest, 400, asked=asked, error=_words_of(guest, error))
    if is_new and opened.state in UNPROVED:
        proving.by_visit(deployment, workspace, opened.request_id, guest.token)
    there = guest.path("requests")
    return redirect(f"{there}{'&' if '?' in there else '?'}{SENT}=1")  # loading that page anew sends nothing


def _asked(guest: Guest) -> Asked:
    form = guest.form
    kind = form.text("kind", most=32)
    purposes = tuple(form.every(f"{kind}-purposes"))
    return Asked(kind, purposes, form.text("trait", most=64), form.text("correct", most=1_000))


def _kind(guest: Guest, asked: Asked) -> Kind:
    """What is asked for: a kind that the page offers, and never another in its stead."""
    kinds = {kind.value: kind for group in offered(guest.deployment, guest.language) for kind in group.kinds}
    if asked.kind not in kinds:
        raise InvalidInput("this is not offered here", pointer="/kind")
    return kinds[asked.kind]


def _details(guest: Guest, kind: Kind, asked: Asked) -> dict[str, object]:
    if kind in NAMED:
        if not asked.purposes or not set(asked.purposes) <= set(purposes_for(guest.deployment, kind)):
            raise InvalidInput("name purposes that are offered", pointer="/details/purposes")
        return {"purposes": list(asked.purposes)}
    if EFFECTS[kind] is Effect.CORRECT:
        return {"traits": {asked.trait: _correctable(guest).read(asked.trait, asked.correct)}}
    return {}


def _correctable(guest: Guest) -> Correctable:
    return Correctable(guest.deployment, guest.workspace)


def _words_of(guest: Guest, error: InvalidInput) -> str:
    words = WORDS[guest.language]
    place = error.pointer or ""
    if place.startswith(PLACE):
        return words.no_correction if place == PLACE else words.not_of_the_form
    known = {"/kind": words.no_kind, "/details/purposes": words.no_purpose}
    return known.get(place, words.not_understood)


def _shown(guest: Guest, status: int = 200, *, asked: Asked | None = None, **told: Any) -> Response:
    deployment, words = guest.deployment, WORDS[guest.language]
    rows = visits.requests_of(deployment, guest.workspace, guest.known)
    shown = [(row, EFFECTS[Kind(row.kind)] is Effect.GIVE and row.state == "completed") for row in rows]
    catalogue = deployment.policies.purposes
    named = [
        (kind, title, [(name, catalogue.title_of(name, guest.language)) for name in purposes_for(deployment, kind)])
        for kind, title in ((Kind.OBJECTION, words.objected), (Kind.WITHDRAWAL, words.withdrawn))
    ]
    values = {"opened": False, "error": None} | told
    return guest.page(
        "requests.html", status, rows=shown, groups=offered(deployment, guest.language), words=words, named=named,
        asked=asked or Asked(), traits=_correctable(guest).lines, **values,
    )  # fmt: skip


ROUTES = [Route("/privacy/{workspace}/requests", requests, methods=["GET", "POST"])]
