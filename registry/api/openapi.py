"""The OpenAPI document: FastAPI's own, completed by the plain endpoints, every answer and every error."""

from __future__ import annotations

from typing import Any

from registry.api.calls import BATCH_EXAMPLE, CALL_EXAMPLES, CHECK_EXAMPLE, TAKEN, single
from registry.api.census import CENSUS_ANSWER_OF, CENSUS_ANSWERS, CENSUS_ERRORS, CENSUS_EXAMPLES
from registry.api.examples import EXAMPLES
from registry.api.intake_wire import INTAKE_ANSWER_OF, INTAKE_ANSWERS, INTAKE_ERRORS, INTAKE_EXAMPLES
from registry.api.keeping import KEEPING_ANSWER_OF, KEEPING_ANSWERS, KEEPING_ERRORS, KEEPING_EXAMPLES
from registry.api.outgoing import OUTGOING_ANSWER_OF, OUTGOING_ANSWERS, OUTGOING_ERRORS, OUTGOING_EXAMPLES
from registry.api.preference_wire import (
    BY_PERSONS,
    PREFERENCE_ANSWER_OF,
    PREFERENCE_ANSWERS,
    PREFERENCE_ERRORS,
    PREFERENCE_EXAMPLES,
)
from registry.api.regulations import (
    REGULATION_ANSWER_OF,
    REGULATION_ANSWERS,
    REGULATION_ERRORS,
    REGULATION_EXAMPLES,
)
from registry.api.schemas import ANSWERS, TEXT, Schema, ref
from registry.api.signal_examples import SIGNAL_EXAMPLES
from registry.api.tags import JURISDICTION
from registry.model.message import CallType

ALL_EXAMPLES = (
    EXAMPLES | INTAKE_EXAMPLES | OUTGOING_EXAMPLES | REGULATION_EXAMPLES | KEEPING_EXAMPLES | SIGNAL_EXAMPLES
    | PREFERENCE_EXAMPLES | CENSUS_EXAMPLES
)  # fmt: skip

TAGS = [
    {"name": "tracking", "description": "Events in, by Segment's HTTP tracking protocol: vendors' SDKs work by "
     "changing the host. One bad event never fails its batch; what was not plainly accepted is listed."},
    {"name": "consent", "description": "May this person's data be used for this purpose now? Checks, the append-only "
     "ledger of what people said, and its changes as a stream."},
    {"name": "preferences", "description": "A person's own page, called from their browser with a token of their own: "
     "what they may choose, what they said, and receipts."},
    {"name": "profiles", "description": "The single customer view, always for a purpose: what may be seen, where each "
     "value comes from, and what is withheld and why. Nobody's identifier ever stands in a URL."},
    {"name": "data subject requests", "description": "Access, portability, rectification, restriction, objection, "
     "withdrawal and erasure, from intake to the signed certificate."},
    {"name": "OpenDSR", "description": "Requests that controllers send, as OpenDSR 2.0 has them: signed answers and "
     "callbacks. Errors hold the specification's `error` beside the members of a problem document."},
    {"name": "administration", "description": "Sources, tracking plans, keys, policies, violations, quarantine, "
     "decision traces, and the tamper-evident audit log."},
    {"name": "webhooks", "description": "Who is told what happens here, in the form of Standard Webhooks: signed, at "
     "least once, with ids and never a value unless the subscription's purpose allows it."},
    {"name": "destinations", "description": "Systems that events are passed on to, for one purpose each, judged by "
     "each person's consent at the moment of sending; erasures are passed on, too."},
    {"name": "operations", "description": "Health, metrics and public keys; no key is needed."},
]  # fmt: skip

