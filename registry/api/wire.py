"""The JSON that goes over the wire, as OpenAPI shows it. Nothing below the faces knows these types.

Models of requests hide their values in `repr`, and refuse members that they do not know.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

EXAMPLE_SUBJECT: dict[str, Any] = {"kind": "email", "value": "shopper@example.com"}


class Request(BaseModel):
    """Base of request bodies."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"


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
    status: Annotated[str, Field(description="granted, denied, withdrawn, expired or objected", max_length=16)]
    acted_at: Annotated[str | None, Field(description="RFC 3339; now if absent", max_length=40)] = None
    expires_at: Annotated[str | None, Field(description="RFC 3339; when a grant ends by itself", max_length=40)] = None
    notice_version: Annotated[str | None, Field(max_length=100)] = None
    language: Annotated[str | None, Field(max_length=35)] = None
    jurisdiction: Annotated[str | None, Field(description="ISO 3166", max_length=10)] = None
    channel: Annotated[str, Field(max_length=64)] = "api"
    evidence: Annotated[str | None, Field(description="kept sealed", max_length=10_000)] = None


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
    include: list[Annotated[str, Field(max_length=32)]] | None = None


class NewRequest(Request):
    """A data subject request."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"kind": "erasure", "subject": EXAMPLE_SUBJECT, "jurisdiction": "gdpr"}},
    )
    kind: Annotated[
        str, Field(description="access, portability, rectification, restriction, objection, withdrawal or erasure")
    ]
    subject: Subject
    jurisdiction: Annotated[str | None, Field(max_length=64)] = None
    details: Annotated[
        dict[str, Any] | None,
        Field(description="purposes of an objection or withdrawal; traits of a rectification"),
    ] = None


class NewSource(Request):
    """A source of messages, bound to a published plan version."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "web shop", "plan": "ecommerce", "version": "1.0.0"}}
    )
    name: Annotated[str, Field(min_length=1, max_length=100)]
    plan: Annotated[str, Field(max_length=64)]
    version: Annotated[str, Field(max_length=32)]
    method: Annotated[str, Field(description="how it comes to know what it says")] = "self_declared"
    unplanned_events: str | None = None
    unplanned_properties: str | None = None
    violations: str | None = None


class NewKey(Request):
    """An API key for an app or a person."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"kind": "app", "role": "app", "name": "newsletter", "purposes": ["marketing"]}},
    )
    kind: Annotated[str, Field(description="app or person")]
    role: Annotated[str, Field(max_length=64)]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    purposes: list[str] = []
    expires_at: Annotated[str | None, Field(description="RFC 3339", max_length=40)] = None


class Replay(Request):
    """Which quarantined messages to send through again."""

    source: Annotated[str | None, Field(description="only those of this source", max_length=100)] = None
    dry_run: bool = False
