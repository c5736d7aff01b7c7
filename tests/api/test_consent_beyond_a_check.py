"""Explanations, signed tokens and signals over HTTP: each as documented, and always on the side of no."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jwt
import pytest

from registry.client import Decision, read_token, user_id
from registry.consent.purposes import LawfulBasis
from registry.model.ids import text_id
from tests.api.house import Desk

ADA = {"kind": "user_id", "value": "augusta"}
TCF_ALL = "CQbwIkAQbwIkAAKACADEAyFgAP_AAAAAAACYAAAAAAAA.IAAA"
GPP_NO_SALE = "DBABBg~BAQAAABA.QA"


def say(desk: Desk, status: str, purpose: str = "marketing") -> str:
    desk.house.clock.pass_by(seconds=60)
    body = {"subject": ADA, "purpose": purpose, "status": status}
    return str(desk.app.post("/v1/consent/records", json=body).json()["record_id"])


def told(desk: Desk, **more: Any) -> dict[str, Any]:
    answer = desk.app.post("/v1/consent/explain", json={"subject": ADA, "purpose": "marketing", **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def handed(desk: Desk, **signals: Any) -> dict[str, Any]:
    answer = desk.app.post("/v1/consent/signals", json={"subject": ADA, **signals})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def token(desk: Desk, **more: Any) -> str:
    body = {"subject": ADA, "purpose": "marketing", **more}
    return str(desk.app.post("/v1/consent/token", json=body).json()["token"])


def read(desk: Desk, text: str, person: str = "augusta", purpose: str = "marketing", **more: Any) -> Decision:
    keys = desk.nobody.get("/.well-known/jwks.json").json()
    now = desk.house.clock() / 1_000_000
    mine = {"clock": lambda: now, "issuer": text_id(desk.tenant.workspace_id)}
    return read_token(text, keys, user_id(person), purpose, **mine | more)


def test_each_record_s_part_in_a_decision_is_told(desk: Desk) -> None:
    granted, other, withdrawn = say(desk, "granted"), say(desk, "granted", "analytics"), say(desk, "withdrawn")
    answer = told(desk)
    assert answer["decision"]["reason"] == "withdrawn"
    assert {one["record_id"]: one["part"] for one in answer["records"]} == {
        granted: "superseded", other: "other_purpose", withdrawn: "decided",
    }  # fmt: skip


def test_a_decision_is_told_as_of_then_and_as_known_then(desk: Desk) -> None:
    say(desk, "granted")
    [first] = told(desk)["records"]
    desk.house.clock.pass_by(seconds=60)
    late = {"subject": ADA, "purpose": "marketing", "status": "withdrawn", "acted_at": first["acted_at"]}
    recorded = desk.app.post("/v1/consent/records", json=late).json()
    as_now = told(desk, at=first["acted_at"])
    assert (as_now["decision"]["allowed"], as_now["records"][0]["part"]) == (False, "weighs_less")
    as_then = told(desk, at=first["acted_at"], known_at=first["recorded_at"])
    assert as_then["decision"]["allowed"]
    assert {one["record_id"]: one["part"] for one in as_then["records"]}[recorded["record_id"]] == "not_known"
    assert told(desk, known_at="2020-01-01T00:00:00Z")["decision"]["reason"] == "unknown_subject"


def test_a_later_restriction_did_not_hold_before(desk: Desk) -> None:
    say(desk, "granted")
    before = told(desk)["at"]
    desk.house.clock.pass_by(seconds=60)
    request = desk.admin.post("/v1/dsr/requests", json={"kind": "restriction", "subject": ADA}).json()["request_id"]
    for step in ("verify", "approve", "run"):
        assert desk.officer.post(f"/v1/dsr/requests/{request}/{step}").status_code == 200
    assert told(desk)["decision"]["reason"] == "restricted"
    assert told(desk, at=before)["decision"]["reason"] == "granted"
    body = {"subject": ADA, "purpose": "marketing", "at": before}
    assert desk.app.post("/v1/consent/check", json=body).json()["reason"] == "granted"


def test_a_token_is_read_without_the_server_and_names_nobody(desk: Desk) -> None:
    record = say(desk, "granted")
    text = token(desk, categories=["user.contact"])
    decision = read(desk, text, categories=["user.contact"])
    assert (decision.allowed, decision.record_id, decision.source) == (True, record, "token")
    assert "augusta" not in str(jwt.decode(text, options={"verify_signature": False}))
    say(desk, "withdrawn")
    assert read(desk, token(desk)).reason == "withdrawn"


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"person": "eve"}, "other-subject"),
        ({"purpose": "analytics"}, "other-purpose"),
        ({"categories": ["user.contact"]}, "other-purpose"),
        ({"audience": "mailer"}, "other-audience"),
        ({"issuer": "0195e7a0-0000-7000-8000-000000000001"}, "other-issuer"),
        ({"jurisdiction": "DE"}, "other-jurisdiction"),
    ],
)
def test_a_token_says_nothing_of_what_it_was_not_made_for(desk: Desk, asked: dict[str, Any], problem: str) -> None:
    say(desk, "granted")
    decision = read(desk, token(desk), **asked)
    assert (decision.allowed, decision.reason, decision.problem) == (False, "bad_token", problem)


def test_a_token_tells_for_which_jurisdiction_it_was_decided(desk: Desk) -> None:
    say(desk, "granted")
    text = token(desk, jurisdiction="US-CA")
    assert jwt.decode(text, options={"verify_signature": False})["jurisdiction"] == "US-CA"
    assert read(desk, text, jurisdiction="US-CA").allowed
    for other in (None, "US", "DE"):
        assert read(desk, text, jurisdiction=other).problem == "other-jurisdiction"


def test_a_token_ends_soon_is_for_its_audience_and_cannot_be_changed(desk: Desk) -> None:
    say(desk, "granted")
    text = token(desk, lifetime_s=30, audience="mailer")
    assert read(desk, text, audience="mailer").allowed
    assert read(desk, text).problem == "other-audience"
    head, body, signature = text.split(".")
    receipt = desk.app.post("/v1/consent/records", json={"subject": ADA, "purpose": "marketing", "status": "granted"})
    for bad in ("", "x.y.z", f"{head}.{body[:-4]}AAAA.{signature}", f"{head}.{body}.", receipt.json()["receipt"]):
        assert read(desk, bad, audience="mailer").reason == "bad_token"
    assert read_token(text, {}, user_id("augusta"), "marketing", issuer="x").problem == "unknown-key"
    desk.house.clock.pass_by(seconds=30)
    assert read(desk, text, audience="mailer").problem == "ended"


def test_a_token_of_another_workspace_is_no_token_of_this_one(desk: Desk) -> None:
    """The key set is of the whole server: somebody else's yes about the same address verifies, and is not ours."""
    other = desk.house.registry.tenant()
    body = {"subject": ADA, "purpose": "marketing"}
    with desk.house.caller(authorization=f"Bearer {other.keys.app}") as stranger:
        stranger.post("/v1/consent/records", json=body | {"status": "granted"})
        theirs = stranger.post("/v1/consent/token", json=body).json()["token"]
    assert read(desk, theirs, issuer=text_id(other.workspace_id)).allowed
    assert read(desk, theirs).problem == "other-issuer"


