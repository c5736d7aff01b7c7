"""The JSON that goes over the wire, as OpenAPI shows it. Nothing below the faces knows these types.

Models of requests hide their values in `repr`, and refuse members that they do not know.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from registry.access.policy import PrincipalKind
from registry.api.tags import Jurisdiction, LanguageTag
from registry.dsr.opendsr import RAW, Asked, Regulation
from registry.flows.acts.outbox import Topic
from registry.flows.outgoing.destinations import DestinationKind
from registry.model.provenance import Method
from registry.plans.enforcement import Mode

EXAMPLE_SUBJECT: dict[str, Any] = {"kind": "email", "value": "shopper@example.com"}


_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_WORD = r"^[A-Za-z0-9][A-Za-z0-9 ._:/+-]*$"
_LAST = 2**63 - 1

Plain = Annotated[str, Field(pattern=_PRINTABLE)]
"""Text that is kept as a name: without control characters, which PostgreSQL and terminals choke on."""

Word = Annotated[str, Field(pattern=_WORD)]
"""A word of the caller's that is kept in the clear: no e-mail address or free text fits in."""

WordOrAll = Annotated[str, Field(pattern=r"^([*]|[A-Za-z0-9_][A-Za-z0-9 ._:/-]*)$", max_length=255)]
"""The name of an event or a trait, or `*` for all."""

Reason = Annotated[
    str,
    Field(
        description="of the request, not of the person: kept in the clear",
        min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9 .,;:()/'+-]*$",
    ),
]  # fmt: skip
"""Why something is done to a request: a sentence without an address in it."""

PlainPath = Annotated[str, Path(pattern=_PRINTABLE)]
UUID_FORM: dict[str, Any] = {"format": "uuid"}
Cursor = Annotated[
    str | None, Query(max_length=36, description="What the page before gave.", json_schema_extra=UUID_FORM)
]
Position = Annotated[int, Query(ge=0, le=_LAST)]
"""A place in the audit log."""

ByPerson = Literal["granted", "denied", "withdrawn", "expired", "objected"]
"""What a person may be recorded to have said; restrictions come by way of a request."""


AgeAtLeast = Annotated[
    int | None,
    Field(ge=0, le=150, strict=True, description="age in years, shown or declared, where the purpose demands one"),
]


class Request(BaseModel):
    """Base of request bodies."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"


class Opening(BaseModel):
    """Base of bodies of a protocol that others may extend: members that are not known are passed over."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class Subject(Request):
    """A subject reference: a kind of `policies/identity.yaml`, and a value."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, json_schema_extra={"example": EXAMPLE_SUBJECT})
    kind: Annotated[str, Field(max_length=64)]
    value: Annotated[str, Field(min_length=1, max_length=512)]


class ConsentAct(Request):
    """One act of consent of one person."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"subject": EXAMPLE_SUBJECT, "purpose": "marketing", "status": "withdrawn"}},
    )
    subject: Subject
    purpose: Annotated[str, Field(max_length=64)]
    status: ByPerson
    acted_at: Annotated[str | None, Field(description="RFC 3339; now if absent", max_length=40)] = None
    expires_at: Annotated[str | None, Field(description="RFC 3339; when a grant ends by itself", max_length=40)] = None
    notice_version: Annotated[Word | None, Field(max_length=100)] = None
    language: LanguageTag | None = None
    jurisdiction: Jurisdiction | None = None
    channel: Annotated[Word, Field(description="how it was given", max_length=64)] = "api"
    evidence: Annotated[str | None, Field(description="kept sealed", max_length=10_000)] = None
    age_at_least: AgeAtLeast = None


class SubjectQuery(Request):
    """A question about one person."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra={"example": {"subject": EXAMPLE_SUBJECT}}
    )
    subject: Subject


class ProfileQuery(Request):
    """A read of a profile, for a purpose."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"subject": EXAMPLE_SUBJECT, "purpose": "service"}},
    )
    subject: Subject
    purpose: Annotated[str, Field(max_length=64)]
    include: Annotated[list[str] | None, Field(description="parts of the view; all if absent", max_length=32)] = None


