"""What is held of people, field by field, and the documents that follow from it: records, assessment, breach impact."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from registry.access.policy import Action
from registry.api.application import of
from registry.api.bodies import JsonRoute
from registry.api.consent import moment
from registry.api.schemas import COUNT, TEXT, TIME, many, maybe, one_of, record
from registry.api.wire import Plain, Request
from registry.dsr.accounting import Disposition
from registry.dsr.census import Handling
from registry.dsr.declarations import DECLARED
from registry.flows.accountability import breach, inventory, outside
from registry.model.ids import text_id

router = APIRouter(prefix="/v1/census", tags=["administration"], route_class=JsonRoute)


class Incident(Request):
    """What is known of an incident; what is left out does not narrow it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"source": "shop", "since": "2026-01-01T00:00:00Z"}}
    )
    table: Annotated[Plain | None, Field(description="only this table was reached", max_length=64)] = None
    source: Annotated[Plain | None, Field(description="only what this source sent", max_length=100)] = None
    generation: Annotated[
        int | None, Field(ge=1, le=2**31, strict=True, description="only what this KEK generation opens")
    ] = None
    since: Annotated[str | None, Field(description="RFC 3339: only what came from then on", max_length=40)] = None
    until: Annotated[str | None, Field(description="RFC 3339: only what came before then", max_length=40)] = None
    noticed_at: Annotated[str | None, Field(description="RFC 3339: when noticed; else now", max_length=40)] = None
    profiles: Annotated[
        bool, Field(strict=True, description="whether to list the opaque ids of the profiles it touched")
    ] = False


