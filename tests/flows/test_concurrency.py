"""Writers at the same time, on PostgreSQL and on SQLite: no deadlock, no lost merge, nothing twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier, Event
from typing import Any
from uuid import uuid4

import pytest

from registry.dsr.opendsr import Asked, Regulation
from registry.dsr.requests import Kind
from registry.flows.dsr import opendsr
from registry.flows.identity import joining
from registry.flows.ingest import queue
from registry.flows.ingest.admission import Delivery
from registry.flows.ingest.pipeline import Receipt
from registry.flows.ingest.queue import Intake
from registry.flows.keyring import Keyring
from registry.model.errors import Conflict
from registry.store import identities
from registry.store.rows import query
from tests.factories import alias, consent, identify, ordered, track
from tests.simulator import RegistrySimulator, Tenant

WRITERS = 2


def _at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """Run the jobs in threads that start together; their results, or the first error."""
    start = Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        start.wait(10)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result(60) for future in [pool.submit(run, job) for job in jobs]]


def _calls(random: Random, count: int) -> list[dict[str, Any]]:
    """Messages of a few people who share browsers and addresses, with consent and broken ones among them."""
    calls = []
    for _ in range(count):
        user, browser = f"u{random.randrange(6)}", f"b{random.randrange(8)}"
        kind = random.randrange(6)
        context = {"context": consent(Advertising=random.random() < 0.5)} if random.random() < 0.4 else {}
        if kind == 0:
            calls.append(identify(user, browser, email=f"e{random.randrange(4)}@example.com", **context))
        elif kind == 1:
            calls.append(alias(browser, user))
        elif kind == 2:
            calls.append(track("Nonsense", user, browser))
        else:
            calls.append(ordered(user, browser if random.random() < 0.5 else None, **context))
    return calls


def test_overlapping_writers_lose_no_message_and_no_merge(shared: RegistrySimulator) -> None:
    for seed in range(3):
        random = Random(seed)
        calls = _calls(random, 160)
        together, alone = shared.tenant(), shared.tenant()
        shares = [calls[n::WRITERS] for n in range(WRITERS)]

        def write(share: list[dict[str, Any]], tenant: Tenant = together) -> Counter[Any]:
            counts: Counter[Any] = Counter()
            for start in range(0, len(share), 8):
                counts += tenant.send(*share[start : start + 8]).counts
            return counts

        counts = _at_once(*[lambda share=share: write(share) for share in shares])
        alone.send(*calls)
        rejected = sum(call.get("event") == "Nonsense" for call in calls)
        assert sum(counts, Counter()) == {"accepted": len(calls) - rejected, "rejected": rejected}
        assert together.people() == alone.people()
        for table, expected in (("event", len(calls) - rejected), ("quarantine", rejected)):
            rows = shared.rows(f"SELECT message_key FROM {table} WHERE workspace_id = ?", together.workspace_id)
            assert len(rows) == len(set(rows)) == expected


def test_a_look_sees_one_state_whoever_writes_meanwhile(tenant: Tenant) -> None:
    sql = "SELECT count(*) FROM event WHERE workspace_id = ?"
    with tenant.registry.deployment.data.read(tenant.workspace_id) as transaction:
        before = query(transaction, sql, tenant.workspace_id)
        tenant.send(ordered("ada"))
        assert query(transaction, sql, tenant.workspace_id) == before
    assert tenant.registry.rows(sql, tenant.workspace_id) != before


def test_a_delivery_that_another_writer_was_quicker_with_is_taken_up_again(
    shared: RegistrySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, real, failures = shared.tenant(), queue.ingest, [queue.TRIES - 1]

    def ingest(*given: Any) -> list[Receipt]:
        if failures[0]:
            failures[0] -= 1
            raise Conflict("a row with this key exists already")
        return real(*given)

    monkeypatch.setattr(queue, "ingest", ingest)
    intake = Intake(shared.deployment, shared.workspaces, writers=1)

    async def deliver(call: dict[str, Any]) -> Receipt:
        return await intake.submit(tenant.workspace_id, Delivery(tenant.source, [call], shared.clock()))

    assert asyncio.run(deliver(ordered("ada"))).counts == {"accepted": 1}
    failures[0] = queue.TRIES
    with pytest.raises(Conflict):
        asyncio.run(deliver(ordered("bob")))
    intake.close()


def test_the_same_batch_from_two_senders_at_once_is_stored_once(shared: RegistrySimulator) -> None:
    """As when an SDK gives up waiting and sends again while the first request is still being written."""
    tenant = shared.tenant()
    intake = Intake(shared.deployment, shared.workspaces, writers=WRITERS)

    async def deliver(batches: list[list[dict[str, Any]]]) -> list[Any]:
        source, now = tenant.source, shared.clock()
        jobs = [intake.submit(tenant.workspace_id, Delivery(source, batch, now)) for batch in batches]
        return await asyncio.gather(*jobs, return_exceptions=True)

    for attempt in range(10):
        batch = [ordered(f"u{attempt}-{n}", f"b{attempt}") for n in range(20)]
        other = [ordered(f"other-{attempt}"), *batch[5:]]
        answers = asyncio.run(deliver([batch, other, batch]))
        assert [answer for answer in answers if isinstance(answer, Exception)] == []
        counts = sum((answer.counts for answer in answers), Counter())
        assert counts == {"accepted": 21, "duplicate": 35}
    intake.close()
    rows = shared.rows("SELECT message_key FROM event WHERE workspace_id = ?", tenant.workspace_id)
    assert len(rows) == 210


def test_two_first_messages_of_one_person_make_one_fragment(shared: RegistrySimulator) -> None:
    for attempt in range(8):
        tenant = shared.tenant()
        user = f"new-{attempt}"
        _at_once(*[lambda: tenant.send(ordered(user), identify(user, "b1")) for _ in range(WRITERS)])
        assert tenant.people() == {frozenset({("user_id", user), ("anonymous_id", "b1")})}
        assert len(tenant.timeline("user_id", user)) == 2 * WRITERS


@pytest.fixture
def postgres(postgres_registry: RegistrySimulator) -> RegistrySimulator:
    """Only here do two transactions write at the same time."""
    return postgres_registry


def test_a_merge_that_another_writer_takes_back_meanwhile_is_not_made_again(
    postgres: RegistrySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer has read who is who, and waits for the lock; what it then writes must rest on what is there by then."""
    tenant, lone = postgres.tenant(), postgres.tenant()
    calls = [
        [identify("ada", email="ada@example.com"), ordered("bob"), ordered(anonymous="b1")],
        [identify("ada", "b1")],
        [identify("bob", "b1")],
    ]
    for batch in calls:
        lone.send(*batch)
    tenant.send(*calls[0])
    lock = identities.lock

    def while_waiting(transaction: Any, workspace_id: bytes) -> bool:
        monkeypatch.setattr(joining.identities, "lock", lock)
        with ThreadPoolExecutor(1) as pool:  # the other writer overtakes
            pool.submit(lambda: tenant.send(*calls[1])).result(30)
        return lock(transaction, workspace_id)

    monkeypatch.setattr(joining.identities, "lock", while_waiting)
    tenant.send(*calls[2])
    assert tenant.people() == lone.people()


