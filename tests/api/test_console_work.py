"""What an officer does in the console, page by page: requests, deadlines, holds, documents of accountability."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.dsr.requests import Kind
from registry.flows.dsr import kept, lifecycle
from registry.model.ids import FragmentId, text_id
from registry.store import holdings
from tests.factories import identify, ordered

if TYPE_CHECKING:
    pass
from tests.api.office import REQUESTS, Office


def test_open_requests_stand_by_deadline_and_are_filtered_by_state_kind_and_law(office: Office) -> None:
    late = office.asked(Kind.ACCESS, "ada")
    office.pass_by(40)
    soon, ended = office.asked(Kind.KNOW, "bob"), office.asked(Kind.ERASURE, "cleo")
    office.post(f"{REQUESTS}/{text_id(ended.request_id)}/cancel")

    def shown(query: str = "") -> list[str]:
        return re.findall(rf'href="{REQUESTS}/([0-9a-f-]{{36}})"', office.browser.get(f"{REQUESTS}{query}").text)

    assert shown() == [text_id(late.request_id), text_id(soon.request_id)]
    assert shown("?state=cancelled") == [text_id(ended.request_id)]
    assert shown("?law=ccpa") == [text_id(soon.request_id)]
    assert shown("?of=access") == [text_id(late.request_id)]
    assert shown("?state=all&of=erasure") == [text_id(ended.request_id)]
    assert "days late" in office.browser.get(REQUESTS).text
    assert office.browser.get(f"{REQUESTS}?state=planted").status_code == 400


def test_a_correction_is_of_a_trait_that_there_is_and_of_its_form(office: Office) -> None:
    form = {"kind": "rectification", "subject_kind": "user_id", "value": "ada"}
    assert '<option value="first_name">' in office.browser.get(REQUESTS).text
    for trait, correct in (("", ""), ("first_name", ""), ("age", "planted"), ("planted", "38")):
        refused = office.post(REQUESTS, **form, trait=trait, correct=correct)
        assert refused.status_code == 400
        assert "planted" not in refused.text
    assert "Nobody waits for an answer" in office.browser.get(REQUESTS).text
    assert office.post(REQUESTS, **form, trait="age", correct="42").status_code == 200


def test_a_plan_names_every_field_with_the_ground_of_what_is_kept(office: Office) -> None:
    office.tenant.send(identify("ada", email="ada@example.com"), ordered("ada"))
    page = office.page_of(office.asked(Kind.ERASURE, "ada"))
    assert "trait assertion" in page
    assert "GDPR Art. 17(1) and 21(3): a keyed hash" in page
    assert "shop.customers" in page


def test_undecided_fields_bar_the_approval_and_the_page_says_where_to_decide(office: Office) -> None:
    request = office.asked(Kind.ERASURE, "ada")
    office.shop.missing = [("shop.customers", "fax")]
    page = office.page_of(request)
    assert "databases, <code>shop.customers</code>: fax" in page
    assert "registry connectors check" in page
    assert f"{text_id(request.request_id)}/approve" not in page
    assert office.post(f"{REQUESTS}/{text_id(request.request_id)}/approve").status_code == 409


def test_a_waiting_request_names_its_system_and_ends_without_it_on_a_recorded_decision(office: Office) -> None:
    path = f"{REQUESTS}/{text_id((request := office.asked(Kind.ERASURE, 'ada')).request_id)}"
    office.post(f"{path}/approve")
    office.shop.is_down = True
    page = office.post(f"{path}/run").text
    assert "It waits for databases" in page
    assert "Why: databases failed: ConnectionError" in page
    refused = office.post(f"{path}/override", system="databases", reason="ask ada@example.com")
    assert refused.status_code == 400
    office.post(f"{path}/override", system="databases", reason="shut down in 2025")
    done = office.post(f"{path}/run").text
    assert "Read or print the certificate" in done
    _, events = lifecycle.get(office.registry.deployment, office.tenant.workspace, request.request_id)
    assert [e.action for e in events].count("override") == 1
    assert "shut down in 2025" in done


def test_a_package_is_locked_for_its_requester(office: Office) -> None:
    office.tenant.send(identify("ada", email="ada@example.com"))
    path = f"{REQUESTS}/{text_id(office.asked(Kind.ACCESS, 'ada').request_id)}"
    for by in ("approve", "run"):
        office.post(f"{path}/{by}")
    assert office.post(f"{path}/package", password="too short").status_code == 400
    locked = office.post(f"{path}/package", password="correct horse battery")
    assert locked.content[:2] == b"PK"
    assert b"ada@example.com" not in locked.content


def test_a_hold_is_placed_keeps_something_is_opened_for_its_purpose_and_released(office: Office) -> None:
    office.tenant.send(identify("ada", email="ada@example.com"), ordered("ada"))
    fields = {"subject_kind": "user_id", "value": "ada", "purpose": "legal", "categories": "user.contact"}
    assert "It is kept in the clear" not in office.post("/console/holds", ground="claim 2026/17", **fields).text
    assert office.post("/console/holds", ground="ask ada@example.com", **fields).status_code == 400
    path = f"{REQUESTS}/{text_id((request := office.asked(Kind.ERASURE, 'ada')).request_id)}"
    assert "Set aside before anything is erased" in office.page_of(request)
    for by in ("approve", "run"):
        office.post(f"{path}/{by}")
    page = office.browser.get("/console/holds").text
    case = re.search(r"/console/retained/([0-9a-f-]{36})", page)
    hold = re.search(r"/console/holds/([0-9a-f-]{36})/release", page)
    assert case is not None
    assert hold is not None
    assert "ada@example.com" in office.post(case.group(), purpose="legal").text
    assert office.post(case.group(), purpose="marketing").status_code == 403
    assert "released by" in office.post(hold.group()).text
    assert office.post(hold.group()).status_code == 409


def test_what_an_old_hold_keeps_is_shown_beside_however_many_younger_cases(office: Office) -> None:
    deployment, workspace = office.registry.deployment, office.tenant.workspace
    office.tenant.send(identify("ada", email="ada@example.com"))
    fields = {"subject_kind": "user_id", "value": "ada", "purpose": "legal"}
    for ground in ("claim 2026/17", "claim 2026/18"):
        office.post("/console/holds", ground=ground, **fields)
    office.tenant.erase("user_id", "ada")
    old, young = sorted(kept.of_holds(deployment, workspace))
    made = [young._replace(case_id=FragmentId(deployment.new_id())) for _ in range(kept.PAGE)]
    with deployment.data.write(workspace.workspace_id) as transaction:
        holdings.add_cases(transaction, made)
    page = office.browser.get("/console/holds").text
    assert f"/console/retained/{text_id(old.case_id)}" in page
    assert "nothing set aside" not in page


def test_the_deadlines_page_draws_each_group_and_every_law(office: Office) -> None:
    office.asked(Kind.ACCESS, "ada")
    office.pass_by(40)
    page = office.browser.get("/console/deadlines").text
    assert all(name.replace("_", " ") in page for name in office.registry.deployment.policies.jurisdictions.by_name)
    for what in ("answers", "times"):
        for group in ("kind", "jurisdiction"):
            drawn = office.browser.get(f"/console/charts/deadlines/{what}/{group}.svg?days=90")
            assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/svg+xml")
    assert office.browser.get("/console/charts/deadlines/answers/planted.svg").status_code == 404
    assert office.browser.get("/console/deadlines?days=7").status_code == 400


def test_documents_of_accountability_are_read_downloaded_and_an_incident_asked_about(office: Office) -> None:
    office.tenant.send(identify("ada", email="ada@example.com"), ordered("ada"))
    here = "/console/accountability"
    assert "Records of processing activities" in office.browser.get(f"{here}/records.html").text
    assert office.browser.get(f"{here}/records.csv").text.startswith("\ufeffcontroller,")
    assert office.browser.get(f"{here}/records.json").json()["activities"]
    assert office.browser.get(f"{here}/records.pdf").status_code == 404
    assert "Art. 35" in office.browser.get(f"{here}/assessment.md").text
    found = office.post(here, table="event", noticed="2026-01-01T10:00").text
    assert "2026-01-04 10:00" in found
    assert "2026-01-04 10:00" in office.post(here, table="event", noticed="2026-01-01T10:00:30").text
    assert office.post(here, table="event", noticed="2026-01-01").status_code == 400
    assert re.search(r"<dt>People</dt><dd>1</dd>", found)
    listed = office.post(here, how="profiles", table="event").text
    assert listed == f"{text_id(office.tenant.profile('user_id', 'ada'))}\n"
    assert office.post(here, generation="x").status_code == 400


def test_a_form_that_is_sent_twice_opens_one_request(office: Office) -> None:
    said = {"kind": "access", "subject_kind": "user_id", "value": "ada"}
    [mark] = re.findall(r'name="once" value="([0-9a-f]{32})"', office.browser.get(REQUESTS).text)
    first = office.post(REQUESTS, once=mark, **said).url
    assert office.post(REQUESTS, once=mark, **said).url == first, "a double click"
    assert office.post(REQUESTS, once=mark, **said | {"value": "bob"}).url != first, "gone back, and somebody else"
    [fresh] = re.findall(r'name="once" value="([0-9a-f]{32})"', office.browser.get(REQUESTS).text)
    assert office.post(REQUESTS, once=fresh, **said).url != first, "asked for again"
