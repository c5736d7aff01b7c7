"""What a purpose has had for long enough is not passed on for it any more, though others may still keep it."""

from __future__ import annotations

import pytest

from registry.flows.outgoing import destinations
from tests.conftest import SetClock
from tests.factories import consent, ordered
from tests.flows.test_destinations import forward, pass_to, seen
from tests.receiver import receiving
from tests.simulator import ALL_YES, Tenant

ANALYTICS_DAYS = 395


@pytest.mark.parametrize("how", ["paused", "refused"])
def test_an_event_that_waited_beyond_the_purposes_time_is_withheld(tenant: Tenant, clock: SetClock, how: str) -> None:
    given = tenant.registry.deployment, tenant.workspace_id
    with receiving() as receiver:
        made = pass_to(tenant, receiver, "analytics")
        receiver.status = 400
        if how == "paused":
            destinations.pause(*given, made.destination_id, actor="operator")
        tenant.send(ordered("ada", context=consent(**ALL_YES)))
        assert forward(tenant) == 0
        clock.pass_by(days=ANALYTICS_DAYS + 1)
        receiver.status = 200
        receiver.received.clear()
        tenant.send(ordered("ada", context=consent(**ALL_YES), order_id="later"))
        again = destinations.resume if how == "paused" else destinations.replay
        again(*given, made.destination_id, actor="operator")
        assert forward(tenant) == 1
        assert [got.json["data"]["properties"]["order_id"] for got in receiver.received] == ["later"]
        assert seen(tenant, made)["refused"] == 0
