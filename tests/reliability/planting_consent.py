"""Marks in whatever says what somebody allows: records, signals, and the pages of the person's own."""

from __future__ import annotations

import json
import re

import httpx

from tests.reliability.place import MAIL, PHONE, STEM, SUBJECT, Place


def by_consent(place: Place) -> None:
    with place.client(place.keys.app_key) as client:
        record = {"subject": SUBJECT, "purpose": "marketing", "status": "granted", "evidence": f"{STEM} signed {PHONE}"}
        assert client.post("/v1/consent/records", json=record).status_code == 201
        phone = {"subject": {"kind": "phone", "value": f"+1{PHONE}"}, "purpose": "analytics", "status": "denied"}
        assert client.post("/v1/consent/records", json=phone).status_code == 201
        stranger = {"subject": {"kind": "email", "value": f"{STEM}-new@example.com"}, "purpose": "marketing"}
        assert client.post("/v1/consent/records", json=stranger | {"status": "withdrawn"}).status_code == 201
        question = {"subject": SUBJECT, "purpose": "marketing"}
        assert client.post("/v1/consent/check", json=question).json()["allowed"]
        client.post("/v1/consent/check/batch", json={"checks": [question, question | {"purpose": STEM}]})
        client.post("/v1/consent/filter?purpose=marketing", content=json.dumps(SUBJECT) + f'\n{{"{STEM}": 1}}\n')
        assert client.post("/v1/consent/history", json={"subject": SUBJECT}).status_code == 200
        client.post("/v1/consent/check", json=question | {"purpose": STEM, "categories": [STEM]})
        place.refusals += [
            client.post("/v1/consent/records", json=record | {"purpose": STEM}),
            client.post("/v1/consent/records", json=record | {"status": STEM}),
            client.post("/v1/consent/records", json=record | {"acted_at": STEM}),
            client.post("/v1/consent/records", json=record | {"channel": f"{STEM} <{MAIL}>\n"}),
            client.post("/v1/consent/records", json=record | {f"{STEM}-member": STEM}),
            client.post("/v1/consent/records", json=record | {"subject": {"kind": STEM, "value": MAIL}}),
            client.post("/v1/consent/records", json=record | {"subject": {"kind": "email", "value": STEM}}),
            client.post("/v1/consent/check", content=f'{{"{STEM}'),
            client.post("/v1/consent/check", json={"subject": STEM, "purpose": "service"}),
            client.post("/v1/consent/check", json=question | {"at": STEM}),
            client.post("/v1/consent/filter?purpose=marketing", content=f'{STEM}: "{MAIL}"'),
            client.get("/v1/consent/changes", params={"cursor": STEM}),
        ]


def by_signals(place: Place) -> None:
    """What banners and browsers say of somebody, and the answers that are handed on."""
    person = {"kind": "email", "value": f"{STEM}-banner@example.com"}
    with place.client(place.keys.app_key) as client:
        states = {"ad_storage": "granted", "analytics_storage": "denied"}
        said = client.post("/v1/consent/signals", json={"subject": person, "google": states, "gpc": True})
        assert said.status_code == 201, said.text
        question = {"subject": person, "purpose": "marketing"}
        assert not client.post("/v1/consent/token", json=question | {"audience": "mailer"}).json()["allowed"]
        assert client.post("/v1/consent/explain", json=question).json()["records"]
        assert client.post("/v1/consent/google", json={"subject": person}).status_code == 200
        client.post("/v1/consent/signals", json={"subject": person, "google": {STEM: STEM}})  # types of others pass by
        place.refusals += [
            client.post("/v1/consent/signals", json={"subject": person, "tc_string": STEM}),
            client.post("/v1/consent/signals", json={"subject": person, "gpp_string": f"DB~{STEM}"}),
            client.post("/v1/consent/token", json=question | {"audience": STEM * 40}),
        ]
    with place.client(place.keys.admin_key) as client:
        assert client.post("/v1/consent/list", json={"purpose": "marketing"}).status_code == 200
        place.refusals.append(client.post("/v1/consent/list", json={"purpose": STEM}))


def by_own_pages(place: Place) -> None:
    """The person's own page as JSON, by a link, and the privacy centre, by a letter."""
    address = f"{STEM}-own@example.com"
    own = f"/v1/preferences/{place.keys.workspace}"
    with place.client(place.keys.app_key) as client:
        order = {"subject": {"kind": "email", "value": address}}
        token = client.post("/v1/preferences/links", json=order).json()["token"]
        place.refusals.append(client.post("/v1/preferences/links", json={"subject": {"kind": STEM, "value": address}}))
    with place.client(token) as visitor:
        assert visitor.post(f"{own}/choices", json={"choices": {"marketing": True}}).status_code == 200
        assert visitor.get(f"{own}/history").json()["records"]
        place.refusals += [
            visitor.post(f"{own}/choices", json={"choices": {STEM: True}}),
            visitor.post(f"{own}/choices", json={"choices": {"marketing": STEM}}),
            visitor.post(f"/v1/preferences/{STEM}/choices", json={"choices": {}}),
        ]
    with place.client(f"{STEM}-token") as stranger:
        place.refusals.append(stranger.get(f"{own}/choices"))
    centre = f"{place.server.url}/privacy/{place.keys.workspace}"
    with httpx.Client(timeout=30, follow_redirects=True) as browser:
        place.refusals.append(browser.post(f"{centre}/enter", data={"email": f"{STEM} at home"}))
        assert browser.post(f"{centre}/enter", data={"email": address}).status_code == 200
        [letter] = (place.outside / "mail").iterdir()
        code = re.search(r"\d{3} \d{3}", letter.read_text())
        place.refusals.append(browser.post(f"{centre}/code", data={"code": STEM[:6]}))
        assert code is not None
        shown = browser.post(f"{centre}/code", data={"code": code.group()})
        form = re.search(r'name="form_token" value="([^"]+)"', shown.text)
        assert shown.status_code == 200 and form is not None
        sent = {"form_token": form.group(1)}
        assert browser.post(f"{centre}/choices", data=sent | {"choice-marketing": "no"}).status_code == 200
        asked = sent | {"kind": "rectification", "trait": "first_name", "correct": f"{STEM} right"}
        assert browser.post(f"{centre}/requests", data=asked).status_code == 200
        place.refusals += [
            browser.post(f"{centre}/requests", data=asked | {"trait": "age"}),
            browser.post(f"{centre}/requests", data=asked | {"kind": f"{STEM}"}),
        ]
