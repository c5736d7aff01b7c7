"""A notice of an erasure comes after what a process had sent that was killed before it was answered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from registry.connectors.outgoing import Outgoing
from registry.flows.acts.outbox import Topic
from registry.flows.dsr import passing_on
from registry.flows.outgoing import delivery, forwarding, webhooks
from registry.flows.outgoing.endpoints import ANSWERED_WITHIN
from registry.model.clock import SECOND
from registry.store import sending
from tests.factories import identify, ordered
from tests.flows.test_destinations import forward, pass_to, segment
from tests.flows.test_interrupted_erasure import Killed
from tests.receiver import Received, Receiver, receiving
from tests.simulator import Tenant

HELD_S, WITHIN = 0.5, int(0.8 * SECOND)
KINDS = ["webhook", "segment", "subscriber"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture(autouse=True)
def shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    for room in (passing_on, delivery, forwarding):
        monkeypatch.setattr(room, "ANSWERED_WITHIN", WITHIN)


class Sending:
    """A recipient of one kind that is sent data of people by two processes, and what it answered in which order."""

    def __init__(self, tenant: Tenant, receiver: Receiver, kind: str) -> None:
        self.tenant, self.receiver, self.kind, self.answered = tenant, receiver, kind, list[str]()
        receiver.decide = self._answers
        more = segment(receiver) | {"erasure_url": f"{receiver.url}/erase"} if kind == "segment" else {}
        if kind == "subscriber":
            self.id = webhooks.create(
                tenant.registry.deployment, tenant.workspace_id, name="mailing", url=f"{receiver.url}/hook",
                topics=[Topic.CONSENT_CHANGED], purpose="service", actor="operator",
            ).webhook_id  # fmt: skip
        else:
            self.id = pass_to(tenant, receiver, "service", **more).destination_id  # type: ignore[assignment]
        tenant.send(identify("ada", email="ada@example.com"), ordered("ada"))
        tenant.say("user_id", "ada", "analytics", "granted")

    def send(self, tenant: Tenant) -> None:
        if self.kind == "subscriber":
            delivery.deliver(tenant.registry.deployment, tenant.workspace, self.id)
        else:
            forward(tenant)

    def left(self, tenant: Tenant) -> int:
        what: sending.Receiver = "webhook" if self.kind == "subscriber" else "destination"
        deployment = tenant.registry.deployment
        with deployment.data.read(tenant.workspace_id) as transaction:
            return sending.left(transaction, tenant.workspace_id, what, self.id, deployment.clock(), ANSWERED_WITHIN)

    def is_killed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The process is killed once something has left; it is answered after that."""
        post: Callable[..., Any] = Outgoing.post

        def leaves(*given: Any) -> NoReturn:
            threading.Thread(target=post, args=given, daemon=True).start()
            self.receiver.wait_for(1)
            raise Killed

        self.receiver.hold_s = HELD_S
        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(Outgoing, "post", leaves)
            self.send(self.tenant)
        self.receiver.hold_s = 0

    def _answers(self, got: Received) -> int:
        self.answered.append("notice" if got.json.get("type") == "subject.erased" else "event")
        return 200


@pytest.mark.parametrize("kind", KINDS)
def test_it_waits_for_what_may_still_be_taken_and_no_later_one_does(
    two_processes: tuple[Tenant, Tenant], receiver: Receiver, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, elsewhere = two_processes
    made = Sending(tenant, receiver, kind)
    made.is_killed(monkeypatch)
    assert made.left(elsewhere) == ANSWERED_WITHIN
    elsewhere.erase("user_id", "ada")
    assert made.answered == ["event", "notice"]
    assert made.left(elsewhere) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_it_waits_for_that_also_where_another_process_has_sent_it_again_meanwhile(
    two_processes: tuple[Tenant, Tenant], receiver: Receiver, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, elsewhere = two_processes
    made = Sending(tenant, receiver, kind)
    made.is_killed(monkeypatch)
    made.send(elsewhere)
    assert len(receiver.received) > 1, "nobody waits to be sent to"
    assert 0 < made.left(elsewhere) <= WITHIN
    elsewhere.erase("user_id", "ada")
    assert made.answered == ["event"] * (len(receiver.received) - 1) + ["notice"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_answered_is_on_its_way_no_more(
    two_processes: tuple[Tenant, Tenant], receiver: Receiver, kind: str
) -> None:
    tenant, elsewhere = two_processes
    made = Sending(tenant, receiver, kind)
    made.send(tenant)
    assert made.answered
    assert made.left(elsewhere) == 0
    receiver.status, receiver.decide = 503, None
    tenant.say("user_id", "ada", "analytics", "withdrawn")
    tenant.send(ordered("ada"))
    made.send(tenant)
    assert made.left(elsewhere) == 0


def test_a_clock_that_was_ahead_lets_no_notice_wait_for_long(
    two_processes: tuple[Tenant, Tenant], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, _ = two_processes
    made = Sending(tenant, receiver, "webhook")
    made.is_killed(monkeypatch)
    deployment, now = tenant.registry.deployment, tenant.registry.deployment.clock()
    about: tuple[bytes, sending.Receiver, bytes] = (tenant.workspace_id, "destination", made.id)
    with deployment.data.write(tenant.workspace_id) as transaction:
        sending.begin(transaction, *about, now + 10**12, WITHIN)
        sending.end(transaction, *about)
        assert sending.left(transaction, *about, now, WITHIN) == WITHIN
        assert sending.left(transaction, *about, now + 2 * 10**12, WITHIN) == 0
