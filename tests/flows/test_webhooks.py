"""Webhooks: signed as receivers' libraries expect, told at least once, never with what the purpose does not allow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import Mock

import orjson
import pytest
from standardwebhooks import Webhook as Verifier

from registry.dsr.requests import Kind
from registry.flows.acts.outbox import Topic
from registry.flows.dsr import escalation
from registry.flows.outgoing import alerts, delivery, endpoints, webhooks
from registry.model.errors import InvalidInput, KmsUnavailable, NotFound, UnknownPurpose
from registry.store.database import Database
from tests.conftest import SetClock
from tests.factories import consent as banner
from tests.factories import identify, ordered, track
from tests.receiver import Received, Receiver, receiving
from tests.simulator import Tenant

MARK = "zq-planted-value"


@pytest.fixture(scope="module")
def shared_receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def receiver(shared_receiver: Receiver) -> Receiver:
    shared_receiver.received.clear()
    shared_receiver.status, shared_receiver.headers, shared_receiver.decide = 200, {}, None
    return shared_receiver


def subscribe(tenant: Tenant, receiver: Receiver, *topics: Topic, purpose: str | None = None) -> webhooks.Minted:
    return webhooks.create(
        tenant.registry.deployment, tenant.workspace_id, name="a system", url=f"{receiver.url}/hook?token=x",
        topics=topics, purpose=purpose, actor="operator",
    )  # fmt: skip


def deliver(tenant: Tenant) -> int:
    deployment = tenant.registry.deployment
    return sum(
        delivery.deliver(deployment, tenant.workspace, one) for one in delivery.due(deployment, tenant.workspace)
    )


def seen(tenant: Tenant, made: webhooks.Minted) -> dict[str, Any]:
    found = webhooks.get(tenant.registry.deployment, tenant.workspace_id, made.webhook_id)
    return webhooks.webhook_json(found)


def test_a_change_of_consent_is_told_signed_and_with_ids_only(tenant: Tenant, receiver: Receiver) -> None:
    tenant.send(identify(MARK, email=f"{MARK}@example.com"))
    made = subscribe(tenant, receiver, Topic.CONSENT_CHANGED)
    row = tenant.say("user_id", MARK, "marketing", "withdrawn")
    assert deliver(tenant) == 1
    [got] = receiver.received
    verifier = Verifier(made.secret)
    headers = got.headers | {"webhook-timestamp": str(int(time.time()))}
    headers["webhook-signature"] = verifier.sign(got.headers["webhook-id"], _now(), got.body.decode())
    assert verifier.verify(got.body, headers)["type"] == "consent.changed"
    at = tenant.registry.clock()
    assert got.headers["webhook-timestamp"] == str(at // 1_000_000)
    signed = verifier.sign(got.headers["webhook-id"], _at(at), got.body.decode())
    assert got.headers["webhook-signature"] == signed
    data = got.json["data"]
    assert (data["purpose"], data["status"]) == ("marketing", "withdrawn")
    assert data["record_id"].replace("-", "") == row.record_id.hex()
    assert MARK.encode() not in got.body
    assert deliver(tenant) == 0
    assert seen(tenant, made)["delivered"] == 1


def _at(micros: int) -> Any:
    from registry.model.clock import to_datetime

    return to_datetime(micros)


def _now() -> Any:
    return _at(time.time_ns() // 1000)


def test_a_message_that_carries_consent_tells_too_and_only_of_what_changed(tenant: Tenant, receiver: Receiver) -> None:
    subscribe(tenant, receiver, Topic.CONSENT_CHANGED)
    tenant.send(identify("ada") | {"context": banner(Advertising=True)})
    deliver(tenant)
    assert {(got.json["data"]["purpose"], got.json["data"]["status"]) for got in receiver.received} >= {
        ("marketing", "granted"), ("analytics", "denied"),
    }  # fmt: skip
    count = len(receiver.received)
    tenant.send(ordered("ada") | {"context": banner(Advertising=True)})
    assert deliver(tenant) == 0
    assert len(receiver.received) == count


def test_identifiers_are_told_only_for_a_purpose_that_the_person_allows(tenant: Tenant, receiver: Receiver) -> None:
    tenant.send(identify("ada", "browser", email="ada@example.com"))
    subscribe(tenant, receiver, Topic.CONSENT_CHANGED, purpose="service")
    subscribe(tenant, receiver, Topic.CONSENT_CHANGED, purpose="marketing")
    tenant.say("user_id", "ada", "marketing", "granted")
    deliver(tenant)
    told = [{one["kind"] for one in got.json["data"]["identifiers"]} for got in receiver.received]
    assert sorted(map(sorted, told)) == [["anonymous_id", "email", "user_id"], ["anonymous_id", "user_id"]]
    receiver.received.clear()
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    deliver(tenant)
    told = [{one["kind"] for one in got.json["data"]["identifiers"]} for got in receiver.received]
    assert sorted(map(sorted, told)) == [[], ["anonymous_id", "email", "user_id"]]
    sql = "SELECT entry FROM audit_entry WHERE workspace_id = ?"
    log = [orjson.loads(bytes(row[0])) for row in tenant.registry.rows(sql, tenant.workspace_id)]
    assert [entry["action"] for entry in log].count("webhook:identifiers:sent") == 3


def test_no_identifiers_are_told_of_a_person_whose_erasure_has_begun(
    tenant: Tenant, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.send(identify("ada"))
    subscribe(tenant, receiver, Topic.CONSENT_CHANGED, purpose="service")
    tenant.say("user_id", "ada", "marketing", "granted")
    request, keyring = tenant.request(Kind.ERASURE, "user_id", "ada"), tenant.registry.deployment.keyring
    with monkeypatch.context() as down:
        down.setattr(keyring, "shred", Mock(side_effect=KmsUnavailable("the key service did not answer")))
        with pytest.raises(KmsUnavailable):
            tenant.run(request)
    assert deliver(tenant) == 1, "whom the erasure is passed on to is fixed"
    assert [got.json["data"]["identifiers"] for got in receiver.received] == [[]]


def test_what_happened_before_the_clock_was_set_back_is_told_at_once(
    tenant: Tenant, receiver: Receiver, clock: SetClock
) -> None:
    subscribe(tenant, receiver, Topic.CONSENT_CHANGED)
    clock.pass_by(seconds=300)
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    clock.pass_by(seconds=-300)
    assert deliver(tenant) == 1


def test_nothing_is_told_of_what_was_rolled_back(tenant: Tenant, receiver: Receiver) -> None:
    subscribe(tenant, receiver, Topic.CONSENT_CHANGED)
    with pytest.raises(UnknownPurpose):
        tenant.say("user_id", "ada", "nonsense", "granted")
    assert deliver(tenant) == 0


def test_who_is_not_there_is_tried_again_later_and_later_and_then_given_up(
    tenant: Tenant, receiver: Receiver, clock: SetClock
) -> None:
    made = subscribe(tenant, receiver, Topic.CONSENT_CHANGED)
    tenant.say("user_id", "ada", "marketing", "granted")
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    receiver.status = 503
    waits = []
    for attempt in range(1, endpoints.ATTEMPTS * 2 + 1):
        assert deliver(tenant) == 0
        if attempt == 1:
            assert len(receiver.received) == 1, "nobody is there: the second message need not be tried"
            assert seen(tenant, made)["state"] == "failing"
        deliver(tenant)
        assert len(receiver.received) == attempt, "not before its time"
        sql = "SELECT retry_at FROM webhook WHERE webhook_id = ?"
        waits.append(tenant.registry.rows(sql, made.webhook_id)[0][0] - clock.now)
        clock.pass_by(seconds=endpoints.LONGEST_WAIT / 1_000_000)
    assert waits[0] < waits[3] < waits[7]
    assert waits[-1] <= endpoints.LONGEST_WAIT
    shown = seen(tenant, made)
    assert (shown["waiting"], shown["dead"]) == (0, 2)
    deployment = tenant.registry.deployment
    letters = webhooks.dead_letters(deployment, tenant.workspace_id, made.webhook_id, 10)
    assert [(row.attempts, row.failure) for row in letters] == [(endpoints.ATTEMPTS, "status 503")] * 2
    receiver.status = 200
    ids = {got.headers["webhook-id"] for got in receiver.received}
    receiver.received.clear()
    assert webhooks.replay(deployment, tenant.workspace_id, made.webhook_id, actor="operator") == 2
    assert deliver(tenant) == 2
    assert {got.headers["webhook-id"] for got in receiver.received} == ids
    assert seen(tenant, made) | {"dead": 0, "state": "active", "failures": 0} == seen(tenant, made)


def test_one_message_that_is_refused_does_not_hold_up_the_others(
    tenant: Tenant, receiver: Receiver, clock: SetClock
) -> None:
    subscribe(tenant, receiver, Topic.CONSENT_CHANGED)
    tenant.say("user_id", "ada", "marketing", "denied")
    tenant.say("user_id", "ada", "marketing", "granted")
    receiver.decide = lambda got: 422 if got.json["data"]["status"] == "denied" else 204
    assert deliver(tenant) == 1
    receiver.decide = None
    clock.pass_by(seconds=3)
    assert deliver(tenant) == 1


def test_a_receiver_that_asks_for_time_gets_it(tenant: Tenant, receiver: Receiver, clock: SetClock) -> None:
    subscribe(tenant, receiver, Topic.CONSENT_CHANGED)
    tenant.say("user_id", "ada", "marketing", "denied")
    receiver.status, receiver.headers = 429, {"retry-after": "120"}
    deliver(tenant)
    receiver.status = 200
    clock.pass_by(seconds=100)
    assert deliver(tenant) == 0
    clock.pass_by(seconds=21)
    assert deliver(tenant) == 1


def test_a_receiver_that_is_gone_is_not_sent_to_again(tenant: Tenant, receiver: Receiver, clock: SetClock) -> None:
    made = subscribe(tenant, receiver, Topic.CONSENT_CHANGED)
    tenant.say("user_id", "ada", "marketing", "denied")
    receiver.status = 410
    deliver(tenant)
    clock.pass_by(days=1)
    assert deliver(tenant) == 0
    assert (seen(tenant, made)["state"], len(receiver.received)) == ("paused", 1)


def test_what_happens_during_a_pause_waits(tenant: Tenant, receiver: Receiver) -> None:
    made = subscribe(tenant, receiver, Topic.CONSENT_CHANGED)
    deployment, workspace_id = tenant.registry.deployment, tenant.workspace_id
    webhooks.pause(deployment, workspace_id, made.webhook_id, actor="operator")
    tenant.say("user_id", "ada", "marketing", "denied")
    assert deliver(tenant) == 0
    assert (seen(tenant, made)["state"], seen(tenant, made)["waiting"]) == ("paused", 1)
    webhooks.resume(deployment, workspace_id, made.webhook_id, actor="operator")
    assert deliver(tenant) == 1


@pytest.mark.parametrize("end", [webhooks.pause, webhooks.remove])
def test_a_pause_and_a_removal_count_from_the_next_message_on(
    tenant: Tenant, receiver: Receiver, end: Callable[..., None]
) -> None:
    made = subscribe(tenant, receiver, Topic.CONSENT_CHANGED, purpose="service")
    for status in ("denied", "granted", "withdrawn"):
        tenant.say("user_id", "ada", "marketing", status)

    def ends(_got: Received) -> int:
        end(tenant.registry.deployment, tenant.workspace_id, made.webhook_id, actor="operator")
        return 204

    receiver.decide = ends
    assert deliver(tenant) == 1
    assert len(receiver.received) == 1


def test_two_processes_do_not_send_to_one_webhook_together(tenant: Tenant, receiver: Receiver) -> None:
    made = subscribe(tenant, receiver, Topic.CONSENT_CHANGED)
    tenant.say("user_id", "ada", "marketing", "denied")
    other = Database(tenant.registry.deployment.data.url.render_as_string(hide_password=False))
    try:
        with other.sole(f"webhook-{made.webhook_id.hex()}") as alone:
            assert alone
            assert deliver(tenant) == 0
        assert deliver(tenant) == 1
    finally:
        other.close()


def test_a_new_kind_of_violation_is_told_once_and_without_values(tenant: Tenant, receiver: Receiver) -> None:
    tenant.send(track("Order Completed", "ada", products=7, order_id="o"))
    subscribe(tenant, receiver, Topic.VIOLATION_NEW)
    tenant.send(track("Order Completed", "ada", products=8, order_id="o"), track(MARK, "ada"), track(MARK, "eve"))
    deliver(tenant)
    assert [got.json["data"]["code"] for got in receiver.received] == ["unplanned_event"], "the other is not new"
    assert MARK.encode() not in receiver.received[0].body
    tenant.send(track("Something Else", "ada"))
    assert deliver(tenant) == 0


def test_a_source_that_breaks_its_plan_too_often_is_told_of_once_an_hour(registry: Any, receiver: Receiver) -> None:
    tenant = registry.tenant()
    subscribe(tenant, receiver, Topic.VIOLATION_RATE)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    tenant.send(*(track("Nonsense", "ada") for _ in range(10)))
    assert alerts.violation_rates(deployment, workspace, 10) == 0
    tenant.send(track("Nonsense", "ada"))
    assert [alerts.violation_rates(deployment, workspace, 10) for _ in range(2)] == [1, 0]
    deliver(tenant)
    assert receiver.received[0].json["data"]["violations"] == 11
    registry.clock.pass_by(seconds=3600)
    assert alerts.violation_rates(deployment, workspace, 10) == 0, "none in the last minute"


def test_an_identifier_that_runs_away_is_told_of_once(tenant: Tenant, receiver: Receiver) -> None:
    subscribe(tenant, receiver, Topic.IDENTITY_RUNAWAY)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    tenant.send(*(identify(f"u{number}", MARK) for number in range(150)))
    assert alerts.runaways(deployment, workspace) == 0
    tenant.send(*(identify(f"u{number}", MARK) for number in range(150, 210)))
    assert [alerts.runaways(deployment, workspace) for _ in range(2)] == [1, 0]
    deliver(tenant)
    [got] = receiver.received
    assert (got.json["type"], got.json["data"]["neighbours"]) == ("identity.runaway", 210)
    assert got.json["data"]["kind"] == "anonymous_id"
    assert MARK.encode() not in got.body


def test_a_request_that_comes_near_its_deadline_is_told_of_at_each_step(
    tenant: Tenant, receiver: Receiver, clock: SetClock
) -> None:
    subscribe(tenant, receiver, Topic.DSR_DEADLINE)
    tenant.request(Kind.ACCESS, "user_id", MARK)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    for _ in range(45):  # a month, a weekend, and a week too late
        escalation.warn(deployment, workspace)
        deliver(tenant)
        clock.pass_by(days=1)
    told = [(got.json["data"]["days_left"], got.json["data"]["late"]) for got in receiver.received]
    assert told == [(7, False), (2, False), (0, False), (-1, True), (-7, True)]
    assert all(MARK.encode() not in got.body for got in receiver.received)


def test_addresses_and_secrets_lie_sealed_and_go_with_the_webhook(tenant: Tenant, receiver: Receiver) -> None:
    made = subscribe(tenant, receiver, Topic.CONSENT_CHANGED)
    [row] = tenant.registry.rows("SELECT * FROM webhook WHERE webhook_id = ?", made.webhook_id)
    assert not any(b"127.0.0.1" in bytes(v) or b"token" in bytes(v) for v in row if isinstance(v, bytes | memoryview))
    assert seen(tenant, made)["origin"] == receiver.url
    webhooks.remove(tenant.registry.deployment, tenant.workspace_id, made.webhook_id, actor="operator")
    assert tenant.registry.key_rows("SELECT 1 FROM key_bundle WHERE fragment_id = ?", made.webhook_id) == []
    with pytest.raises(NotFound):
        seen(tenant, made)


@pytest.mark.parametrize(
    "url",
    [
        "http://mailing.example/hook", "ftp://mailing.example/", "https://user:secret@mailing.example/",
        "https://", "nonsense", "https://169.254.169.254/latest", "https://mailing.example/#part", "https://[::1",
    ],
)  # fmt: skip
def test_addresses_that_may_not_be_sent_to_are_refused(tenant: Tenant, url: str) -> None:
    with pytest.raises(InvalidInput):
        webhooks.create(
            tenant.registry.deployment, tenant.workspace_id, name="x", url=url, topics=["consent.changed"], actor="x"
        )


def test_an_address_that_nobody_listens_on_is_a_failure_like_another(tenant: Tenant, receiver: Receiver) -> None:
    made = webhooks.create(
        tenant.registry.deployment, tenant.workspace_id, name="x", url="http://127.0.0.1:9/", actor="x",
        topics=[Topic.CONSENT_CHANGED],
    )  # fmt: skip
    webhooks.send_test(tenant.registry.deployment, tenant.workspace_id, made.webhook_id, actor="x")
    assert deliver(tenant) == 0
    assert tenant.registry.rows("SELECT failure FROM outbox WHERE webhook_id = ?", made.webhook_id) == [
        ("ConnectError",)
    ]