def test_a_third_party_reads_a_token_with_a_jwt_library_and_the_key_set_alone(desk: Desk) -> None:
    """As docs/reference/formats.md says, with nothing of ours."""
    say(desk, "granted")
    text = token(desk, audience="mailer", lifetime_s=60)
    header = jwt.get_unverified_header(text)
    assert (header["typ"], header["alg"]) == ("consent-decision+jwt", "EdDSA")
    keys = jwt.PyJWKSet.from_dict(desk.nobody.get("/.well-known/jwks.json").json())
    required = {"require": ["exp", "iat", "iss", "aud", "sub", "jti"], "verify_exp": False, "verify_iat": False}
    claims = jwt.decode(
        text, keys[header["kid"]].key, algorithms=["EdDSA"], audience="mailer",
        issuer=text_id(desk.tenant.workspace_id), options=required,
    )  # fmt: skip
    assert claims["exp"] - claims["iat"] == 60
    assert (claims["allowed"], claims["purpose"], claims["reason"]) == (True, "marketing", "granted")
    salt = base64.urlsafe_b64decode(claims["salt"] + "==")
    commitment = hmac.digest(salt, b"user_id\0augusta", "sha256")
    assert base64.urlsafe_b64encode(commitment).rstrip(b"=").decode() == claims["sub"]