ERRORS = {
    400: "The request is not valid; `pointer` says where",
    401: "No valid key",
    403: "The policy, or the person, does not allow it",
    404: "There is no such thing in this workspace",
    409: "It is in a state that does not allow this",
    413: "Over a size limit",
    422: "A plan is wrong: every fault with file, line and column",
    429: "Too much is waiting: try again after `Retry-After`",
    500: "Something went wrong; the operator's log says what",
    503: "A database or the key service does not answer: try again after `Retry-After`; nothing was lost",
}
ALWAYS = (400, 401, 403, 500, 503)
MORE_ERRORS: dict[str, tuple[int, ...]] = {
    "explain_decision": (413,), "decision_token": (413,), "record_signals": (413,), "google_states": (413,),
    "record_consent": (409, 413), "consent_history": (404, 413), "lookup_profile": (404, 413), "get_profile": (404,),
    "profile_timeline": (404,), "profile_identifiers": (404,), "profile_merges": (404,),
    "explain_profile": (404,), "space_profile": (404,), "audience_members": (404,),
    "unmerge_profile": (404, 409, 413), "merge_profiles": (404, 409, 413),
    "decide_merge": (404, 409, 413), "list_suggestions": (409,),
    "decide_suggestion": (404, 409, 413), "open_request": (409, 413),
    "get_request": (404,), "request_events": (404,), "request_package": (404, 409, 429),
    "locked_package": (404, 409, 429),
    "run_request": (404, 409), "request_plan": (404, 409), "extend_request": (404, 409, 413),
    "override_system": (404, 409, 413), "set_apart": (404, 409, 413),
    "request_status": (404,), "request_results": (404, 409),
    "cancel_received": (404, 409), "discover": (404, 409), "get_certificate": (404, 409),
    "older_request_status": (404,), "older_cancel_received": (404, 409), "older_discover": (404, 409),
    "take_callback": (404, 409, 413),
    "move_request": (404, 409), "create_source": (404, 409, 413), "publish_plan": (409, 413, 422),
    "get_plan": (404,), "replay_quarantine": (404, 413), "trace_message": (404, 413), "create_key": (409, 413),
    "revoke_key": (404,), "check_consents": (413,), "check_consent": (413,), "filter_subjects": (413,),
    "list_permitted": (413,), "list_outdated": (413,), "lint_plan": (413, 422), "compare_plan": (404, 413, 422),
    "check_plan_against_traffic": (404, 413, 422), "infer_plan": (404, 413, 422), "bind_source": (404, 413),
}  # fmt: skip

ANSWER_OF: dict[str, str] = {
    "explain_decision": "DecisionExplained", "decision_token": "DecisionToken", "record_signals": "Signalled",
    "google_states": "GoogleStates",
    "record_consent": "Recorded", "consent_history": "ConsentHistory", "lookup_profile": "View", "get_profile": "View",
    "profile_timeline": "Timeline", "profile_identifiers": "View", "profile_merges": "Merges",
    "explain_profile": "Explanation", "space_profile": "SpaceProfile",
    "data_quality": "DataQuality", "list_audiences": "Audiences", "audience_members": "AudienceMembers",
    "unmerge_profile": "Decided", "merge_profiles": "Decided",
    "decide_merge": "Decided", "decide_suggestion": "Decided",
    "list_suggestions": "Suggestions", "list_merges": "MergeFeed", "list_refused_merges": "RefusedMerges",
    "list_merge_decisions": "MergeDecisions",
    "open_request": "Request", "list_requests": "Requests", "get_request": "Request", "request_events": "RequestEvents",
    "run_request": "Request", "move_request": "Request", "discover": "Discovery", "receive_request": "OpenDsrReceipt",
    "request_status": "OpenDsrStatus", "cancel_received": "OpenDsrCancellation",
    "take_callback": "Success", "older_discover": "Discovery", "older_receive_request": "OpenDsrReceipt",
    "older_request_status": "OpenDsrStatus", "older_cancel_received": "OpenDsrCancellation",
    "extend_request": "Request", "override_system": "Request", "request_plan": "RequestPlan",
    "set_apart": "Request", "list_sources": "Sources", "create_source": "NewSourceKey",
    "list_plans": "Plans", "publish_plan": "PublishedPlan", "list_violations": "Violations",
    "summarise_violations": "ViolationSummary",
    "lint_plan": "LintFindings", "compare_plan": "PlanDifference", "check_plan_against_traffic": "Rehearsal",
    "bind_source": "BoundSource", "data_inventory": "DataInventory",
    "replay_quarantine": "Replayed", "trace_message": "Trace", "list_keys": "Keys", "create_key": "NewKeySecret",
    "get_policies": "Policies", "audit_entries": "AuditEntries", "audit_proof": "AuditProof",
}  # fmt: skip
MEDIA_OF = {
    "request_certificate": "application/jwt", "certificate_page": "text/html", "case_certificate_page": "text/html",
    "request_package": "application/zip",
    "locked_package": "application/octet-stream",
    "request_results": "application/zip", "get_certificate": "application/x-pem-file", "get_plan": "application/yaml",
    "infer_plan": "application/yaml", "audit_checkpoint": "text/plain", "records_table": "text/csv",
    "records_page": "text/html", "impact_assessment": "text/markdown",
}  # fmt: skip
"""Operations whose answer is no JSON."""

