"""An endpoint whose key is gone after a restore: looked for again with growing pauses, and in nobody's way."""

from __future__ import annotations

from registry.consent.records import ConsentStatus
from registry.flows.acts.outbox import Topic
from registry.flows.outgoing import delivery, destinations, forwarding, webhooks
from registry.flows.outgoing.destinations import DestinationKind
from registry.flows.outgoing.endpoints import LOST, UNKNOWN
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered
from tests.flows.test_older_keys import lose
from tests.simulator import ALL_YES, Tenant


def _pass_by(tenant: Tenant, seconds: float) -> None:
    assert isinstance(tenant.registry.clock, SetClock)
    tenant.registry.clock.pass_by(seconds=seconds)


def test_a_webhook_without_its_key_is_held_for_longer_each_time(tenant: Tenant) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    made = webhooks.create(
        deployment, tenant.workspace_id, name="a mailing", url="http://127.0.0.1:9/hook", purpose=None,
        topics=[Topic.CONSENT_CHANGED], actor="operator",
    )  # fmt: skip
    tenant.send(identify("ada"))
    tenant.say("user_id", "ada", "marketing", ConsentStatus.GRANTED)
    lose(tenant, [made.webhook_id])
    for _ in range(2):
        assert delivery.due(deployment, workspace) == [made.webhook_id]
        assert delivery.deliver(deployment, workspace, made.webhook_id) == 0
        assert delivery.due(deployment, workspace) == []
        _pass_by(tenant, 3600)
    [seen] = webhooks.listed(deployment, tenant.workspace_id)
    assert (seen.origin, seen.row.failures) == (UNKNOWN, 2)


def test_a_destination_without_its_key_is_held_for_longer_each_time(tenant: Tenant) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    made = destinations.create(
        deployment, tenant.workspace_id, name="a warehouse", purpose="service", actor="operator",
        kind=DestinationKind.SEGMENT, url="http://127.0.0.1:9/v1/batch", write_key="wk",
    )  # fmt: skip
    tenant.send(identify("ada", context=consent(**ALL_YES)), ordered("ada"))
    lose(tenant, [made.destination_id])
    for _ in range(2):
        assert forwarding.due(deployment, workspace) == [made.destination_id]
        assert forwarding.forward(deployment, workspace, made.destination_id) == 0
        assert forwarding.due(deployment, workspace) == []
        _pass_by(tenant, 3600)
    [seen] = destinations.listed(deployment, tenant.workspace_id)
    assert (seen.origin, seen.row.failure) == (UNKNOWN, LOST)
