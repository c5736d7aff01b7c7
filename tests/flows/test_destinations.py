"""Destinations get what their purpose may have at the moment of sending, at least once, in order; and erasures."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import Mock

import orjson
import pytest
from standardwebhooks import Webhook as Verifier

from registry.dsr.requests import Kind
from registry.flows.accountability import verify
from registry.flows.dsr import passing_on
from registry.flows.outgoing import destinations, endpoints, forwarding
from registry.flows.outgoing.destinations import DestinationKind, Minted
from registry.model.clock import to_datetime
from registry.model.errors import Conflict, InvalidInput, KmsUnavailable, NotFound, UnknownPurpose
from tests.conftest import SetClock
from tests.factories import consent as banner
from tests.factories import identify, ordered, viewed
from tests.receiver import Received, Receiver, receiving
from tests.simulator import ALL_YES, Tenant


@pytest.fixture(scope="module")
def shared_receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def receiver(shared_receiver: Receiver) -> Receiver:
    shared_receiver.received.clear()
    shared_receiver.status, shared_receiver.headers, shared_receiver.decide = 200, {}, None
    return shared_receiver


def pass_to(tenant: Tenant, receiver: Receiver, purpose: str = "marketing", **more: Any) -> Minted:
    given = {"kind": DestinationKind.WEBHOOK, "url": f"{receiver.url}/events"} | more
    return destinations.create(
        tenant.registry.deployment, tenant.workspace_id, name="a system", purpose=purpose, actor="operator", **given
    )


def segment(receiver: Receiver) -> dict[str, Any]:
    return {"kind": DestinationKind.SEGMENT, "url": f"{receiver.url}/v1/batch", "write_key": "wk"}


def forward(tenant: Tenant) -> int:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    return sum(forwarding.forward(deployment, workspace, one) for one in forwarding.due(deployment, workspace))


def tell(tenant: Tenant) -> int:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    return sum(passing_on.tell(deployment, workspace, one) for one in passing_on.due(deployment, workspace))


def seen(tenant: Tenant, made: Minted) -> dict[str, Any]:
    found = destinations.get(tenant.registry.deployment, tenant.workspace_id, made.destination_id)
    return destinations.destination_json(found)


def person(tenant: Tenant, name: str = "ada", **choices: bool) -> None:
    said = identify(name, email=f"{name}@example.com", first_name="Ada", gender="f", loyalty_tier="gold")
    tenant.send(said | {"context": banner(**(ALL_YES | choices))}, ordered(name), viewed(name))


def calls(receiver: Receiver) -> list[dict[str, Any]]:
    return [call for got in receiver.received for call in got.json.get("batch", [got.json.get("data")])]


def test_only_what_the_purpose_may_have_is_passed_on(tenant: Tenant, receiver: Receiver) -> None:
    person(tenant, "before")
    made = pass_to(tenant, receiver)
    person(tenant)
    person(tenant, "eve", Advertising=False)
    assert forward(tenant) == 1
    [got] = receiver.received
    assert got.json["type"] == "event.identify"
    assert got.json["data"]["userId"] == "ada"
    assert got.json["data"]["traits"] == {"email": "ada@example.com", "first_name": "Ada", "loyalty_tier": "gold"}
    signed = Verifier(made.secret).sign(
        got.headers["webhook-id"], to_datetime(tenant.registry.clock()), got.body.decode()
    )
    assert got.headers["webhook-signature"] == signed
    shown = seen(tenant, made)
    assert (shown["delivered"], shown["withheld"], shown["backlog"]) == (1, 5, 0)


def test_consent_counts_at_the_moment_of_sending(tenant: Tenant, receiver: Receiver) -> None:
    made = pass_to(tenant, receiver)
    person(tenant)
    person(tenant, "eve")
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    assert forward(tenant) == 1
    assert [call["userId"] for call in calls(receiver)] == ["eve"]
    tenant.say("user_id", "ada", "marketing", "granted")
    assert forward(tenant) == 0, "what was passed over stays so"
    assert seen(tenant, made)["state"] == "active"


@pytest.mark.parametrize("kind", ["webhook", "segment"])
def test_what_is_said_while_others_are_being_sent_to_counts(tenant: Tenant, receiver: Receiver, kind: str) -> None:
    made = pass_to(tenant, receiver, **(segment(receiver) if kind == "segment" else {}))
    for name in ("ada", "eve", "bob"):
        person(tenant, name)

    def withdraws(got: Received) -> int:
        if len(got.json.get("batch", "x")) > 1:
            return 400  # what is refused as a batch is sent one by one
        tenant.say("user_id", "eve", "marketing", "withdrawn")
        return 200

    receiver.decide = withdraws
    assert forward(tenant) == 2
    alone = [got.json.get("data") or got.json["batch"][0] for got in receiver.received if b"eve@" not in got.body]
    assert [call["userId"] for call in alone[-2:]] == ["ada", "bob"]
    assert sum(b"eve@" in got.body for got in receiver.received) == (kind == "segment")
    shown = seen(tenant, made)
    assert (shown["delivered"], shown["withheld"], shown["backlog"]) == (2, 7, 0)


def before_promising(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen once, after events were judged and before it is noted who gets them."""
    promise, left = forwarding._promise, [happens]

    def promised(*given: Any) -> list[Any]:
        if left:
            left.pop()()
        return promise(*given)

    monkeypatch.setattr(forwarding, "_promise", promised)