TAKING_PLANS = frozenset({"publish_plan", "lint_plan", "compare_plan", "check_plan_against_traffic"})
"""Operations whose body is a plan's file."""

OPEN = frozenset({"discover", "older_discover", "get_certificate", "take_callback", "acknowledge_erasure"})
"""Operations that need no key."""

MEDIA_SCHEMAS: dict[str, Schema] = {
    "application/zip": TEXT | {"contentMediaType": "application/zip"},
    "application/octet-stream": TEXT | {"contentMediaType": "application/octet-stream"},
    "application/yaml": {"type": "object", "description": "As `schemas/tracking-plan.schema.json` says."},
}

ALL_ANSWER_OF = (
    ANSWER_OF | INTAKE_ANSWER_OF | OUTGOING_ANSWER_OF | REGULATION_ANSWER_OF | KEEPING_ANSWER_OF | PREFERENCE_ANSWER_OF
    | CENSUS_ANSWER_OF
)  # fmt: skip
ALL_ERRORS = MORE_ERRORS | INTAKE_ERRORS | OUTGOING_ERRORS | REGULATION_ERRORS | KEEPING_ERRORS | PREFERENCE_ERRORS
ALL_ERRORS |= CENSUS_ERRORS

SHORT = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The generated document with the plain endpoints, the answers, the errors and the ways to authenticate."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= ANSWERS | OUTGOING_ANSWERS | REGULATION_ANSWERS | KEEPING_ANSWERS | PREFERENCE_ANSWERS | CENSUS_ANSWERS
    schemas |= TAKEN | INTAKE_ANSWERS
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
        "person": {
            "type": "http", "scheme": "bearer",
            "description": "Of one person: a link's token, a visit's, or one of the company's own login.",
        },
        "writeKey": {"type": "http", "scheme": "basic", "description": "A write key as the user, no password."},
    }  # fmt: skip
    components["responses"] = {str(status): _problem(status) for status in ERRORS}
    for item in document["paths"].values():
        for operation in item.values():
            _complete(operation)
    document["paths"] |= _tracking() | _consent() | _operations()
    document["tags"] = TAGS
    return document


def _complete(operation: dict[str, Any]) -> None:
    """One generated operation: what it answers, and its errors in place of FastAPI's."""
    name = operation["operationId"]
    responses = operation["responses"]
    responses.pop("422", None)
    [status] = [status for status in responses if status.startswith("2")]
    answer = ALL_ANSWER_OF.get(name)
    if answer is not None:
        responses[status] = _json(answer)
    elif name in MEDIA_OF:
        responses[status] = _media(MEDIA_OF[name], name)
    if name == "import_requests":
        operation["requestBody"] = {"required": True, "content": _media("text/csv", name)["content"]}
    if name in TAKING_PLANS:
        operation["requestBody"] = {"required": True, "content": _media("application/yaml", "get_plan")["content"]}
    operation["security"] = [] if name in OPEN else [{"person" if name in BY_PERSONS else "bearer": []}]
    responses |= _errors(ALWAYS + ALL_ERRORS.get(name, ()))


