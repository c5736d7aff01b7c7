"""What is done to a request between the moment at which something else reads it and the one at which it writes it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread, current_thread
from typing import Any

import orjson
import pytest

from registry.dsr.requests import Kind, Move
from registry.flows.dsr import acknowledged, beside, erasure, going_without, holds, kept, lifecycle, moves, reference
from registry.flows.dsr import certified as certified_
from registry.flows.outgoing import destinations
from registry.model.clock import DAY, SECOND
from registry.model.errors import Conflict, LinkedSystemUnavailable, RegistryError
from registry.model.stored import StoredRequest
from registry.store import audit_log, requests, second_look
from registry.store import destinations as rows
from registry.store import erasure as people
from tests.conftest import SetClock
from tests.factories import identify
from tests.flows import test_acknowledgements
from tests.flows.test_acknowledgements import acknowledge, certified, known, row_of, subscribe
from tests.flows.test_holds_outside import Mailer
from tests.flows.test_interrupted_erasure import Killed
from tests.flows.test_older_data import connect
from tests.receiver import Receiver
from tests.simulator import RegistrySimulator, Tenant

receiver, shared_receiver = test_acknowledgements.receiver, test_acknowledgements.shared_receiver
ADA = ("email", "ada@example.com")
NOBODY_BLOCKS_FOR_S = 0.5
"""For how long whoever has read a request lets the other go on: all of it where nothing keeps them apart."""


@pytest.fixture
def tenant(registry: RegistrySimulator) -> Tenant:
    return registry.tenant()


def _meanwhile(
    monkeypatch: pytest.MonkeyPatch, first: Callable[[], Any], other: Callable[[], Any], *, reads: str = "get"
) -> Any:
    """What the first returns, while the other goes on from the moment at which the first has read the request, and how
    the other was refused.
    """
    real, done, reader = getattr(requests, reads), list[Thread](), current_thread()
    refused: list[RegistryError] = []

    def tried() -> None:
        try:
            other()
        except RegistryError as error:
            refused.append(error)

    def read(*given: Any) -> Any:
        found = real(*given)
        if current_thread() is reader and not done:
            done.append(Thread(target=tried))
            done[0].start()
            done[0].join(NOBODY_BLOCKS_FOR_S)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(requests, reads, read)
        result = first()
        done[0].join(60)
    return result, refused


def test_an_approval_undoes_no_decision_about_a_profile(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant.send(identify("ada", email=ADA[1]), identify("bob", email="bob@example.com"))
    given = tenant.registry.deployment, tenant.workspace
    opened = lifecycle.open_request(*given, kind=Kind.ERASURE, person=tenant.person(*ADA), actor="person:first")
    lifecycle.move_request(*given, opened.request_id, Move.VERIFY, actor="person:first")
    profile = tenant.profile("user_id", "bob")
    assert profile is not None
    after, refused = _meanwhile(
        monkeypatch,
        lambda: moves.move_request(*given, opened.request_id, Move.APPROVE, actor="person:second"),
        lambda: beside.set_apart(*given, opened.request_id, profile, reason="another", actor="person:first"),
    )
    now = row_of(tenant, after)
    assert (now.state, refused) == ("approved", [])
    assert list(orjson.loads(now.progress)[beside.APART])


def test_a_try_undoes_no_decision_to_go_on_without_a_system(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    mailer = Mailer()
    mailer.is_down = True
    connect(tenant.registry, mailer)
    tenant.send(identify("ada", email=ADA[1]))
    given = tenant.registry.deployment, tenant.workspace
    request = tenant.request(Kind.OBJECTION, *ADA, purposes=["security"])
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)

    def tried() -> None:
        with pytest.raises(LinkedSystemUnavailable):
            tenant.run(request)

    override = going_without.override
    _, refused = _meanwhile(
        monkeypatch, tried, lambda: override(*given, request.request_id, "mailer", reason="shut", actor="person:a")
    )
    with tenant.registry.deployment.data.read(tenant.workspace_id) as transaction:
        decided = going_without.decided_without(transaction, request)
    said = orjson.loads(row_of(tenant, request).progress).get("linked", {}).keys()
    assert list(said) == decided == ([] if refused else ["mailer"])


def test_a_pause_that_ends_undoes_no_extension(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, registry: RegistrySimulator
) -> None:
    clock = registry.clock
    assert isinstance(clock, SetClock)
    given = tenant.registry.deployment, tenant.workspace
    told: dict[str, Any] = {"reason": "complex", "channel": "letter", "notified_at": None, "actor": "person:first"}

    def paused() -> StoredRequest:
        person = tenant.person(*ADA)
        made = lifecycle.open_request(
            *given, kind=Kind.ACCESS, person=person, actor="person:first", jurisdiction="gdpr"
        )
        moves.move_request(*given, made.request_id, Move.PAUSE, actor="person:first")
        return made

    one, other = paused(), paused()
    clock.now += 3 * DAY
    moves.extend(*given, one.request_id, **told)
    moves.move_request(*given, one.request_id, Move.RESUME, actor="person:first")
    _, refused = _meanwhile(
        monkeypatch,
        lambda: moves.move_request(*given, other.request_id, Move.RESUME, actor="person:first"),
        lambda: moves.extend(*given, other.request_id, **told),
        reads="events",
    )
    assert refused == []
    assert row_of(tenant, other).respond_by == row_of(tenant, one).respond_by


def test_a_pause_ends_also_where_the_clock_was_set_back(tenant: Tenant, registry: RegistrySimulator) -> None:
    clock, given = registry.clock, (tenant.registry.deployment, tenant.workspace)
    assert isinstance(clock, SetClock)
    person = tenant.person(*ADA)
    made = lifecycle.open_request(*given, kind=Kind.ACCESS, person=person, actor="person:first", jurisdiction="gdpr")
    clock.now -= 600 * SECOND
    moves.move_request(*given, made.request_id, Move.PAUSE, actor="person:first")
    clock.now += 600 * SECOND + 3 * DAY
    after = moves.move_request(*given, made.request_id, Move.RESUME, actor="person:first")
    assert after.state == "received"
    assert after.respond_by > made.respond_by


def test_the_end_of_a_hold_leaves_the_certificate_that_was_issued_anew_meanwhile(
    tenant: Tenant, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    made = subscribe(tenant, receiver)
    receiver.status = 202
    known(tenant)
    person, given = tenant.person("user_id", "ada"), {"ground": "a claim", "purpose": "legal", "actor": "person:a"}
    hold = holds.place(deployment, workspace, person, **given)
    request = tenant.erase("user_id", "ada")
    holds.release(deployment, workspace, hold.hold_id, actor="person:a")
    right, told = second_look.remaining, receiver.received[0].json["data"]

    def looked(*given: Any) -> Any:
        acknowledge(tenant, told, made.secret)
        return right(*given)

    with monkeypatch.context() as patched:
        patched.setattr(second_look, "remaining", looked)
        [case] = kept.end_due(deployment, workspace, actor="operator")
    assert case.certificate
    [stated] = certified(tenant, row_of(tenant, request).certificate)["destinations"]
    assert stated["state"] == "acknowledged"


def test_a_recipient_that_answers_between_the_certificate_and_the_end_stands_in_it(
    tenant: Tenant, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = subscribe(tenant, receiver)
    receiver.status = 202
    known(tenant)
    right = reference.forget

    def forgotten(*given: Any, **more: Any) -> None:
        acknowledge(tenant, receiver.received[0].json["data"], made.secret)
        right(*given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(reference, "forget", forgotten)
        request = tenant.erase("user_id", "ada")
    assert request == row_of(tenant, request)
    [stated] = certified(tenant, request.certificate)["destinations"]
    assert stated["state"] == "acknowledged"
    assert not acknowledged.renew(tenant.registry.deployment, tenant.workspace, request.request_id)


def test_an_erasure_that_was_acknowledged_is_not_told_again_by_what_was_read_before(
    tenant: Tenant, receiver: Receiver
) -> None:
    deployment, workspace_id = tenant.registry.deployment, tenant.workspace_id
    made = subscribe(tenant, receiver)
    receiver.status = 202
    known(tenant)
    request = tenant.erase("user_id", "ada")
    with deployment.data.read(workspace_id) as transaction:
        [before] = rows.erasures(transaction, workspace_id, request.request_id)
    acknowledge(tenant, receiver.received[0].json["data"], made.secret)
    with deployment.data.write(workspace_id) as transaction:
        rows.put_erasures(transaction, [before])
        [after] = rows.erasures(transaction, workspace_id, request.request_id)
    assert (before.state, after.state) == ("received", destinations.ErasureState.ACKNOWLEDGED.value)


def test_whoever_works_on_a_request_does_not_bring_back_the_profile_of_who_was_erased_meanwhile(
    tenant: Tenant,
) -> None:
    tenant.send(identify("ada", email=ADA[1]))
    deployment, workspace_id = tenant.registry.deployment, tenant.workspace_id
    request = tenant.request(Kind.ACCESS, *ADA)
    assert request.profile_id is not None
    tenant.erase("user_id", "ada")
    with deployment.data.write(workspace_id) as transaction:
        assert requests.move(transaction, request._replace(due_at=7), was=request.state)
    now = row_of(tenant, request)
    assert (now.due_at, now.profile_id) == (7, None)


@pytest.mark.parametrize("kind", [Kind.ERASURE, Kind.OBJECTION])
def test_a_request_that_two_servers_run_since_one_lost_its_lock_is_certified_once(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    tenant.send(identify("ada", email=ADA[1]))
    details = {"purposes": ["security"]} if kind is Kind.OBJECTION else {}
    request = tenant.request(kind, *ADA, **details)
    given, right, other = (deployment, workspace, request.request_id), certified_.require_accounted, list[str]()

    def accounted(*accounts: Any) -> None:
        right(*accounts)
        if not other:
            other.append("runs")
            with monkeypatch.context() as broken, pytest.raises(Killed):
                broken.setattr(reference, "forget", lambda *_, **__: (_ for _ in ()).throw(Killed))
                lifecycle._run(*given, actor="person:b")

    for room in (certified_, erasure):
        monkeypatch.setattr(room, "require_accounted", accounted)
    with pytest.raises(Conflict, match="at this moment"):
        tenant.run(request)
    first = row_of(tenant, request).certificate
    done = tenant.run(request)
    entries = tenant.registry.rows("SELECT entry FROM audit_entry")
    issued = [entry for (entry,) in entries if b"certificate:issued" in bytes(entry)]
    assert (first is not None, done.state, done.certificate, len(issued)) == (True, "completed", first, 1)


def test_whoever_takes_requests_their_scopes_and_the_audit_log_takes_them_in_this_order(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that took them otherwise would wait for each other, and PostgreSQL would break one of them off."""
    ranks = {
        (requests, "hold"): 0, (requests, "move"): 0, (requests, "unseal"): 0, (people, "forget_profile"): 0,
        (requests, "set_scope"): 1, (people, "erase_rows"): 1, (audit_log, "lock_head"): 2,
    }  # fmt: skip
    taken: dict[int, list[tuple[int, str]]] = {}
    whole: list[object] = []  # of each transaction, so that none has the number of another

    def watched(place: Any, name: str, rank: int) -> None:
        right = getattr(place, name)

        def called(transaction: Any, *given: Any, **more: Any) -> Any:
            begun = transaction.get_transaction()
            whole.append(begun)
            ours = taken.setdefault(id(begun), [])
            if rank not in [one for one, _ in ours]:
                ours.append((rank, name))
            return right(transaction, *given, **more)

        monkeypatch.setattr(place, name, called)

    tenant.send(identify("ada", email=ADA[1]), identify("bob", email="bob@example.com"))
    access = tenant.request(Kind.ACCESS, "email", "bob@example.com")
    erasure = tenant.request(Kind.ERASURE, *ADA)
    for (place, name), rank in ranks.items():
        watched(place, name, rank)
    for request in (access, erasure):
        tenant.run(request)
    assert [ours for ours in taken.values() if ours != sorted(ours, key=lambda one: one[0])] == []
    assert {1, 2} <= {rank for ours in taken.values() for rank, _ in ours}
