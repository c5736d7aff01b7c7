"""What two people, servers or recipients do to a request at the same moment: each counts, and none is undone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Barrier, Thread, local
from typing import Any

import orjson
import pytest

from registry.dsr.requests import Kind, Move
from registry.flows.dsr import acknowledged, beside, going_without, holds, kept, lifecycle, moves
from registry.model.errors import Conflict, LinkedSystemUnavailable
from registry.model.ids import RequestId
from registry.model.stored import StoredRequest
from registry.store import requests
from tests.factories import identify
from tests.flows import test_acknowledgements
from tests.flows.test_acknowledgements import certified, known, row_of, subscribe
from tests.flows.test_concurrency import _at_once
from tests.flows.test_holds_outside import Mailer
from tests.flows.test_older_data import connect
from tests.receiver import Receiver
from tests.simulator import RegistrySimulator, Tenant

receiver, shared_receiver = test_acknowledgements.receiver, test_acknowledgements.shared_receiver
ADA = ("email", "ada@example.com")
TIMES = 8


@pytest.fixture
def tenant(registry: RegistrySimulator) -> Tenant:
    return registry.tenant()


def _or_conflict(act: Callable[[], object]) -> Callable[[], object]:
    def tried() -> object:
        try:
            return act()
        except Conflict:
            return None

    return tried


def test_an_answer_is_put_off_once_whoever_does_it_at_the_same_moment(tenant: Tenant) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    for _ in range(TIMES):
        request = tenant.request(Kind.ACCESS, *ADA)

        def put_off(request_id: RequestId = request.request_id) -> StoredRequest:
            given: dict[str, Any] = {"reason": "complex", "channel": "letter", "notified_at": None}
            return moves.extend(deployment, workspace, request_id, actor="person:first", **given)

        done = _at_once(*[_or_conflict(put_off)] * 3)
        _, history = lifecycle.get(deployment, workspace, request.request_id)
        assert (done.count(None), [one.action for one in history].count("extend")) == (2, 1)


def test_decisions_to_go_on_without_two_systems_at_the_same_moment_both_count(tenant: Tenant) -> None:
    systems = [Mailer() for _ in range(2)]
    for number, one in enumerate(systems):
        one.name, one.is_down = f"mailer-{number}", True
    connect(tenant.registry, *systems)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    tenant.send(identify("ada", email="ada@example.com"))
    for _ in range(TIMES):
        request = tenant.request(Kind.OBJECTION, *ADA, purposes=["security"])
        with pytest.raises(LinkedSystemUnavailable):
            tenant.run(request)
        given = deployment, workspace, request.request_id
        _at_once(
            *(
                lambda name=one.name, given=given: going_without.override(*given, name, reason="shut", actor="person:a")
                for one in systems
            )
        )
        assert orjson.loads(row_of(tenant, request).progress)["linked"].keys() == {"mailer-0", "mailer-1"}


@pytest.mark.parametrize("room", [moves, lifecycle], ids=["approved", "tried again"])
def test_what_is_decided_while_a_request_moves_is_not_undone(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, room: Any
) -> None:
    mailer = Mailer()
    mailer.is_down = True
    connect(tenant.registry, mailer)
    tenant.send(identify("ada", email="ada@example.com"), identify("17"))
    other, person = tenant.profile("user_id", "17"), tenant.person(*ADA)
    assert other is not None
    given: dict[str, Any] = {"kind": Kind.OBJECTION, "person": person, "details": {"purposes": ["security"]}}
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    request = lifecycle.open_request(deployment, workspace, actor="person:first", **given)
    here = deployment, workspace, request.request_id

    def move(by: Move) -> None:
        lifecycle.move_request(*here, by, actor="person:second")

    def tried() -> None:
        with pytest.raises(LinkedSystemUnavailable):
            tenant.run(request)

    move(Move.VERIFY)
    if room is lifecycle:
        move(Move.APPROVE)
        tried()
    set_apart = partial(beside.set_apart, *here, other, reason="a namesake", actor="person:a")
    decider, right = Thread(target=_or_conflict(set_apart)), room.taken
    deciding = [decider]

    def read(*args: Any) -> StoredRequest:
        found: StoredRequest = right(*args)
        while deciding:
            deciding.pop().start()
            decider.join(1)  # it is through, or waits for the row
        return found

    monkeypatch.setattr(room, "taken", read)
    move(Move.APPROVE) if room is moves else tried()
    decider.join(30)
    done, history = lifecycle.get(*here)
    is_decided = beside.APART in [one.action for one in history]  # or refused, while it is worked on
    assert is_decided == (beside.APART in orjson.loads(done.progress))


def test_a_callback_changes_nothing_but_when_a_request_is_tried_again(tenant: Tenant) -> None:
    mailer = Mailer()
    mailer.is_down = True
    connect(tenant.registry, mailer)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    request = tenant.request(Kind.ERASURE, *ADA)
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    before = row_of(tenant, request)
    going_without.override(deployment, workspace, request.request_id, "mailer", reason="shut", actor="person:a")
    decided = row_of(tenant, request)
    with deployment.data.write(workspace.workspace_id) as transaction:
        assert requests.hasten(transaction, before, 7)
    assert row_of(tenant, request) == decided._replace(due_at=7)
    done = tenant.run(request)
    with deployment.data.write(workspace.workspace_id) as transaction:
        assert not requests.hasten(transaction, before, 7)
    assert row_of(tenant, request) == done


def test_a_certificate_is_issued_anew_once_and_stays_where_the_last_two_answer_at_the_same_moment(
    tenant: Tenant, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    made = subscribe(tenant, receiver)
    receiver.status = 202
    known(tenant)
    request = tenant.erase("user_id", "ada")
    with monkeypatch.context() as patched:
        patched.setattr(acknowledged, "renew", lambda *_: False)
        test_acknowledgements.acknowledge(tenant, receiver.received[0].json["data"], made.secret)
    right, seen, both = acknowledged._renewed, local(), Barrier(2)

    def together(*given: Any) -> Any:
        found = right(*given)
        if not getattr(seen, "before", False):
            seen.before = True
            both.wait(30)
        return found

    monkeypatch.setattr(acknowledged, "_renewed", together)
    renew = partial(acknowledged.renew, deployment, workspace, request.request_id)
    assert sorted(_at_once(renew, renew)) == [False, True]
    [stated] = certified(tenant, row_of(tenant, request).certificate)["destinations"]
    assert stated["state"] == "acknowledged"


def test_a_certificate_that_is_issued_anew_while_what_a_hold_kept_is_erased_stays(
    tenant: Tenant, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, mailer = subscribe(tenant, receiver), Mailer({("records", "address"): "user.name"})
    connect(tenant.registry, mailer)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    receiver.status = 202
    known(tenant)
    given: dict[str, Any] = {"ground": "claim 1", "purpose": "legal", "categories": ("user.name",), "actor": "person:a"}
    hold = holds.place(deployment, workspace, tenant.person(*ADA), **given)
    request = tenant.erase(*ADA)
    holds.release(deployment, workspace, hold.hold_id, actor="person:a")
    right = mailer.run

    def run(*args: Any) -> Any:
        test_acknowledgements.acknowledge(tenant, receiver.received[0].json["data"], made.secret)
        return right(*args)

    monkeypatch.setattr(mailer, "run", run)
    [ended] = kept.end_due(deployment, workspace, actor="operator")
    assert ended.ended_at is not None
    [stated] = certified(tenant, row_of(tenant, request).certificate)["destinations"]
    assert stated["state"] == "acknowledged"
