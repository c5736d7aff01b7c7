"""Marks in what is asked about people, and in the requests about them."""

from __future__ import annotations

import re

import httpx

from tests.reliability.place import EVE, MAIL, SCANNER, STEM, SUBJECT, Place


def by_reading(place: Place) -> None:
    with place.client(place.keys.admin_key) as client:
        lookup = {"subject": SUBJECT, "purpose": "service"}
        found = client.post("/v1/profiles/lookup", json=lookup)
        assert STEM in found.text
        profile = f"/v1/profiles/{found.json()['profile_id']}"
        purpose = {"Registry-Purpose": "marketing"}
        assert client.get(profile, headers=purpose).status_code == 200
        assert STEM in client.get(f"{profile}/timeline", headers={"Registry-Purpose": "service"}).text
        assert client.post("/v1/traces", json={"message_id": f"{STEM}-message"}).status_code == 200
        for path in ("/v1/violations", "/v1/audit/entries?limit=500", "/v1/dsr/requests", "/metrics", "/v1/sources"):
            answer = client.get(path)
            assert answer.status_code == 200
            assert list(SCANNER.bytes(answer.content, path)) == []
        place.refusals += [
            client.post("/v1/profiles/lookup", json=lookup | {"purpose": STEM}),
            client.post("/v1/profiles/lookup", json=lookup | {"include": [STEM]}),
            client.post("/v1/profiles/lookup", json=lookup | {"subject": {"kind": "email", "value": f"n{MAIL}"}}),
            client.get(f"/v1/profiles/{STEM}", headers=purpose),
            client.get(profile, headers={"Registry-Purpose": STEM}),
            client.get(f"{profile}/timeline", headers=purpose, params={"cursor": STEM, "limit": STEM}),
            client.post("/v1/traces", json={"message_id": f"{STEM}-nowhere"}),
            client.post("/v1/plans", content=f"plan: [{STEM}, {MAIL}"),
            client.get(f"/v1/plans/{STEM}/{STEM}"),
            client.delete(f"/v1/keys/{STEM}"),
        ]
    with place.client(f"{STEM}-key") as client:
        place.refusals.append(client.get("/v1/policies"))


def by_requests(place: Place) -> None:
    with place.client(place.keys.admin_key) as first:
        officer = first.post("/v1/keys", json={"kind": "person", "role": "compliance_officer", "name": "second"})
        with place.client(officer.json()["secret"]) as second:

            def run(kind: str, subject: dict[str, str] = SUBJECT, **details: object) -> str:
                opened = first.post("/v1/dsr/requests", json={"kind": kind, "subject": subject, "details": details})
                assert opened.status_code == 201, opened.text
                path = f"/v1/dsr/requests/{opened.json()['request_id']}"
                place.look(f"{kind}: open")
                assert first.post(f"{path}/verify").status_code == 200
                assert second.post(f"{path}/approve").status_code == 200
                done = second.post(f"{path}/run")
                assert done.json()["state"] == "completed", done.text
                return path

            refused = {"kind": "rectification", "subject": SUBJECT, "details": {"traits": {STEM: MAIL, "age": MAIL}}}
            place.refusals.append(first.post("/v1/dsr/requests", json=refused))
            source = {"name": "any", "plan": "ecommerce", "version": "1.0.0", "unplanned_properties": "allow"}
            assert first.post("/v1/sources", json=source).status_code == 201
            run("rectification", traits={"first_name": f"{STEM} right", f"{STEM}-trait": {STEM: STEM}})
            package = second.get(f"{run('access')}/package")
            assert list(SCANNER.bytes(package.content, "the package"))
            run("portability")
            run("withdrawal", purposes=["marketing"])
            run("restriction", {"kind": "user_id", "value": EVE})
            place.refusals += [
                first.post("/v1/dsr/requests", json={"kind": STEM, "subject": SUBJECT}),
                first.post("/v1/dsr/requests", json={"kind": "access", "subject": SUBJECT, "jurisdiction": STEM}),
                first.post(
                    "/v1/dsr/requests",
                    json={"kind": "objection", "subject": SUBJECT, "details": {"purposes": [STEM]}, STEM: 1},
                ),
                first.post(
                    "/v1/dsr/requests", json={"kind": "rectification", "subject": SUBJECT, "details": {STEM: MAIL}}
                ),
                first.get(f"/v1/dsr/requests/{STEM}"),
            ]
            certificate = second.get(f"{run('erasure')}/certificate")
            assert list(SCANNER.bytes(certificate.content, "the certificate")) == []


