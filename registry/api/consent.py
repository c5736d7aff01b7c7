"""The consent ledger over HTTP, and what a check is written as."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from itertools import repeat
from typing import Annotated, Any, cast

from fastapi import APIRouter, Header
from starlette.requests import Request

from registry.access.policy import Action
from registry.api.application import Application, of
from registry.api.bodies import JsonRoute
from registry.api.wire import ConsentAct, SubjectQuery
from registry.consent.records import ConsentStatus
from registry.flows.consent import ledger
from registry.flows.consent.given import Question
from registry.flows.identity.subjects import subject
from registry.identity.normalise import Blocked, normalise_each
from registry.model.clock import Micros, parse_rfc3339, rfc3339
from registry.model.decision import Decision
from registry.model.errors import InvalidInput
from registry.model.ids import text_id
from registry.model.message import Identifier
from registry.model.stored import StoredConsent

router = APIRouter(prefix="/v1/consent", tags=["consent"], route_class=JsonRoute)

NEARLY_ALL = frozenset({"subject", "purpose"})
"""The members of nearly all checks."""

NO_CATEGORIES = frozenset[str]()
CHECK_MEMBERS = frozenset({"subject", "purpose", "categories", "at", "jurisdiction"})
JURISDICTION = re.compile("[A-Z]{2}(-[A-Z0-9]{1,3})?")

IdempotencyKey = Annotated[
    str | None,
    Header(description="Your own name for this call, for when you do not know whether it arrived.", max_length=200),
]


@router.post("/records", status_code=201, summary="Record an act of consent")
def record_consent(request: Request, body: ConsentAct, idempotency_key: IdempotencyKey = None) -> dict[str, Any]:
    """Append a grant, denial, withdrawal, expiry or objection; the answer holds the signed receipt. The same act with
    its time (`acted_at`) sent again, or a call with the same `Idempotency-Key`, is one record.
    """
    application = of(request)
    principal, workspace = application.caller(request, Action.CONSENT_RECORD)
    act = ledger.Act(
        purpose=body.purpose,
        status=ConsentStatus(body.status),
        acted_at=moment(body.acted_at, "/acted_at"),
        expires_at=moment(body.expires_at, "/expires_at"),
        notice_version=body.notice_version,
        language=body.language,
        jurisdiction=body.jurisdiction,
        channel=body.channel,
        evidence=body.evidence,
        age_at_least=body.age_at_least,
    )
    person = subject(application.deployment.policies.identity, body.subject.kind, body.subject.value)
    [(row, receipt)] = ledger.record(
        application.deployment, workspace, person, [act], actor=principal.actor, key=idempotency_key
    )
    return recorded_json(row, receipt)


@router.post("/history", summary="Every record of a person")
def consent_history(request: Request, body: SubjectQuery) -> dict[str, Any]:
    """The person's records in the order of the acts."""
    application = of(request)
    _, workspace = application.caller(request, Action.CONSENT_HISTORY)
    person = subject(application.deployment.policies.identity, body.subject.kind, body.subject.value)
    rows = ledger.history(application.deployment, workspace, person)
    return {
        "records": [
            said_json(row)
            | {
                "purpose_version": row.purpose_version,
                "jurisdiction": row.jurisdiction,
                "source": row.source_name,
                "has_evidence": row.sealed is not None,
            }
            for row in rows
        ]
    }


def said_json(row: StoredConsent) -> dict[str, Any]:
    """One record of a history: what the person said, when, how, and what they were shown."""
    return {
        "record_id": text_id(row.record_id),
        "purpose": row.purpose,
        "status": row.status,
        "acted_at": rfc3339(row.acted_at),
        "recorded_at": rfc3339(row.recorded_at),
        "expires_at": rfc3339(row.expires_at) if row.expires_at is not None else None,
        "notice_version": row.notice_version,
        "language": row.language,
        "channel": row.channel,
    }


def recorded_json(row: StoredConsent, receipt: str) -> dict[str, Any]:
    """A new record as the API answers it."""
    return {
        "record_id": text_id(row.record_id),
        "purpose": row.purpose,
        "status": row.status,
        "acted_at": rfc3339(row.acted_at),
        "recorded_at": rfc3339(row.recorded_at),
        "receipt": receipt,
    }


