"""Plans worked on over HTTP, from quarantined traffic to a plan that is enforced; and the data inventory."""

from __future__ import annotations

import json

import yaml

from tests.api.house import Desk
from tests.factories import identify, ordered, track


def moved(desk: Desk, count: int = 12) -> None:
    """Calls of an event that no plan knows."""
    desk.send(*[track("Booking Requested", f"guest-{n}", nights=n, room="double") for n in range(count)])


def test_from_traffic_to_a_plan_that_lets_it_in(desk: Desk) -> None:
    moved(desk)
    developer = desk.developer()
    inferred = developer.post("/v1/plans/infer", json={"name": "hotel"})
    assert inferred.headers["content-type"].startswith("application/yaml")
    plan = yaml.safe_load(inferred.text)
    assert [event["name"] for event in plan["events"]] == ["Booking Requested"]
    assert "double" not in inferred.text

    codes = {f["code"] for f in developer.post("/v1/plans/lint", content=inferred.text).json()["findings"]}
    assert codes, "nobody has described it yet"
    checked = developer.post("/v1/plans/check", content=inferred.text).json()
    assert (checked["outcomes"]["let_in"], checked["outcomes"]["still_rejected"]) == (12, 0)
    assert developer.post("/v1/plans", content=inferred.text).status_code == 201

    strict = json.loads(json.dumps(plan))
    strict["events"][0]["properties"]["nights"]["maximum"] = 3
    compared = developer.post(f"/v1/plans/hotel/{plan['version']}/diff", json=strict).json()
    assert (compared["breaking"], compared["version_suffices"]) == (True, False)
    assert developer.post("/v1/plans/check", json=strict).json()["outcomes"]["let_in"] == 4

    bound = developer.put("/v1/sources/shop/plan", json={"plan": "hotel", "version": "*"})
    assert bound.json() == {"source": "shop", "plan": "hotel", "bound_to": "*", "version": plan["version"]}
    assert developer.post("/v1/quarantine/replay", json={}).json()["accepted"] == 12


def test_what_is_wrong_is_refused_with_its_place(desk: Desk) -> None:
    for path in ("/v1/plans/lint", "/v1/plans/check", "/v1/plans/ecommerce/1.0.0/diff"):
        answer = desk.admin.post(path, content="plan: small\nversion: 1.0.0\npurposes: [service]\nevents: [{}]\n")
        assert (answer.status_code, answer.json()["code"]) == (422, "document-invalid"), path
        assert desk.admin.post(path, content=b"\xff\xfe").status_code == 400
    sound = desk.admin.get("/v1/plans/ecommerce/1.0.0").text
    assert desk.admin.post("/v1/plans/ecommerce/9.9.9/diff", content=sound).status_code == 404
    assert desk.admin.post("/v1/plans/ecommerce/1.0.0/diff", content=sound).json()["changes"] == []
    assert desk.admin.post("/v1/plans/check?purpose=nothing", content=sound).status_code == 400
    assert desk.admin.post("/v1/plans/check?source=nobody", content=sound).status_code == 404
    assert desk.admin.post("/v1/plans/infer", json={"name": "hotel"}).status_code == 400, "there is no traffic"
    assert desk.admin.put("/v1/sources/nobody/plan", json={"plan": "ecommerce", "version": "1.0.0"}).status_code == 404
    assert desk.admin.put("/v1/sources/shop/plan", json={"plan": "ecommerce", "version": "^9.0.0"}).status_code == 404


def test_the_inventory_sets_what_is_found_beside_what_is_declared_and_shows_no_value(desk: Desk) -> None:
    desk.send(
        identify("ada", first_name="Ada", email="ada@example.com"),
        *[ordered("ada", order_id=f"for robin{n}@example.com") for n in range(5)],
        track("Note Written", "ada", text="call +49 151 23456789, or 4111 1111 1111 1111, born on 1980-02-29"),
    )
    answer = desk.admin.get("/v1/inventory")
    [plan] = answer.json()["plans"]
    assert (plan["plan"], plan["sources"]) == ("ecommerce@1.0.0", ["shop"])
    declared = {(f["event"], f["pointer"]): f for f in plan["declared"]}
    assert declared[("identify", "/identify/traits/properties/email")]["identifier"] == "email"
    found = {(f["event"], f["path"], f["category"]): f for f in plan["found_undeclared"]}
    assert found[("order_completed", "/properties/order_id", "user.contact.email")]["count"] == 5
    unplanned = {category for event, _, category in found if event is None}
    assert {"user.contact.phone_number", "user.payment", "user.demographic.date_of_birth"} <= unplanned
    for secret in ("robin", "4111", "151", "1980", "Note Written", "text"):
        assert secret not in json.dumps(plan["found_undeclared"])
    assert desk.app.get("/v1/inventory").status_code == 403
