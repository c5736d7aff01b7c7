"""What the OpenAPI document says of deadlines, certificates, legal holds and what is set aside."""

from __future__ import annotations

from typing import Any

from registry.api.schemas import COUNT, ID, TEXT, TIME, WAITING, Schema, many, maybe, one_of, record

HOLD = {
    "hold_id": ID, "ground": TEXT, "purpose": TEXT, "categories": many(TEXT) | {"description": "Empty for everything."},
    "state": one_of(("held", "released", "over")), "until": maybe(TIME), "placed_by": TEXT, "placed_at": TIME,
    "released_by": maybe(TEXT), "released_at": maybe(TIME),
}  # fmt: skip
CASE = {
    "case_id": ID, "request_id": ID, "because": TEXT | {"description": "`hold`, or a duty of retention.yaml."},
    "hold_id": maybe(ID), "ground": TEXT, "purpose": TEXT, "categories": many(TEXT), "items": COUNT, "made_at": TIME,
    "ended_at": maybe(TIME),
    "waiting": maybe(record(**WAITING)) | {"description": "The linked system that its end waits for; null for none."},
    "certificate": maybe(TEXT) | {"description": "JWT: that it was destroyed."},
}  # fmt: skip

_DAYS = maybe({"type": "number", "minimum": 0}) | {"description": "Days to completion; null where none was completed."}
STANDING = dict.fromkeys(
    ("open", "due", "overdue", "paused", "completed", "in_time", "late", "refused", "cancelled", "extended"), COUNT
) | {"days_p50": _DAYS, "days_p95": _DAYS}
_GROUPED = {"type": "object", "additionalProperties": record(**STANDING)}

KEEPING_ANSWERS: dict[str, Schema] = {
    "RetentionReport": record(
        locked=many(record(compartment=TEXT, reason=TEXT, count=COUNT, first_destroyed_at=maybe(TIME))),
        sweeps=many(
            record(
                sweep_id=ID,
                started_at=TIME,
                finished_at=maybe(TIME),
                counts={"type": "object", "additionalProperties": COUNT},
                gone=many(
                    record(
                        dict.fromkeys(("events", "values", "people", "identifiers", "records"), COUNT),
                        what=TEXT,
                        reason=TEXT,
                    )
                ),
            )
        ),
    ),
    "RestrictionEnded": record(fragments=COUNT),
    "DeadlineReport": record(at=TIME, days=COUNT, all=record(**STANDING), by_jurisdiction=_GROUPED, by_kind=_GROUPED),
    "MailedLink": record(to=one_of(("person", "agent"))),
    "PackageLink": record(url=TEXT | {"description": "Shown once."}, expires_at=TIME, fetches=COUNT),
    "ProvenCertificate": record(
        format=COUNT,
        certificate=TEXT,
        entry=TEXT,
        position=COUNT,
        inclusion=many(TEXT),
        consistency=many(TEXT),
        checkpoint=TEXT,
    )
    | {"description": "As `schemas/proven-certificate.schema.json` says."},
    "Hold": record(**HOLD),
    "Holds": record(holds=many(record(**HOLD))),
    "RetainedCase": record(**CASE),
    "RetainedCases": record(cases=many(record(**CASE)), cursor=maybe(ID)),
    "RetainedItems": record(
        items=many(record(what=one_of(("event", "trait", "identifier", "outside"))) | {"additionalProperties": True}),
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
    "waiting": None, "certificate": None,
}  # fmt: skip
_STANDING = {
    "open": 3, "due": 1, "overdue": 0, "paused": 1, "completed": 12, "in_time": 12, "late": 0, "refused": 1,
    "cancelled": 0, "extended": 2, "days_p50": 4.5, "days_p95": 21.0,
}  # fmt: skip
KEEPING_EXAMPLES: dict[str, Any] = {
    "RetentionReport": {
        "locked": [{"compartment": "marketing", "reason": "withdrawn", "count": 2, "first_destroyed_at": _AT}],
        "sweeps": [
            {
                "sweep_id": _ID, "started_at": _AT, "finished_at": _AT, "counts": {"fragments": 200, "keys": 1},
                "gone": [{"what": "marketing", "reason": "withdrawn", "events": 3, "values": 1}],
            }
        ],
    },
    "RestrictionEnded": {"fragments": 2},
    "DeadlineReport": {
        "at": _AT, "days": 365, "all": _STANDING, "by_jurisdiction": {"gdpr": _STANDING},
        "by_kind": {"access": _STANDING},
    },
    "MailedLink": {"to": "person"},
    "PackageLink": {
        "url": f"https://registry.example/privacy/{_ID}/fetch/rg_package_…", "expires_at": _AT, "fetches": 1,
    },
    "ProvenCertificate": {
        "format": 1, "certificate": "eyJ…", "entry": '{"action":"dsr:certificate:issued",…}', "position": 41,
        "inclusion": ["…"], "consistency": ["…"], "checkpoint": f"registry/{_ID}\n42\n…\n\n— registry/{_ID} …\n",
    },
    "request_certificate": "eyJ…", "certificate_page": "<!doctype html>…",
    "case_certificate_page": "<!doctype html>…",
    "Hold": _HOLD,
    "Holds": {"holds": [_HOLD]},
    "RetainedCase": _CASE,
    "RetainedCases": {"cases": [_CASE], "cursor": None},
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
    "deadline_report": "DeadlineReport", "place_hold": "Hold", "list_holds": "Holds", "release_hold": "Hold",
    "override_for_case": "RetainedCase",
    "list_retained": "RetainedCases", "read_retained": "RetainedItems", "retention_report": "RetentionReport",
    "end_restriction": "RestrictionEnded",
    "link_package": "PackageLink", "mail_package_link": "MailedLink",
    "proven_certificate": "ProvenCertificate", "proven_case_certificate": "ProvenCertificate",
}  # fmt: skip
KEEPING_ERRORS: dict[str, tuple[int, ...]] = {
    "link_package": (404, 409, 413), "mail_package_link": (404, 409, 413), "withdraw_links": (404,),
    "end_restriction": (404, 413), "place_hold": (413,), "release_hold": (404, 409), "read_retained": (404,),
    "override_for_case": (404, 409, 413),
    **dict.fromkeys(
        ("request_certificate", "proven_certificate", "certificate_page", "proven_case_certificate",
         "case_certificate_page"), (404,),
    ),
}  # fmt: skip