def _tracking() -> dict[str, Any]:
    batch = {
        path: {"post": _ingest(name, summary, ref("Batch"), BATCH_EXAMPLE)}
        for path, name, summary in (
            ("/v1/batch", "send_batch", "Many calls at once"),
            ("/v1/b", "send_batch_short", "Many calls at once, as browser SDKs send them"),
            ("/v1/import", "send_import", "Many calls at once, with the larger limit of bulk loads"),
        )
    }
    calls = {
        f"/v1/{call}": {"post": _ingest(f"send_{call}", f"One {call} call", single(call), CALL_EXAMPLES[call])}
        for call in CallType
    }
    short = {
        f"/v1/{letter}": {
            "post": _ingest(
                f"send_{call}_short",
                f"One {call} call, as browser SDKs send it",
                single(CallType(call)),
                CALL_EXAMPLES[CallType(call)],
            )
        }
        for letter, call in SHORT.items()
    }
    settings = {
        **_plain(
            "browser_settings", "tracking", "What browser SDKs ask for before they start", _json("BrowserSettings")
        ),
        "parameters": [{"name": "write_key", "in": "path", "required": True, "schema": TEXT}],
    }
    settings["responses"] |= _errors((401, 404, 500, 503))
    metrics = _plain("browser_metrics", "tracking", "A browser SDK's report on itself, not kept", _json("Success"))
    metrics["responses"] |= _errors((500,))
    return (
        batch
        | calls
        | short
        | {
            "/v1/m": {"post": metrics},
            "/v1/projects/{write_key}/settings": {"get": settings},
        }
    )


def _consent() -> dict[str, Any]:
    purpose = {"name": "purpose", "in": "query", "required": True, "schema": TEXT}
    code: Schema = {"type": "string", "pattern": f"^{JURISDICTION}$"}
    place = {"name": "jurisdiction", "in": "query", "required": False, "schema": code}
    place |= {"description": "Where all of them are (ISO 3166-1 or -2): the lawful basis of there counts."}
    reasons = {"name": "reasons", "in": "query", "required": False, "schema": {"type": "boolean"}}
    reasons["description"] = "Every line comes back, with `allowed`, `reason` and `sentence`; slower."
    lines = {"application/x-ndjson": {"schema": TEXT, "example": EXAMPLES["lines"]}}
    people = {"application/x-ndjson": {"schema": TEXT, "example": EXAMPLES["permitted"]}}
    return {
        "/v1/consent/check": {
            "post": _asked("check_consent", "May this be used?", ref("Check"), CHECK_EXAMPLE, _json("Decision"))
        },
        "/v1/consent/check/batch": {
            "post": _asked(
                "check_consents",
                "Up to 10,000 checks, answered in their order",
                ref("Checks"),
                {"checks": [CHECK_EXAMPLE]},
                _json("Decisions"),
            )
        },
        "/v1/consent/filter": {
            "post": _plain("filter_subjects", "consent", "The permitted ones of many subjects", _content(lines))
            | {
                "parameters": [purpose, place, reasons],
                "requestBody": {"required": True, "content": lines},
                "security": [{"bearer": []}],
                "description": "A subject reference a line, or a profile's as a list gives it out; the lines of those "
                "who may be used come back in their order. Any number of lines: answers beyond 8 MiB are sent while "
                "the rest is still read, so who sends more than that reads at the same time. A wrong line is an error "
                "as long as nothing was sent; after that the answer breaks off.",
            }
            | _with_errors("filter_subjects", _content(lines)),
        },
        "/v1/consent/list": {
            "post": _asked(
                "list_permitted",
                "Who may be contacted for a purpose",
                ref("ListingOrder"),
                {"purpose": "marketing"},
                _content(people),
            )
            | {"description": "Opaque profile references, as one stream, with `reasons` each with its reason; audited."}
        },
        "/v1/consent/outdated": {
            "post": _asked(
                "list_outdated",
                "Who is to be asked again for a purpose",
                ref("Listing"),
                {"purpose": "marketing"},
                _content(people),
            )
            | {
                "description": "Those who agreed before the purpose was changed in substance (`material_since`), as "
                "opaque profile references; each use of it is in the audit log."
            }
        },
    } | _changes()


