"""No endpoint answers without a key, and none does for a role what the access policy does not say."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.house import Desk

BY_APPS = {
    "make_preference_link", "explain_decision", "decision_token", "record_signals", "google_states",
    "check_consent", "check_consents", "filter_subjects", "follow_consent_changes", "record_consent", "consent_history",
    "lookup_profile", "get_profile", "space_profile", "profile_timeline", "profile_identifiers", "list_audiences",
    "audience_members",
}  # fmt: skip
BY_AUDITORS = {
    "proven_certificate", "certificate_page", "proven_case_certificate", "case_certificate_page",
    "list_regulations", "get_regulation",
    "list_webhooks", "get_webhook", "list_dead_letters", "list_destinations", "get_destination",
    "list_refused_events", "erasures_passed_on",
    "list_holds", "list_retained", "deadline_report", "retention_report",
    "audit_entries", "audit_checkpoint", "audit_proof", "list_requests", "get_request", "request_events",
    "request_certificate", "request_plan", "request_letters", "list_plans", "get_plan", "lint_plan", "compare_plan",
    "list_sources", "list_keys", "get_policies",
    "census_fields", "processing_records", "records_table", "records_page", "impact_assessment", "breach_impact",
    "system_impact",
}  # fmt: skip


def bearer_operations(desk: Desk) -> list[tuple[str, str, dict[str, Any]]]:
    paths = desk.house.app.openapi()["paths"]
    return [
        (path, method, one) for path, item in paths.items() for method, one in item.items()
        if one["security"] == [{"bearer": []}]
    ]  # fmt: skip


def asked(client: httpx.Client, desk: Desk, path: str, method: str, operation: dict[str, Any]) -> int:
    """The status of an operation that is asked for what is not there."""
    for parameter in ("subject_request_id", "request_id", "profile_id", "key_id", "webhook_id", "destination_id",
                      "hold_id", "case_id", "regulation_id"):  # fmt: skip
        path = path.replace(f"{{{parameter}}}", str(uuid4()))
    path = path.replace("{workspace}", "default").replace("{reference}/{part}", "user_id:ada/traits")
    path = path.replace("{by}", "verify").replace("{name}", "x").replace("{version}", "1.0.0")
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    schemas = desk.house.app.openapi()["components"]["schemas"]
    body = content.get("example") or schemas.get(name, {}).get("example")
    query = {"size": "1", "position": "0", "purpose": "service", "request_id": str(uuid4())}
    with client.stream(method, path, json=body, params=query, headers={"registry-purpose": "service"}) as answer:
        return answer.status_code


def test_nothing_is_answered_without_a_key(desk: Desk) -> None:
    operations = bearer_operations(desk)
    assert len(operations) > 30
    with desk.house.caller(authorization=f"Bearer {desk.tenant.keys.write}") as with_a_write_key:
        for client in (desk.nobody, desk.sdk, with_a_write_key):
            for path, method, operation in operations:
                assert asked(client, desk, path, method, operation) == 401, operation["operationId"]


@pytest.mark.parametrize(("role", "may"), [("app", BY_APPS), ("auditor", BY_AUDITORS)])
def test_a_role_does_what_the_policy_says_and_nothing_else(desk: Desk, role: str, may: set[str]) -> None:
    kind = "app" if role == "app" else "person"
    key = desk.admin.post("/v1/keys", json={"kind": kind, "role": role, "name": role, "purposes": ["service"]}).json()
    with desk.house.caller(authorization=f"Bearer {key['secret']}") as client:
        for path, method, operation in bearer_operations(desk):
            name = operation["operationId"]
            status = asked(client, desk, path, method, operation)
            assert (status != 403) if name in may else (status == 403), (name, status)


def test_a_denial_names_the_rule_and_not_what_it_protects(desk: Desk) -> None:
    answer = desk.app.get("/v1/keys")
    assert answer.status_code == 403
    assert answer.json()["rule"] == "access.yaml: role app lacks keys:read"
    subject = {"kind": "user_id", "value": "ada"}
    known = desk.app.post("/v1/profiles/lookup", json={"subject": subject, "purpose": "marketing"})
    assert known.json()["rule"] == "the key was not made for this purpose"
