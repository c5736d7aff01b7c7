"""Who asks, and what they are given, in the console: proofs, mandates, refusals, and links to a package."""

from __future__ import annotations

import re
from dataclasses import replace

import orjson
import pytest

from registry.dsr.agents import Agent, Claim, Party
from registry.dsr.requests import Kind
from registry.dsr.verification import MandateKind
from registry.flows.dsr import lifecycle
from registry.model.clock import DAY, to_datetime
from registry.model.ids import text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from tests.api.office import REQUESTS, Office
from tests.factories import identify, ordered

AGENT = Claim(Agent("Synthetic Helper", "Helpers", "helper@agents.example"), MandateKind.POWER_OF_ATTORNEY)


def path(request: StoredRequest) -> str:
    return f"{REQUESTS}/{text_id(request.request_id)}"


def state(office: Office, request: StoredRequest) -> str:
    return lifecycle.get(office.registry.deployment, office.tenant.workspace, request.request_id)[0].state


def told(office: Office, request: StoredRequest) -> list[str]:
    _, events = lifecycle.get(office.registry.deployment, office.tenant.workspace, request.request_id)
    return [event.details or "" for event in events]


def test_an_officer_sees_what_is_missing_sends_for_it_and_records_what_was_seen(office: Office) -> None:
    request = office.asked(Kind.ACCESS, "ada", verified=False)
    page = office.page_of(request)
    assert "Who asks" in page and "nothing yet" in page
    assert office.post(f"{path(request)}/challenge").status_code == 200
    assert office.post(f"{path(request)}/check", seen="a hunch").status_code == 400
    assert state(office, request) == "received"
    assert office.post(f"{path(request)}/check", seen=["in_person", "identity_document"]).status_code == 200
    assert state(office, request) == "verified"
    assert any("identity_document,in_person" in details for details in told(office, request))
    assert "Who asks" not in office.page_of(request), "nothing is to be proved any more"


@pytest.mark.parametrize("accepted", [True, False])
def test_a_mandate_is_accepted_or_rejected_with_a_reason(office: Office, accepted: bool) -> None:
    request = office.asked(Kind.DELETE, "ada", verified=False, claim=AGENT)
    assert "Synthetic Helper, Helpers" in office.page_of(request)
    if accepted:
        assert office.post(f"{path(request)}/mandate", outcome="accepted", seen="mandate").status_code == 200
        assert state(office, request) == "verified"
        assert "Accept the mandate" not in office.page_of(request)
        return
    assert office.post(f"{path(request)}/mandate", outcome="rejected").status_code == 400, "why?"
    assert office.post(f"{path(request)}/mandate", outcome="rejected", reason="not signed").status_code == 200
    assert state(office, request) == "refused"
    assert any("not signed" in details for details in told(office, request))


def test_a_request_is_refused_on_a_ground_that_the_person_is_told(office: Office) -> None:
    request = office.asked(Kind.ACCESS, "ada")
    assert office.post(f"{path(request)}/refuse", reason="ask ada@example.com").status_code == 400
    assert office.post(f"{path(request)}/refuse", reason="manifestly excessive").status_code == 200
    assert state(office, request) == "refused"
    assert "manifestly excessive" in office.page_of(request)


def test_a_link_to_the_package_is_shown_once_leads_there_and_is_withdrawn(office: Office) -> None:
    office.tenant.send(identify("ada", email="ada@example.com"))
    request = office.asked(Kind.ACCESS, "ada")
    for by in ("approve", "run"):
        office.post(f"{path(request)}/{by}")
    assert office.post(f"{path(request)}/link", days="90", fetches="1").status_code == 400
    assert office.post(f"{path(request)}/link", days="x", fetches="1").status_code == 400
    shown = office.post(f"{path(request)}/link", days="7", fetches="2").text
    found = re.search(r"<code>\S+?(/privacy/\S+?)</code>", shown)
    assert found is not None
    assert "/privacy/" not in office.page_of(request)
    assert office.browser.get(found.group(1)).status_code == 200
    assert office.post(f"{path(request)}/unlink").status_code == 200
    assert office.browser.get(found.group(1)).status_code != 200
    assert office.post(f"{path(request)}/unlink").status_code == 404


