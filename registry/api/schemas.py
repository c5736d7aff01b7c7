"""JSON Schemas (2020-12) of what the interface answers, with an example of each.

Answers are made by the flows as plain values; these say what they look like, and the tests hold
every answer that they get against them.
"""

from __future__ import annotations

from typing import Any

from registry.access.policy import PrincipalKind
from registry.consent.explain import Part
from registry.dsr import opendsr
from registry.dsr.accounting import Disposition
from registry.dsr.requests import Kind, State
from registry.flows.ingest.admission import Status
from registry.flows.traffic.rehearsal import OUTCOMES
from registry.flows.traffic.violations import DIMENSIONS
from registry.identity.links import Refusal, Verdict
from registry.model.decision import Reason
from registry.model.provenance import Method
from registry.plans.enforcement import Mode
from registry.plans.lint import Severity
from registry.plans.personal_values import Confidence
from registry.profiles.computed import Measure
from registry.profiles.survivorship import Verification

Schema = dict[str, Any]

ID = {"type": "string", "format": "uuid"}
TIME = {"type": "string", "format": "date-time", "description": "RFC 3339, UTC."}
TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}
YES_OR_NO = {"type": "boolean"}
ANYTHING: Schema = {}


def one_of(words: Any, description: str = "") -> Schema:
    """One of some words of ours."""
    schema: Schema = {"type": "string", "enum": [str(word) for word in words]}
    return schema | ({"description": description} if description else {})