def test_what_was_being_written_while_its_person_was_erased_is_not_left_behind(
    postgres: RegistrySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer has found nobody suppressed, and the erasure runs to its end before the writer commits."""
    tenant = postgres.tenant()
    tenant.send(identify("ada", first_name="Ada"), ordered("ada"))
    reached, erased = Event(), Event()
    for_sealing = Keyring.for_sealing

    def paused(self: Keyring, *arguments: Any, **more: Any) -> Any:
        bundles = for_sealing(self, *arguments, **more)
        monkeypatch.setattr(Keyring, "for_sealing", for_sealing)
        reached.set()
        erased.wait(1)
        return bundles

    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    monkeypatch.setattr(Keyring, "for_sealing", paused)

    def write() -> Any:
        try:
            return tenant.send(ordered("ada", order_id="late"), identify("ada", last_name="L")).counts
        except Exception as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        writer = pool.submit(write)
        assert reached.wait(10)
        eraser = pool.submit(tenant.run, request)
        eraser.add_done_callback(lambda _: erased.set())
        writer.result(30)
        assert eraser.result(30).state == "completed"
    for table in ("event", "trait_assertion", "fragment", "identifier", "consent_record"):
        left = postgres.rows(f'SELECT count(*) FROM "{table}" WHERE workspace_id = ?', tenant.workspace_id)
        assert left == [(0,)], table


def test_a_controllers_request_that_is_sent_twice_at_once_is_one_and_acknowledged_twice(
    registry: RegistrySimulator,
) -> None:
    tenant = registry.tenant()
    given = registry.deployment, tenant.workspace
    for _ in range(5):
        people = [tenant.person("email", "ada@example.com")]
        received = opendsr.Received(uuid4().bytes, Regulation.GDPR, Asked.ERASURE, people, [], b"{}")

        def receive(received: opendsr.Received = received) -> bytes:
            return opendsr.receive(*given, received, domain="localhost", actor="app:desk", owner="app:desk")[
                1
            ].request_id

        assert len(set(_at_once(receive, receive, receive))) == 1
    rows = registry.rows("SELECT state FROM dsr_request WHERE workspace_id = ?", tenant.workspace_id)
    assert [state for (state,) in rows] == ["verified"] * 5