def test_a_link_is_sent_by_letter_from_the_console_where_there_is_a_mailbox(office: Office) -> None:
    office.tenant.send(identify("ada", email="ada@example.com"))
    request = office.asked(Kind.ACCESS, "ada")
    for by in ("approve", "run"):
        office.post(f"{path(request)}/{by}")
    assert "Send it by letter" in office.page_of(request)
    told = office.post(f"{path(request)}/letter", days="7", fetches="1")
    assert told.status_code == 409
    assert "REGISTRY_PUBLIC_URL" in told.text
    assert office.post(f"{path(request)}/letter", days="x", fetches="1").status_code == 400


@pytest.mark.parametrize(
    ("party", "says"), [(Party.AGENT, "the agent"), (Party.PERSON, "the person, not to their agent")]
)
def test_the_page_says_whom_the_mandate_has_the_answer_go_to(office: Office, party: Party, says: str) -> None:
    claim = replace(AGENT, deliver_to=party)
    page = office.page_of(office.asked(Kind.ACCESS, "ada", verified=False, claim=claim))
    assert f"<dt>Answer goes to</dt><dd>{says} <" in page
    assert "Answer goes to" not in office.page_of(office.asked(Kind.ACCESS, "ada", verified=False))


def test_a_request_waits_on_a_ground_that_whoever_asked_is_told(office: Office) -> None:
    request = office.asked(Kind.ACCESS, "ada", verified=False)
    assert office.post(f"{path(request)}/pause", reason="ask ada@example.com").status_code == 400
    assert office.post(f"{path(request)}/pause", reason="the copy cannot be read").status_code == 200
    assert state(office, request) == "paused"
    assert "the copy cannot be read" in office.page_of(request)


def test_whoever_may_not_verify_sees_no_form_for_it(office: Office) -> None:
    request = office.asked(Kind.ACCESS, "ada", verified=False)
    office.browser.cookies.clear()
    office.browser.post("/console/sign-in", data={"key": office.tenant.keys.admin})
    assert "Who asks" in office.page_of(request)
    made = office.registry.http().post(
        "/v1/keys", json={"kind": "person", "role": "auditor", "name": "an auditor"},
        headers={"authorization": f"Bearer {office.tenant.keys.admin}"},
    )  # fmt: skip
    office.browser.cookies.clear()
    office.browser.post("/console/sign-in", data={"key": made.json()["secret"]})
    assert "Who asks" not in office.page_of(request)
    assert office.post(f"{path(request)}/check").status_code == 403


def test_an_officer_sees_by_when_to_confirm_that_it_came_and_records_it(office: Office) -> None:
    request = office.asked(Kind.KNOW, "ada", verified=False)
    page = office.page_of(request)
    assert "Confirm by" in page and "not yet" in page
    assert office.post(f"{path(request)}/acknowledge", channel="ada@example.com").status_code == 400
    assert office.post(f"{path(request)}/acknowledge", channel="telephone").status_code == 200
    page = office.page_of(request)
    assert "confirmed on" in page and "Confirm that it came" not in page
    assert any("telephone" in details for details in told(office, request))
    assert office.post(f"{path(request)}/acknowledge", channel="letter").status_code == 409
    assert "Confirm by" not in office.page_of(office.asked(Kind.ACCESS, "ada", verified=False)), "the law asks for none"


