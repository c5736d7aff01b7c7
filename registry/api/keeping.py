"""What the OpenAPI document says of legal holds and of what is set aside: answers, examples, errors."""

from __future__ import annotations

from typing import Any

from registry.api.schemas import COUNT, ID, TEXT, TIME, Schema, many, maybe, one_of, record

HOLD = {
    "hold_id": ID, "ground": TEXT, "purpose": TEXT, "categories": many(TEXT) | {"description": "Empty for everything."},
    "state": one_of(("held", "released", "over")), "until": maybe(TIME), "placed_by": TEXT, "placed_at": TIME,
    "released_by": maybe(TEXT), "released_at": maybe(TIME),
}  # fmt: skip
CASE = {
    "case_id": ID, "request_id": ID, "because": TEXT | {"description": "`hold`, or a duty of retention.yaml."},
    "hold_id": maybe(ID), "ground": TEXT, "purpose": TEXT, "categories": many(TEXT), "items": COUNT, "made_at": TIME,
    "ended_at": maybe(TIME), "certificate": maybe(TEXT) | {"description": "JWT: that it was destroyed."},
}  # fmt: skip

KEEPING_ANSWERS: dict[str, Schema] = {
    "Hold": record(**HOLD),
    "Holds": record(holds=many(record(**HOLD))),
    "RetainedCases": record(cases=many(record(**CASE))),
    "RetainedItems": record(
        items=many(record(what=one_of(("event", "trait", "identifier"))) | {"additionalProperties": True}),
        cursor=maybe(ID),
    ),
}

_AT = "2026-01-01T00:00:00Z"
_ID = "0195e7a0-0000-7000-8000-00000000000a"
_HOLD = {
    "hold_id": _ID, "ground": "a claim is pending", "purpose": "legal", "categories": ["user.payment"],
    "state": "held", "until": None, "placed_by": "person:officer", "placed_at": _AT, "released_by": None,
    "released_at": None,
}  # fmt: skip
_CASE = {
    "case_id": _ID, "request_id": _ID, "because": "hold", "hold_id": _ID, "ground": "a claim is pending",
    "purpose": "legal", "categories": ["user.payment"], "items": 3, "made_at": _AT, "ended_at": None,
    "certificate": None,
}  # fmt: skip
KEEPING_EXAMPLES: dict[str, Any] = {
    "Hold": _HOLD,
    "Holds": {"holds": [_HOLD]},
    "RetainedCases": {"cases": [_CASE]},
    "RetainedItems": {
        "items": [
            {
                "what": "event", "type": "track", "event": "order_completed", "content": {"properties": {"total": 9.5}},
                "source": "shop", "observed_at": _AT, "received_at": _AT,
            }
        ],
        "cursor": None,
    },
}  # fmt: skip

KEEPING_ANSWER_OF = {
    "place_hold": "Hold", "list_holds": "Holds", "release_hold": "Hold", "list_retained": "RetainedCases",
    "read_retained": "RetainedItems",
}  # fmt: skip
KEEPING_ERRORS: dict[str, tuple[int, ...]] = {
    "place_hold": (413,), "release_hold": (404, 409), "read_retained": (404,),
}  # fmt: skip
