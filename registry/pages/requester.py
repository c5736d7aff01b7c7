"""Who asks, in the console: an officer sends for a proof, records what was seen, judges an agent's mandate, and records
that whoever asked was told that the request came.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from registry.access.policy import Action
from registry.dsr.verification import Seen
from registry.flows.dsr import moves, proofs, proving
from registry.model.errors import InvalidInput
from registry.pages.officers import Visit, officers
from registry.pages.request import acted, reason_of, request_id_of

CHANNELS = ("letter", "telephone", "in person")


@officers(Action.DSR_OPEN, changes=True)
def challenge(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/challenge`: send the person a code and a link, where there is a mailbox."""
    given = visit.deployment, visit.workspace, request_id_of(visit)
    return acted(visit, lambda: proving.ask(*given, actor=visit.principal.actor))


@officers(Action.DSR_VERIFY, changes=True)
def check(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/check`: whoever asks was checked, by what the form says was seen."""
    given = visit.deployment, visit.workspace, request_id_of(visit)
    return acted(visit, lambda: proving.by_officer(*given, _seen(visit), actor=visit.principal.actor))


@officers(Action.DSR_VERIFY, changes=True)
def mandate(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/mandate`: accept the paper by which an agent asks, or reject it."""
    given = visit.deployment, visit.workspace, request_id_of(visit)
    accepted = visit.form.text("outcome") == "accepted"

    def judge() -> None:
        words = reason_of(visit) if not accepted else None
        proofs.check_mandate(*given, accepted=accepted, seen=_seen(visit), words=words, actor=visit.principal.actor)

    return acted(visit, judge)


@officers(Action.DSR_VERIFY, changes=True)
def acknowledge(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/acknowledge`: they were told in another way than by a letter."""
    given = visit.deployment, visit.workspace, request_id_of(visit)
    channel = visit.form.text("channel", most=64)
    if channel not in CHANNELS:
        raise InvalidInput("how they were told is one of the list", pointer="/channel")
    return acted(visit, lambda: moves.acknowledge(*given, channel=channel, actor=visit.principal.actor))


def _seen(visit: Visit) -> tuple[Seen, ...]:
    names = visit.form.every("seen")
    if not set(names) <= set(Seen):
        raise InvalidInput("what was seen is one of the boxes", pointer="/seen")
    return tuple(map(Seen, names))


ROUTES: list[Any] = [
    Route("/console/requests/{request_id}/challenge", challenge, methods=["POST"]),
    Route("/console/requests/{request_id}/check", check, methods=["POST"]),
    Route("/console/requests/{request_id}/mandate", mandate, methods=["POST"]),
    Route("/console/requests/{request_id}/acknowledge", acknowledge, methods=["POST"]),
]