def test_profiles_that_systems_outside_take_for_the_person_stand_on_the_page(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office.shop, "leads", lambda people: [Identifier("user_id", "17")])
    office.tenant.send(identify("ada", email="ada@example.com"), ordered("17"))
    request = office.asked(Kind.ACCESS, "ada")
    page, other = office.page_of(request), office.tenant.profile("user_id", "17")
    assert other is not None
    assert "Another profile stands" in page and text_id(other) in page
    assert f"{path(request)}/approve" not in page
    assert office.post(f"{path(request)}/approve").status_code == 409
    assert office.post(f"{path(request)}/apart", profile="17", reason="a slip").status_code == 400
    left = office.post(f"{path(request)}/apart", profile=text_id(other), reason="they share a number")
    assert "Another profile stands" not in left.text and "they share a number" in left.text
    assert office.post(f"{path(request)}/approve").is_success


def test_a_profile_is_set_apart_over_http(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office.shop, "leads", lambda people: [Identifier("user_id", "17")])
    office.tenant.send(identify("ada", email="ada@example.com"), ordered("17"))
    other = office.tenant.profile("user_id", "17")
    assert other is not None
    http, key = office.registry.http(), office.tenant.bearer(office.tenant.keys.officer)
    url = f"/v1/dsr/requests/{text_id(office.asked(Kind.ACCESS, 'ada').request_id)}"
    assert http.get(f"{url}/plan", headers=key).json()["beside"] == [text_id(other)]
    refused = http.post(f"{url}/approve", headers=key)
    assert (refused.status_code, refused.json()["profiles"]) == (409, [text_id(other)])
    wrong = http.post(f"{url}/apart", headers=key, json={"profile": "17", "reason": "a slip"})
    assert wrong.status_code == 400 and "17" not in wrong.text.replace(text_id(other), "")
    done = http.post(f"{url}/apart", headers=key, json={"profile": text_id(other), "reason": "they share a number"})
    assert done.status_code == 200
    assert http.get(f"{url}/plan", headers=key).json()["complete"]
    events = http.get(f"{url}/events", headers=key).json()["events"]
    assert events[-1]["details"] == {"profile": text_id(other), "reason": "they share a number"}


def test_a_letter_on_the_desk_is_taken_in_with_its_day_its_language_and_its_agent(office: Office) -> None:
    said = {"kind": "know", "subject_kind": "user_id", "value": "ada"}
    came = to_datetime(office.clock() - 20 * DAY).date()
    agent = {
        "agent_name": "Synthetic Helper", "agent_organisation": "Helpers", "agent_email": "helper@agents.example",
        "mandate": "power_of_attorney", "mandate_evidence": "folder 7", "deliver_to": "agent",
    }  # fmt: skip
    page = office.post(REQUESTS, **said, received_at=came.isoformat(), language="de", **agent)
    assert "Synthetic Helper, Helpers, by power of attorney" in page.text
    assert "filed: folder 7" in page.text
    given = office.registry.deployment, office.tenant.workspace
    late, today = lifecycle.listed(*given, 1, None)[0], office.asked(Kind.KNOW, "bob")
    law = office.registry.deployment.policies.jurisdictions.get("ccpa")
    assert late.received_at == law.begin_of(came)
    assert late.respond_by <= today.respond_by - 19 * DAY, "its deadline runs from the day when it came"
    assert (late.deliver_to, orjson.loads(late.progress)["language"]) == ("agent", "de")
    assert "no_mandate" in office.post(REQUESTS, **said, agent_name="Nobody").text, "refused at once"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("received_at", "yesterday"), ("received_at", "2001-01-01"), ("language", "xx"), ("agent_email", "a@b.example"),
        ("mandate", "power_of_attorney"), ("mandate_until", "2030-01-01"), ("deliver_to", "agent"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_letter_is_named_and_nothing_is_opened(office: Office, field: str, text: str) -> None:
    said = {"kind": "access", "subject_kind": "user_id", "value": "ada", field: text}
    before = lifecycle.listed(office.registry.deployment, office.tenant.workspace, 9, None)
    assert office.post(REQUESTS, **said).status_code == 400
    assert lifecycle.listed(office.registry.deployment, office.tenant.workspace, 9, None) == before
