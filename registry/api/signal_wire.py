"""The JSON of questions about signals, tokens and explanations, as OpenAPI shows it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

from registry.api.tags import Jurisdiction
from registry.api.wire import EXAMPLE_SUBJECT, Request, Subject, SubjectQuery, Word
from registry.consent.signals.google import WAIT, states_of

Categories = Annotated[
    tuple[Annotated[str, Field(max_length=255)], ...], Field(max_length=100, description="fideslang keys")
]


class Explain(Request):
    """A question about a decision: why."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"subject": EXAMPLE_SUBJECT, "purpose": "marketing"}},
    )
    subject: Subject
    purpose: Annotated[str, Field(max_length=64)]
    categories: Categories = ()
    at: Annotated[str | None, Field(description="RFC 3339; as of when", max_length=40)] = None
    known_at: Annotated[str | None, Field(description="RFC 3339; by what was known when", max_length=40)] = None
    jurisdiction: Jurisdiction | None = None


class TokenOrder(Request):
    """A decision that is wanted as a token."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"subject": EXAMPLE_SUBJECT, "purpose": "marketing", "lifetime_s": 60}},
    )
    subject: Subject
    purpose: Annotated[str, Field(max_length=64)]
    categories: Categories = ()
    lifetime_s: Annotated[int, Field(ge=1, le=300, strict=True, description="seconds")] = 60
    audience: Annotated[Word | None, Field(description="for whom it is: `aud`", max_length=200)] = None
    jurisdiction: Jurisdiction | None = None


class Signals(Request):
    """What a banner or a browser says of a person."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"subject": EXAMPLE_SUBJECT, "gpp_string": "DBABBg~BAQAAABA.QA"}},
    )
    subject: Subject
    tc_string: Annotated[str | None, Field(description="IAB TCF 2.2 or 2.3", max_length=8192)] = None
    gpp_string: Annotated[str | None, Field(description="IAB GPP", max_length=8192)] = None
    google: Annotated[
        dict[str, str] | None,
        Field(
            description="Google Consent Mode: granted or denied by type; wait_for_update is passed over",
            max_length=32,
            json_schema_extra={"properties": {WAIT: {"type": "integer", "description": "milliseconds; no state"}}},
        ),
        BeforeValidator(states_of),
    ] = None
    gpc: Annotated[bool, Field(description="whether the browser sends Sec-GPC: 1", strict=True)] = False


class GoogleQuery(SubjectQuery):
    """A question for Google Consent Mode's states."""