class NewHold(Request):
    """A legal hold on a person's data."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"subject": EXAMPLE_SUBJECT, "ground": "a claim is pending", "purpose": "legal"}},
    )
    subject: Subject
    ground: Annotated[Plain, Field(description="why, in the clear: of the duty, never of the person", max_length=500)]
    purpose: Annotated[str, Field(description="the one purpose that it may be opened for", max_length=64)]
    categories: Annotated[list[Word] | None, Field(description="all if absent", min_length=1, max_length=64)] = None
    until: Annotated[str | None, Field(description="RFC 3339; until released if absent", max_length=40)] = None


class OpenDsrIdentity(Opening):
    """One identity of the person, as the controller knows it."""

    identity_type: Annotated[str, Field(max_length=64)]
    identity_value: Annotated[str, Field(min_length=1, max_length=512)]
    identity_format: Annotated[str, Field(max_length=16)] = RAW


class OpenDsrRequestBody(Opening):
    """A request of a data subject, from a controller (OpenDSR 2.0 section 6)."""

    model_config = ConfigDict(
        hide_input_in_errors=True,
        json_schema_extra={
            "example": {
                "regulation": "gdpr",
                "subject_request_id": "a7551968-d5d6-44b2-9831-815ac9017798",
                "subject_request_type": "erasure",
                "submitted_time": "2026-01-01T12:00:00Z",
                "subject_identities": [
                    {"identity_type": "email", "identity_value": "shopper@example.com", "identity_format": "raw"}
                ],
                "api_version": "2.0",
                "status_callback_urls": ["https://controller.example/opendsr/callbacks"],
            }
        },
    )
    regulation: Regulation | None = None
    subject_request_id: Annotated[str, Field(max_length=36, json_schema_extra=UUID_FORM)]
    subject_request_type: Asked
    submitted_time: Annotated[str, Field(max_length=40, description="RFC 3339")]
    subject_identities: Annotated[list[OpenDsrIdentity], Field(min_length=1, max_length=20)]
    api_version: Annotated[str | None, Field(max_length=16)] = None
    status_callback_urls: Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=10)] = []


class Extension(Request):
    """Why the answer to a request is put off, and how the person was told (GDPR Art. 12(3))."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"reason": "complex: records of several systems", "channel": "email"}},
    )
    reason: Reason
    channel: Annotated[Word, Field(description="how the person was told", max_length=64)] = "letter"
    notified_at: Annotated[str | None, Field(description="RFC 3339: when; now if absent", max_length=40)] = None


class Override(Request):
    """A decision that a waiting request, or what a hold had kept, ends without a system outside."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"system": "warehouse", "reason": "shut down in 2025, its data destroyed"}},
    )
    system: Annotated[Word, Field(max_length=64)]
    reason: Reason


class Apart(Request):
    """A decision that a profile is not part of a request."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={
            "example": {"profile": "0195e7a0-0000-7000-8000-00000000000b", "reason": "they share a number at work"}
        },
    )
    profile: Annotated[Word, Field(max_length=36, description="as the plan names it in `beside`")]
    reason: Reason


class NewSource(Request):
    """A source of messages, bound to a published plan version."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "web shop", "plan": "ecommerce", "version": "1.0.0"}}
    )
    name: Annotated[Plain, Field(min_length=1, max_length=100)]
    plan: Annotated[Plain, Field(max_length=64)]
    version: Annotated[Plain, Field(max_length=32)]
    method: Annotated[Method, Field(description="how it comes to know what it says")] = Method.SELF_DECLARED
    unplanned_events: Annotated[Mode | None, Field(description="in place of the plan's")] = None
    unplanned_properties: Annotated[Mode | None, Field(description="in place of the plan's")] = None
    violations: Annotated[Mode | None, Field(description="in place of the plan's")] = None


class Binding(Request):
    """The plan that a source is held against."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"plan": "ecommerce", "version": "^1.0.0"}})
    plan: Annotated[Plain, Field(max_length=64)]
    version: Annotated[Plain, Field(description="a published version, or a range of them", max_length=32)]


class Inference(Request):
    """A plan to be inferred from what lies in quarantine."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "shop", "purposes": ["service"]}})
    name: Annotated[Plain, Field(description="the plan's name", min_length=1, max_length=64)]
    source: Annotated[str | None, Field(description="only what came from this source", max_length=100)] = None
    purposes: Annotated[
        list[Annotated[Plain, Field(max_length=100)]], Field(description="what everything in it serves", min_length=1)
    ] = ["service"]


class NewKey(Request):
    """An API key for an app or a person."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"kind": "app", "role": "app", "name": "newsletter", "purposes": ["marketing"]}},
    )
    kind: PrincipalKind
    role: Annotated[str, Field(description="a role of access.yaml", max_length=64)]
    name: Annotated[Plain, Field(min_length=1, max_length=100)]
    purposes: Annotated[list[str], Field(description="purposes of purposes.yaml", max_length=100)] = []
    owner: Annotated[
        Plain | None, Field(description="whose key it is, where two must be two people", min_length=1, max_length=100)
    ] = None
    expires_at: Annotated[str | None, Field(description="RFC 3339", max_length=40)] = None


