"""An example of every answer. All values are synthetic; a test holds each against its schema."""

from __future__ import annotations

from typing import Any

PROFILE = "0195e7a0-0000-7000-8000-000000000001"
RECORD = "0195e7a0-0000-7000-8000-000000000002"
EVENT = "0195e7a0-0000-7000-8000-000000000003"
REQUEST = "0195e7a0-0000-7000-8000-000000000004"
FRAGMENT = "0195e7a0-0000-7000-8000-000000000005"
WORKSPACE = "0195e7a0-0000-7000-8000-00000000000a"
CONTROLLERS = "a7551968-d5d6-44b2-9831-815ac9017798"
AT = "2026-01-01T00:00:00Z"
LATER = "2026-02-01T23:59:59Z"

VIOLATION = {
    "code": "required_missing",
    "path": "/properties/order_id",
    "rule": "/events/14/required",
    "expected": "to be present",
}
FED_VIOLATION = {
    "violation_id": "0195e7a0-0000-7000-8000-000000000006", "source": "shop", "type": "track",
    "event": "order_completed", "plan": "ecommerce@1.0.0", "app_version": "4.2.0", **VIOLATION,
    "rejected": True, "received_at": AT,
}  # fmt: skip
FOUND = {
    "event": "order_completed", "path": "/properties/coupon", "category": "user.contact.email", "known_by": "email",
    "confidence": "high", "declared": [], "count": 2, "looked_at": 120,
}  # fmt: skip
REFUSED = {
    "allowed": False,
    "reason": "withdrawn",
    "sentence": "The person withdrew the consent given earlier.",
    "lawful_basis": "consent",
    "record_id": RECORD,
    "valid_until": None,
}
DECISION = REFUSED | {"purpose": "marketing", "policy_version": "323d5d5a9660b97b"}
PROVENANCE = {
    "source": "shop", "message_id": "m-1", "observed_at": AT, "received_at": AT, "method": "self_declared", "trust": 60,
}  # fmt: skip
NONE = {"count": 0, "provenance": []}
TRAIT = {
    "trait": "first_name", "value": "Ada", "why": "only_value", "because": "Only shop gives a value.",
    "confidence": 0.6, "verified": False, "verification": "unverified", "age_days": 0,
    "provenance": PROVENANCE, "consent_tags": ["service"],
    "agreeing": NONE, "rivals": {"count": 0, "values": []},
}  # fmt: skip
OTHER_FRAGMENT = "0195e7a0-0000-7000-8000-000000000007"
SEEN = {"kind": "user_id", "value": "u-1", "fragment_id": FRAGMENT, "source": "shop", "first_seen_at": AT}
MOVE = {
    "merge_id": RECORD, "kind": "merge", "fragment_id": FRAGMENT, "from_profile": FRAGMENT, "into_profile": PROFILE,
    "merged_at": AT, "source": "shop", "event_id": EVENT,
}  # fmt: skip
CLAIM = {
    "source": "shop", "message_id": "m-1", "event_id": EVENT, "type": "identify", "observed_at": AT, "received_at": AT,
}  # fmt: skip
PATH_LINK = {"one": FRAGMENT, "other": OTHER_FRAGMENT, "claims": [CLAIM], "vouched_by": None}
VIEW = {
    "profile_id": PROFILE,
    "purpose": "service",
    "as_of": AT,
    "traits": [TRAIT],
    "computed": [
        {
            "trait": "orders_count",
            "value": 3,
            "measure": "count",
            "event": "order_completed",
            "window_days": None,
            "consent_tags": ["analytics"],
        }
    ],
    "labels": ["regular_customer"],
    "identifiers": [SEEN | {"verification": None}],
    "consents": {"marketing": REFUSED},
    "withheld": {
        "count": 1,
        "reasons": [
            {
                "reason": "other_purpose",
                "sentence": "It was collected for other purposes than this one.",
                "count": 1,
            }
        ],
    },
}
OPENED: dict[str, Any] = {
    "request_id": REQUEST, "kind": "erasure", "state": "received", "allowed": ["cancel", "pause", "refuse", "verify"],
    "jurisdiction": "gdpr", "subject": "0941e00f8c488c5d813d9fbbcd069f11", "opened_by": "person:first admin",
    "approved_by": None, "received_at": AT, "respond_by": "2026-02-01T23:59:59.999999Z", "completed_at": None,
    "counts": {}, "certificate": False, "reason": None, "waiting": None, "mandate": None, "mandate_until": None,
    "mandate_checked_at": None, "deliver_to": None, "acknowledge_by": None, "acknowledged_at": None,
}  # fmt: skip
HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

