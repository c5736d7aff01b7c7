"""The census over HTTP: fields, records of processing in three forms, the assessment, and whom an incident touched."""

from __future__ import annotations

from tests.api.house import Desk
from tests.factories import identify


def test_the_documents_are_read_in_every_form(desk: Desk) -> None:
    fields = desk.officer.get("/v1/census/fields").json()["fields"]
    assert {"trait_assertion", "consent_record"} <= {one["table"] for one in fields if one["handling"] == "content"}
    assert desk.officer.get("/v1/census/records").json()["fields"] == fields
    page = desk.officer.get("/v1/census/records.html")
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert desk.officer.get("/v1/census/records.csv").text.startswith("\ufeffcontroller,")
    assert desk.officer.get("/v1/census/assessment").headers["content-type"].startswith("text/markdown")


def test_an_incident_is_asked_about_and_names_profiles_only_when_asked(desk: Desk) -> None:
    desk.send(identify("b-1", email="b-1@example.com"))
    told = desk.officer.post("/v1/census/breach", json={"table": "identifier"}).json()
    assert told["people"] == 1
    assert "profiles" not in told
    listed = desk.officer.post("/v1/census/breach", json={"source": "shop", "profiles": True}).json()
    assert len(listed["profiles"]) == 1
    assert desk.officer.post("/v1/census/breach", json={"table": "plan"}).status_code == 400
    assert desk.officer.post("/v1/census/breach", json={"source": "nowhere"}).status_code == 404
    assert desk.officer.post("/v1/census/breach", json={"since": "planted"}).status_code == 400
