"""Violations counted and followed; those of somebody who only ever sent rejected messages are erased too."""

from __future__ import annotations

import pytest

from registry.flows.traffic.violations import DIMENSIONS, follow, summary
from registry.model.errors import InvalidInput
from tests.conftest import SetClock
from tests.factories import ordered, track
from tests.simulator import Tenant

DAY = 86_400 * 10**6


def counted(tenant: Tenant, *by: str, since: int = 0) -> list[dict[str, object]]:
    return summary(tenant.registry.deployment, tenant.workspace, by, since=since, limit=100)


def test_violations_are_counted_by_what_one_asks_for(tenant: Tenant, clock: SetClock) -> None:
    first = clock()
    tenant.send(ordered("u-1", order_id=7), ordered("u-2", order_id=8), track("Nothing", "u-1"))
    clock.now += 2 * DAY
    tenant.send(ordered("u-3", order_id=9))
    rows = counted(tenant, "event", "property", "code")
    assert [(row["event"], row["property"], row["count"]) for row in rows] == [
        ("order_completed", "/properties/order_id", 3), (None, "/event", 1),
    ]  # fmt: skip
    assert rows[0]["first_seen_at"] != rows[0]["last_seen_at"]
    assert [row["count"] for row in counted(tenant, "day")] == [3, 1]
    assert [row["count"] for row in counted(tenant, "day", since=first + DAY)] == [1]
    assert counted(tenant, "source")[0]["source"] == "shop"
    assert set(counted(tenant, *DIMENSIONS)[0]) == {*DIMENSIONS, "count", "first_seen_at", "last_seen_at"}
    for wrong in ((), ("workspace_id",)):
        with pytest.raises(InvalidInput):
            counted(tenant, *wrong)


def test_violations_are_counted_by_the_version_of_the_app_and_nothing_else_is_kept_of_it(tenant: Tenant) -> None:
    for version in ("4.2.0", "4.2.0", "4.3.0-beta.2", "shopper@example.com", 17):
        tenant.send(ordered("u-1", order_id=7, context={"app": {"version": version}}))
    tenant.send(ordered("u-1", order_id=7))
    found = {row["app_version"]: row["count"] for row in counted(tenant, "app_version")}
    assert found == {"4.2.0": 2, "4.3.0-beta.2": 1, "other": 3, None: 1}, "a number breaks the plan, too"


def test_new_violations_are_followed_as_they_come(tenant: Tenant) -> None:
    tenant.send(ordered("u-1", order_id=7))
    waits = iter([True, True, False])

    def wait() -> bool:
        again = next(waits)
        if again:
            tenant.send(ordered("u-1", order_id=8), ordered("u-2", order_id=9))
        return again

    seen = list(follow(tenant.registry.deployment, tenant.workspace, wait=wait))
    assert len(seen) == 4
    assert {row["code"] for row in seen} == {"type_mismatch"}


def test_who_only_sent_rejected_messages_is_erased_with_their_violations(tenant: Tenant) -> None:
    tenant.send(ordered("u-1", order_id=7), ordered("u-2", order_id=8))
    tenant.erase("user_id", "u-1")
    for name in ("violation", "quarantine", "quarantine_subject"):
        sql = f"SELECT count(*) FROM {name} WHERE workspace_id = ?"
        assert int(tenant.registry.rows(sql, tenant.workspace_id)[0][0]) == 1