class NewWebhook(Request):
    """An address that is told of some topics, signed as Standard Webhooks says."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={
            "example": {"name": "mailing", "url": "https://mailing.example/hooks", "topics": ["consent.changed"]}
        },
    )
    name: Annotated[Plain, Field(min_length=1, max_length=100)]
    url: Annotated[str, Field(description="https, or http on this machine", max_length=2000)]
    topics: Annotated[list[Topic], Field(min_length=1, max_length=20)]
    purpose: Annotated[
        str | None,
        Field(description="for which identifiers of the person may be told, where consent allows it", max_length=64),
    ] = None


class NewDestination(Request):
    """A system that events are passed on to, for one purpose."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={
            "example": {
                "name": "mailing", "kind": "webhook", "purpose": "marketing", "url": "https://mailing.example/events",
                "events": ["order_completed", "identify"], "traits": ["email"],
            }
        },
    )  # fmt: skip
    name: Annotated[Plain, Field(min_length=1, max_length=100)]
    kind: DestinationKind
    purpose: Annotated[str, Field(description="what it uses the data for", max_length=64)]
    url: Annotated[str, Field(description="https, or http on this machine", max_length=2000)]
    events: Annotated[list[WordOrAll], Field(description="ids of the plan's events, * for all", max_length=500)] = ["*"]
    traits: Annotated[list[WordOrAll], Field(description="names of traits, * for all", max_length=500)] = ["*"]
    write_key: Annotated[str | None, Field(description="for the kind segment", max_length=500)] = None
    erasure_url: Annotated[str | None, Field(description="where erasures are told", max_length=2000)] = None


class Replay(Request):
    """Which quarantined messages to send through again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"source": "web shop", "dry_run": True}})
    source: Annotated[str | None, Field(description="only those of this source", max_length=100)] = None
    dry_run: Annotated[bool, Field(description="only say what would become of them", strict=True)] = False


class MessageQuery(Request):
    """A question about one message."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra={"example": {"message_id": "m-1"}}
    )
    message_id: Annotated[str, Field(description="as the sender gave it", min_length=1, max_length=4096)]


IdText = Annotated[str, Field(max_length=36, json_schema_extra=UUID_FORM)]
"""An opaque id in a body."""

_FRAGMENTS: list[Any] = ["0195e7a0-0000-7000-8000-000000000005", "0195e7a0-0000-7000-8000-000000000007"]


class Unmerge(Request):
    """What of a profile is not one person; one of the three."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"apart": _FRAGMENTS}})
    apart: Annotated[tuple[IdText, IdText] | None, Field(description="two fragment ids: these are two people")] = None
    retract: Annotated[tuple[IdText, IdText] | None, Field(description="two fragment ids: this claim was wrong")] = None
    merge_id: Annotated[IdText | None, Field(description="of the profile's merges: undo this one")] = None


class MergeOrder(Request):
    """Two people who are one, as a steward knows."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"one": EXAMPLE_SUBJECT, "other": {"kind": "user_id", "value": "u-1"}}},
    )
    one: Subject
    other: Subject


class MergeDecision(Request):
    """A steward's word on a refused link."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"one": _FRAGMENTS[0], "other": _FRAGMENTS[1], "decision": "keep_apart"}},
    )
    one: Annotated[IdText, Field(description="fragment id of one end")]
    other: Annotated[IdText, Field(description="fragment id of the other")]
    decision: Annotated[
        Literal["merge", "keep_apart", "retract"],
        Field(description="one person after all; two people for good; or this claim was wrong"),
    ]


class SuggestionDecision(Request):
    """A steward's word on a suggestion."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"one": _FRAGMENTS[0], "other": _FRAGMENTS[1], "decision": "reject"}},
    )
    one: Annotated[IdText, Field(description="fragment id of one")]
    other: Annotated[IdText, Field(description="fragment id of the other")]
    decision: Literal["accept", "reject"]