def test_signals_are_recorded_once_and_the_no_counts_where_they_differ(desk: Desk) -> None:
    made = handed(desk, tc_string=TCF_ALL, gpp_string=GPP_NO_SALE)
    assert {one["purpose"]: one["status"] for one in made["records"]} == {
        "analytics": "granted", "personalisation": "granted", "marketing": "denied",
    }  # fmt: skip
    assert all(one["receipt"] for one in made["records"])
    desk.house.clock.pass_by(seconds=1)
    [again] = handed(desk, tc_string=TCF_ALL)["records"]
    assert (again["purpose"], again["status"]) == ("marketing", "granted")
    desk.house.clock.pass_by(seconds=1)
    [browser] = handed(desk, tc_string=TCF_ALL, gpc=True)["records"]
    assert (browser["purpose"], browser["status"]) == ("marketing", "objected")
    assert handed(desk, tc_string=TCF_ALL, gpc=True) == {"records": [], "refusal_stands": []}
    assert handed(desk, tc_string=TCF_ALL) == {"records": [], "refusal_stands": ["marketing"]}


def test_a_signal_s_yes_leaves_a_refusal_that_was_said_elsewhere(desk: Desk) -> None:
    say(desk, "withdrawn")
    made = handed(desk, tc_string=TCF_ALL)
    assert made["refusal_stands"] == ["marketing"]
    assert {one["purpose"] for one in made["records"]} == {"analytics", "personalisation"}


@pytest.mark.parametrize(
    ("signals", "pointer"), [({"tc_string": "COvFyGB"}, "/tc_string"), ({"gpp_string": "DBABBg~B"}, "/gpp_string")]
)
def test_a_broken_string_is_refused_with_its_reason_and_nothing_is_recorded(
    desk: Desk, signals: dict[str, str], pointer: str
) -> None:
    answer = desk.app.post("/v1/consent/signals", json={"subject": ADA, "gpc": True, **signals})
    assert (answer.status_code, answer.json()["pointer"]) == (400, pointer)
    assert "cut off" in answer.json()["detail"]
    assert desk.app.post("/v1/consent/history", json={"subject": ADA}).status_code == 404


def test_google_s_states_go_in_and_out(desk: Desk) -> None:
    ads = {"ad_storage": "granted", "ad_user_data": "granted", "ad_personalization": "granted"}
    handed(desk, google=ads | {"analytics_storage": "denied"})
    states = desk.app.post("/v1/consent/google", json={"subject": ADA}).json()["states"]
    assert states == ads | {
        "analytics_storage": "denied", "functionality_storage": "granted", "personalization_storage": "denied",
        "security_storage": "granted",
    }  # fmt: skip
    unknown = {"subject": {"kind": "user_id", "value": "nobody"}}
    assert set(desk.app.post("/v1/consent/google", json=unknown).json()["states"].values()) == {"denied"}


def test_a_record_sent_twice_under_one_key_is_one(desk: Desk) -> None:
    body = {"subject": ADA, "purpose": "marketing", "status": "granted"}
    twice = [desk.app.post("/v1/consent/records", json=body, headers={"idempotency-key": "k-1"}) for _ in range(2)]
    assert [answer.status_code for answer in twice] == [201, 201]
    assert twice[0].json()["record_id"] == twice[1].json()["record_id"]
    other = body | {"status": "withdrawn"}
    assert desk.app.post("/v1/consent/records", json=other, headers={"idempotency-key": "k-1"}).status_code == 409
    assert len(desk.app.post("/v1/consent/history", json={"subject": ADA}).json()["records"]) == 1