EXAMPLES: dict[str, Any] = {
    "Problem": {
        "type": "https://registry.invalid/problems/invalid-input", "title": "The request is not valid", "status": 400,
        "detail": "purpose is not text", "code": "invalid-input", "message": "purpose is not text",
        "pointer": "/purpose",
    },
    "Ingested": {
        "success": True, "accepted": 1, "rejected": 1, "duplicate": 0,
        "results": [{"messageId": "m-2", "status": "rejected", "violations": [VIOLATION]}],
    },
    "BrowserSettings": {
        "integrations": {"Segment.io": {"apiKey": "rg_write_…", "apiHost": "registry.example/v1", "protocol": "https"}},
        "plan": {},
    },
    "Success": {"success": True},
    "Decision": DECISION,
    "Decisions": {"decisions": [DECISION]},
    "Recorded": {
        "record_id": RECORD, "purpose": "marketing", "status": "withdrawn", "acted_at": AT, "recorded_at": AT,
        "receipt": "eyJ…",
    },
    "ConsentHistory": {
        "records": [
            {
                "record_id": RECORD, "purpose": "marketing", "status": "withdrawn", "acted_at": AT, "recorded_at": AT,
                "expires_at": None, "purpose_version": 1, "notice_version": "7", "language": "de", "jurisdiction": "DE",
                "channel": "web_form", "source": "app:first app", "has_evidence": False,
            }
        ]
    },
    "View": VIEW,
    "Timeline": {
        "profile_id": PROFILE, "purpose": "service", "cursor": None,
        "events": [
            {
                "event_id": EVENT, "type": "track", "event": "order_completed", "plan": "ecommerce@1.0.0",
                "source": "shop", "observed_at": AT, "received_at": AT,
                "consent_tags": ["analytics", "legal", "service"],
                "content": {"event": "Order Completed", "messageId": "m-1", "properties": {"order_id": "o-1"}},
                "withheld": {"count": 0, "reasons": []},
            }
        ],
    },
    "Merges": {"merges": [MOVE]},
    "MergeFeed": {"merges": [MOVE], "cursor": None},
    "Explanation": {
        "profile_id": PROFILE, "purpose": "service", "withheld": {"count": 0, "reasons": []},
        "identifiers": [SEEN, SEEN | {"fragment_id": OTHER_FRAGMENT, "kind": "anonymous_id", "value": "a-1"}],
        "paths": [{"one": FRAGMENT, "other": OTHER_FRAGMENT, "links": [PATH_LINK]}],
    },
    "SpaceProfile": {
        "traits": {"first_name": "Ada"}, "cursor": {"url": "", "has_more": False, "next": "", "limit": 10},
        "registry": {"profile_id": PROFILE, "purpose": "service", "withheld": {"count": 0, "reasons": []}},
    },
    "Suggestions": {
        "purpose": "service", "looked_at": 2,
        "suggestions": [
            {
                "one": {"fragment_id": FRAGMENT, "kind": "user_id", "profile_id": FRAGMENT},
                "other": {"fragment_id": OTHER_FRAGMENT, "kind": "user_id", "profile_id": OTHER_FRAGMENT},
                "group": 0, "probability": 0.9997, "certain": True, "household": False, "start": -16.6,
                "because": [
                    {"feature": "first_name", "agreement": "same", "weight": 6.3},
                    {"feature": "last_name", "agreement": "same", "weight": 7.7},
                    {"feature": "birthday", "agreement": "same", "weight": 11.6},
                    {"feature": "state", "agreement": "different", "weight": -1.7},
                ],
            }
        ],
    },
    "DataQuality": {
        "as_of": AT,
        "meaning": {"disconnected": "Identifiers of browsers and devices that no known person hangs together with."},
        "sources": [
            {
                "source": "shop",
                "obstacles": {
                    "disconnected": {
                        "found": 25, "of": 100, "share": 0.25, "change": 0.05,
                        "trend": [
                            {"day": "2026-10-01", "found": 18, "of": 90}, {"day": "2026-11-01", "found": 25, "of": 100},
                        ],
                    },
                },
            }
        ],
    },
    "Audiences": {
        "audiences": [
            {"audience": "recent_regulars", "title": "People who order regularly", "purpose": "analytics"}
        ]
    },
    "AudienceMembers": {
        "audience": "recent_regulars", "purpose": "analytics", "members": [{"profile_id": PROFILE}], "looked_at": 50,
        "cursor": None,
    },
    "Decided": {
        "verdict": "apart",
        "profiles": [
            {"profile_id": FRAGMENT, "fragments": [FRAGMENT]},
            {"profile_id": OTHER_FRAGMENT, "fragments": [OTHER_FRAGMENT]},
        ],
    },
    "MergeDecisions": {
        "decisions": [
            {
                "one": {"fragment_id": FRAGMENT, "kind": "user_id", "profile_id": FRAGMENT},
                "other": {"fragment_id": OTHER_FRAGMENT, "kind": "email", "profile_id": OTHER_FRAGMENT},
                "verdict": "apart", "actor": "person:steward", "decided_at": AT,
            }
        ],
        "cursor": None,
    },
    "RefusedMerges": {
        "refused": [
            {
                "reason": "merge_protection",
                "sentence": "It would make two known people one, or it is shared by two known people.",
                "can_be_lifted": True,
                "one": {"fragment_id": FRAGMENT, "kind": "user_id", "profile_id": FRAGMENT},
                "other": {"fragment_id": OTHER_FRAGMENT, "kind": "email", "profile_id": OTHER_FRAGMENT},
                "sources": ["shop"],
                "refused_at": AT,
            }
        ],
        "counts": {"merge_protection": 1}, "runaways": [], "cursor": None,
    },
    "Request": OPENED,
    "Requests": {"requests": [OPENED], "cursor": None},
    "RequestEvents": {
        "events": [
            {"action": "open", "state": "received", "actor": "person:first admin", "at": AT, "details": {}}
        ]
    },
    "Discovery": {
        "api_version": "2.0",
        "supported_identities": [{"identity_type": "email", "identity_format": "raw"}],
        "supported_subject_request_types": ["access", "portability", "erasure"],
        "processor_certificate": f"https://registry.example/opendsr/v2/certificate?workspace={WORKSPACE}",
    },
    "OpenDsrReceipt": {
        "controller_id": WORKSPACE, "expected_completion_time": LATER, "received_time": AT,
        "encoded_request": "eyJ9", "subject_request_id": CONTROLLERS,
    },
    "OpenDsrStatus": {
        "controller_id": WORKSPACE, "expected_completion_time": LATER, "subject_request_id": CONTROLLERS,
        "request_status": "in_progress", "api_version": "2.0",
    },
    "OpenDsrCancellation": {
        "controller_id": WORKSPACE, "received_time": AT, "subject_request_id": CONTROLLERS, "api_version": "2.0",
    },
    "RequestPlan": {
        "request_id": REQUEST, "kind": "erasure", "complete": True, "undecided": [], "corrections": None,
        "retained": [], "beside": [],
        "systems": [
            {
                "system": "registry", "unreachable": None,
                "tables": [
                    {
                        "table": "event", "rows": 12, "rows_of_others": 0,
                        "fields": [{"field": "body", "disposition": "erased", "categories": ["user.behavior"]}],
                    }
                ],
            }
        ],
    },
    "Sources": {
        "sources": [
            {
                "source_id": FRAGMENT, "name": "shop", "plan": "ecommerce", "version": "1.0.0",
                "method": "self_declared", "unplanned_events": None, "unplanned_properties": None,
                "violations": "block", "created_at": AT,
            }
        ]
    },
    "NewSourceKey": {"source_id": FRAGMENT, "name": "shop", "write_key": "rg_write_…"},
    "Plans": {"plans": [{"name": "ecommerce", "version": "1.0.0", "published_at": AT}]},
    "PublishedPlan": {"name": "ecommerce", "version": "1.0.0", "events": 32},
    "Violations": {
        "violations": [FED_VIOLATION],
        "counts": [
            {"event": "order_completed", "code": "required_missing", "path": "/properties/order_id", "count": 1}
        ],
        "cursor": None,
    },
    "ViolationSummary": {
        "by": ["event", "day"],
        "counts": [
            {
                "event": "order_completed", "day": AT[:10], "count": 1, "first_seen_at": AT, "last_seen_at": AT,
            }
        ],
    },
    "LintFindings": {
        "findings": [
            {
                "line": 12, "severity": "warning", "code": "undescribed", "pointer": "/events/0/properties/total",
                "message": "has no description",
            }
        ]
    },
    "PlanDifference": {
        "breaking": False, "least_version": "1.1.0", "version_suffices": True,
        "changes": [
            {
                "code": "event_added", "breaking": False, "event": "track Order Refunded", "pointer": "/events/1",
                "message": "is new",
            }
        ],
    },
    "Rehearsal": {
        "outcomes": {"let_in": 3, "still_rejected": 0, "newly_rejected": 1, "still_let_in": 120, "not_decided": 0},
        "withheld": 4, "violations": [{"event": "order_completed", **VIOLATION, "count": 1}],
        "undeclared_personal_data": [FOUND],
    },
    "BoundSource": {"source": "shop", "plan": "ecommerce", "bound_to": "^1.0.0", "version": "1.0.0"},
    "DataInventory": {
        "plans": [
            {
                "plan": "ecommerce@1.0.0", "sources": ["shop"], "calls_looked_at": 124, "unnamed_events": 0,
                "declared": [
                    {
                        "event": "identify", "pointer": "/identify/traits/properties/email",
                        "categories": ["user.contact.email"], "purposes": ["service"], "identifier": "email",
                        "retention": None, "sensitivity": None, "personal": True,
                    }
                ],
                "found_undeclared": [FOUND],
            }
        ],
        "withheld": 4,
    },
    "infer_plan": {
        "plan": "shop", "version": "0.1.0", "purposes": ["service"],
        "events": [{"type": "track", "name": "Order Completed"}],
    },
    "Replayed": {"looked_at": 2, "accepted": 1, "rejected": 1},
    "Trace": {
        "outcome": "accepted", "source": "shop", "received_at": AT, "observed_at": AT, "plan": "ecommerce@1.0.0",
        "type": "track", "event": "order_completed", "omitted": 0, "violations": [],
        "compartments": ["analytics+legal+service"], "without_lawful_ground": [],
        "transformed_by": ["ecommerce@1.0.0#/transformations/0"], "profile_id": PROFILE,
        "fragment_id": FRAGMENT, "event_id": EVENT,
    },
    "Keys": {
        "keys": [
            {
                "key_id": RECORD, "kind": "app", "role": "app", "name": "newsletter", "purposes": ["marketing"],
                "created_at": AT, "expires_at": None, "revoked_at": None,
            }
        ]
    },
    "NewKeySecret": {"key_id": RECORD, "secret": "rg_app_…"},
    "Policies": {
        "version": "323d5d5a9660b97b",
        "purposes": [{"name": "marketing", "title": "Marketing", "lawful_basis": "consent", "version": 1}],
        "identifier_kinds": ["user_id", "email"], "roles": ["admin", "app"], "jurisdictions": ["gdpr"],
    },
    "AuditEntries": {
        "entries": [
            {
                "position": 0, "leaf": "eyJhY3Rpb24iOiAiLi4uIn0=",
                "entry": {
                    "format": 1, "at": 1767225600000000, "actor": "operator", "action": "workspace:created",
                    "outcome": "done", "subject": None, "fields": {},
                },
            }
        ],
        "next": None,
    },
    "AuditProof": {"size": 2, "path": [HASH]},
    "Health": {"status": "ok"},
    "Readiness": {"status": "ready", "checks": {"data": "ok", "keystore": "ok", "kms": "ok"}},
    "PublishedKeys": {
        "keys": [
            {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "…", "x": "…"},
        ]
    },
    # Answers that are no JSON
    "permitted": '{"profile_id":"0195e7a0-0000-7000-8000-000000000001"}\n',
    "lines": '{"kind":"email","value":"shopper@example.com"}\n',
    "changes": 'id: 4711-0\nevent: consent\n'
    f'data: {{"profile_id":"{PROFILE}","purpose":"marketing","status":"withdrawn"}}\n\n',
    "get_plan": {
        "plan": "shop", "version": "1.0.0", "purposes": ["service"],
        "events": [{"type": "track", "name": "Order Completed"}],
    },
    "audit_checkpoint": f"registry/{FRAGMENT}\n2\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n"
    f"— registry/{FRAGMENT} …\n",
    "get_certificate": "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n",
    "metrics": 'registry_events_total{outcome="accepted"} 4.0\n',
    "security_txt": "Contact: mailto:security@registry.example\nExpires: 2026-06-30T00:00:00Z\n",
}  # fmt: skip
