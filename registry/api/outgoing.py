"""What the OpenAPI document says of webhooks and destinations: answers, examples, errors."""

from __future__ import annotations

from typing import Any

from registry.api.schemas import COUNT, ID, TEXT, TIME, Schema, many, maybe, one_of, record
from registry.flows.outbox import Topic

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

OUTGOING_ANSWERS: dict[str, Schema] = {
    "Webhook": record(**WEBHOOK),
    "Webhooks": record(webhooks=many(record(**WEBHOOK))),
    "NewWebhookSecret": record(webhook_id=ID, secret=TEXT | {"description": "`whsec_…`, shown once."}),
    "DeadLetters": record(messages=many(record(**DEAD_LETTER))),
}

WEBHOOK_EXAMPLE = {
    "webhook_id": ENDPOINT_ID, "name": "mailing", "origin": "https://mailing.example", "topics": ["consent.changed"],
    "purpose": None, "state": "active", "failures": 0, "delivered": 12, "delivered_at": AT, "waiting": 0,
    "oldest_waiting_at": None, "dead": 0, "created_at": AT,
}  # fmt: skip

OUTGOING_EXAMPLES: dict[str, Any] = {
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
}  # fmt: skip

OUTGOING_ERRORS: dict[str, tuple[int, ...]] = {
    "create_webhook": (413,), "get_webhook": (404,), "list_dead_letters": (404,), "move_webhook": (404,),
    "remove_webhook": (404,),
}  # fmt: skip
