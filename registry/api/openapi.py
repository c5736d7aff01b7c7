"""The hand-declared part of the OpenAPI document: the hot routes, which are plain endpoints on bytes."""

from __future__ import annotations

from typing import Any

from registry.api.wire import EXAMPLE_SUBJECT

PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "message"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Stable; also the last part as `code`."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong and where; never a personal value."},
        "hint": {"type": "string", "description": "What to do next."},
        "pointer": {"type": "string", "description": "JSON pointer of what was wrong."},
        "code": {"type": "string"},
        "message": {"type": "string", "description": "As `detail`; analytics SDKs read this member."},
    },
}
TRACK = {
    "type": "track",
    "event": "Product Viewed",
    "anonymousId": "a-1",
    "messageId": "m-1",
    "properties": {"product_id": "p-1"},
}
INGESTED = {
    "success": True,
    "accepted": 1,
    "rejected": 1,
    "duplicate": 0,
    "results": [
        {
            "messageId": "m-2",
            "status": "rejected",
            "violations": [
                {
                    "code": "required_missing",
                    "path": "/properties/order_id",
                    "rule": "/events/14/properties/properties/required",
                    "expected": "to be present",
                }
            ],
        }
    ],
}
DECISION = {
    "allowed": False,
    "reason": "withdrawn",
    "sentence": "The person withdrew the consent given earlier.",
    "purpose": "marketing",
    "lawful_basis": "consent",
    "record_id": "0195e7a0-0000-7000-8000-000000000000",
    "valid_until": None,
    "policy_version": "323d5d5a9660b97b",
}
QUESTION = {"subject": EXAMPLE_SUBJECT, "purpose": "marketing"}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The generated document with the hot routes, the problem schema and the ways to authenticate."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = PROBLEM
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
        "writeKey": {"type": "http", "scheme": "basic", "description": "A write key as the user, no password."},
    }
    document["paths"] |= _paths()
    for path, item in document["paths"].items():
        for operation in item.values():
            operation["responses"]["default"] = _problem()
            operation.setdefault("security", [{"bearer": []}] if path.startswith("/v1/") else [])
    return document


def _paths() -> dict[str, Any]:
    batch = {"batch": [TRACK], "sentAt": "2026-01-01T00:00:00Z", "writeKey": "rg_write_…"}
    paths: dict[str, Any] = {
        "/v1/batch": {"post": _ingest("Many calls at once", batch)},
        "/v1/import": {"post": _ingest("Many calls at once, with the larger limit of bulk loads", batch)},
    }
    for call in ("track", "identify", "page", "screen", "group", "alias"):
        paths[f"/v1/{call}"] = {"post": _ingest(f"One {call} call", TRACK if call == "track" else {"userId": "u-1"})}
    tag = "consent"
    paths["/v1/consent/check"] = {"post": _operation("May this be used?", tag, QUESTION, DECISION)}
    paths["/v1/consent/check/batch"] = {
        "post": _operation("Up to 10,000 checks", tag, {"checks": [QUESTION]}, {"decisions": [DECISION]})
    }
    paths["/v1/consent/filter"] = {"post": _filter()}
    paths["/v1/consent/changes"] = {"get": _changes()}
    for path, summary in {
        "/healthz": "The process answers",
        "/readyz": "Databases and key service answer",
        "/metrics": "Prometheus metrics",
        "/.well-known/jwks.json": "Public signing keys",
        "/.well-known/security.txt": "Where to report a weakness",
    }.items():
        paths[path] = {"get": {"summary": summary, "tags": ["operations"], "responses": {"200": {"description": "OK"}}}}
    return paths


def _ingest(summary: str, example: dict[str, Any]) -> dict[str, Any]:
    operation = _operation(summary, "tracking", example, INGESTED)
    operation["security"] = [{"writeKey": []}, {}]
    operation["description"] = "Segment's HTTP tracking protocol; gzip is taken. One bad event never fails its batch."
    return operation


def _filter() -> dict[str, Any]:
    lines = {
        "application/x-ndjson": {"schema": {"type": "string"}, "example": '{"kind":"email","value":"a@example.com"}\n'}
    }
    return {
        "summary": "The permitted ones of many subjects",
        "tags": ["consent"],
        "parameters": [{"name": "purpose", "in": "query", "required": True, "schema": {"type": "string"}}],
        "requestBody": {"required": True, "content": lines},
        "responses": {"200": {"description": "The permitted lines", "content": lines}},
    }


def _changes() -> dict[str, Any]:
    return {
        "summary": "Consent records as they are made, as server-sent events",
        "tags": ["consent"],
        "parameters": [{"name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}}],
        "responses": {
            "200": {"description": "An event stream", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
        },
    }


def _operation(summary: str, tag: str, example: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "summary": summary,
        "tags": [tag],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}, "example": example}},
        },
        "responses": {
            "200": {
                "description": "OK",
                "content": {"application/json": {"schema": {"type": "object"}, "example": answer}},
            }
        },
    }


def _problem() -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": "A problem document (RFC 9457)", "content": content}
