"""A request that waits says what it waits for and why: over HTTP, in its history, the audit log and the job's log."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from registry.cli import schedule
from registry.dsr.requests import Kind
from registry.model.ids import text_id
from tests.api.office import REQUESTS, Office

CAUSE = "databases failed: ConnectionError"


@pytest.fixture
def path(office: Office) -> str:
    request = office.asked(Kind.ERASURE, "ada")
    office.post(f"{REQUESTS}/{text_id(request.request_id)}/approve")
    office.shop.is_down = True
    return f"/v1/dsr/requests/{text_id(request.request_id)}"


def test_a_request_says_for_which_system_it_waits_since_when_and_why(office: Office, path: str) -> None:
    key = {"authorization": f"Bearer {office.tenant.keys.admin}"}
    problem = office.browser.post(f"{path}/run", headers=key)
    assert (problem.status_code, problem.json()["code"]) == (503, "linked-system-unavailable")
    assert problem.json()["detail"] == CAUSE
    assert problem.json()["system"] == "databases"
    office.clock.pass_by(days=1)
    office.browser.post(f"{path}/run", headers=key)
    row = office.browser.get(path, headers=key).json()
    assert row["state"] == "waiting"
    assert row["waiting"] == {
        "system": "databases", "since": "2026-01-01T00:00:00Z", "attempts": 2, "next_at": "2026-01-02T00:02:00Z",
        "code": "linked-system-unavailable", "cause": CAUSE, "hint": None,
    }  # fmt: skip
    events = office.browser.get(f"{path}/events", headers=key).json()["events"]
    assert [e["details"]["cause"] for e in events if e["action"] == "wait"] == [CAUSE, CAUSE]
    entries = office.browser.get("/v1/audit/entries", headers=key).json()["entries"]
    assert CAUSE in str(entries)
    office.shop.is_down = False
    assert office.browser.post(f"{path}/run", headers=key).json()["waiting"] is None


def test_the_console_does_not_say_of_an_erasure_that_has_begun_that_nothing_was_touched(
    office: Office, path: str
) -> None:
    page = path.replace("/v1/dsr", "/console")
    assert "nothing has been touched" in office.browser.get(page).text
    office.browser.post(f"{path}/run", headers={"authorization": f"Bearer {office.tenant.keys.admin}"})
    begun = office.browser.get(page).text
    assert "what is left to do" in begun
    assert "nothing has been touched" not in begun


def test_a_job_that_fails_again_names_request_system_and_cause(office: Office, path: str) -> None:
    office.browser.post(f"{path}/run", headers={"authorization": f"Bearer {office.tenant.keys.admin}"})
    office.clock.pass_by(days=1)
    with capture_logs() as logs:
        schedule._go_on(office.registry.deployment, office.tenant.workspace)
    [failed] = [line for line in logs if line.get("job") == "request"]
    told = (failed["request"], failed["system"], failed["cause"], failed["code"])
    assert told == (path.rpartition("/")[2], "databases", CAUSE, "linked-system-unavailable")


def test_the_end_of_what_a_hold_had_kept_says_for_which_system_it_waits_and_ends_by_a_decision(office: Office) -> None:
    key = {"authorization": f"Bearer {office.tenant.keys.admin}"}
    subject = {"kind": "user_id", "value": "ada"}
    body = {"subject": subject, "ground": "claim 7", "purpose": "legal"}
    hold = office.browser.post("/v1/holds", json=body, headers=key).json()["hold_id"]
    request = office.asked(Kind.ERASURE, "ada")
    office.post(f"{REQUESTS}/{text_id(request.request_id)}/approve")
    assert office.browser.post(f"/v1/dsr/requests/{text_id(request.request_id)}/run", headers=key).status_code == 200
    office.browser.post(f"/v1/holds/{hold}/release", headers=key)
    office.shop.is_down = True
    with capture_logs() as logs:
        schedule._go_on(office.registry.deployment, office.tenant.workspace)
    assert [line["system"] for line in logs if line.get("job") == "retained"] == ["databases"]
    [case] = office.browser.get("/v1/retained", headers=key).json()["cases"]
    assert (case["waiting"]["system"], case["waiting"]["cause"]) == ("databases", CAUSE)
    assert f"End it without {case['waiting']['system']}" in office.browser.get("/console/holds").text
    path, decision = f"/v1/retained/{case['case_id']}/override", {"system": "databases", "reason": "shut down"}
    assert office.browser.post(path, json=decision | {"reason": "of ada@example.com"}, headers=key).status_code == 400
    assert office.browser.post(path, json=decision | {"system": "another"}, headers=key).status_code == 404
    assert office.post(f"/console{path.removeprefix('/v1')}", **decision).status_code == 200
    assert office.browser.post(path, json=decision, headers=key).status_code == 409
    schedule._go_on(office.registry.deployment, office.tenant.workspace)
    [case] = office.browser.get("/v1/retained", headers=key).json()["cases"]
    assert (case["waiting"], case["ended_at"] is not None) == (None, True)
    assert "Its end waits" not in office.browser.get("/console/holds").text
