"""One data subject request in the console: where it stands, its plan, and its moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response
from starlette.routing import Route

from registry.access.policy import Action
from registry.api.dsr import MOVES, request_json
from registry.api.problems import status_of, unforeseen
from registry.api.wire import Reason
from registry.dsr.plan import RequestPlan
from registry.dsr.requests import EFFECTS, UNPROVED, Effect, Kind, Move, State, check_four_eyes
from registry.flows.dsr import beside, going_without, lifecycle, moves, planning, proofs
from registry.model.clock import DAY
from registry.model.errors import (
    Conflict,
    Forbidden,
    Forgotten,
    InvalidInput,
    LinkedSystemUnavailable,
    NotFound,
    Overloaded,
    RegistryError,
    RequestDamaged,
    RequestStopped,
)
from registry.model.ids import ProfileId, RequestId, parse_id, text_id
from registry.model.stored import RequestEvent, StoredRequest
from registry.pages.officers import Visit, officers
from registry.pages.planned import planned, undecided
from registry.pages.site import redirect
from registry.pages.timeline import timeline

KINDS = {
    Kind.ACCESS: "Access: what is held (GDPR Art. 15)",
    Kind.PORTABILITY: "Portability: data to take elsewhere (Art. 20)",
    Kind.RECTIFICATION: "Rectification: correct a detail (Art. 16)",
    Kind.RESTRICTION: "Restriction: keep, but do not use (Art. 18)",
    Kind.OBJECTION: "Objection to a purpose (Art. 21)",
    Kind.WITHDRAWAL: "Withdrawal of consent (Art. 7(3))",
    Kind.ERASURE: "Erasure (Art. 17)",
    Kind.KNOW: "California: to know (CCPA 1798.110)",
    Kind.DELETE: "California: to delete (1798.105)",
    Kind.CORRECT: "California: to correct (1798.106)",
    Kind.OPT_OUT: "California: no sale or sharing (1798.120)",
    Kind.LIMIT: "California: limit the use of what is sensitive (1798.121)",
}
MOVE_WORDS = {
    "verify": "Requester verified",
    "approve": "Approve",
    "run": "Run now",
    "pause": "Pause",
    "resume": "Resume",
    "refuse": "Refuse",
    "cancel": "Cancel",
}
ENDING = ("refuse", "cancel")
WAY = (State.RECEIVED, State.VERIFIED, State.APPROVED, State.ACTING, State.COMPLETED)
"""The states of a request that nothing holds up."""
REASON: TypeAdapter[str] = TypeAdapter(Reason)


@officers(Action.DSR_READ)
def request_page(visit: Visit) -> Response:
    """`GET /console/requests/{request_id}`: where it stands, what it will do, and what can be done now."""
    return shown(visit)


@officers(Action.DSR_APPROVE, changes=True)
def extend_request(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/extend`: put the answer off, by what the law allows."""
    given = visit.deployment, visit.workspace, request_id_of(visit)

    def put_off() -> None:
        why, channel = reason_of(visit), visit.form.text("channel", most=64)
        moves.extend(*given, reason=why, channel=channel, notified_at=None, actor=visit.principal.actor)

    return acted(visit, put_off)


