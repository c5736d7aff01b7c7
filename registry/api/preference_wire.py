"""The JSON of a person's own page: what goes in, as models; what comes out, as schemas with an example of each."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictBool

from registry.api.schemas import COUNT, ID, TEXT, TIME, YES_OR_NO, Schema, many, maybe, one_of, record
from registry.api.wire import EXAMPLE_SUBJECT, UUID_FORM, AgeAtLeast, Request, Subject, Word
from registry.consent.purposes import LawfulBasis
from registry.flows.access.preferences import LONGEST_LINK_S
from registry.model.decision import Reason


class LinkOrder(Request):
    """A link to a person's own page."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"subject": EXAMPLE_SUBJECT, "lifetime_s": 900}},
    )
    subject: Subject
    lifetime_s: Annotated[int, Field(ge=1, le=LONGEST_LINK_S, strict=True, description="seconds")] = 3600


class Choosing(Request):
    """What a person chose on their page; a purpose that is not named stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"example": {"choices": {"analytics": True, "marketing": False}, "language": "de"}},
    )
    choices: Annotated[dict[str, StrictBool], Field(description="may it go on, by purpose", max_length=200)]
    language: Annotated[Word | None, Field(description="BCP 47; in which the page was shown", max_length=35)] = None
    age_at_least: AgeAtLeast = None
    seen: Annotated[
        dict[str, Annotated[str, Field(max_length=36, json_schema_extra=UUID_FORM)] | None] | None,
        Field(
            description="by purpose, the `record_id` of the answer that was shown with it, null where there was none; "
            "where another answer has come since, a choice that only repeats what was shown, or is a yes, is left out",
            max_length=200,
        ),
    ] = None
    policy_version: Annotated[
        str | None, Field(description="as shown: refused with 409 where the purposes have changed since", max_length=64)
    ] = None


_CHOICE: Schema = {
    "purpose": TEXT, "title": TEXT, "text": TEXT, "language": TEXT | {"description": "BCP 47, of title and text."},
    "version": COUNT, "parent": maybe(TEXT), "lawful_basis": one_of(LawfulBasis), "retention_days": COUNT,
    "recipients": many(TEXT), "minimum_age": maybe(COUNT),
    "can_choose": YES_OR_NO | {"description": "Whether the purpose rests on what the person says."},
    "choice": maybe(YES_OR_NO) | {"description": "What stands now; null where there is no choice."},
    "allowed": YES_OR_NO | {"description": "Whether their data may be used for it now."},
    "reason": one_of(Reason), "sentence": TEXT,
    "answered": maybe(record(record_id=ID, status=TEXT, acted_at=TIME, channel=TEXT)),
}  # fmt: skip
_RECORDED: Schema = {
    "record_id": ID, "purpose": TEXT, "status": TEXT, "acted_at": TIME, "recorded_at": TIME,
}  # fmt: skip
_PAGE: Schema = {"policy_version": TEXT, "choices": many(record(**_CHOICE))}

PREFERENCE_ANSWERS: dict[str, Schema] = {
    "PreferenceLink": record(
        token=TEXT | {"description": "Put it behind the `#` of your page's address."}, expires_at=TIME
    ),
    "OwnChoices": record(**_PAGE),
    "Chosen": record(**_PAGE, records=many(record(**_RECORDED, receipt=TEXT))),
    "OwnHistory": record(
        records=many(
            record(
                **_RECORDED, expires_at=maybe(TIME), notice_version=maybe(TEXT), language=maybe(TEXT), channel=TEXT,
                receipt=maybe(TEXT) | {"description": "JWT; null where the policy has the purpose no more."},
            )
        )
    ),
}  # fmt: skip

_AT = "2026-01-01T00:00:00Z"
_ID = "0195e7a0-0000-7000-8000-000000000002"
_SHOWN: dict[str, Any] = {
    "purpose": "marketing", "title": "Über Angebote informieren", "text": "Wir senden Ihnen Angebote …",
    "language": "de", "version": 1, "parent": None, "lawful_basis": "consent", "retention_days": 730,
    "recipients": ["mail service"], "minimum_age": 16, "can_choose": True, "choice": False, "allowed": False,
    "reason": "withdrawn", "sentence": "The person withdrew the consent given earlier.",
    "answered": {"record_id": _ID, "status": "withdrawn", "acted_at": _AT, "channel": "preference_page"},
}  # fmt: skip
_MADE = {"record_id": _ID, "purpose": "marketing", "status": "withdrawn", "acted_at": _AT, "recorded_at": _AT}
PREFERENCE_EXAMPLES: dict[str, Any] = {
    "PreferenceLink": {"token": "rg_visit_…", "expires_at": _AT},
    "OwnChoices": {"policy_version": "9f86d081884c7d65", "choices": [_SHOWN]},
    "Chosen": {"policy_version": "9f86d081884c7d65", "choices": [_SHOWN], "records": [_MADE | {"receipt": "eyJ…"}]},
    "OwnHistory": {
        "records": [
            _MADE
            | {
                "expires_at": None, "notice_version": "marketing@1", "language": "de", "channel": "preference_page",
                "receipt": "eyJ…",
            }
        ]
    },
}  # fmt: skip
PREFERENCE_ANSWER_OF = {
    "make_preference_link": "PreferenceLink", "own_choices": "OwnChoices", "choose": "Chosen",
    "own_history": "OwnHistory",
}  # fmt: skip
PREFERENCE_ERRORS: dict[str, tuple[int, ...]] = {
    "make_preference_link": (413,), "own_choices": (404, 429), "choose": (404, 409, 413, 429),
    "own_history": (404, 429),
}  # fmt: skip
BY_PERSONS = frozenset({"own_choices", "choose", "own_history"})
"""Operations that a person's own token opens, and no key."""
