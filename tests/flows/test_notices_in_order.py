"""A notice of an erasure comes after everything that was sent of the person, however long that was on its way."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from registry.flows.acts.outbox import Topic
from registry.flows.outgoing import delivery, webhooks
from tests.factories import identify, ordered
from tests.flows.test_destinations import forward, pass_to, segment
from tests.receiver import Received, Receiver, receiving
from tests.simulator import Tenant

HELD_S = 0.3


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.mark.parametrize("kind", ["webhook", "segment", "subscriber"])
def test_a_notice_waits_for_what_is_on_its_way(
    two_processes: tuple[Tenant, Tenant], receiver: Receiver, kind: str
) -> None:
    tenant, elsewhere = two_processes
    more = segment(receiver) | {"erasure_url": f"{receiver.url}/erase"} if kind == "segment" else {}
    if kind == "subscriber":
        made = webhooks.create(
            tenant.registry.deployment, tenant.workspace_id, name="mailing", url=f"{receiver.url}/hook",
            topics=[Topic.CONSENT_CHANGED], purpose="service", actor="operator",
        )  # fmt: skip
    else:
        pass_to(tenant, receiver, "service", **more)
    tenant.send(identify("ada", email="ada@example.com"), ordered("ada"), ordered("bob"))
    tenant.say("user_id", "ada", "analytics", "granted")
    tenant.say("user_id", "bob", "analytics", "granted")
    answered: list[str] = []

    def answers(got: Received) -> int:
        answered.append("notice" if got.json.get("type") == "subject.erased" else "event")
        return 200

    def send() -> None:
        deployment, workspace = tenant.registry.deployment, tenant.workspace
        if kind == "subscriber":
            delivery.deliver(deployment, workspace, made.webhook_id)
        else:
            forward(tenant)

    receiver.decide, receiver.hold_s = answers, HELD_S
    receiver.until = lambda: tenant.profile("user_id", "ada") is None
    sender, eraser = threading.Thread(target=send), threading.Thread(target=lambda: elsewhere.erase("user_id", "ada"))
    sender.start()
    receiver.wait_for(1)
    receiver.hold_s = 0
    eraser.start()
    sender.join(30)
    eraser.join(30)
    assert answered == ["event", "notice"], "and no other event before the notice"
    send()
    assert "notice" not in answered[2:]
    assert b'"ada"' not in b"".join(got.body for got in receiver.received[2:])