def _changes() -> dict[str, Any]:
    cursor = TEXT | {"pattern": "^[0-9]+-[0-9]+(-[0-9a-f]{16})?$", "description": "The id of the last event that came."}
    return {
        "/v1/consent/changes": {
            "get": _plain("follow_consent_changes", "consent", "Consent records as they are made", {})
            | {
                "description": "Server-sent events from a cursor on; without one, from now on. `consent`: a record, or "
                "with the purpose `*` something of the whole person (status `restricted`, `unrestricted`, `erased`; an "
                "erasure does not say whose). `current`: all up to now has been told, under this policy version. They "
                "come in the order of the commits; a comment says of each when it was sent (`: at`, of the server's "
                "clock), and one comes alone every two seconds. The stream ends when the server stops: go on with the "
                "last event's id. If that is refused (400), an older copy was put back: drop all, begin without one.",
                "parameters": [
                    {"name": "cursor", "in": "query", "required": False, "schema": cursor},
                    {"name": "Last-Event-ID", "in": "header", "required": False, "schema": cursor},
                ],
                "security": [{"bearer": []}],
            }
            | _with_errors("follow_consent_changes", _media("text/event-stream", "changes")),
        },
    }


def _operations() -> dict[str, Any]:
    ready = _plain("is_ready", "operations", "Databases and key service answer", _json("Readiness"))
    ready["responses"]["503"] = _json("Readiness") | {"description": "One of them does not"}
    paths = {
        "/healthz": _plain("is_alive", "operations", "The process answers", _json("Health")),
        "/readyz": ready,
        "/metrics": _plain("metrics", "operations", "Prometheus metrics", _media("text/plain", "metrics")),
        "/.well-known/jwks.json": _plain(
            "published_keys", "operations", "The public keys of receipts, certificates and checkpoints",
            _json("PublishedKeys"),
        ),
        "/.well-known/security.txt": _plain(
            "security_txt", "operations", "Where to report a weakness (RFC 9116)", _media("text/plain", "security_txt")
        ),
    }  # fmt: skip
    for path, operation in paths.items():
        also = (500, 503) if path == "/.well-known/jwks.json" else (500,)
        operation["responses"] |= _errors(also)
    return {path: {"get": operation} for path, operation in paths.items()}


def _ingest(name: str, summary: str, schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    operation = _plain(name, "tracking", summary, _json("Ingested"))
    operation["description"] = "Gzip is taken, and any content type. The write key comes as Basic user or in the body."
    operation["security"] = [{"writeKey": []}, {}]
    operation["requestBody"] = _body(schema, example)
    operation["responses"] |= _errors((400, 401, 404, 413, 429, 500, 503))
    return operation


def _asked(
    name: str, summary: str, schema: dict[str, Any], example: dict[str, Any], answer: dict[str, Any]
) -> dict[str, Any]:
    operation = _plain(name, "consent", summary, answer) | {"security": [{"bearer": []}]}
    return operation | {"requestBody": _body(schema, example)} | _with_errors(name, answer)


def _plain(name: str, tag: str, summary: str, answer: dict[str, Any]) -> dict[str, Any]:
    return {"operationId": name, "tags": [tag], "summary": summary, "security": [], "responses": {"200": answer}}


def _body(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


def _with_errors(name: str, answer: dict[str, Any]) -> dict[str, Any]:
    return {"responses": {"200": answer} | _errors(ALWAYS + MORE_ERRORS.get(name, ()))}


def _json(name: str) -> dict[str, Any]:
    return _content({"application/json": {"schema": ref(name), "example": ALL_EXAMPLES[name]}})


def _media(media: str, example: str) -> dict[str, Any]:
    schema = MEDIA_SCHEMAS.get(media, TEXT)
    told = {"example": ALL_EXAMPLES[example]} if example in ALL_EXAMPLES else {}
    return _content({media: {"schema": schema} | told})


def _content(content: dict[str, Any]) -> dict[str, Any]:
    return {"description": "OK", "content": content}


def _errors(statuses: tuple[int, ...]) -> dict[str, Any]:
    listed = {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(set(statuses))}
    return listed | {"default": {"$ref": "#/components/responses/500"}}


def _problem(status: int) -> dict[str, Any]:
    example = EXAMPLES["Problem"] | {"status": status}
    response: dict[str, Any] = {
        "description": ERRORS[status],
        "content": {"application/problem+json": {"schema": ref("Problem"), "example": example}},
    }
    if status in (429, 503):
        seconds = {"type": "integer", "minimum": 1}
        response["headers"] = {"Retry-After": {"schema": seconds, "description": "Seconds to wait."}}
    return response