class SystemIncident(Request):
    """What is known of an incident in a connected system."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"system": "shop"}})
    system: Annotated[Plain, Field(description="a connected system", max_length=64)]
    table: Annotated[Plain | None, Field(description="only this table of it", max_length=128)] = None
    noticed_at: Annotated[str | None, Field(description="RFC 3339: when noticed; else now", max_length=40)] = None


PAGE_POLICY = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
"""Of a page that stands alone: its style is in it, and it may fetch nothing."""

_TEXTS, _WORD = many(TEXT), maybe(TEXT)
_COUNTS = {"type": "object", "additionalProperties": COUNT}
_FIELD = record(
    system=TEXT, table=TEXT, field=TEXT, handling=one_of(Handling), categories=_TEXTS, purposes=TEXT, retention=TEXT,
    does={"type": "object", "description": "per kind of request", "additionalProperties": one_of(Disposition)},
)  # fmt: skip
_CONTROLLER = record(name=TEXT, address=TEXT, contact=TEXT, representative=TEXT, data_protection_officer=TEXT)
_ACTIVITY = record(
    purpose=TEXT, title=TEXT, description=TEXT, lawful_basis={"type": "object", "additionalProperties": TEXT},
    data_subjects=TEXT, categories=_TEXTS, recipients=_TEXTS, transfers=TEXT, retention_days=COUNT, tables=_TEXTS,
)  # fmt: skip
_OUTSIDE = record(
    system=TEXT, table=_WORD, field=_WORD, category=_WORD, access=maybe(one_of(Disposition)),
    erasure=maybe(one_of(Disposition)), ground=_WORD,
)  # fmt: skip
_NOTICE = record(by=maybe(TIME), ground=TEXT)
CENSUS_ANSWERS = {
    "CensusFields": record(fields=many(_FIELD)),
    "RecordsOfProcessing": record(
        controller=_CONTROLLER, storage_locations=_TEXTS, transfers=TEXT, written=TIME, policy_version=TEXT,
        activities=many(_ACTIVITY), systems=many(record(name=TEXT, kind=TEXT, purpose=_WORD, receives=TEXT)),
        measures=_TEXTS, fields=many(_FIELD),
        plan_fields=many(
            record(plan=TEXT, event=TEXT, pointer=TEXT, categories=_TEXTS, purposes=_TEXTS, retention=_WORD)
        ),
        outside_fields=many(_OUTSIDE),
    ),
    "BreachImpact": record(
        {"profiles": many({"type": "string", "format": "uuid"})},
        narrowed_to={"type": "object", "additionalProperties": {}}, people=COUNT, without_profile=_COUNTS, rows=_COUNTS,
        categories=_TEXTS,
        categories_by_table={"type": "object", "additionalProperties": _TEXTS}, purposes=_TEXTS, since=maybe(TIME),
        until=maybe(TIME), sealed_fields=_TEXTS, fields_in_the_clear=_TEXTS, key_bundles_by_generation=_COUNTS,
        without_keys=COUNT, covers=TEXT,
        notify=record(
            noticed_at=TIME, laws=many(record(law=TEXT, authority=_NOTICE, people=_NOTICE)), sealed_only=TEXT
        ),
    ),
    "SystemImpact": record(
        system=TEXT, table=_WORD, answers={"type": "boolean"}, categories=_TEXTS,
        fields=many(record(table=TEXT, field=TEXT, category=_WORD)), covers=TEXT,
        notify=record(noticed_at=TIME, laws=many(record(law=TEXT, authority=_NOTICE, people=_NOTICE))),
    ),
}  # fmt: skip
_AT = "2026-01-01T12:00:00Z"
_ONE_FIELD = {
    "system": "registry", "table": "trait_assertion", "field": "sealed", "handling": "content",
    "categories": ["user.name"], "purposes": "each value's own: its consent tags",
    "retention": "as long as a purpose of the value keeps it (purposes.yaml)",
    "does": {"access": "exported", "erasure": "erased"},
}  # fmt: skip
CENSUS_EXAMPLES: dict[str, Any] = {
    "CensusFields": {"fields": [_ONE_FIELD]},
    "RecordsOfProcessing": {
        "controller": {
            "name": "Example Shop", "address": "1 Example Street", "contact": "privacy@shop.example",
            "representative": "not stated", "data_protection_officer": "dpo@shop.example",
        },
        "storage_locations": ["EU"], "transfers": "none", "written": _AT, "policy_version": "323d5d5a9660b97b",
        "activities": [
            {
                "purpose": "service", "title": "Provide the service", "description": "We run your account.",
                "lawful_basis": {"default": "contract"}, "data_subjects": "customers and visitors",
                "categories": ["user.contact"], "recipients": ["parcel carriers"], "transfers": "none",
                "retention_days": 1095, "tables": ["event"],
            }
        ],
        "systems": [
            {"name": "mailer", "kind": "webhook", "purpose": "marketing", "receives": "ids of ours"}
        ],
        "measures": ["every read is for a purpose"], "fields": [_ONE_FIELD],
        "plan_fields": [
            {
                "plan": "ecommerce@1.0.0", "event": "identify", "pointer": "/traits/email",
                "categories": ["user.contact.email"], "purposes": ["service"], "retention": None,
            }
        ],
        "outside_fields": [],
    },
    "BreachImpact": {
        "narrowed_to": {"source": "shop"}, "people": 2, "without_profile": {}, "rows": {"event": 4},
        "categories": ["user.behavior"],
        "categories_by_table": {"event": ["user.behavior"]}, "purposes": ["service"], "since": _AT, "until": _AT,
        "sealed_fields": ["event.body"], "fields_in_the_clear": ["event.received_at"],
        "key_bundles_by_generation": {"1": 2}, "without_keys": 0,
        "covers": f"{breach.OWN}; no other system is connected",
        "notify": {
            "noticed_at": _AT,
            "laws": [
                {
                    "law": "gdpr", "authority": {"by": "2026-01-04T12:00:00Z", "ground": "GDPR Art. 33(1)"},
                    "people": {"by": None, "ground": "GDPR Art. 34(1)"},
                }
            ],
            "sealed_only": breach.SEALED_ONLY,
        },
    },
    "SystemImpact": {
        "system": "shop", "table": None, "answers": True, "categories": ["user.contact.email"],
        "fields": [{"table": "customers", "field": "email", "category": "user.contact.email"}],
        "covers": outside.COVERS,
        "notify": {
            "noticed_at": _AT,
            "laws": [
                {
                    "law": "gdpr", "authority": {"by": "2026-01-04T12:00:00Z", "ground": "GDPR Art. 33(1)"},
                    "people": {"by": None, "ground": "GDPR Art. 34(1)"},
                }
            ],
        },
    },
}  # fmt: skip
CENSUS_EXAMPLES |= {
    "records_table": "controller,data_protection_officer,purpose\nExample Shop,dpo@shop.example,service\n",
    "records_page": "<!doctype html>…", "impact_assessment": "# Data protection impact assessment\n…",
}  # fmt: skip
CENSUS_ANSWER_OF = {
    "census_fields": "CensusFields", "processing_records": "RecordsOfProcessing", "breach_impact": "BreachImpact",
    "system_impact": "SystemImpact",
}  # fmt: skip
CENSUS_ERRORS: dict[str, tuple[int, ...]] = {
    "processing_records": (404,), "records_table": (404,), "records_page": (404,), "impact_assessment": (404,),
    "breach_impact": (404, 413), "system_impact": (404, 413),
}  # fmt: skip


@router.get("/fields", summary="Every personal field, and what requests do to it")
def census_fields(request: HttpRequest) -> dict[str, Any]:
    """What each is, its categories, what for, how long, and what every kind of request does to it."""
    of(request).caller(request, Action.CENSUS_READ)
    return {"fields": [field.as_json() for field in DECLARED if field.is_personal]}


@router.get("/records", summary="The records of processing activities (GDPR Art. 30)")
def processing_records(request: HttpRequest) -> dict[str, Any]:
    """Generated from the policies, plans, systems and fields that the registry runs by."""
    application = of(request)
    _, workspace = application.caller(request, Action.CENSUS_READ)
    return inventory.records(application.deployment, workspace)


@router.get("/records.csv", summary="The records of processing activities for a spreadsheet")
def records_table(request: HttpRequest) -> Response:
    """One activity a line."""
    return Response(inventory.records_csv(processing_records(request)), 200, media_type="text/csv")


@router.get("/records.html", summary="The records of processing activities to read and print")
def records_page(request: HttpRequest) -> Response:
    """One page that stands alone: it fetches nothing and runs no script."""
    return Response(inventory.records_html(processing_records(request)), 200, PAGE_POLICY, media_type="text/html")


@router.get("/assessment", summary="The skeleton of an impact assessment (GDPR Art. 35)")
def impact_assessment(request: HttpRequest) -> Response:
    """Markdown: what the registry knows of itself is filled in, what only the controller can say is marked."""
    application = of(request)
    _, workspace = application.caller(request, Action.CENSUS_READ)
    return Response(inventory.assessment(application.deployment, workspace), 200, media_type="text/markdown")


@router.post("/breach", summary="Whose data an incident touched, and by when to tell whom (GDPR Art. 33, 34)")
def breach_impact(request: HttpRequest, body: Incident) -> dict[str, Any]:
    """People, rows, categories, purposes, keys and times; nothing is opened, and that it was asked is audited."""
    application = of(request)
    principal, workspace = application.caller(request, Action.CENSUS_READ)
    incident = breach.Incident(
        body.table, body.source, body.generation, moment(body.since, "/since"), moment(body.until, "/until"),
        moment(body.noticed_at, "/noticed_at"),
    )  # fmt: skip
    impact = breach.assess(application.deployment, workspace, incident, actor=principal.actor)
    more = {"profiles": [text_id(profile) for profile in impact.profiles]} if body.profiles else {}
    return impact.told | more


@router.post("/breach/system", summary="What an incident in a connected system may have reached")
def system_impact(request: HttpRequest, body: SystemIncident) -> dict[str, Any]:
    """Fields and categories as its description declares them, and by when to tell whom; not whose records it holds."""
    application = of(request)
    principal, workspace = application.caller(request, Action.CENSUS_READ)
    return outside.reached(
        application.deployment, workspace, body.system, table=body.table,
        noticed_at=moment(body.noticed_at, "/noticed_at"), actor=principal.actor,
    )  # fmt: skip