@pytest.mark.parametrize("place", ["de", "DEU", "US-", "", 7, "Germany"])
def test_a_place_that_is_none_is_refused(desk: Desk, place: object) -> None:
    body = {"subject": ADA, "purpose": "marketing", "jurisdiction": place}
    for path in ("check", "explain", "token"):
        answer = desk.app.post(f"/v1/consent/{path}", json=body)
        assert (answer.status_code, answer.json()["pointer"]) == (400, "/jurisdiction"), path
    answer = desk.app.post("/v1/consent/check/batch", json={"checks": [body]})
    assert answer.json()["pointer"] == "/checks/0/jurisdiction"


def test_a_check_may_say_where_the_person_is(desk: Desk) -> None:
    say(desk, "granted")
    body = {"subject": ADA, "purpose": "marketing", "jurisdiction": "US-CA"}
    for _ in range(2):
        assert desk.app.post("/v1/consent/check", json=body).json()["reason"] == "granted"


def test_a_misspelt_member_of_a_check_is_refused_and_not_passed_over(desk: Desk) -> None:
    """What it was to say would be left out of the question."""
    say(desk, "granted")
    for wrong in ("categorys", "jurisdicton", "as_of"):
        body = {"subject": ADA, "purpose": "marketing", wrong: "user.health_and_medical"}
        answer = desk.app.post("/v1/consent/check", json=body)
        assert (answer.status_code, answer.json()["pointer"]) == (400, "/*")


def test_the_history_says_what_was_shown_where_and_in_which_language(desk: Desk) -> None:
    told = {"notice_version": "7", "language": "de", "jurisdiction": "DE", "channel": "web_form"}
    body = {"subject": ADA, "purpose": "marketing", "status": "granted", "evidence": "a ticked box"}
    desk.app.post("/v1/consent/records", json=body | told)
    [record] = desk.app.post("/v1/consent/history", json={"subject": ADA}).json()["records"]
    assert {name: record[name] for name in told} == told
    assert (record["purpose_version"], record["has_evidence"], record["source"]) == (1, True, "app:the app")


def test_who_is_to_be_asked_again_is_told_to_whoever_may_list(desk: Desk) -> None:
    made = {"kind": "app", "role": "app", "name": "mailer", "purposes": ["marketing"]}
    key = desk.admin.post("/v1/keys", json=made).json()["secret"]
    with desk.house.caller(authorization=f"Bearer {key}") as mailer:
        answer = mailer.post("/v1/consent/outdated", json={"purpose": "marketing"})
        assert (answer.status_code, answer.text) == (200, "")
    assert desk.app.post("/v1/consent/outdated", json={"purpose": "marketing"}).status_code == 403


@pytest.fixture
def abroad(desk: Desk) -> Iterator[Desk]:
    """A desk where marketing rests on consent, but in the United States on not having opted out."""
    deployment = desk.house.registry.deployment
    policies, known = deployment.policies, deployment.policies.purposes
    bases = {"default": LawfulBasis.CONSENT, "US": LawfulBasis.OPT_OUT}
    marketing = replace(known.purposes["marketing"], lawful_basis=bases)
    purposes = replace(known, purposes={**known.purposes, "marketing": marketing})
    object.__setattr__(deployment, "policies", replace(policies, purposes=purposes))
    yield desk
    object.__setattr__(deployment, "policies", policies)


def test_the_ground_of_the_place_decides_in_a_check_and_in_a_batch_now_and_in_the_past(abroad: Desk) -> None:
    say(abroad, "granted", "analytics")
    at = told(abroad)["at"]
    asked = [
        {"subject": ADA, "purpose": "marketing"} | place | moment
        for place in ({"jurisdiction": "US-CA"}, {"jurisdiction": "DE"}, {})
        for moment in ({}, {"at": at})
    ]
    batch = abroad.app.post("/v1/consent/check/batch", json={"checks": asked}).json()["decisions"]
    one_by_one = [abroad.app.post("/v1/consent/check", json=body).json() for body in asked]
    assert [one["allowed"] for one in batch] == [True, True, False, False, False, False]
    assert batch == one_by_one
