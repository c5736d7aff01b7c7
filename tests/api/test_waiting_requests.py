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


def test_a_job_that_fails_again_names_request_system_and_cause(office: Office, path: str) -> None:
    office.browser.post(f"{path}/run", headers={"authorization": f"Bearer {office.tenant.keys.admin}"})
    office.clock.pass_by(days=1)
    with capture_logs() as logs:
        schedule._go_on(office.registry.deployment, office.tenant.workspace)
    [failed] = [line for line in logs if line.get("job") == "request"]
    told = (failed["request"], failed["system"], failed["cause"], failed["code"])
    assert told == (path.rpartition("/")[2], "databases", CAUSE, "linked-system-unavailable")
