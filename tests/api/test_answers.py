"""Every endpoint answers as the OpenAPI document says: the callers of a `Desk` hold each answer against it."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import Any
from uuid import uuid4

import httpx
import pytest

from registry.audit.checkpoint import parse_checkpoint
from registry.audit.tree import leaf_hash, verify_consistency, verify_inclusion
from registry.flows.accountability import verify
from tests.api.house import Desk
from tests.factories import consent, identify, ordered, track, viewed
from tests.simulator import ALL_YES

ADA = {"kind": "user_id", "value": "ada"}
SERVICE = {"registry-purpose": "service"}
PLAN = "plan: {name}\nversion: 1.0.0\npurposes: [service]\nevents:\n  - {{type: track, name: {event}}}\n"


def say(desk: Desk, status: str, purpose: str = "marketing", **more: str) -> dict[str, Any]:
    body = {"subject": ADA, "purpose": purpose, "status": status, **more}
    answer = desk.app.post("/v1/consent/records", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def ask(desk: Desk, purpose: str = "marketing", **more: Any) -> dict[str, Any]:
    return dict(desk.app.post("/v1/consent/check", json={"subject": ADA, "purpose": purpose, **more}).json())


def opened(desk: Desk, kind: str, subject: dict[str, str] = ADA, **details: Any) -> str:
    body = {"kind": kind, "subject": subject, **({"details": details} if details else {})}
    answer = desk.admin.post("/v1/dsr/requests", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["request_id"])


def moved(desk: Desk, request: str, *moves: str) -> httpx.Response:
    for by in moves:
        answer = desk.officer.post(f"/v1/dsr/requests/{request}/{by}")
    return answer


# Consent


def test_each_act_of_consent_is_recorded_with_what_was_said_of_it(desk: Desk) -> None:
    for status in ("granted", "denied", "withdrawn", "expired", "objected"):
        more = {"notice_version": "2026-01 v2", "language": "de-AT", "jurisdiction": "AT", "channel": "web form"}
        assert say(desk, status, evidence="a tick", **more)["status"] == status
        desk.house.clock.pass_by(seconds=1)
    rows = desk.app.post("/v1/consent/history", json={"subject": ADA}).json()["records"]
    assert [row["status"] for row in rows] == ["granted", "denied", "withdrawn", "expired", "objected"]
    assert {(row["notice_version"], row["channel"]) for row in rows} == {("2026-01 v2", "web form")}


def test_a_decision_of_a_past_moment_is_answered_as_it_was(desk: Desk) -> None:
    say(desk, "granted")
    desk.house.clock.pass_by(days=1)
    later = say(desk, "withdrawn")["acted_at"]
    assert ask(desk)["reason"] == "withdrawn"
    earlier = desk.app.post("/v1/consent/history", json={"subject": ADA}).json()["records"][0]["acted_at"]
    assert (ask(desk, at=earlier)["allowed"], ask(desk, at=later)["allowed"]) == (True, False)


def test_a_grant_that_ends_says_until_when(desk: Desk) -> None:
    until = "2999-01-01T00:00:00Z"
    say(desk, "granted", expires_at=until)
    assert (ask(desk)["allowed"], ask(desk)["valid_until"]) == (True, until)


def test_categories_that_the_purpose_does_not_cover_are_refused(desk: Desk) -> None:
    say(desk, "granted")
    assert ask(desk, categories=["user.contact.email"])["allowed"] is True
    assert ask(desk, categories=["user.health_and_medical"])["reason"] == "category_not_covered"


def test_a_check_that_is_wrong_says_which_one_of_many(desk: Desk) -> None:
    good = {"subject": ADA, "purpose": "service"}
    wrong = {"subject": {"kind": "nothing", "value": "x"}, "purpose": "service"}
    answer = desk.app.post("/v1/consent/check/batch", json={"checks": [good, good, wrong]})
    assert (answer.status_code, answer.json()["pointer"].startswith("/checks/2")) == (400, True)
    lines = "\n".join(json.dumps(one["subject"]) for one in (good, wrong))
    answer = desk.app.post("/v1/consent/filter?purpose=service", content=lines)
    assert "line 2" in answer.json()["detail"]
    answer = desk.app.post("/v1/consent/filter?purpose=service", content=b'{"kind"')
    assert "line 1" in answer.json()["detail"]
    assert desk.app.post("/v1/consent/filter", content=lines).json()["pointer"] == "/query/purpose"
    assert desk.app.post("/v1/consent/check/batch", json={"checks": [good] * 10_001}).status_code == 413
    assert desk.app.post("/v1/consent/check/batch", json={"checks": {}}).json()["pointer"] == "/checks"


def test_a_filter_gives_back_the_lines_as_they_came(desk: Desk) -> None:
    desk.send(identify("ada"), identify("eve"))
    ada, eve, nobody = b'{"value": "ada", "kind": "user_id"}', b'{"kind":"user_id","value":"eve"}', b"nobody"
    lines = ada + b"\r\n\n" + eve.replace(b"eve", nobody) + b"\n" + eve
    answer = desk.app.post("/v1/consent/filter?purpose=service", content=lines)
    assert answer.content == ada + b"\n" + eve + b"\n"
    assert desk.app.post("/v1/consent/filter?purpose=service", content=b"").text == ""


def test_a_list_names_the_profiles_that_may_be_contacted_to_callers_with_the_purpose(desk: Desk) -> None:
    desk.send(identify("ada"), identify("eve"))
    answer = desk.app.post("/v1/consent/list", json={"purpose": "service"})
    found = {json.loads(line)["profile_id"] for line in answer.text.splitlines()}
    lookup = desk.app.post("/v1/profiles/lookup", json={"subject": ADA, "purpose": "service"}).json()
    assert lookup["profile_id"] in found
    assert len(found) == 2
    assert desk.app.post("/v1/consent/list", json={}).json()["pointer"] == "/purpose"
    assert desk.app.post("/v1/consent/list", json={"purpose": "nothing"}).status_code == 403
    assert desk.developer().post("/v1/consent/list", json={"purpose": "service"}).status_code == 403
    entries = desk.admin.get("/v1/audit/entries").text
    assert entries.count("consent:people:listed") == 1


# Profiles


def test_a_profile_is_read_part_by_part(desk: Desk) -> None:
    desk.send(
        identify("ada", "browser-1", email="ada@example.com", first_name="Ada", context=consent(**ALL_YES)),
        *(ordered("ada", order_id=f"o-{n}") for n in range(5)), viewed("ada"),
    )  # fmt: skip
    look = {"subject": ADA, "purpose": "service"}
    whole = desk.admin.post("/v1/profiles/lookup", json=look).json()
    parts = {"traits", "computed", "labels", "identifiers", "consents"}
    assert whole.keys() == {"profile_id", "purpose", "as_of", "withheld"} | parts
    part = desk.admin.post("/v1/profiles/lookup", json=look | {"include": ["traits"]}).json()
    assert part.keys() == {"profile_id", "purpose", "as_of", "withheld", "traits"}
    assert desk.admin.post("/v1/profiles/lookup", json=look | {"include": ["secrets"]}).json()["pointer"] == "/include"
    path = f"/v1/profiles/{whole['profile_id']}"
    assert desk.admin.get(path, headers=SERVICE).json()["traits"] == whole["traits"]
    kinds = {row["kind"] for row in desk.admin.get(f"{path}/identifiers", headers=SERVICE).json()["identifiers"]}
    assert kinds == {"user_id", "anonymous_id", "email"}


def test_a_timeline_is_paged_without_a_gap_or_a_repeat(desk: Desk) -> None:
    desk.send(*(ordered("ada", order_id=f"o-{n}") for n in range(7)))
    profile = desk.admin.post("/v1/profiles/lookup", json={"subject": ADA, "purpose": "service"}).json()["profile_id"]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = "limit=3" + (f"&cursor={cursor}" if cursor else "")
        page = desk.admin.get(f"/v1/profiles/{profile}/timeline?{query}", headers=SERVICE).json()
        seen += [event["content"]["properties"]["order_id"] for event in page["events"]]
        cursor = page["cursor"]
    assert sorted(seen) == [f"o-{n}" for n in range(7)]
    assert seen == sorted(seen, reverse=True)


def test_merges_tell_how_a_profile_came_together(desk: Desk) -> None:
    desk.send(identify("ada"), viewed(anonymous="browser-2", context=consent(**ALL_YES)))
    desk.send(identify("ada", "browser-2", context=consent(**ALL_YES)))
    profile = desk.admin.post("/v1/profiles/lookup", json={"subject": ADA, "purpose": "service"}).json()["profile_id"]
    merges = desk.admin.get(f"/v1/profiles/{profile}/merges").json()["merges"]
    assert merges
    assert profile in {merges[-1]["into_profile"], merges[-1]["from_profile"]}
    assert desk.admin.get(f"/v1/profiles/{uuid4()}/merges").status_code == 404


# Data subject requests


@pytest.mark.parametrize(
    ("kind", "details", "reason"),
    [
        ("withdrawal", {"purposes": ["marketing"]}, "withdrawn"),
        ("objection", {"purposes": ["marketing"]}, "objected"),
        ("restriction", {}, "restricted"),
    ],
)
def test_requests_about_consent_change_the_answer(desk: Desk, kind: str, details: dict[str, Any], reason: str) -> None:
    desk.send(identify("ada"))
    say(desk, "granted")
    desk.house.clock.pass_by(seconds=1)
    request = opened(desk, kind, **details)
    assert "run" in moved(desk, request, "verify").json()["allowed"]
    assert moved(desk, request, "run").json()["state"] == "completed"
    assert ask(desk)["reason"] == reason


def test_a_correction_is_what_the_view_shows(desk: Desk) -> None:
    desk.send(identify("ada", first_name="Adda"))
    request = opened(desk, "rectification", traits={"first_name": "Ada"})
    assert moved(desk, request, "verify", "approve", "run").json()["state"] == "completed"
    view = desk.admin.post("/v1/profiles/lookup", json={"subject": ADA, "purpose": "service"}).json()
    assert [(t["value"], t["why"]) for t in view["traits"]] == [("Ada", "corrected_by_subject")]


def test_a_request_is_paused_resumed_refused_and_cancelled(desk: Desk) -> None:
    request = opened(desk, "access")
    assert set(moved(desk, request, "pause").json()["allowed"]) == {"cancel", "refuse", "resume"}
    refused = moved(desk, request, "resume", "refuse").json()
    assert (refused["state"], refused["allowed"]) == ("refused", [])
    assert desk.admin.get(f"/v1/dsr/requests/{request}").json() == refused
    again = moved(desk, request, "verify")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert moved(desk, opened(desk, "erasure"), "cancel").json()["state"] == "cancelled"
    path = f"/v1/dsr/requests/{opened(desk, 'erasure')}"
    assert desk.officer.post(f"{path}/cancel", json={"reason": "sent twice"}).json()["state"] == "cancelled"
    assert desk.officer.get(f"{path}/events").json()["events"][-1]["details"] == {"reason": "sent twice"}
    for by in ("start", "complete", "nonsense"):
        assert moved(desk, request, by).status_code == 404
    events = desk.admin.get(f"/v1/dsr/requests/{request}/events").json()["events"]
    assert [event["action"] for event in events if event["action"] != "notify"] == ["open", "pause", "resume", "refuse"]


def test_a_pause_says_why_and_a_package_s_link_is_mailed_only_to_a_mailbox_that_is_known(desk: Desk) -> None:
    request = opened(desk, "access")
    path = f"/v1/dsr/requests/{request}"
    paused = desk.admin.post(f"{path}/pause", json={"reason": "the copy cannot be read"})
    assert (paused.status_code, paused.json()["state"]) == (200, "paused")
    assert desk.admin.post(f"{path}/pause", json={"reason": "of ada@example.com"}).status_code == 400
    [told] = [e["details"] for e in desk.admin.get(f"{path}/events").json()["events"] if e["action"] == "pause"]
    assert told == {"reason": "the copy cannot be read"}
    assert desk.officer.post(f"{path}/package/letter", json={}).status_code == 409
    moved(desk, request, "resume", "verify", "approve", "run")
    refused = desk.officer.post(f"{path}/package/letter", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


def test_requests_are_listed_newest_first_and_paged(desk: Desk) -> None:
    made = [opened(desk, "access") for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = desk.admin.get("/v1/dsr/requests?limit=2" + (f"&cursor={cursor}" if cursor else "")).json()
        seen += [row["request_id"] for row in page["requests"]]
        cursor = page["cursor"]
    assert seen == made[::-1]


def test_a_package_is_there_only_when_its_request_is_completed(desk: Desk) -> None:
    desk.send(identify("ada", first_name="Ada"), ordered("ada"))
    request = opened(desk, "access")
    package = f"/v1/dsr/requests/{request}/package"
    assert desk.officer.get(package).status_code == 409
    assert moved(desk, request, "verify", "approve", "run").status_code == 200
    answer = desk.officer.get(package)
    assert answer.headers["content-disposition"] == f'attachment; filename="{request}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert b"Ada" in archive.read("traits.json")
    unknown = opened(desk, "access", {"kind": "user_id", "value": "never-heard-of"})
    assert moved(desk, unknown, "verify", "approve", "run").status_code == 200
    with zipfile.ZipFile(io.BytesIO(desk.officer.get(f"/v1/dsr/requests/{unknown}/package").content)) as archive:
        assert b"We hold no profile of you" in archive.read("index.html")


def test_an_erasure_takes_two_people_and_is_certified(desk: Desk) -> None:
    desk.send(identify("ada", first_name="Ada"), ordered("ada"))
    request = opened(desk, "erasure")
    path = f"/v1/dsr/requests/{request}"
    assert desk.admin.post(f"{path}/verify").status_code == 200
    alone = desk.admin.post(f"{path}/approve")
    assert (alone.status_code, alone.json()["code"]) == (403, "forbidden")
    assert moved(desk, request, "run").status_code == 409
    assert moved(desk, request, "approve", "run").json()["certificate"] is True
    keys = desk.nobody.get("/.well-known/jwks.json").json()
    kind, claims = verify.document(desk.admin.get(f"{path}/certificate").text, keys)
    assert (kind, claims["verification"]["passed"]) == ("dsr-certificate+jwt", True)  # type: ignore[index]
    assert desk.send(ordered("ada"))["results"][0]["status"] == "suppressed"
    assert desk.app.post("/v1/consent/records", json={"subject": ADA, "purpose": "marketing", "status": "granted"}
                         ).json()["rule"] == "suppression"  # fmt: skip


# Administration


def test_a_source_is_made_with_its_own_enforcement(desk: Desk) -> None:
    made = desk.admin.post("/v1/sources", json={
        "name": "app", "plan": "ecommerce", "version": "1.0.0", "method": "verified", "unplanned_events": "allow",
    })  # fmt: skip
    assert made.status_code == 201
    listed = {row["name"]: row for row in desk.admin.get("/v1/sources").json()["sources"]}
    assert (listed["app"]["unplanned_events"], listed["app"]["method"]) == ("allow", "verified")
    assert made.json()["write_key"] not in json.dumps(listed)
    body = {"batch": [track("Nothing Planned", "u-1")], "writeKey": made.json()["write_key"]}
    assert desk.nobody.post("/v1/batch", json=body).json()["accepted"] == 1
    twice = desk.admin.post("/v1/sources", json={"name": "app", "plan": "ecommerce", "version": "1.0.0"})
    assert (twice.status_code, twice.json()["code"]) == (409, "conflict")
    unknown = desk.admin.post("/v1/sources", json={"name": "b", "plan": "ecommerce", "version": "9.9.9"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "plan-not-found")


def test_plans_are_published_listed_and_fetched_as_they_were(desk: Desk) -> None:
    text = PLAN.format(name="small", event="Thing Done")
    assert desk.developer().post("/v1/plans", content=text).json() == {"name": "small", "version": "1.0.0", "events": 1}
    assert {"ecommerce", "small"} == {plan["name"] for plan in desk.admin.get("/v1/plans").json()["plans"]}
    fetched = desk.admin.get("/v1/plans/small/1.0.0")
    assert (fetched.text, fetched.headers["content-type"].partition(";")[0]) == (text, "application/yaml")
    assert desk.admin.get("/v1/plans/small/1.0.1").status_code == 404
    as_json = {"plan": "small", "version": "1.0.1", "purposes": ["service"], "events": []}
    assert desk.admin.post("/v1/plans", json=as_json).status_code == 201


def test_violations_are_paged_newest_first_and_counted(desk: Desk) -> None:
    for number in range(5):
        desk.send(track(f"Nothing Planned {number}", "u-1"))
    first = desk.admin.get("/v1/violations?limit=2").json()
    assert [row["count"] for row in first["counts"]] == [5]
    seen, cursor = [row["violation_id"] for row in first["violations"]], first["cursor"]
    while cursor is not None:
        page = desk.admin.get(f"/v1/violations?limit=2&cursor={cursor}").json()
        seen += [row["violation_id"] for row in page["violations"]]
        cursor = page["cursor"]
    assert len(seen) == len(set(seen)) == 5


def test_what_lies_in_quarantine_is_replayed_after_the_plan_is_mended(desk: Desk) -> None:
    made = {}
    for version, event in (("1.0.0", "Old Thing"), ("1.0.1", "New Thing")):
        text = PLAN.format(name="mended", event=event).replace("1.0.0", version)
        assert desk.admin.post("/v1/plans", content=text).status_code == 201
    made = desk.admin.post("/v1/sources", json={"name": "mending", "plan": "mended", "version": "1.0.0"}).json()
    call = track("New Thing", "u-1")
    body = {"batch": [call], "writeKey": made["write_key"]}
    assert desk.nobody.post("/v1/batch", json=body).json()["rejected"] == 1
    dry = desk.admin.post("/v1/quarantine/replay", json={"source": "mending", "dry_run": True}).json()
    assert (dry["looked_at"], dry["rejected"]) == (1, 1)
    with desk.house.registry.deployment.data.owner(writes=True) as transaction:
        transaction.exec_driver_sql(
            "UPDATE source SET plan_version = '1.0.1' WHERE name = 'mending' AND workspace_id = ?",
            (desk.tenant.workspace_id,),
        )
    assert desk.admin.post("/v1/quarantine/replay", json={}).json()["accepted"] == 1
    trace = desk.trace(call["messageId"])
    assert (trace["outcome"], trace["plan"]) == ("accepted", "mended@1.0.1")
    assert desk.admin.post("/v1/quarantine/replay", json={"source": "unheard of"}).status_code == 404


def test_traces_tell_what_became_of_each_kind_of_message(desk: Desk) -> None:
    good, bad = ordered("u-1"), track("Nothing Planned", "u-1")
    desk.send(good, bad)
    assert desk.trace(good["messageId"])["outcome"] == "accepted"
    rejected = desk.trace(bad["messageId"])
    assert (rejected["outcome"], rejected["violations"][0]["code"]) == ("rejected", "unplanned_event")
    moved(desk, opened(desk, "erasure", {"kind": "user_id", "value": "gone"}), "verify", "approve", "run")
    late = ordered("gone")
    desk.send(late)
    assert desk.trace(late["messageId"])["outcome"] == "suppressed"
    assert desk.admin.post("/v1/traces", json={"message_id": "never-came"}).status_code == 404


def test_a_key_is_listed_without_its_secret_and_expires(desk: Desk) -> None:
    from registry.model.clock import rfc3339

    until = rfc3339(desk.house.clock() + 60_000_000)
    made = desk.admin.post("/v1/keys", json={
        "kind": "app", "role": "app", "name": "short", "purposes": ["service", "marketing"], "expires_at": until,
    }).json()  # fmt: skip
    listed = {row["key_id"]: row for row in desk.admin.get("/v1/keys").json()["keys"]}
    row = listed[made["key_id"]]
    assert (row["purposes"], row["expires_at"]) == (["marketing", "service"], until)
    with desk.house.caller(authorization=f"Bearer {made['secret']}") as client:
        question = {"subject": ADA, "purpose": "service"}
        assert client.post("/v1/consent/check", json=question).status_code == 200
        desk.house.clock.pass_by(seconds=62)
        assert client.post("/v1/consent/check", json=question).status_code == 401
    assert desk.admin.delete(f"/v1/keys/{made['key_id']}").status_code == 204
    assert desk.admin.delete(f"/v1/keys/{made['key_id']}").status_code == 404
    wrong = desk.admin.post("/v1/keys", json={"kind": "app", "role": "king", "name": "x"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid-input")


def test_the_log_proves_every_entry_and_that_it_only_grew(desk: Desk) -> None:
    desk.send(ordered("u-1"))
    old = parse_checkpoint(checkpoint_of(desk))
    desk.send(ordered("u-2"))
    new = parse_checkpoint(checkpoint_of(desk))
    assert new.size > old.size
    entries: list[dict[str, Any]] = []
    start: int | None = 0
    while start is not None:
        page = desk.admin.get(f"/v1/audit/entries?start={start}&limit=3").json()
        entries += page["entries"]
        start = page["next"]
    assert [entry["position"] for entry in entries] == list(range(new.size))
    for entry in entries:
        leaf = base64.b64decode(entry["leaf"])
        assert json.loads(leaf) == entry["entry"]
        answer = desk.admin.get(f"/v1/audit/proof?size={new.size}&position={entry['position']}").json()
        path = [bytes.fromhex(step) for step in answer["path"]]
        assert verify_inclusion(leaf_hash(leaf), entry["position"], new.size, path, new.root)
        assert not verify_inclusion(leaf_hash(leaf + b" "), entry["position"], new.size, path, new.root)
    grown = desk.admin.get(f"/v1/audit/proof?size={new.size}&old_size={old.size}").json()
    assert verify_consistency(old.size, new.size, old.root, new.root, [bytes.fromhex(step) for step in grown["path"]])


def checkpoint_of(desk: Desk) -> str:
    """The text of the log's checkpoint, whose signature has been checked."""
    note = desk.admin.get("/v1/audit/checkpoint").text
    opened_note = verify.opened(desk.tenant.workspace, note)
    assert str(opened_note.size) in note.splitlines()
    return note.partition("\n\n")[0] + "\n"


