"""What the OpenAPI document says of webhooks and destinations: answers, examples, errors."""

from __future__ import annotations

from typing import Any

from registry.api.schemas import COUNT, ID, TEXT, TIME, Schema, many, maybe, one_of, record
from registry.flows.acts.outbox import Topic
from registry.flows.outgoing.destinations import DestinationKind, ErasureState

ENDPOINT_ID = "0195e7a0-0000-7000-8000-000000000009"
AT = "2026-01-01T00:00:00Z"

WEBHOOK = {
    "webhook_id": ID, "name": TEXT, "origin": TEXT | {"description": "Scheme, host and port; the rest is kept sealed."},
    "topics": many(one_of(Topic)), "purpose": maybe(TEXT), "state": one_of(("active", "failing", "paused")),
    "failures": COUNT | {"description": "In a row."}, "delivered": COUNT, "delivered_at": maybe(TIME), "waiting": COUNT,
    "oldest_waiting_at": maybe(TIME), "dead": COUNT | {"description": "Given up, to be replayed."}, "created_at": TIME,
}  # fmt: skip
DEAD_LETTER = {
    "message_id": ID, "topic": one_of(Topic), "data": {"type": "object", "additionalProperties": True},
    "occurred_at": TIME, "attempts": COUNT, "failure": maybe(TEXT),
}  # fmt: skip

DESTINATION = {
    "destination_id": ID, "name": TEXT, "kind": one_of(DestinationKind), "origin": TEXT, "purpose": TEXT,
    "events": many(TEXT), "traits": many(TEXT), "state": one_of(("active", "failing", "paused")),
    "failures": COUNT | {"description": "In a row."}, "failure": maybe(TEXT), "delivered": COUNT,
    "withheld": COUNT | {"description": "Passed over: the purpose was not allowed for the person."},
    "delivered_at": maybe(TIME), "backlog": COUNT, "refused": COUNT, "erasures_waiting": COUNT, "created_at": TIME,
}  # fmt: skip

OUTGOING_ANSWERS: dict[str, Schema] = {
    "Taken": record(success={"const": True}),
    "Webhook": record(**WEBHOOK),
    "Webhooks": record(webhooks=many(record(**WEBHOOK))),
    "NewWebhookSecret": record(webhook_id=ID, secret=TEXT | {"description": "`whsec_…`, shown once."}),
    "DeadLetters": record(messages=many(record(**DEAD_LETTER))),
    "Destination": record(**DESTINATION),
    "Destinations": record(destinations=many(record(**DESTINATION))),
    "NewDestinationSecret": record(
        destination_id=ID, secret=TEXT | {"description": "Signs what is sent, `whsec_…`; shown once."}
    ),
    "RefusedEvents": record(events=many(record(event_id=ID, failure=TEXT, failed_at=TIME))),
    "ErasuresPassedOn": record(
        erasures=many(
            record(
                erasure_id=ID,
                destination_id=ID | {"description": "A destination, or a webhook where `kind` is `subscriber`."},
                name=TEXT,
                kind=TEXT,
                state=one_of(ErasureState),
                ordered_at=TIME,
                attempts=COUNT,
                failure=maybe(TEXT),
                received_at=maybe(TIME),
                settled_at=maybe(TIME),
            )
        )
    ),
}

WEBHOOK_EXAMPLE = {
    "webhook_id": ENDPOINT_ID, "name": "mailing", "origin": "https://mailing.example", "topics": ["consent.changed"],
    "purpose": None, "state": "active", "failures": 0, "delivered": 12, "delivered_at": AT, "waiting": 0,
    "oldest_waiting_at": None, "dead": 0, "created_at": AT,
}  # fmt: skip

DESTINATION_EXAMPLE = {
    "destination_id": ENDPOINT_ID, "name": "mailing", "kind": "webhook", "origin": "https://mailing.example",
    "purpose": "marketing", "events": ["*"], "traits": ["email"], "state": "active", "failures": 0, "failure": None,
    "delivered": 120, "withheld": 7, "delivered_at": AT, "backlog": 0, "refused": 0, "erasures_waiting": 0,
    "created_at": AT,
}  # fmt: skip

OUTGOING_EXAMPLES: dict[str, Any] = {
    "Taken": {"success": True},
    "Destination": DESTINATION_EXAMPLE,
    "Destinations": {"destinations": [DESTINATION_EXAMPLE]},
    "NewDestinationSecret": {"destination_id": ENDPOINT_ID, "secret": "whsec_…"},
    "RefusedEvents": {"events": [{"event_id": ENDPOINT_ID, "failure": "status 422", "failed_at": AT}]},
    "ErasuresPassedOn": {
        "erasures": [
            {
                "erasure_id": ENDPOINT_ID, "destination_id": ENDPOINT_ID, "name": "mailing", "kind": "webhook",
                "state": "acknowledged", "ordered_at": AT, "attempts": 1, "failure": None, "received_at": AT,
                "settled_at": AT,
            }
        ]
    },
    "Webhook": WEBHOOK_EXAMPLE,
    "Webhooks": {"webhooks": [WEBHOOK_EXAMPLE]},
    "NewWebhookSecret": {"webhook_id": ENDPOINT_ID, "secret": "whsec_…"},
    "DeadLetters": {
        "messages": [
            {
                "message_id": ENDPOINT_ID, "topic": "dsr.deadline", "occurred_at": AT, "attempts": 16,
                "failure": "status 500", "data": {"request_id": ENDPOINT_ID, "days_left": 2},
            }
        ]
    },
}  # fmt: skip

OUTGOING_ANSWER_OF = {
    "list_webhooks": "Webhooks", "create_webhook": "NewWebhookSecret", "get_webhook": "Webhook",
    "list_dead_letters": "DeadLetters", "move_webhook": "Webhook",
    "list_destinations": "Destinations", "create_destination": "NewDestinationSecret",
    "get_destination": "Destination", "list_refused_events": "RefusedEvents", "move_destination": "Destination",
    "erasures_passed_on": "ErasuresPassedOn", "acknowledge_erasure": "Taken",
}  # fmt: skip

OUTGOING_ERRORS: dict[str, tuple[int, ...]] = {
    "acknowledge_erasure": (401, 413), "create_webhook": (413,), "get_webhook": (404,), "list_dead_letters": (404,),
    "move_webhook": (404,), "remove_webhook": (404, 409), "create_destination": (413,), "get_destination": (404,),
    "list_refused_events": (404,),
    "move_destination": (404,), "remove_destination": (404, 409), "erasures_passed_on": (404,),
}  # fmt: skip