@pytest.mark.parametrize("kind", ["webhook", "segment"])
def test_what_is_said_between_judging_and_sending_counts(
    tenant: Tenant, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made = pass_to(tenant, receiver, **(segment(receiver) if kind == "segment" else {}))
    for name in ("ada", "eve", "bob"):
        person(tenant, name)
    before_promising(monkeypatch, lambda: tenant.say("user_id", "eve", "marketing", "withdrawn"))
    assert forward(tenant) == 2
    assert [call["userId"] for call in calls(receiver)] == ["ada", "bob"]
    shown = seen(tenant, made)
    assert (shown["delivered"], shown["withheld"], shown["backlog"]) == (2, 7, 0)


def test_a_consent_that_ends_while_others_are_being_sent_to_counts(
    tenant: Tenant, receiver: Receiver, clock: SetClock
) -> None:
    pass_to(tenant, receiver)
    for name in ("ada", "eve"):
        person(tenant, name)
    clock.pass_by(seconds=1)
    tenant.say("user_id", "eve", "marketing", "granted", expires_at=clock.now + 5_000_000)

    def takes_long(_got: Received) -> int:
        clock.pass_by(seconds=10)
        return 200

    receiver.decide = takes_long
    assert forward(tenant) == 1
    assert [call["userId"] for call in calls(receiver)] == ["ada"]


@pytest.mark.parametrize("kind", ["webhook", "segment"])
def test_nothing_of_who_is_erased_meanwhile_is_sent_or_noted(
    tenant: Tenant, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    pass_to(tenant, receiver, **(segment(receiver) if kind == "segment" else {}))
    for name in ("ada", "eve", "bob"):
        person(tenant, name)
    own = tenant.fragment(tenant.person("user_id", "eve"))
    before_promising(monkeypatch, lambda: tenant.erase("user_id", "eve"))
    assert forward(tenant) == 2
    assert [call["userId"] for call in calls(receiver)] == ["ada", "bob"]
    noted = tenant.registry.rows("SELECT fragment_id FROM destination_recipient WHERE fragment_id = ?", own)
    assert noted == []


def test_nobody_gets_data_of_a_person_whose_erasure_has_begun(
    tenant: Tenant, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    pass_to(tenant, receiver)
    person(tenant)
    request, keyring = tenant.request(Kind.ERASURE, "user_id", "ada"), tenant.registry.deployment.keyring
    with monkeypatch.context() as down:
        down.setattr(keyring, "shred", Mock(side_effect=KmsUnavailable("the key service did not answer")))
        with pytest.raises(KmsUnavailable):
            tenant.run(request)
    assert forward(tenant) == 0, "whom the erasure is passed on to is fixed"
    assert tenant.run(request).state == "completed"
    assert receiver.received == []


def test_what_was_refused_of_who_is_erased_meanwhile_is_not_kept(tenant: Tenant, receiver: Receiver) -> None:
    pass_to(tenant, receiver, **segment(receiver))
    person(tenant)

    def erases(_got: Received) -> int:
        tenant.erase("user_id", "ada")
        return 400

    receiver.decide = erases
    assert forward(tenant) == 0
    assert len(receiver.received) == 1
    sql = "SELECT count(*) FROM destination_failure WHERE workspace_id = ?"
    assert tenant.registry.rows(sql, tenant.workspace_id)[0][0] == 0


@pytest.mark.parametrize("end", ["pause", "remove"])
def test_a_pause_and_a_removal_count_from_the_next_event_on(tenant: Tenant, receiver: Receiver, end: str) -> None:
    made = pass_to(tenant, receiver)
    for name in ("ada", "eve"):
        person(tenant, name)

    def ends(_got: Received) -> int:
        deployment = tenant.registry.deployment
        getattr(destinations, end)(deployment, tenant.workspace_id, made.destination_id, actor="operator")
        return 200

    receiver.decide = ends
    assert forward(tenant) == 1
    assert len(receiver.received) == 1
    if end == "pause":
        destinations.resume(tenant.registry.deployment, tenant.workspace_id, made.destination_id, actor="operator")
        receiver.decide = None
        assert forward(tenant) == 1
        assert [call["userId"] for call in calls(receiver)] == ["ada", "eve"]


def test_a_destination_gets_the_events_and_traits_that_it_wants(tenant: Tenant, receiver: Receiver) -> None:
    pass_to(tenant, receiver, "service", events=["order_completed", "identify"], traits=["first_name"])
    person(tenant)
    assert forward(tenant) == 2
    said, order = calls(receiver)
    assert said["traits"] == {"first_name": "Ada"}
    assert order["event"] == "Order Completed"
    assert order["properties"]["order_id"] == "order-1"


def test_the_segment_protocol_gets_batches_in_order_with_the_senders_ids(tenant: Tenant, receiver: Receiver) -> None:
    pass_to(tenant, receiver, "service", **segment(receiver))
    sent = [ordered("ada", order_id=f"o-{n}") for n in range(130)]
    tenant.send(*sent)
    assert forward(tenant) == 130
    assert [len(got.json["batch"]) for got in receiver.received] == [100, 30]
    assert [call["messageId"] for call in calls(receiver)] == [call["messageId"] for call in sent]
    assert receiver.received[0].headers["authorization"] == "Basic " + base64.b64encode(b"wk:").decode()
    left = tenant.registry.rows("SELECT count(*) FROM event_feed WHERE workspace_id = ?", tenant.workspace_id)
    assert left[0][0] <= 130, "what every destination has passed is not kept for ever"


@pytest.mark.parametrize("kind", ["webhook", "segment"])
def test_who_does_not_answer_gets_everything_later_in_order(
    tenant: Tenant, receiver: Receiver, clock: SetClock, kind: str
) -> None:
    made = pass_to(tenant, receiver, "service", **(segment(receiver) if kind == "segment" else {}))
    tenant.send(*(ordered("ada", order_id=f"o-{n}") for n in range(5)))
    receiver.status = 503
    assert forward(tenant) == 0
    assert forward(tenant) == 0
    assert len(receiver.received) == 1, "not before its time"
    shown = seen(tenant, made)
    assert (shown["state"], shown["failure"], shown["backlog"]) == ("failing", "status 503", 5)
    receiver.received.clear()
    receiver.status = 200
    clock.pass_by(seconds=3)
    assert forward(tenant) == 5
    assert [call["properties"]["order_id"] for call in calls(receiver)] == [f"o-{n}" for n in range(5)]
    assert (seen(tenant, made)["state"], seen(tenant, made)["backlog"]) == ("active", 0)


@pytest.mark.parametrize("kind", ["webhook", "segment"])
def test_one_event_that_is_refused_is_kept_and_the_others_go_on(tenant: Tenant, receiver: Receiver, kind: str) -> None:
    made = pass_to(tenant, receiver, "service", **(segment(receiver) if kind == "segment" else {}))
    tenant.send(*(ordered("ada", order_id=f"o-{n}") for n in range(4)))
    receiver.decide = lambda got: 400 if b"o-2" in got.body else 200
    assert forward(tenant) == 3
    assert (seen(tenant, made)["refused"], seen(tenant, made)["backlog"]) == (1, 0)
    deployment = tenant.registry.deployment
    [refused] = destinations.refused(deployment, tenant.workspace_id, made.destination_id, 10)
    assert refused.failure == "status 400"
    receiver.received.clear()
    receiver.decide = None
    assert destinations.replay(deployment, tenant.workspace_id, made.destination_id, actor="operator") == 1
    assert forward(tenant) == 1
    assert [call["properties"]["order_id"] for call in calls(receiver)] == ["o-2"]
    assert seen(tenant, made)["refused"] == 0


def test_what_was_refused_is_judged_anew_when_it_is_replayed(tenant: Tenant, receiver: Receiver) -> None:
    made = pass_to(tenant, receiver)
    person(tenant)
    receiver.status = 400
    forward(tenant)
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    receiver.status = 200
    receiver.received.clear()
    destinations.replay(tenant.registry.deployment, tenant.workspace_id, made.destination_id, actor="operator")
    assert forward(tenant) == 0
    assert (receiver.received, seen(tenant, made)["refused"]) == ([], 0)


def test_events_wait_during_a_pause(tenant: Tenant, receiver: Receiver) -> None:
    made = pass_to(tenant, receiver, "service")
    deployment, workspace_id = tenant.registry.deployment, tenant.workspace_id
    destinations.pause(deployment, workspace_id, made.destination_id, actor="operator")
    tenant.send(ordered("ada"))
    assert forward(tenant) == 0
    assert (seen(tenant, made)["state"], seen(tenant, made)["backlog"]) == ("paused", 1)
    destinations.resume(deployment, workspace_id, made.destination_id, actor="operator")
    assert forward(tenant) == 1


def test_an_erasure_is_passed_on_to_who_has_data_and_accounted_for(
    tenant: Tenant, receiver: Receiver, clock: SetClock
) -> None:
    made = pass_to(tenant, receiver, "service", erasure_url=f"{receiver.url}/erase")
    mute = pass_to(tenant, receiver, "service", **segment(receiver))
    pass_to(tenant, receiver, "marketing")
    tenant.send(ordered("ada"), identify("ada", "browser", email="ada@example.com"))
    forward(tenant)
    receiver.received.clear()
    receiver.status = 500
    request = tenant.erase("user_id", "ada")
    deployment, workspace_id = tenant.registry.deployment, tenant.workspace_id

    def states() -> dict[str, str]:
        found = passing_on.account(deployment, workspace_id, request.request_id)
        return {one["destination_id"].replace("-", ""): one["state"] for one in found}

    assert states() == {made.destination_id.hex(): "waiting", mute.destination_id.hex(): "unreachable"}
    _, claims = verify.document(request.certificate or "", tenant.workspace.jwks())
    stated: Any = claims["destinations"]
    assert {one["destination"].replace("-", ""): one["state"] for one in stated} == states()
    assert tell(tenant) == 0
    with pytest.raises(Conflict):
        destinations.remove(deployment, workspace_id, made.destination_id, actor="operator")
    receiver.status = 200
    clock.pass_by(seconds=3)
    assert tell(tenant) == 1
    assert states()[made.destination_id.hex()] == "acknowledged"
    first, second = receiver.received
    assert (first.path, first.json["type"]) == ("/erase", "subject.erased")
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    told = {(one["kind"], one["value"]) for one in second.json["data"]["identifiers"]}
    assert told == {("user_id", "ada"), ("anonymous_id", "browser"), ("email", "ada@example.com")}
    sql = "SELECT order_id, sealed FROM destination_erasure WHERE workspace_id = ? AND state = 'acknowledged'"
    [(order_id, sealed)] = tenant.registry.rows(sql, workspace_id)
    assert sealed is None
    assert tenant.registry.key_rows("SELECT 1 FROM key_bundle WHERE fragment_id = ?", bytes(order_id)) == []
    assert tell(tenant) == 0


def test_an_erasure_that_nobody_takes_is_shown_as_failed_and_can_be_replayed(
    tenant: Tenant, receiver: Receiver, clock: SetClock
) -> None:
    made = pass_to(tenant, receiver, "service")
    tenant.send(ordered("ada"))
    forward(tenant)
    receiver.status = 404
    request = tenant.erase("user_id", "ada")
    for _ in range(endpoints.ATTEMPTS - 1):
        clock.pass_by(days=1)
        assert tell(tenant) == 0
    deployment, workspace_id = tenant.registry.deployment, tenant.workspace_id
    [account] = passing_on.account(deployment, workspace_id, request.request_id)
    assert (account["state"], account["failure"], account["attempts"]) == ("failed", "status 404", endpoints.ATTEMPTS)
    receiver.status = 200
    assert destinations.replay(deployment, workspace_id, made.destination_id, actor="operator") == 1
    assert tell(tenant) == 1


def test_an_erased_person_is_passed_on_no_more(tenant: Tenant, receiver: Receiver) -> None:
    made = pass_to(tenant, receiver, "service")
    tenant.send(ordered("ada"))
    tenant.erase("user_id", "ada")
    assert forward(tenant) == 0
    assert seen(tenant, made)["backlog"] == 0
    assert receiver.received == []
    assert passing_on.due(tenant.registry.deployment, tenant.workspace) == [], "it never had anything of theirs"


def test_every_sending_is_in_the_audit_log_with_counts_only(tenant: Tenant, receiver: Receiver) -> None:
    pass_to(tenant, receiver, "service")
    tenant.send(ordered("ada"), ordered("eve"))
    forward(tenant)
    sql = "SELECT entry FROM audit_entry WHERE workspace_id = ?"
    log = [orjson.loads(bytes(row[0])) for row in tenant.registry.rows(sql, tenant.workspace_id)]
    [entry] = [entry for entry in log if entry["action"] == "destination:events:sent"]
    assert (entry["fields"]["events"], entry["fields"]["people"], entry["fields"]["purpose"]) == (2, 2, "service")


def test_without_destinations_nothing_is_fed_and_a_removed_one_leaves_nothing(
    tenant: Tenant, receiver: Receiver
) -> None:
    tenant.send(ordered("ada"))
    made = pass_to(tenant, receiver, "service")
    tenant.send(ordered("ada"))
    forward(tenant)
    destinations.remove(tenant.registry.deployment, tenant.workspace_id, made.destination_id, actor="operator")
    tenant.send(ordered("ada"))
    for table in ("destination", "event_feed", "destination_recipient", "destination_failure"):
        found = tenant.registry.rows(f"SELECT count(*) FROM {table} WHERE workspace_id = ?", tenant.workspace_id)
        assert found[0][0] == 0, table
    with pytest.raises(NotFound):
        seen(tenant, made)


def test_what_cannot_be_a_destination_is_refused(tenant: Tenant, receiver: Receiver) -> None:
    for more in ({"url": "http://elsewhere.example"}, {"write_key": "x"}, {"events": []}, {"events": ["a,b"]},
                 {"erasure_url": "ftp://x"}, segment(receiver) | {"write_key": None}):  # fmt: skip
        with pytest.raises(InvalidInput):
            pass_to(tenant, receiver, **more)
    with pytest.raises(UnknownPurpose):
        pass_to(tenant, receiver, "nonsense")
