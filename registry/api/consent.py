"""The consent ledger over HTTP, and what a decision is written as."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.requests import Request

from registry.access.policy import Action
from registry.api.application import of
from registry.api.bodies import JsonRoute
from registry.api.wire import ConsentAct, SubjectQuery
from registry.consent.records import ConsentStatus
from registry.flows.consent import ledger
from registry.flows.identity.subjects import subject
from registry.model.clock import Micros, parse_rfc3339, rfc3339
from registry.model.decision import Decision
from registry.model.errors import InvalidInput
from registry.model.ids import text_id
from registry.model.stored import StoredConsent

router = APIRouter(prefix="/v1/consent", tags=["consent"], route_class=JsonRoute)

IdempotencyKey = Annotated[
    str | None,
    Header(
        description="Your own name for this call, for when you do not know whether it arrived.",
        min_length=1,
        max_length=200,
    ),
]


@router.post("/records", status_code=201, summary="Record an act of consent")
def record_consent(request: Request, body: ConsentAct, idempotency_key: IdempotencyKey = None) -> dict[str, Any]:
    """Append a grant, denial, withdrawal, expiry or objection; the answer holds the signed receipt. The same act with
    its time (`acted_at`) and `evidence` sent again, or a call with the same `Idempotency-Key`, is one record.
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
        raise InvalidInput("not an RFC 3339 time with its offset, as 2026-01-31T12:00:00Z", pointer=pointer)
    return at