def decision_json(decision: Decision) -> dict[str, Any]:
    """A decision as the API answers it."""
    return {
        "allowed": decision.allowed,
        "reason": decision.reason.value,
        "sentence": decision.sentence,
        "purpose": decision.purpose,
        "lawful_basis": decision.lawful_basis,
        "record_id": text_id(decision.record_id) if decision.record_id is not None else None,
        "valid_until": rfc3339(decision.valid_until) if decision.valid_until is not None else None,
        "policy_version": decision.policy_version,
    }


def moment(text: str | None, pointer: str) -> Micros | None:
    """A time of a request.

    Raises:
        InvalidInput: the text is not RFC 3339.
    """
    if text is None:
        return None
    at = parse_rfc3339(text)
    if at is None:
        raise InvalidInput("not an RFC 3339 time", pointer=pointer)
    return at


def question_of(application: Application, question: object) -> Question:
    """A check as a caller writes it.

    Raises:
        InvalidInput: it is not one; `pointer` says where.
    """
    if not isinstance(question, dict):
        raise InvalidInput("a check is not an object")
    if not question.keys() <= CHECK_MEMBERS:  # a misspelt one would leave out what it was to say
        raise InvalidInput(f"a check has no members but {', '.join(sorted(CHECK_MEMBERS))}", pointer="/*")
    purpose, categories = question.get("purpose"), question.get("categories") or []
    if not isinstance(purpose, str):
        raise InvalidInput("purpose is not text", pointer="/purpose")
    if question.keys() == NEARLY_ALL:
        return Question(person_of(application, question["subject"]), purpose, NO_CATEGORIES)
    if not isinstance(categories, list) or not all(isinstance(category, str) for category in categories):
        raise InvalidInput("categories is not a list of text", pointer="/categories")
    at, place = question.get("at"), place_of(question.get("jurisdiction"), "/jurisdiction")
    if at is not None and not isinstance(at, str):
        raise InvalidInput("at is not an RFC 3339 time", pointer="/at")
    person = person_of(application, question.get("subject"))
    return Question(person, purpose, frozenset(categories), place, moment(at, "/at"))


def place_of(place: object, pointer: str) -> str | None:
    """A jurisdiction as a caller writes it; None where none is said.

    Raises:
        InvalidInput: it is no code of ISO 3166.
    """
    if place is None or (isinstance(place, str) and JURISDICTION.fullmatch(place)):
        return place
    raise InvalidInput("jurisdiction is no code of ISO 3166-1 or -2, as DE or US-CA", pointer=pointer)


def people_of(application: Application, references: Sequence[Any]) -> list[Identifier] | None:
    """Many subject references, read at once; None where one of them is wrong, which `person_of` tells of each."""
    try:
        kinds, values = [one["kind"] for one in references], [one["value"] for one in references]
        if not {*map(type, kinds), *map(type, values)} <= {str}:
            return None
        people = normalise_each(kinds, values, application.deployment.policies.identity)
    except (KeyError, TypeError, InvalidInput):
        return None
    return None if Blocked in set(map(type, people)) else cast(list[Identifier], people)


def questions_of(application: Application, checks: Sequence[Any]) -> list[Question]:
    """Many checks as a caller writes them; those that are of a subject and a purpose alone are read at once.

    Raises:
        InvalidInput: one is none; `pointer` says which, and where in it.
    """
    if all(type(one) is dict and one.keys() == NEARLY_ALL for one in checks):
        purposes = [one["purpose"] for one in checks]
        people = people_of(application, [one["subject"] for one in checks])
        if people is not None and set(map(type, purposes)) <= {str}:
            new = partial(tuple.__new__, Question)  # half of what the class itself takes
            return list(map(new, zip(people, purposes, repeat(NO_CATEGORIES), repeat(None), repeat(None))))
    asked: list[Question] = []
    for place, check in enumerate(checks):
        try:
            asked.append(question_of(application, check))
        except InvalidInput as error:
            pointer = f"/checks/{place}{error.pointer or ''}"
            raise InvalidInput(f"check {place}: {error.detail}", pointer=pointer) from None
    return asked


def person_of(application: Application, reference: object) -> Identifier:
    """A subject reference as a caller writes it.

    Raises:
        InvalidInput: it is not one; `pointer` says where.
    """
    if not isinstance(reference, dict):
        raise InvalidInput("subject is not an object with kind and value", pointer="/subject")
    kind, value = reference.get("kind"), reference.get("value")
    if not isinstance(kind, str) or not isinstance(value, str):
        raise InvalidInput("subject needs kind and value, both text", pointer="/subject")
    return subject(application.deployment.policies.identity, kind, value)
