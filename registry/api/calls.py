"""JSON Schemas of what the hot routes take: the tracking protocol's calls, and consent checks."""

from __future__ import annotations

from typing import Any

from registry.api.schemas import TEXT, Schema, many, maybe, record, ref
from registry.api.wire import EXAMPLE_SUBJECT
from registry.model.message import CallType
from registry.plans.envelope import MAX_EVENT_NAME, MAX_ID, MAX_MESSAGE_ID

_ID = {"type": ["string", "null"], "maxLength": MAX_ID}
_OBJECT = {"type": ["object", "null"]}
_NAME = {"type": ["string", "null"], "maxLength": MAX_EVENT_NAME}

COMMON: dict[str, Schema] = {
    "messageId": {
        "type": "string",
        "maxLength": MAX_MESSAGE_ID,
        "description": "The sender's own; the same again is acknowledged and not stored again.",
    },
    "userId": _ID,
    "anonymousId": _ID,
    "timestamp": TEXT | {"description": "ISO 8601, by the sender's clock."},
    "sentAt": TEXT | {"description": "When it was sent, by the same clock: corrects `timestamp`."},
    "context": _OBJECT | {"description": "Of the call; `consent.categoryPreferences` is recorded as consent."},
    "integrations": _OBJECT,
    "writeKey": TEXT | {"description": "Where it does not come as the Basic user."},
}
OWN: dict[CallType, dict[str, Schema]] = {
    CallType.TRACK: {"event": {"type": "string", "minLength": 1, "maxLength": MAX_EVENT_NAME}, "properties": _OBJECT},
    CallType.IDENTIFY: {"traits": _OBJECT},
    CallType.PAGE: {"name": _NAME, "category": _NAME, "properties": _OBJECT},
    CallType.SCREEN: {"name": _NAME, "category": _NAME, "properties": _OBJECT},
    CallType.GROUP: {"groupId": TEXT | {"minLength": 1, "maxLength": MAX_ID}, "traits": _OBJECT},
    CallType.ALIAS: {
        "previousId": TEXT | {"minLength": 1, "maxLength": MAX_ID},
        "userId": TEXT | {"minLength": 1, "maxLength": MAX_ID},
    },
}
REQUIRED = {CallType.TRACK: ["event"], CallType.GROUP: ["groupId"], CallType.ALIAS: ["previousId", "userId"]}

CALL_EXAMPLES: dict[CallType, dict[str, Any]] = {
    CallType.TRACK: {"event": "Product Viewed", "anonymousId": "a-1", "properties": {"product_id": "p-1"}},
    CallType.IDENTIFY: {"userId": "u-1", "anonymousId": "a-1", "traits": {"email": "shopper@example.com"}},
    CallType.PAGE: {"anonymousId": "a-1", "name": "Home", "properties": {"path": "/"}},
    CallType.SCREEN: {"anonymousId": "a-1", "name": "Home"},
    CallType.GROUP: {"userId": "u-1", "groupId": "g-1", "traits": {}},
    CallType.ALIAS: {"previousId": "a-1", "userId": "u-1"},
}
TRACK_EXAMPLE = {"type": "track", "messageId": "m-1"} | CALL_EXAMPLES[CallType.TRACK]
BATCH_EXAMPLE = {"batch": [TRACK_EXAMPLE], "sentAt": "2026-01-01T00:00:00Z", "writeKey": "rg_write_…"}
CHECK_EXAMPLE = {"subject": EXAMPLE_SUBJECT, "purpose": "marketing"}


def single(call: CallType) -> Schema:
    """The body of a path of one call, which gives the call's type."""
    return {"type": "object", "required": REQUIRED.get(call, []), "properties": COMMON | OWN[call]}


def _in_batch(call: CallType) -> Schema:
    members = {name: schema for name, schema in COMMON.items() if name != "writeKey"}
    return {
        "type": "object",
        "required": ["type", *REQUIRED.get(call, [])],
        "properties": {"type": {"const": call.value}} | members | OWN[call],
    }


TAKEN: dict[str, Schema] = {
    "Call": {
        "description": "What is not of one of these forms, or breaks its plan, is rejected by itself.",
        "anyOf": [_in_batch(call) for call in CallType],
    },
    "Batch": record(
        {
            "writeKey": COMMON["writeKey"],
            "sentAt": COMMON["sentAt"],
            "context": _OBJECT | {"description": "Holds for each call that does not say otherwise."},
            "integrations": _OBJECT,
        },
        batch=many(ref("Call")) | {"maxItems": 2500},
    ),
    "SubjectReference": record(
        kind=TEXT | {"description": "A kind of `policies/identity.yaml`."}, value=TEXT | {"minLength": 1}
    ),
    "Check": record(
        {
            "categories": maybe(many(TEXT)) | {"description": "fideslang keys; all that the purpose covers if absent."},
            "at": maybe(TEXT) | {"description": "RFC 3339: the decision of a past moment; now if absent."},
            "jurisdiction": maybe(TEXT)
            | {"description": "Where the person is (ISO 3166-1 or -2), if you know: whose lawful basis counts."},
        },
        subject=ref("SubjectReference"),
        purpose=TEXT,
    ),
    "Listing": record(purpose=TEXT),
    "ListingOrder": record({"reasons": {"type": "boolean"}}, purpose=TEXT),
    "Checks": record(checks=many(ref("Check")) | {"maxItems": 10_000}),
}