WRONG_PROOFS = (
    "size=1", "size=1&position=0&old_size=0", "size=0&position=0", "size=999999&position=0", "size=1&position=1",
    "size=1&old_size=2", f"size={2**64}&position=0", "size=x",
)  # fmt: skip


@pytest.mark.parametrize("query", WRONG_PROOFS)
def test_a_proof_of_what_is_not_there_is_refused(desk: Desk, query: str) -> None:
    assert desk.admin.get(f"/v1/audit/proof?{query}").status_code == 400


def test_policies_are_named(desk: Desk) -> None:
    told = desk.admin.get("/v1/policies").json()
    assert {"service", "marketing"} <= {purpose["name"] for purpose in told["purposes"]}
    assert "email" in told["identifier_kinds"]


# Operations


def test_operations_need_no_key_and_say_nothing_personal(desk: Desk) -> None:
    desk.send(identify("zq-person", "zq-browser", email="zq@example.com"), track("zq-event", "zq-person"))
    desk.admin.get(f"/v1/profiles/{uuid4()}/zq-path")
    desk.admin.get(f"/v1/profiles/{uuid4()}", headers=SERVICE)
    assert desk.nobody.get("/healthz").json() == {"status": "ok"}
    ready = desk.nobody.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]) == (200, {"data": "ok", "keystore": "ok", "kms": "ok"})
    metrics = desk.nobody.get("/metrics").text
    assert 'registry_events_total{outcome="accepted"}' in metrics
    assert 'route="/v1/profiles/{profile_id}"' in metrics
    assert "zq" not in metrics
    assert desk.tenant.keys.write not in metrics
    assert "Expires: 2026-" in desk.nobody.get("/.well-known/security.txt").text
    for key in desk.nobody.get("/.well-known/jwks.json").json()["keys"]:
        assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")
        assert "d" not in key
