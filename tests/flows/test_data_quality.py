"""Data quality: what is in the way of one view per person, counted by source without opening a value."""

from __future__ import annotations

from typing import Any

import pytest

from registry.flows.opening import open_assertions
from registry.flows.profiles import quality
from registry.flows.stewards import deciding
from registry.model.clock import DAY
from tests.conftest import SetClock
from tests.factories import identify
from tests.simulator import Tenant


def counts(tenant: Tenant, source: str = "shop") -> dict[str, tuple[int, int]]:
    found = quality.report(tenant.registry.deployment, tenant.workspace)
    [own] = [one for one in found["sources"] if one["source"] == source]
    return {name: (one["found"], one["of"]) for name, one in own["obstacles"].items()}


def test_nothing_is_in_the_way_of_people_who_are_known_once(tenant: Tenant) -> None:
    tenant.send(identify("ada", "b1", email="ada@example.com"), identify("bob", first_name="Bob"))
    found = counts(tenant)
    assert found == {"duplicated": (0, 2), "disconnected": (0, 1), "decayed": (0, 1), "distrusted": (0, 2)}


def test_accounts_that_are_or_may_be_one_person_are_duplicated(tenant: Tenant) -> None:
    tenant.send(identify("ada"), identify("ada-2"), identify("bob"))
    assert counts(tenant)["duplicated"] == (0, 3)
    one, other = (tenant.person("user_id", who) for who in ("ada", "ada-2"))
    deciding.merge(tenant.registry.deployment, tenant.workspace, one, other, actor="person:steward")
    assert counts(tenant)["duplicated"] == (2, 3), "joined, they are still two accounts"
    tenant.keep_apart(("user_id", "ada"), ("user_id", "ada-2"))
    assert counts(tenant)["duplicated"] == (0, 3), "they are two people"
    tenant.send(identify("ada", email="ada@example.com"), identify("bob", email="ada@example.com"))
    assert counts(tenant)["duplicated"] == (2, 3), "a claim that two are one waits for a steward"


def test_browsers_of_nobody_are_disconnected_until_somebody_logs_in(tenant: Tenant) -> None:
    tenant.send(identify(None, "b1"), identify(None, "b2"), identify("ada", "b3"))
    assert counts(tenant)["disconnected"] == (2, 3)
    tenant.send(identify("bob", "b1"))
    assert counts(tenant)["disconnected"] == (1, 3)


def test_old_values_are_decayed_and_overruled_ones_distrusted(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(identify("ada", email="ada@example.com", first_name="Ada"))
    clock.now += 731 * DAY
    try:
        assert counts(tenant)["decayed"] == (1, 1), "a name does not decay"
        tenant.send(identify("ada", email="ada@example.com"))
        assert counts(tenant)["decayed"] == (0, 1)
    finally:
        clock.now -= 731 * DAY
    assert counts(tenant)["distrusted"] == (0, 2)
    with tenant.registry.deployment.data.owner(writes=True) as transaction:
        transaction.exec_driver_sql("UPDATE trait_assertion SET trust = 20 WHERE trait = 'first_name'")
    assert counts(tenant)["distrusted"] == (1, 2)


def test_each_day_is_counted_once_and_the_trend_is_of_the_days(
    tenant: Tenant, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: Any, **__: Any) -> None:
        raise AssertionError("a value was opened")

    tenant.send(identify(None, "b1"), identify("ada", "b2"))
    monkeypatch.setattr("registry.flows.opening.open_assertions", opened)
    monkeypatch.setattr(open_assertions.__module__ + ".open_identifiers", opened)
    deployment, before = tenant.registry.deployment, clock.now
    try:
        assert quality.note_day(deployment, tenant.workspace) == 2
        assert quality.note_day(deployment, tenant.workspace) == 0, "the day is counted already"
        clock.now += 2 * DAY
        tenant.send(identify(None, "b3"), identify(None, "b4"))
        [shop] = quality.report(deployment, tenant.workspace)["sources"]
        seen = shop["obstacles"]["disconnected"]
        assert [(day["found"], day["of"]) for day in seen["trend"]] == [(1, 2), (3, 4)]
        assert seen["change"] == 0.25
        assert (
            quality.report(deployment, tenant.workspace, days=1)["sources"][0]["obstacles"]["disconnected"]["change"]
            is None
        )
        clock.now += (quality.KEPT_DAYS + 1) * DAY
        quality.note_day(deployment, tenant.workspace)
        kept = tenant.registry.rows("SELECT DISTINCT day FROM quality_day WHERE workspace_id = ?", tenant.workspace_id)
        assert kept == [(clock.now // DAY,)]
    finally:
        clock.now = before