def maybe(schema: Schema) -> Schema:
    """The schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": schema}


def record(optional: Schema | None = None, /, **members: Schema) -> Schema:
    """An object that has all of these members, and may have the optional ones."""
    return {"type": "object", "required": list(members), "properties": members | (optional or {})}


def ref(name: str) -> Schema:
    """A reference to a schema of this module."""
    return {"$ref": f"#/components/schemas/{name}"}


VIOLATION = {
    "code": TEXT | {"description": "Stable, e.g. `required_missing`."},
    "path": TEXT | {"description": "JSON pointer into the event; a name that the plan does not know is `*`."},
    "rule": TEXT | {"description": "JSON pointer of the rule in the plan."},
    "expected": TEXT | {"description": "In words of the plan, never of the event."},
}
DECISION = {
    "allowed": YES_OR_NO, "reason": one_of(Reason), "sentence": TEXT | {"description": "The reason for people."},
    "lawful_basis": maybe(TEXT), "record_id": maybe(ID), "valid_until": maybe(TIME),
}  # fmt: skip
FED_VIOLATION = {
    "violation_id": ID, "source": TEXT, "type": TEXT, "event": maybe(TEXT), "plan": TEXT,
    "app_version": maybe(TEXT), **VIOLATION, "rejected": YES_OR_NO, "received_at": TIME,
}  # fmt: skip
UNDECLARED = {
    "event": maybe(TEXT), "path": TEXT, "category": TEXT | {"description": "A fideslang key."},
    "known_by": TEXT | {"description": "The matcher; `name` where only the field's name says so."},
    "confidence": one_of(Confidence), "declared": many(TEXT), "count": COUNT, "looked_at": COUNT,
}  # fmt: skip
PROVENANCE = {
    "source": TEXT, "message_id": TEXT, "observed_at": TIME, "received_at": TIME, "method": one_of(Method),
    "trust": {"type": "integer"},
}  # fmt: skip
SEEN = {"kind": TEXT, "value": TEXT, "fragment_id": ID, "source": TEXT, "first_seen_at": TIME}
IDENTIFIER = SEEN | {"verification": maybe(one_of(Verification))}
OTHERS = record(count=COUNT, provenance=many(ref("Provenance")))
RIVALS = record(count=COUNT, values=many(record(value=ANYTHING, provenance=ref("Provenance"), consent_tags=many(TEXT))))
TRAIT = {
    "trait": TEXT, "value": ANYTHING, "why": TEXT, "because": TEXT, "confidence": {"type": "number"},
    "verified": YES_OR_NO, "verification": one_of(Verification), "age_days": COUNT,
    "provenance": ref("Provenance"), "consent_tags": many(TEXT), "agreeing": OTHERS,
    "rivals": RIVALS,
}  # fmt: skip
WITHHELD = record(count=COUNT, reasons=many(record(reason=one_of(Reason), sentence=TEXT, count=COUNT)))
EVENT = {
    "event_id": ID, "type": TEXT, "event": maybe(TEXT), "plan": TEXT, "source": TEXT, "observed_at": TIME,
    "received_at": TIME, "consent_tags": many(TEXT), "content": {"type": "object"}, "withheld": WITHHELD,
}  # fmt: skip
CONSENT_RECORD = {
    "record_id": ID, "purpose": TEXT, "status": TEXT, "acted_at": TIME, "recorded_at": TIME,
    "expires_at": maybe(TIME), "purpose_version": COUNT, "notice_version": maybe(TEXT), "language": maybe(TEXT),
    "jurisdiction": maybe(TEXT), "channel": TEXT, "source": TEXT, "has_evidence": YES_OR_NO,
}  # fmt: skip
WAITING: dict[str, Any] = {
    "system": TEXT, "since": TIME, "attempts": COUNT, "next_at": maybe(TIME),
    "code": TEXT | {"description": "Of the error that it failed with."},
    "cause": TEXT | {"description": "Why it failed, in words that name nobody."}, "hint": maybe(TEXT),
}  # fmt: skip
REQUEST = {
    "request_id": ID, "kind": one_of(Kind), "state": one_of(State),
    "allowed": many(TEXT) | {"description": "What can be done with it now."},
    "jurisdiction": TEXT, "subject": TEXT | {"description": "A keyed pseudonym of whom it is about."},
    "opened_by": TEXT, "approved_by": maybe(TEXT), "received_at": TIME, "respond_by": TIME, "completed_at": maybe(TIME),
    "counts": {"type": "object", "additionalProperties": COUNT}, "certificate": YES_OR_NO,
    "reason": maybe(TEXT) | {"description": "Why it was refused."},
    "waiting": maybe(record(**WAITING))
    | {"description": "The linked system that it waits for; `registry` where it was stopped here; null if for none."},
    "mandate": maybe(TEXT) | {"description": "By what an agent asks; null where the person asks."},
    "mandate_until": maybe(TIME), "mandate_checked_at": maybe(TIME),
    "deliver_to": maybe(TEXT) | {"description": "Whom the mandate has the answer go to: `person` or `agent`."},
    "acknowledge_by": maybe(TIME), "acknowledged_at": maybe(TIME),
}  # fmt: skip
RECORDS_OF_OTHERS = "Rows that carry an identifier of the person and are somebody else's: left as they are."
PLANNED_FIELD = {"field": TEXT, "disposition": one_of(Disposition), "categories": many(TEXT)}
SOURCE = {
    "source_id": ID, "name": TEXT, "plan": TEXT, "version": TEXT, "method": one_of(Method),
    "unplanned_events": maybe(one_of(Mode)), "unplanned_properties": maybe(one_of(Mode)),
    "violations": maybe(one_of(Mode)), "created_at": TIME,
}  # fmt: skip
KEY = {
    "key_id": ID, "kind": one_of(PrincipalKind), "role": TEXT, "name": TEXT, "purposes": many(TEXT), "created_at": TIME,
    "expires_at": maybe(TIME), "revoked_at": maybe(TIME),
}  # fmt: skip
AUDIT_ENTRY = {
    "format": {"type": "integer"}, "at": {"type": "integer", "description": "Microseconds since 1970, UTC."},
    "actor": TEXT, "action": TEXT, "outcome": TEXT,
    "subject": maybe(TEXT | {"description": "Salted commitment to whom it was about."}),
    "fields": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
}  # fmt: skip

TRACE_OF_ACCEPTED = {
    "observed_at": TIME, "plan": TEXT, "type": TEXT, "event": maybe(TEXT), "omitted": COUNT,
    "compartments": many(TEXT), "without_lawful_ground": many(TEXT),
    "transformed_by": many(TEXT | {"description": "Of the plan's transformations: `plan@version#pointer`."}),
    "profile_id": ID, "fragment_id": ID, "event_id": ID,
}  # fmt: skip
COMPUTED = {
    "trait": TEXT, "value": ANYTHING, "measure": one_of(Measure), "event": TEXT,
    "window_days": maybe(COUNT), "consent_tags": many(TEXT),
}  # fmt: skip
MOVE = {
    "merge_id": ID, "kind": one_of(("merge", "split")), "fragment_id": ID, "from_profile": ID, "into_profile": ID,
    "merged_at": TIME, "source": maybe(TEXT), "event_id": maybe(ID),
}  # fmt: skip
CLAIM = {
    "source": TEXT, "message_id": maybe(TEXT), "event_id": maybe(ID), "type": maybe(TEXT), "observed_at": TIME,
    "received_at": TIME,
}  # fmt: skip
PATH_LINK = {"one": ID, "other": ID, "claims": many(record(**CLAIM)), "vouched_by": maybe(TEXT)}
END = {"fragment_id": ID, "kind": TEXT, "profile_id": ID}
REFUSED = {
    "reason": one_of(Refusal), "sentence": TEXT, "can_be_lifted": YES_OR_NO, "one": record(**END),
    "other": record(**END), "sources": many(TEXT), "refused_at": TIME,
}  # fmt: skip
VIEW = {
    "traits": many(ref("Trait")),
    "computed": many(record(**COMPUTED)),
    "labels": many(TEXT),
    "identifiers": many(record(**IDENTIFIER)),
    "consents": {"type": "object", "additionalProperties": record(**DECISION)},
}

ANSWERS: dict[str, Schema] = {
    "Problem": record(
        {
            "hint": TEXT | {"description": "What to do next."},
            "pointer": TEXT | {"description": "JSON pointer of what was wrong."},
            "faults": many({"type": "object"}) | {"description": "Every fault, where there are several."},
            "rule": TEXT | {"description": "The rule of the policy that said no."},
            "reason": one_of(Reason),
            "limit_bytes": COUNT,
            "remaining": {"type": "object"},
            "tables": many(TEXT),
            "error": record(
                code=COUNT, message=TEXT, errors=many(record(domain=TEXT, reason=TEXT, message=TEXT))
            ) | {"description": "The same as OpenDSR says it, under its paths."},
        },
        type={"type": "string", "format": "uri", "description": "Stable; its last part is `code`."},
        title=TEXT,
        status={"type": "integer"},
        detail=TEXT | {"description": "What was wrong and where; never a personal value."},
        code=TEXT,
        message=TEXT | {"description": "As `detail`; analytics SDKs read this member."},
    ),
    "Ingested": record(
        success={"const": True},
        accepted=COUNT,
        rejected=COUNT,
        duplicate=COUNT,
        results=many(
            record(messageId=TEXT, status=one_of(Status), violations=many(record(**VIOLATION)))
        ) | {"description": "What was not plainly accepted."},
    ),
    "BrowserSettings": record(
        integrations=record(**{"Segment.io": record(apiKey=TEXT, apiHost=TEXT, protocol=one_of(("http", "https")))}),
        plan={"type": "object"},
    ),
    "Success": record(success={"const": True}),
    "Decision": record(**DECISION, purpose=TEXT, policy_version=TEXT),
    "Decisions": record(decisions=many(ref("Decision"))),
    "Recorded": record(
        record_id=ID, purpose=TEXT, status=TEXT, acted_at=TIME, recorded_at=TIME,
        receipt=TEXT | {"description": "A signed receipt (JWT, EdDSA) with the fields of ISO/IEC TS 27560."},
    ),
    "DecisionToken": record(
        **DECISION, purpose=TEXT, policy_version=TEXT,
        token=TEXT | {"description": "A signed token (JWT, EdDSA, type consent-decision+jwt)."},
    ),
    "DecisionExplained": record(
        decision=ref("Decision"), at=TIME, known_at=maybe(TIME),
        records=many(
            record(
                record_id=ID, purpose=TEXT, status=TEXT, acted_at=TIME, recorded_at=TIME, channel=TEXT, source=TEXT,
                part=one_of(Part), sentence=TEXT | {"description": "The part for people."},
            )
        ),
    ),
    "Signalled": record(
        records=many(ref("Recorded")),
        refusal_stands=many(TEXT) | {"description": "Purposes whose earlier refusal a signal's yes does not lift."},
    ),
    "GoogleStates": record(states={"type": "object", "additionalProperties": {"enum": ["granted", "denied"]}}),
    "ConsentHistory": record(records=many(record(**CONSENT_RECORD))),
    "Provenance": record({"transformed_by": many(TEXT)}, **PROVENANCE),
    "Trait": record(**TRAIT),
    "View": record(VIEW, profile_id=ID, purpose=TEXT, as_of=TIME, withheld=WITHHELD),
    "Timeline": record(profile_id=ID, purpose=TEXT, events=many(record(**EVENT)), cursor=maybe(ID)),
    "Merges": record(merges=many(record(**MOVE))),
    "MergeFeed": record(merges=many(record(**MOVE)), cursor=maybe(ID)),
    "Explanation": record(
        profile_id=ID, purpose=TEXT, identifiers=many(record(**SEEN | {"value": maybe(TEXT)})),
        paths=many(record(one=ID, other=ID, links=many(record(**PATH_LINK)))),
        withheld=WITHHELD | {"description": "Identifiers whose values are not shown."},
    ),
    "SpaceProfile": record(
        {"traits": {"type": "object", "additionalProperties": True}, "data": many({"type": "object"}),
         "metadata": {"type": "object"}},
        cursor=record(url=TEXT, has_more=YES_OR_NO, next=TEXT, limit=COUNT),
        registry=record(profile_id=ID, purpose=TEXT, withheld=WITHHELD),
    ),
    "Suggestions": record(
        purpose=TEXT, looked_at=COUNT,
        suggestions=many(record(
            one=record(**END), other=record(**END), probability={"type": "number"}, certain=YES_OR_NO,
            group=maybe(COUNT), household=YES_OR_NO, start={"type": "number"},
            because=many(record(feature=TEXT, agreement=TEXT, weight={"type": "number"})),
        )),
    ),
    "DataQuality": record(
        as_of=TIME, meaning={"type": "object", "additionalProperties": TEXT},
        sources=many(record(
            source=TEXT,
            obstacles={"type": "object", "additionalProperties": record(
                found=COUNT, of=COUNT, share={"type": "number"}, change=maybe({"type": "number"}),
                trend=many(record(day=TEXT | {"format": "date"}, found=COUNT, of=COUNT)),
            )},
        )),
    ),
    "Audiences": record(audiences=many(record(audience=TEXT, title=TEXT, purpose=TEXT))),
    "AudienceMembers": record(
        audience=TEXT, purpose=TEXT, members=many(record(profile_id=ID)), looked_at=COUNT, cursor=maybe(ID)
    ),
    "Decided": record(verdict=one_of(Verdict), profiles=many(record(profile_id=ID, fragments=many(ID)))),
    "MergeDecisions": record(
        decisions=many(record(
            one=record(**END), other=record(**END), verdict=one_of(Verdict), actor=TEXT, decided_at=TIME
        )),
        cursor=maybe(TEXT),
    ),
    "RefusedMerges": record(
        refused=many(record(**REFUSED)), cursor=maybe(TEXT),
        counts={"type": "object", "additionalProperties": COUNT},
        runaways=many(record(**END, neighbours=COUNT, noticed_at=TIME)),
    ),
    "Request": record(**REQUEST),
    "Requests": record(requests=many(ref("Request")), cursor=maybe(ID)),
    "RequestEvents": record(
        events=many(record(action=TEXT, state=one_of(State), actor=TEXT, at=TIME, details={"type": "object"}))
    ),
    "Discovery": record(
        api_version=TEXT, supported_identities=many(record(identity_type=TEXT, identity_format=TEXT)),
        supported_subject_request_types=many(one_of(opendsr.Asked)), processor_certificate=TEXT | {"format": "uri"},
    ),
    "OpenDsrReceipt": record(
        controller_id=ID, expected_completion_time=TIME, received_time=TIME, subject_request_id=ID,
        encoded_request=TEXT | {"contentEncoding": "base64", "description": "What was sent; not to be logged."},
    ),
    "OpenDsrStatus": record(
        {"results_url": TEXT | {"format": "uri"}, "results_count": COUNT},
        controller_id=ID, expected_completion_time=TIME, subject_request_id=ID, request_status=one_of(opendsr.Status),
        api_version=TEXT,
    ),
    "OpenDsrCancellation": record(controller_id=ID, received_time=TIME, subject_request_id=ID, api_version=TEXT),
    "RequestPlan": record(
        request_id=ID, kind=one_of(Kind),
        complete=YES_OR_NO | {"description": "Every field is declared, and every system was asked."},
        systems=many(
            record(
                system=TEXT, unreachable=maybe(TEXT),
                tables=many(
                    record(
                        table=TEXT, rows=COUNT, rows_of_others=COUNT | {"description": RECORDS_OF_OTHERS},
                        fields=many(record({"ground": TEXT}, **PLANNED_FIELD)),
                    )
                ),
            )
        ),
        undecided=many(record(system=TEXT, table=TEXT, field=TEXT)),
        corrections=maybe(record(asked=COUNT, placed=COUNT))
        | {"description": "Of a rectification: how many corrections have a place in any system where the person is."},
        beside=many(TEXT) | {"description": "Other profiles, under what systems outside know the person by."},
        retained=many(
            record(because=TEXT, ground=TEXT, purpose=TEXT, categories=many(TEXT), items=COUNT, until=maybe(TIME))
        ),
    ),
    "Sources": record(sources=many(record(**SOURCE))),
    "NewSourceKey": record(source_id=ID, name=TEXT, write_key=TEXT | {"description": "Shown once."}),
    "Plans": record(plans=many(record(name=TEXT, version=TEXT, published_at=TIME))),
    "PublishedPlan": record(name=TEXT, version=TEXT, events=COUNT),
    "Violations": record(
        violations=many(record(**FED_VIOLATION)),
        counts=many(record(event=maybe(TEXT), code=TEXT, path=TEXT, count=COUNT)),
        cursor=maybe(ID),
    ),
    "ViolationSummary": record(
        by=many(one_of(DIMENSIONS)),
        counts=many(
            record(
                {**dict.fromkeys(DIMENSIONS, TEXT), "event": maybe(TEXT), "app_version": maybe(TEXT)},
                count=COUNT, first_seen_at=TIME, last_seen_at=TIME,
            )
        ),
    ),
    "LintFindings": record(
        findings=many(record(line=COUNT, severity=one_of(Severity), code=TEXT, pointer=TEXT, message=TEXT))
    ),
    "PlanDifference": record(
        breaking=YES_OR_NO, least_version=TEXT, version_suffices=YES_OR_NO,
        changes=many(record(code=TEXT, breaking=YES_OR_NO, event=TEXT, pointer=TEXT, message=TEXT)),
    ),
    "Rehearsal": record(
        outcomes=record(**dict.fromkeys(OUTCOMES, COUNT)), withheld=COUNT,
        violations=many(record(event=maybe(TEXT), **VIOLATION, count=COUNT)),
        undeclared_personal_data=many(record(**UNDECLARED)),
    ),
    "BoundSource": record(source=TEXT, plan=TEXT, bound_to=TEXT, version=TEXT),
    "DataInventory": record(
        plans=many(
            record(
                plan=TEXT, sources=many(TEXT), calls_looked_at=COUNT, unnamed_events=COUNT,
                declared=many(
                    record(
                        event=TEXT, pointer=TEXT, categories=many(TEXT), purposes=many(TEXT), identifier=maybe(TEXT),
                        retention=maybe(TEXT), sensitivity=maybe(TEXT), personal=YES_OR_NO,
                    )
                ),
                found_undeclared=many(record(**UNDECLARED)),
            )
        ),
        withheld=COUNT,
    ),
    "Replayed": record({"duplicate": COUNT, "suppressed": COUNT}, looked_at=COUNT, accepted=COUNT, rejected=COUNT),
    "Trace": record(
        TRACE_OF_ACCEPTED | {"kept_until": TIME},
        outcome=one_of(Status), source=TEXT, received_at=TIME, violations=many(record(**FED_VIOLATION)),
    ),
    "Keys": record(keys=many(record(**KEY))),
    "NewKeySecret": record(key_id=ID, secret=TEXT | {"description": "Shown once."}),
    "Policies": record(
        version=TEXT,
        purposes=many(record(name=TEXT, title=TEXT, lawful_basis=TEXT, version={"type": "integer"})),
        identifier_kinds=many(TEXT), roles=many(TEXT), jurisdictions=many(TEXT),
    ),
    "AuditEntries": record(
        entries=many(record(position=COUNT, entry=record(**AUDIT_ENTRY),
                            leaf={"type": "string", "contentEncoding": "base64"})),
        next=maybe(COUNT),
    ),
    "AuditProof": record(size=COUNT, path=many({"type": "string", "pattern": "^[0-9a-f]{64}$"})),
    "Health": record(status={"const": "ok"}),
    "Readiness": record(
        status=one_of(("ready", "not ready")),
        checks={"type": "object", "additionalProperties": TEXT | {"description": "`ok`, or the code of an error."}},
    ),
    "PublishedKeys": record(keys=many({"type": "object"})),
}  # fmt: skip