@officers(Action.DSR_APPROVE, changes=True)
def override_system(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/override`: decide that a waiting request ends without a system."""
    given = visit.deployment, visit.workspace, request_id_of(visit)

    def leave_out() -> None:
        system = visit.form.text("system", most=64)
        going_without.override(*given, system, reason=reason_of(visit), actor=visit.principal.actor)

    return acted(visit, leave_out)


@officers(Action.DSR_APPROVE, changes=True)
def set_apart(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/apart`: decide that another profile is not part of a request."""
    given = visit.deployment, visit.workspace, request_id_of(visit)

    def decide() -> None:
        profile_id = ProfileId(parse_id(visit.form.text("profile", most=36), "profile"))
        beside.set_apart(*given, profile_id, reason=reason_of(visit), actor=visit.principal.actor)

    return acted(visit, decide)


@officers(None, changes=True)
def move_request(visit: Visit) -> Response:
    """`POST /console/requests/{request_id}/{by}`: verify, approve, run, pause, resume, refuse or cancel."""
    by, who = visit.request.path_params["by"], visit.principal
    given = visit.deployment, visit.workspace, request_id_of(visit)
    if by != "run" and (by not in list(Move) or Move(by) not in MOVES):
        raise NotFound("there is no such move")
    visit.require(_action(by))
    try:
        if by == "run":
            lifecycle.run(*given, actor=who.actor)
        else:
            why = (
                reason_of(visit) if by in (Move.PAUSE, Move.REFUSE, Move.CANCEL) and visit.form.text("reason") else None
            )
            lifecycle.move_request(*given, Move(by), actor=who.actor, owner=who.owner, reason=why)
    except LinkedSystemUnavailable:
        pass  # it waits now, and its page says for whom
    except RequestStopped as error:  # its page says so, and the log where
        unforeseen(error.__cause__ or error)
    except (Conflict, Forbidden, Forgotten, InvalidInput, RequestDamaged) as error:
        return shown(visit, error=error)
    return back(visit)


def days_left(visit: Visit, row: StoredRequest) -> int | None:
    """Whole days until the answer is due, negative once it is late; None when nothing is due."""
    return None if lifecycle.is_ended(row) else (row.respond_by - visit.deployment.clock()) // DAY


def acted(visit: Visit, act: Callable[[], object]) -> Response:
    """Back to the page of a request, once something was done to it; what was refused stands on the page, and why."""
    try:
        act()
    except (Conflict, Forbidden, InvalidInput, NotFound, Overloaded) as error:
        return shown(visit, error=error)
    return back(visit)


def shown(visit: Visit, error: RegistryError | None = None, link: dict[str, object] | None = None) -> Response:
    """The page of a request, with what went wrong, or with a link that is shown this once."""
    row, events = lifecycle.get(visit.deployment, visit.workspace, request_id_of(visit))
    kind, state, now = Kind(row.kind), State(row.state), visit.deployment.clock()
    told = [(event, _told(event)) for event in events]
    is_over, effect = lifecycle.is_ended(row), EFFECTS[kind]
    plan = None
    try:
        plan = None if is_over else planning.plan_of(visit.deployment, visit.workspace, row.request_id)
    except (Forgotten, RequestDamaged) as lost:  # it can be cancelled all the same
        error = error or lost
    can = [name for name in request_json(row)["allowed"] if visit.may(_action(name))]
    barred = _barred(visit, row, plan) if Move.APPROVE in can else None
    possible = [(name, MOVE_WORDS.get(name, name)) for name in can if name != Move.APPROVE or barred is None]
    progress = orjson.loads(row.progress)
    pausing = visit.deployment.policies.jurisdictions.pausing
    return visit.page(
        "request.html", status_of(error) if error is not None else 200, error=error, row=row, shown=request_json(row),
        events=told, kind=KINDS[kind], erases=effect is Effect.ERASE, days=days_left(visit, row),
        line=None if is_over else timeline([row], now, pausing), pausing=pausing, law=_law(visit, row),
        steps=_steps(row, events), barred=barred,
        moves=[one for one in possible if one[0] not in ENDING], ends=[one for one in possible if one[0] in ENDING],
        has_package=effect is Effect.GIVE and state is State.COMPLETED and visit.may(Action.DSR_EXPORT),
        extendable=not is_over and visit.may(Action.DSR_APPROVE),
        confirmable=_is_unconfirmed(row) and visit.may(Action.DSR_VERIFY), purposes=progress.get("purposes"), plan=plan,
        planned=planned(plan) if plan else [], undecided=undecided(plan) if plan else [],
        overridable=state is State.WAITING and visit.may(Action.DSR_APPROVE),
        systems=going_without.dispensable(visit.deployment, row), link=link, asks=_asks(visit, row),
        stale=getattr(visit.deployment.linked, "fault", None),
    )  # fmt: skip


def _is_unconfirmed(row: StoredRequest) -> bool:
    """Whether its law wants whoever asked to be told that it came, and nobody has told them."""
    return row.acknowledge_by is not None and row.acknowledged_at is None and not lifecycle.is_ended(row)


def _barred(visit: Visit, row: StoredRequest, plan: RequestPlan | None) -> str | None:
    """Why whoever looks cannot approve the request now; None if they can."""
    if plan is not None and not plan.is_complete:
        return "Approval has to wait: the plan below is not complete."
    opened = row.opened_owner or moves.owner_named(row.opened_by)
    two_people = visit.deployment.policies.jurisdictions.two_people_erase
    try:
        check_four_eyes(Kind(row.kind), opened, visit.principal.owner, two_people=two_people)
    except Forbidden as error:
        return f"{error.detail[0].upper()}{error.detail[1:]}: {error.hint}."
    return None


def _asks(visit: Visit, row: StoredRequest) -> dict[str, object] | None:
    """What was proved of who asks, and what is missing; None where nothing is to be proved, or not by this officer."""
    if row.state not in UNPROVED or not visit.may(Action.DSR_VERIFY):
        return None
    return proofs.standing(visit.deployment, visit.workspace, row.request_id)


def _law(visit: Visit, row: StoredRequest) -> str:
    """Where the deadline stands; or that the policy has the law no longer."""
    law = visit.deployment.policies.jurisdictions.by_name.get(row.jurisdiction)
    return law.ground if law is not None else "jurisdictions.yaml has it no longer: the deadline stands as it was told"


def _steps(row: StoredRequest, events: Sequence[RequestEvent]) -> list[tuple[str, str]]:
    """The states that the request has been in, the one that it is in, and the way that is left."""
    past = [state for state in dict.fromkeys(event.state for event in events) if state != row.state]
    way = [state.value for state in WAY]
    if row.state in way:
        past = [state for state in past if state in way and way.index(state) < way.index(row.state)]
    left = [] if lifecycle.is_ended(row) else [state for state in way if state not in (*past, row.state)]
    if row.state == State.WAITING:
        left = [State.COMPLETED.value]
    return [*((state, "past") for state in past), (row.state, "now"), *((state, "left") for state in left)]


def reason_of(visit: Visit) -> str:
    """The reason that a form gives; a sentence that no address fits into, as over the API.

    Raises:
        InvalidInput: there is none, or it could name somebody.
    """
    try:
        return REASON.validate_python(visit.form.text("reason"))
    except ValidationError:
        hint = "letters, numbers and plain punctuation, at most 200: it is kept in the clear and names nobody"
        raise InvalidInput("say why in a short sentence", hint=hint, pointer="/reason") from None


def back(visit: Visit) -> Response:
    """Back to the page of the request, by GET."""
    return redirect(f"/console/requests/{text_id(request_id_of(visit))}")


def _told(event: RequestEvent) -> dict[str, str]:
    """What the history keeps of a move beside its name."""
    told: dict[str, str] = orjson.loads(event.details) if event.details else {}
    return told


def _action(name: str) -> Action:
    return MOVES[Move(name)] if name in list(Move) and Move(name) in MOVES else Action.DSR_RUN


def request_id_of(visit: Visit) -> RequestId:
    """The request that the address names.

    Raises:
        InvalidInput: it is no id.
    """
    return RequestId(parse_id(visit.request.path_params["request_id"], "request_id"))


ROUTES: list[Any] = [
    Route("/console/requests/{request_id}", request_page),
    Route("/console/requests/{request_id}/extend", extend_request, methods=["POST"]),
    Route("/console/requests/{request_id}/override", override_system, methods=["POST"]),
    Route("/console/requests/{request_id}/apart", set_apart, methods=["POST"]),
    Route("/console/requests/{request_id}/{by}", move_request, methods=["POST"]),
]
