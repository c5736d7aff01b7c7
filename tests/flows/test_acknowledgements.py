"""Erasures are told to subscribers, too; what recipients acknowledge stands in the certificate, with its time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from jsonschema import Draft202012Validator

from registry.dsr.requests import Kind
from registry.flows.accountability import forms, proven, verify
from registry.flows.accountability.certifying import digest_of
from registry.flows.acts.outbox import Topic
from registry.flows.dsr import acknowledged, export, lifecycle, passing_on
from registry.flows.outgoing import delivery, webhooks
from registry.keys.webhooks import signed_headers
from registry.model.clock import SECOND
from registry.model.errors import Conflict, InvalidInput, Unauthenticated
from registry.model.ids import text_id
from registry.model.stored import StoredRequest
from tests.conftest import SetClock
from tests.factories import alias, consent, identify, ordered
from tests.receiver import Receiver, receiving
from tests.simulator import ALL_YES, Tenant

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "certificate.schema.json").read_text())


@pytest.fixture(scope="module")
def shared_receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def receiver(shared_receiver: Receiver) -> Receiver:
    shared_receiver.received.clear()
    shared_receiver.status, shared_receiver.headers, shared_receiver.decide = 200, {}, None
    return shared_receiver


def subscribe(tenant: Tenant, receiver: Receiver, purpose: str | None = None) -> webhooks.Minted:
    return webhooks.create(
        tenant.registry.deployment, tenant.workspace_id, name="a shop's mailing", url=f"{receiver.url}/hook",
        topics=[Topic.SUBJECT_ERASED], purpose=purpose, actor="operator",
    )  # fmt: skip


def known(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com", context=consent(**ALL_YES)), ordered("ada"))


def certified(tenant: Tenant, token: str | None) -> dict[str, Any]:
    _, claims = verify.document(token or "", tenant.workspace.jwks())
    Draft202012Validator(SCHEMA).validate(claims)
    return claims


def row_of(tenant: Tenant, request: StoredRequest) -> StoredRequest:
    return lifecycle.get(tenant.registry.deployment, tenant.workspace, request.request_id)[0]


def acknowledge(tenant: Tenant, told: dict[str, Any], secret: str, *, late_s: int = 0) -> None:
    body = json.dumps({name: told[name] for name in ("workspace_id", "erasure_id")}).encode()
    headers = signed_headers(secret, "any-id", tenant.registry.clock() - late_s * SECOND, body)
    acknowledged.take(tenant.registry.deployment, tenant.registry.workspaces, body, headers)


def test_a_subscriber_that_answers_at_once_stands_as_acknowledged_in_the_first_certificate(
    tenant: Tenant, receiver: Receiver
) -> None:
    subscribe(tenant, receiver)
    known(tenant)
    done = tenant.erase("user_id", "ada")
    [stated] = certified(tenant, done.certificate)["destinations"]
    assert (stated["name"], stated["state"]) == ("a shop's mailing", "acknowledged")
    assert stated["ordered"] <= stated["received"] == stated["acknowledged"]
    [got] = receiver.received
    assert got.json["type"] == "subject.erased"
    assert got.headers["webhook-id"] == got.json["data"]["erasure_id"]
    assert got.json["data"]["identifiers"] == []
    assert len(got.json["data"]["profile_ids"]) == 1


@pytest.mark.parametrize(("purpose", "allowed"), [("service", True), ("marketing", False)])
def test_a_subscriber_is_told_identifiers_as_its_purpose_stands(
    tenant: Tenant, receiver: Receiver, purpose: str, *, allowed: bool
) -> None:
    subscribe(tenant, receiver, purpose)
    known(tenant)
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    tenant.erase("user_id", "ada")
    told = {one["kind"] for one in receiver.received[0].json["data"]["identifiers"]}
    assert told == ({"user_id", "email"} if allowed else set())


def test_a_subscriber_that_was_told_identifiers_is_a_recipient_and_is_told_of_the_erasure(
    tenant: Tenant, receiver: Receiver
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    given: dict[str, Any] = {"url": f"{receiver.url}/hook", "topics": [Topic.CONSENT_CHANGED], "actor": "operator"}
    made = webhooks.create(deployment, tenant.workspace_id, name="a mailing house", purpose="service", **given)
    webhooks.create(deployment, tenant.workspace_id, name="a counter", purpose=None, **given)
    known(tenant)
    tenant.send(identify("bob", email="bob@example.com"))
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    for webhook_id in delivery.due(deployment, workspace):
        delivery.deliver(deployment, workspace, webhook_id)
    stream = BytesIO()
    access = tenant.run(tenant.request(Kind.ACCESS, "user_id", "ada"))
    export.write_package(deployment, workspace, access, stream, actor="person:officer")
    told = json.loads(ZipFile(stream).read("recipients.json"))
    assert [one["recipient"] for one in told if one["sent_since"]] == ["a mailing house"]
    receiver.received.clear()
    request = tenant.erase("email", "ada@example.com")
    assert [got.json["type"] for got in receiver.received] == ["subject.erased"]
    [stated] = certified(tenant, request.certificate)["destinations"]
    assert (stated["name"], stated["state"]) == ("a mailing house", "acknowledged")
    receiver.received.clear()
    assert "destinations" not in certified(tenant, tenant.erase("user_id", "bob").certificate)
    assert receiver.received == []
    webhooks.remove(deployment, tenant.workspace_id, made.webhook_id, actor="operator")


def test_who_answers_202_acknowledges_by_a_signed_message_and_the_certificate_is_issued_anew(
    tenant: Tenant, receiver: Receiver, clock: SetClock
) -> None:
    made = subscribe(tenant, receiver)
    known(tenant)
    receiver.status = 202
    request = tenant.erase("user_id", "ada")
    first = request.certificate or ""
    [stated] = certified(tenant, first)["destinations"]
    assert stated["state"] == "received"
    assert "acknowledged" not in stated
    clock.pass_by(seconds=5 * 3600)
    acknowledge(tenant, receiver.received[0].json["data"], made.secret)
    second = row_of(tenant, request).certificate or ""
    claims = certified(tenant, second)
    [stated] = claims["destinations"]
    assert stated["state"] == "acknowledged"
    assert stated["acknowledged"] > stated["received"]
    assert claims["supersedes"] == digest_of(first)
    acknowledge(tenant, receiver.received[0].json["data"], made.secret)
    assert row_of(tenant, request).certificate == second, "said again, nothing more happens"
    for token in (first, second):
        proof = proven.prove(tenant.registry.deployment, tenant.workspace, token)
        proven.check(proof, tenant.workspace.jwks())
    page = forms.write(tenant.registry.deployment, tenant.workspace, second, forms.Form.PAGE)
    assert forms.check(page, tenant.workspace.jwks()).claims == claims
    assert digest_of(first) in page


def test_a_crash_between_what_a_recipient_says_and_the_certificate_leaves_none_that_does_not_say_it(
    tenant: Tenant, receiver: Receiver, clock: SetClock
) -> None:
    made = subscribe(tenant, receiver)
    known(tenant)
    receiver.status = 503
    request = tenant.erase("user_id", "ada")
    receiver.status = 204
    clock.pass_by(seconds=60)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    assert acknowledged.renew_left(deployment, workspace) == 0, "somebody is waited for"
    assert passing_on.tell(deployment, workspace, made.webhook_id) == 1
    # Killed here.
    assert passing_on.due(deployment, workspace) == []
    assert [one["state"] for one in certified(tenant, row_of(tenant, request).certificate)["destinations"]] == [
        "waiting"
    ]
    assert acknowledged.renew_left(deployment, workspace) == 1
    after = row_of(tenant, request).certificate
    assert [one["state"] for one in certified(tenant, after)["destinations"]] == ["acknowledged"]
    assert acknowledged.renew_left(deployment, workspace) == 0
    assert row_of(tenant, request).certificate == after


def test_an_acknowledgement_is_taken_from_nobody_but_who_was_told_just_now(tenant: Tenant, receiver: Receiver) -> None:
    made, other = subscribe(tenant, receiver), subscribe(tenant, receiver)
    known(tenant)
    receiver.status = 202
    request = tenant.erase("user_id", "ada")
    told = receiver.received[0].json["data"]
    for secret, late_s, changed in (
        (other.secret, 0, {}), (made.secret, 301, {}), (made.secret, -301, {}),
        (made.secret, 0, {"erasure_id": told["workspace_id"]}), (made.secret, 0, {"workspace_id": told["erasure_id"]}),
    ):  # fmt: skip
        with pytest.raises(Unauthenticated):
            acknowledge(tenant, told | changed, secret, late_s=late_s)
    for body in (
        b"",
        b"[]",
        b"{}",
        b'{"workspace_id": 1, "erasure_id": 2}',
        b'{"workspace_id": "x", "erasure_id": "y"}',
    ):
        with pytest.raises(InvalidInput):
            acknowledged.take(tenant.registry.deployment, tenant.registry.workspaces, body, {})
    found = passing_on.account(tenant.registry.deployment, tenant.workspace_id, request.request_id)
    assert {one["state"] for one in found} == {"received"}


def test_a_subscriber_that_is_down_is_told_later_and_cannot_be_removed_before(
    tenant: Tenant, receiver: Receiver, clock: SetClock
) -> None:
    made = subscribe(tenant, receiver)
    known(tenant)
    receiver.status = 503
    request = tenant.erase("user_id", "ada")
    assert [one["state"] for one in certified(tenant, request.certificate)["destinations"]] == ["waiting"]
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    with pytest.raises(Conflict):
        webhooks.remove(deployment, tenant.workspace_id, made.webhook_id, actor="operator")
    receiver.status = 204
    clock.pass_by(seconds=60)
    assert passing_on.due(deployment, workspace) == [made.webhook_id]
    assert acknowledged.tell(deployment, workspace, made.webhook_id) == 1
    [stated] = certified(tenant, row_of(tenant, request).certificate)["destinations"]
    assert stated["state"] == "acknowledged"
    assert not acknowledged.renew(deployment, workspace, request.request_id)
    webhooks.remove(deployment, tenant.workspace_id, made.webhook_id, actor="operator")


def test_whoever_is_erased_later_leaves_nobodys_certificate_of_before_behind(
    tenant: Tenant, receiver: Receiver, clock: SetClock
) -> None:
    subscribe(tenant, receiver)
    known(tenant)
    tenant.send(identify("bob"))
    receiver.status = 503
    before = tenant.erase("user_id", "ada")
    receiver.status = 204
    clock.pass_by(seconds=60)
    later = tenant.erase("user_id", "bob")
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    for one in passing_on.due(deployment, workspace):
        acknowledged.tell(deployment, workspace, one)
    for request in (before, later):
        [stated] = certified(tenant, row_of(tenant, request).certificate)["destinations"]
        assert stated["state"] == "acknowledged"


def test_recipients_acknowledge_over_http_without_a_key(tenant: Tenant, receiver: Receiver) -> None:
    made = subscribe(tenant, receiver)
    known(tenant)
    receiver.status = 202
    request = tenant.erase("user_id", "ada")
    told = receiver.received[0].json["data"]
    body = json.dumps({name: told[name] for name in ("workspace_id", "erasure_id")}).encode()
    with tenant.registry.http() as http:
        path = "/v1/webhooks/acknowledgements"
        assert http.post(path, content=body).status_code == 401
        headers = signed_headers(made.secret, "any", tenant.registry.clock(), body)
        assert http.post(path, content=body, headers=headers).json() == {"success": True}
    assert certified(tenant, row_of(tenant, request).certificate)["destinations"][0]["state"] == "acknowledged"


def test_a_subscriber_is_told_the_profile_that_a_visitor_had_before_signing_in(
    tenant: Tenant, receiver: Receiver
) -> None:
    subscribe(tenant, receiver)
    tenant.send(identify("ada"), ordered("ada"))
    tenant.send(ordered(anonymous="browser"), ordered(anonymous="shared"))
    profiles = {tenant.profile(*one) for one in (("user_id", "ada"), ("anonymous_id", "browser"))}
    shared = tenant.profile("anonymous_id", "shared")
    tenant.send(ordered(anonymous="other"), alias("other", "shared-user"), alias("shared", "shared-user"))
    tenant.send(identify("ada", "browser", context=consent(**ALL_YES)), alias("browser", "ada"))
    assert tenant.profile("anonymous_id", "browser") == tenant.profile("user_id", "ada")
    tenant.erase("user_id", "ada")
    told = json.loads(receiver.received[-1].body)["data"]
    assert told["profile_ids"] == sorted(text_id(one or b"") for one in profiles)
    assert text_id(shared or b"") not in told["profile_ids"]