def by_stewards(place: Place) -> None:
    """Two people joined by hand, looked up in the console and in Segment's way, which has identifiers in its URLs."""
    other = f"{STEM}-other@example.com"
    with place.client(place.keys.admin_key) as client:
        order = {"one": {"kind": "user_id", "value": EVE}, "other": {"kind": "email", "value": other}}
        place.refusals.append(client.post("/v1/merges", json=order | {"one": {"kind": STEM, "value": STEM}}))
        joined = client.post("/v1/merges", json=order)
        assert joined.status_code in (200, 404), joined.text
        assert client.get("/v1/merges/decisions").status_code == 200
        suggested = client.get("/v1/merges/suggestions", headers={"Registry-Purpose": "service"})
        assert suggested.status_code == 200, suggested.text
        assert client.get("/v1/quality").status_code == 200
        place.refusals.append(client.get("/v1/merges/suggestions", headers={"Registry-Purpose": STEM}))
    with httpx.Client(base_url=place.server.url, timeout=30, follow_redirects=True) as browser:
        form = re.compile(r'name="form_token" value="([^"]+)"')
        shown = browser.post("/console/sign-in", data={"key": place.keys.admin_key})
        token = form.search(shown.text)
        assert token is not None
        sought = {"form_token": token.group(1), "kind": "email", "value": MAIL, "purpose": "service"}
        assert STEM in browser.post("/console/profiles", data=sought).text
        place.refusals.append(browser.post("/console/sign-in", data={"name": STEM, "password": STEM, "code": "1"}))
    space = f"/v1/spaces/{place.keys.workspace}/collections/users/profiles"
    with httpx.Client(base_url=place.server.url, auth=(place.keys.app_key, ""), timeout=30) as client:
        found = client.get(f"{space}/email:{MAIL}/traits")
        assert found.status_code == 200, found.text
        place.refusals.append(client.get(f"{space}/{STEM}:{MAIL}/traits"))


def by_duties(place: Place) -> None:
    """Legal holds, Segment's regulations, and what an OpenDSR controller sends; subscribers and destinations."""
    held = {"kind": "user_id", "value": f"{STEM}-held"}
    with place.client(place.keys.admin_key) as client:
        hold = {"subject": held, "ground": "a claim is pending", "purpose": "legal"}
        assert client.post("/v1/holds", json=hold).status_code == 201
        regulation = {"regulationType": "SUPPRESS_WITH_DELETE", "subjectType": "USER_ID"}
        sent = client.post("/v1/regulations", json=regulation | {"subjectIds": [f"{STEM}-regulated"]})
        assert sent.status_code == 200, sent.text
        controller = client.post("/v1/keys", json={"kind": "app", "role": "controller", "name": "controller"}).json()
        place.refusals += [
            client.post("/v1/holds", json=hold | {"ground": f"<{MAIL}>"}),
            client.post("/v1/holds", json=hold | {"categories": [STEM]}),
            client.post("/v1/regulations", json=regulation | {"subjectIds": [STEM], "subjectType": STEM}),
            client.post("/v1/webhooks", json={"name": "x", "url": f"ftp://{STEM}.example", "topics": [STEM]}),
            client.post("/v1/destinations", json={"name": "x", "kind": STEM, "purpose": STEM, "url": STEM}),
        ]
    asked = {
        "regulation": "gdpr",
        "subject_request_id": "a7551968-d5d6-44b2-9831-815ac9017798",
        "subject_request_type": "erasure",
        "submitted_time": "2026-01-01T12:00:00Z",
        "subject_identities": [
            {"identity_type": "email", "identity_value": f"{STEM}-dsr@example.com", "identity_format": "raw"}
        ],
        "api_version": "2.0",
        "status_callback_urls": ["https://controller.example/callbacks"],
        "extensions": {"other.example": {STEM: MAIL}},
    }
    with place.client(controller["secret"]) as client:
        assert client.post("/opendsr/v2/requests", json=asked).status_code == 201
        place.refusals.append(client.post("/opendsr/v2/requests", json=asked | {"subject_identities": [{STEM: STEM}]}))


def subscribe(place: Place) -> None:
    """Others whom changes and events are sent to from now on; nobody answers, so that they wait and are retried."""
    with place.client(place.keys.admin_key) as client:
        hook = {"name": "mailing", "url": "https://mailing.invalid/hooks", "topics": ["consent.changed"]}
        assert client.post("/v1/webhooks", json=hook).status_code == 201
        system = {"name": "events", "kind": "webhook", "purpose": "marketing", "url": "https://mailing.invalid/events"}
        assert client.post("/v1/destinations", json=system | {"traits": ["email"]}).status_code == 201
