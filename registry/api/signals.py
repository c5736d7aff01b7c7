"""Consent beyond a check: why a decision is so, signed tokens, and signals in and out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from registry.access.policy import Action
from registry.api.application import Application, of
from registry.api.bodies import JsonRoute
from registry.api.consent import decision_json, moment, recorded_json
from registry.api.signal_wire import Explain, GoogleQuery, Signals, TokenOrder
from registry.api.wire import Subject
from registry.consent.explain import PART_SENTENCES
from registry.consent.signals.google import from_google, to_google
from registry.consent.signals.spoken import NOTHING, Spoken, gpp_spoken, opted_out, tcf_spoken
from registry.flows.consent import explaining, signalled, tokens
from registry.flows.consent.decided import Decided
from registry.flows.consent.given import Question
from registry.flows.consent.permitted import check_many
from registry.flows.identity.subjects import subject
from registry.model.clock import rfc3339
from registry.model.errors import InvalidInput
from registry.model.ids import text_id
from registry.model.message import Identifier

router = APIRouter(prefix="/v1/consent", tags=["consent"], route_class=JsonRoute)


@router.post("/explain", summary="Why the decision is what it is, record by record")
def explain_decision(request: Request, body: Explain) -> dict[str, Any]:
    """As of `at` (now, if absent), as known at `known_at` (now, if absent): which record decided, and why the others
    did not.
    """
    application = of(request)
    _, workspace = application.caller(request, Action.CONSENT_HISTORY)
    told = explaining.explain(
        application.deployment, workspace, _person(application, body.subject), body.purpose,
        frozenset(body.categories), at=moment(body.at, "/at"), known_at=moment(body.known_at, "/known_at"),
        jurisdiction=body.jurisdiction,
    )  # fmt: skip
    return {
        "decision": decision_json(told.decision),
        "at": rfc3339(told.at),
        "known_at": rfc3339(told.known_at) if told.known_at is not None else None,
        "records": [
            {
                "record_id": text_id(row.record_id), "purpose": row.purpose, "status": row.status,
                "acted_at": rfc3339(row.acted_at), "recorded_at": rfc3339(row.recorded_at), "channel": row.channel,
                "source": row.source_name, "part": part.value, "sentence": PART_SENTENCES[part],
            }
            for row, part in told.records
        ],
    }  # fmt: skip


@router.post("/token", summary="A decision as a short-lived signed token")
def decision_token(request: Request, body: TokenOrder) -> dict[str, Any]:
    """A JWT (EdDSA, `consent-decision+jwt`) that a downstream service checks with `/.well-known/jwks.json`, without
    calling back. It states a no like a yes, and holds a salted commitment to the identifier in place of it.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.CONSENT_CHECK)
    decision, token = tokens.issue(
        application.deployment, workspace, _person(application, body.subject), body.purpose,
        frozenset(body.categories), presented=(body.subject.kind, body.subject.value),
        lifetime_s=body.lifetime_s, audience=body.audience, jurisdiction=body.jurisdiction,
    )  # fmt: skip
    made = Decided(_person(application, body.subject), body.purpose, decision.allowed, decision.reason.value)
    application.decisions.note_all(principal.actor, workspace, [made])
    return decision_json(decision) | {"token": token}


@router.post("/signals", status_code=201, summary="Record what consent signals say of a person")
def record_signals(request: Request, body: Signals) -> dict[str, Any]:
    """A TC string, a GPP string, Google's states and Global Privacy Control, as a banner gave them. Where they differ
    the no counts; a string that cannot be read is refused with its reason, and nothing is recorded.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.CONSENT_RECORD)
    deployment = application.deployment
    person = _person(application, body.subject)
    made = signalled.record_signals(deployment, workspace, person, _spoken(application, body), actor=principal.actor)
    return {
        "records": [recorded_json(row, receipt) for row, receipt in made.records],
        "refusal_stands": made.refusal_stands,
    }


@router.post("/google", summary="The states of Google Consent Mode for a person")
def google_states(request: Request, body: GoogleQuery) -> dict[str, Any]:
    """What to give to `gtag('consent', ...)`: a type is granted if purposes are mapped to it and all are allowed."""
    application = of(request)
    _, workspace = application.caller(request, Action.CONSENT_CHECK)
    person, catalogue = _person(application, body.subject), application.deployment.policies.purposes
    questions = [Question(person, name, frozenset()) for name in catalogue.purposes]
    allowed = {one.purpose: one.allowed for one in check_many(application.deployment, workspace, questions)}
    return {"states": to_google(allowed, catalogue)}


def _spoken(application: Application, body: Signals) -> Spoken:
    catalogue, now = application.deployment.policies.purposes, application.deployment.clock()
    spoken, pointer = NOTHING, "/tc_string"
    try:
        if body.tc_string is not None:
            spoken &= tcf_spoken(body.tc_string, catalogue, now)
        pointer = "/gpp_string"
        if body.gpp_string is not None:
            spoken &= gpp_spoken(body.gpp_string, catalogue, now)
    except InvalidInput as error:
        raise InvalidInput(error.detail, pointer=pointer) from None
    if body.google is not None:
        spoken &= Spoken(from_google(body.google, catalogue))
    if body.gpc:
        spoken &= Spoken(dict.fromkeys(opted_out(catalogue), False), opted_out(catalogue))
    return spoken


def _person(application: Application, reference: Subject) -> Identifier:
    return subject(application.deployment.policies.identity, reference.kind, reference.value)
