"""The last day of the calendar, as people write it who mean for ever: taken, and shown again."""

from __future__ import annotations

import pytest

from registry.dsr.requests import Kind
from tests.api.office import REQUESTS, Office
from tests.factories import identify

FOR_EVER = "9999-12-31"
COLUMNS = "reference,kind,subject_kind,subject_value,agent_name,agent_email,mandate,mandate_until"


def test_a_hold_until_the_last_day_there_is_is_listed_and_can_be_released(office: Office) -> None:
    form = {"subject_kind": "user_id", "value": "ada", "ground": "claim 1", "purpose": "legal", "until": FOR_EVER}
    office.tenant.send(identify("ada", email="ada@example.com"))
    assert office.post("/console/holds", **form).status_code == 200
    bearer = office.tenant.bearer(office.tenant.keys.officer)
    [hold] = office.browser.get("/v1/holds", headers=bearer).json()["holds"]
    assert hold["until"].startswith(FOR_EVER)
    assert FOR_EVER in office.page_of(office.asked(Kind.ERASURE, "ada"))
    assert office.post(f"/console/holds/{hold['hold_id']}/release").status_code == 200


@pytest.mark.parametrize("until", [FOR_EVER, f"{FOR_EVER}T23:59:59Z"])
def test_a_mandate_until_the_last_day_there_is_is_listed_with_every_other_request(office: Office, until: str) -> None:
    row = f"letter-1,access,email,ada@example.com,Synthetic Helper,helper@agents.example,power_of_attorney,{until}"
    headers = office.tenant.bearer(office.tenant.keys.officer) | {"content-type": "text/csv"}
    told = office.browser.post("/v1/dsr/imports", headers=headers, content=f"{COLUMNS}\n{row}\n").json()
    assert told["opened"] == 1
    [request] = office.browser.get("/v1/dsr/requests", headers=headers).json()["requests"]
    assert request["mandate_until"].startswith(FOR_EVER)
    assert office.browser.get(f"{REQUESTS}/{request['request_id']}").status_code == 200
