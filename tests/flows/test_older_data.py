"""An older copy of the data under today's keystore: what had ended since is not begun again, and in nobody's way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import orjson
import pytest

from registry.dsr.opendsr import Asked, Regulation
from registry.dsr.requests import Kind, Move
from registry.flows.accountability import verify
from registry.flows.acts.outbox import Topic
from registry.flows.dsr import acknowledged, callbacks, holds, intake, kept, lifecycle, opendsr, passing_on
from registry.flows.dsr.package import links
from registry.flows.dsr.replaying import Replayed, replay_erasures
from registry.flows.outgoing import webhooks
from registry.flows.outgoing.endpoints import LOST, UNKNOWN, forget_config
from registry.model.errors import Conflict, LinkedSystemUnavailable, NotFound, Unauthenticated
from registry.model.ids import FragmentId, text_id
from registry.store import requests
from registry.store.rows import execute, execute_many
from registry.store.second_look import remaining
from tests.conftest import SetClock
from tests.factories import alias, consent, identify, ordered
from tests.flows.test_holds_outside import Mailer
from tests.flows.test_interrupted_erasure import Killed
from tests.post import Desk
from tests.receiver import Receiver, receiving
from tests.simulator import ALL_YES, RegistrySimulator, Tenant

ADA = ("email", "ada@example.com")
Copy = dict[str, list[tuple[object, ...]]]


@pytest.fixture
def tenant(registry: RegistrySimulator) -> Tenant:
    made = registry.tenant()
    made.send(identify("ada", "browser", email="ada@example.com", context=consent(**ALL_YES)), ordered("ada"))
    made.send(identify("bob", email="bob@example.com"), ordered("bob"))
    return made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def copied(registry: RegistrySimulator) -> Copy:
    """Every row of the data."""
    listed = (
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if registry.deployment.data.is_sqlite
        else "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    )
    return {str(name): list(map(tuple, registry.rows(f'SELECT * FROM "{name}"'))) for (name,) in registry.rows(listed)}


def put_back(tenant: Tenant, copy: Copy) -> Replayed:
    """Put these rows in the place of what there is, and hold them against the ledger, as a restore does."""
    registry, linked = tenant.registry, tenant.registry.deployment.linked
    with registry.deployment.data.owner(writes=True) as transaction:
        for name, rows in copy.items():
            execute(transaction, f'DELETE FROM "{name}"')
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                execute_many(transaction, f'INSERT INTO "{name}" VALUES ({marks})', rows)
    registry.restart()
    connect(registry, *linked)
    return replay_erasures(registry.deployment)[tenant.workspace_id]


def connect(registry: RegistrySimulator, *systems: Mailer) -> None:
    registry.deployment = replace(registry.deployment, linked=systems)
    registry.workspaces._deployment = registry.deployment


@pytest.mark.parametrize("systems", [(), (Mailer(),)], ids=["alone", "with a system outside"])
@pytest.mark.parametrize("merged", [False, True])
def test_an_erasure_that_was_run_since_is_completed_and_finds_nobody(
    tenant: Tenant, systems: tuple[Mailer, ...], merged: bool
) -> None:
    connect(tenant.registry, *systems)
    if merged:
        tenant.send(alias("old-browser", "ada"))
    answered = tenant.run(tenant.request(Kind.ACCESS, *ADA))
    registry, workspace = tenant.registry, tenant.workspace
    link = links.make(registry.deployment, workspace, answered.request_id, actor="person:officer", fetches=2)
    request = tenant.request(Kind.ERASURE, *ADA)
    copy = copied(registry)
    profile = tenant.profile(*ADA)
    tenant.run(request)
    replayed = put_back(tenant, copy)
    assert (replayed.ended, tenant.profile(*ADA)) == (1, None)
    assert put_back(tenant, copied(registry))[1:] == (0, 0, 0, 0, (), ()), "done again, it changes nothing"
    row, history = lifecycle.get(registry.deployment, workspace, request.request_id)
    assert (row.state, row.sealed, row.profile_id, row.completed_at) == ("completed", None, None, registry.clock())
    assert "older copy" in (history[-1].details or "")
    with pytest.raises(Conflict):
        tenant.run(request)
    assert lifecycle.due(registry.deployment, workspace) == lifecycle.unfinished(registry.deployment, workspace) == []
    with pytest.raises(Unauthenticated):
        links.Fetch(registry.deployment, workspace, link.token).begin()
    with registry.deployment.data.read(tenant.workspace_id) as transaction:
        assert remaining(transaction, tenant.workspace_id, [profile or b""]) == {}
    assert registry.rows("SELECT 1 FROM dsr_request WHERE profile_id = ? OR sealed IS NOT NULL", profile) == []
    assert tenant.traits("user_id", "bob")["email"] == "bob@example.com"
    assert verify.log(registry.deployment, workspace, []) == []


def test_a_request_that_was_refused_since_is_cancelled_and_says_why(tenant: Tenant) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    opened = intake.open_request(
        deployment, workspace, kind=Kind.ERASURE, person=tenant.person(*ADA), actor="person:first"
    )
    copy = copied(tenant.registry)
    lifecycle.move_request(deployment, workspace, opened.request_id, Move.REFUSE, actor="person:first")
    put_back(tenant, copy)
    row, history = lifecycle.get(tenant.registry.deployment, workspace, opened.request_id)
    assert (row.state, row.completed_at, history[-1].action) == ("cancelled", None, "cancel")
    assert tenant.profile(*ADA) is not None


def test_a_request_that_is_still_open_goes_on(tenant: Tenant) -> None:
    request = tenant.request(Kind.ERASURE, *ADA)
    assert put_back(tenant, copied(tenant.registry)).ended == 0
    assert tenant.run(request).state == "completed"


@pytest.mark.parametrize(
    ("kind", "details", "refused"),
    [
        (Kind.OBJECTION, {"purposes": ["analytics"]}, "analytics"),
        (Kind.WITHDRAWAL, {"purposes": ["marketing"]}, "marketing"),
        (Kind.RESTRICTION, {}, "personalisation"),
    ],
)
def test_what_was_refused_by_a_request_since_is_refused_again(
    tenant: Tenant, kind: Kind, details: dict[str, object], refused: str
) -> None:
    registry, workspace = tenant.registry, tenant.workspace
    tenant.send(alias("old-browser", "ada"))
    request, copy = tenant.request(kind, *ADA, **details), copied(registry)
    tenant.run(request)
    assert not tenant.check(*ADA, refused).allowed
    replayed = put_back(tenant, copy)
    for known in (ADA, ("user_id", "ada"), ("anonymous_id", "old-browser")):
        assert not tenant.check(*known, refused).allowed, "no copy turns a no into a yes"
    assert replayed[3:] == (1, 0, (), ())
    row, history = lifecycle.get(registry.deployment, workspace, request.request_id)
    assert (row.state, row.completed_at, row.sealed) == ("completed", registry.clock(), None)
    assert "recorded again" in (history[-1].details or "")
    told = registry.rows("SELECT acted_at FROM consent_record WHERE channel = 'dsr'")
    assert {at for (at,) in told} == {request.received_at}
    again = copied(registry)
    assert put_back(tenant, again)[3:] == (0, 0, (), ())
    assert len(registry.rows("SELECT 1 FROM consent_record WHERE channel = 'dsr'")) == len(told)
    assert verify.log(registry.deployment, workspace, []) == []


def test_what_a_server_ends_while_the_data_is_held_against_the_ledger_is_ended_once(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    request = tenant.request(Kind.OBJECTION, *ADA, purposes=["analytics"])
    with monkeypatch.context() as broken, pytest.raises(Killed):
        broken.setattr(lifecycle, "_completed", lambda *_, **__: (_ for _ in ()).throw(Killed))
        tenant.run(request)
    row, _ = lifecycle.get(deployment, workspace, request.request_id)
    assert (row.state, row.certificate is not None) == ("acting", True)
    tenant.run(request)
    monkeypatch.setattr(requests, "among", lambda *_: [row])  # as the other had read it just before
    replay_erasures(deployment)
    _, history = lifecycle.get(deployment, workspace, request.request_id)
    assert [one.action for one in history].count("complete") == 1


def test_an_objection_that_was_cancelled_since_is_not_recorded(tenant: Tenant) -> None:
    request = tenant.request(Kind.OBJECTION, *ADA, purposes=["analytics"])
    copy = copied(tenant.registry)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    lifecycle.move_request(deployment, workspace, request.request_id, Move.CANCEL, actor="person:first")
    assert put_back(tenant, copy)[3:] == (1, 0, (), ())
    assert tenant.check(*ADA, "analytics").allowed
    row, _ = lifecycle.get(tenant.registry.deployment, tenant.workspace, request.request_id)
    assert row.state == "cancelled"


def test_what_was_answered_since_and_cannot_be_done_again_is_named(tenant: Tenant) -> None:
    registry, workspace = tenant.registry, tenant.workspace
    corrected = tenant.request(Kind.RECTIFICATION, *ADA, traits={"first_name": "Augusta"})
    of_nobody = tenant.request(Kind.OBJECTION, "email", "new@example.com", purposes=["analytics"])
    copy = copied(registry)
    later = tenant.request(Kind.OBJECTION, *ADA, purposes=["analytics"])
    for request in (corrected, of_nobody, later):
        tenant.run(request)
    tenant.erase("user_id", "bob")
    ids = sorted(text_id(request.request_id) for request in (corrected, of_nobody, later))
    replayed = put_back(tenant, copy)
    assert (replayed.ended, replayed.lost) == (2, tuple(ids))
    for request in (corrected, of_nobody):
        row, history = lifecycle.get(registry.deployment, workspace, request.request_id)
        assert row.state == "cancelled"
        assert "anew" in (history[-1].details or "")


def test_somebody_who_objected_and_was_erased_since_stays_erased(tenant: Tenant) -> None:
    request = tenant.request(Kind.OBJECTION, *ADA, purposes=["analytics"])
    copy = copied(tenant.registry)
    tenant.run(request)
    tenant.erase(*ADA)
    replayed = put_back(tenant, copy)
    assert (replayed.ended, replayed.lost, tenant.profile(*ADA)) == (1, (), None)


def test_what_was_set_aside_and_destroyed_since_is_gone_again(tenant: Tenant) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    person = tenant.person(*ADA)
    hold = holds.place(deployment, workspace, person, ground="claim 1", purpose="legal", actor="person:first")
    tenant.erase(*ADA)
    copy = copied(tenant.registry)
    holds.release(deployment, workspace, hold.hold_id, actor="person:first")
    assert len(kept.end_due(deployment, workspace, actor="operator")) == 1
    assert put_back(tenant, copy).ended == 1
    deployment = tenant.registry.deployment
    [case] = kept.listed(deployment, workspace)
    assert case.ended_at is not None
    assert tenant.registry.rows("SELECT 1 FROM retained_item") == []
    with pytest.raises(NotFound):
        kept.read(deployment, workspace, tenant.principal(), case.case_id, "legal")
    holds.release(deployment, workspace, hold.hold_id, actor="person:first")
    assert kept.end_due(deployment, workspace, actor="operator") == []


def test_who_had_been_told_of_an_erasure_is_told_of_later_ones(
    tenant: Tenant, receiver: Receiver, registry: RegistrySimulator
) -> None:
    assert isinstance(registry.clock, SetClock)
    made = webhooks.create(
        registry.deployment, tenant.workspace_id, name="a shop's mailing", url=f"{receiver.url}/hook",
        topics=[Topic.SUBJECT_ERASED], purpose=None, actor="operator",
    )  # fmt: skip
    receiver.status = 503
    tenant.erase(*ADA)
    copy = copied(registry)
    receiver.status = 200
    registry.clock.pass_by(seconds=60)
    assert passing_on.tell(registry.deployment, tenant.workspace, made.webhook_id) == 1
    put_back(tenant, copy)
    registry.clock.pass_by(seconds=60)
    receiver.received.clear()
    request = tenant.erase("user_id", "bob")
    acknowledged.tell(registry.deployment, tenant.workspace, made.webhook_id)
    assert len(receiver.received) == 1
    told = passing_on.account(registry.deployment, tenant.workspace_id, request.request_id)
    assert [one["state"] for one in told] == ["acknowledged"]
    states = registry.rows("SELECT state, failure FROM destination_erasure ORDER BY ordered_at")
    assert [tuple(row) for row in states] == [("unreachable", LOST), ("acknowledged", None)]
    webhooks.remove(registry.deployment, tenant.workspace_id, made.webhook_id, actor="operator")


def test_a_letter_that_was_sent_since_holds_up_no_other(tenant: Tenant) -> None:
    desk = Desk(tenant)
    tenant.registry.deployment = desk.deployment
    desk.confirmed_by_newsletter(identify("ada", email="ada@example.com"), identify("bob", email="bob@example.com"))
    desk.box.down = True
    tenant.erase(*ADA)
    desk.deliver()
    copy = copied(tenant.registry)
    desk.box.down = False
    assert isinstance(tenant.registry.clock, SetClock)
    tenant.registry.clock.pass_by(days=1)
    assert desk.deliver() > 0
    put_back(tenant, copy)
    desk = Desk(tenant)
    tenant.registry.deployment = desk.deployment
    tenant.erase("email", "bob@example.com")
    desk.deliver()
    assert {to for to, _, _ in desk.box.sent} == {"bob@example.com"}


def test_a_controller_whose_address_is_forgotten_is_called_no_more(tenant: Tenant) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    received = opendsr.Received(
        uuid4().bytes, Regulation.GDPR, Asked.ERASURE, [tenant.person(*ADA)], ["http://127.0.0.1:9/"], b"{}"
    )
    row, _ = opendsr.receive(deployment, workspace, received, domain="localhost", actor="app:desk", owner="app:desk")
    forget_config(deployment, tenant.workspace_id, row.holder_id)
    assert callbacks.due(deployment, workspace) == [FragmentId(row.holder_id)]
    assert callbacks.tell(deployment, workspace, row.holder_id) == 0
    assert callbacks.due(deployment, workspace) == []


def test_who_has_data_of_somebody_erased_since_is_told_again_by_the_profile_alone(
    tenant: Tenant, receiver: Receiver
) -> None:
    registry = tenant.registry
    made = webhooks.create(
        registry.deployment, tenant.workspace_id, name="a shop's mailing", url=f"{receiver.url}/hook",
        topics=[Topic.SUBJECT_ERASED], purpose="service", actor="operator",
    )  # fmt: skip
    profile, request, copy = tenant.profile(*ADA), tenant.request(Kind.ERASURE, *ADA), copied(registry)
    receiver.status = 503
    tenant.run(request)
    assert put_back(tenant, copy).told == 1
    receiver.status = 200
    receiver.received.clear()
    assert acknowledged.tell(registry.deployment, tenant.workspace, made.webhook_id) == 1
    [one] = receiver.received
    told = orjson.loads(one.body)["data"]
    assert (told["profile_ids"], told["identifiers"]) == ([text_id(profile or b"")], [])
    assert put_back(tenant, copied(registry)).told == 0
    webhooks.remove(registry.deployment, tenant.workspace_id, made.webhook_id, actor="operator")


def test_a_profile_that_the_copy_has_of_two_people_is_told_of_to_nobody(tenant: Tenant, receiver: Receiver) -> None:
    registry = tenant.registry
    made = webhooks.create(
        registry.deployment, tenant.workspace_id, name="a shop's mailing", url=f"{receiver.url}/hook",
        topics=[Topic.SUBJECT_ERASED], purpose=None, actor="operator",
    )  # fmt: skip
    other = ("anonymous_id", "old-browser")
    tenant.send(alias("old-browser", "ada"))
    copy = copied(registry)
    tenant.keep_apart(other, ("user_id", "ada"))
    tenant.erase(*ADA)
    assert put_back(tenant, copy).told == 0
    assert tenant.profile(*other) is not None
    webhooks.remove(registry.deployment, tenant.workspace_id, made.webhook_id, actor="operator")


def test_an_erasure_that_had_begun_and_not_ended_is_named_and_its_request_says_so(tenant: Tenant) -> None:
    registry, mailer = tenant.registry, Mailer()
    connect(registry, mailer)
    request, copy = tenant.request(Kind.ERASURE, *ADA), copied(registry)
    mailer.is_down = True
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    assert put_back(tenant, copied(registry)).unfinished == (), "the copy knows everything that is to be done"
    for _ in range(2):
        assert put_back(tenant, copy).unfinished == (text_id(request.request_id),)
        copy = copied(registry)
    _, history = lifecycle.get(registry.deployment, tenant.workspace, request.request_id)
    assert [one.action for one in history].count("restore") == 1
    mailer.is_down = False
    assert tenant.run(request).state == "completed"
    assert put_back(tenant, copied(registry)).unfinished == ()
    connect(registry)


def test_a_recipient_that_was_removed_since_holds_up_no_erasure_and_no_restore(
    tenant: Tenant, receiver: Receiver
) -> None:
    registry = tenant.registry
    made = webhooks.create(
        registry.deployment, tenant.workspace_id, name="a shop's mailing", url=f"{receiver.url}/hook",
        topics=[Topic.SUBJECT_ERASED, Topic.CONSENT_CHANGED], purpose=None, actor="operator",
    )  # fmt: skip
    copy = copied(registry)
    webhooks.remove(registry.deployment, tenant.workspace_id, made.webhook_id, actor="operator")
    tenant.erase(*ADA)
    assert put_back(tenant, copy).fragments > 0
    request = tenant.erase("user_id", "bob")
    assert request.state == "completed"
    [told] = passing_on.account(registry.deployment, tenant.workspace_id, request.request_id)
    assert (told["state"], told["failure"]) == ("unreachable", LOST)
    [seen] = webhooks.listed(registry.deployment, tenant.workspace_id)
    assert seen.origin == UNKNOWN
    webhooks.remove(registry.deployment, tenant.workspace_id, made.webhook_id, actor="operator")
