"""Invariant 2: what breaks the plan never reaches a profile, is told without its values, and can be let in later."""

from __future__ import annotations

from typing import Any

import pytest

from registry.documents import parse
from registry.flows import plans
from registry.flows.access import credentials
from registry.flows.traffic import replay
from registry.model.clock import rfc3339
from registry.model.stored import Quarantined
from registry.store import administration, quarantine
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered, track, viewed
from tests.simulator import Tenant, shipped_plan

SECRET = "zq-secret-7c1f"
FIXED = "1.0.1"

BROKEN: list[dict[str, Any]] = [
    track(f"Event {SECRET}", "reader", note=1),
    track("Order Completed", "reader", order_id=SECRET * 40, products=[]),
    track("Order Completed", "reader", order_id="o", products=[{"sku": SECRET}]),
    track("Order Completed", "reader", order_id="o", products=SECRET),
    identify("reader", birthday=SECRET),
    identify("reader", email=f"{SECRET}@@"),
    track("Order Completed", "reader") | {"properties": SECRET},
    {"type": SECRET, "userId": "reader", "messageId": "type-unknown"},
    track("Order Completed") | {"messageId": f"{SECRET} nobody"},
]


def _violations(tenant: Tenant) -> list[Any]:
    with tenant.registry.deployment.data.owner() as transaction:
        return quarantine.violations(transaction, tenant.workspace_id, 500)


def _shut(tenant: Tenant) -> list[Quarantined]:
    with tenant.registry.deployment.data.owner() as transaction:
        return quarantine.page(transaction, tenant.workspace_id, None, b"", 500)


def _fix_plan(tenant: Tenant) -> None:
    """Publish the plan with the weight of orders, and bind the source to it."""
    head, order, rest = shipped_plan().text.partition("name: Order Completed")
    rest = rest.replace(
        "    properties:\n", "    properties:\n      weight: {description: In kilograms., type: number}\n", 1
    )
    text = head.replace("version: 1.0.0", f"version: {FIXED}") + order + rest
    deployment = tenant.registry.deployment
    plan = plans.publish(deployment, tenant.workspace_id, parse(text, file="plan.yaml"), actor="operator")
    with deployment.data.owner(writes=True) as transaction:
        source_id = tenant.source.row.source_id
        administration.bind_source(transaction, tenant.workspace_id, source_id, plan.name, plan.version)
    assert credentials.source_of(deployment, tenant.keys.write).plan.identity == f"ecommerce@{FIXED}"


def _block_unplanned(tenant: Tenant) -> None:
    """Make the source reject properties that the plan does not know."""
    sql = "UPDATE source SET unplanned_properties = 'block' WHERE workspace_id = "
    with tenant.registry.deployment.data.owner(writes=True) as transaction:
        transaction.exec_driver_sql(
            f"{sql} {'?' if transaction.dialect.name == 'sqlite' else '%s'}", (tenant.workspace_id,)
        )


def _replay(tenant: Tenant, **more: Any) -> dict[str, int]:
    return replay.replay(tenant.registry.deployment, tenant.workspace, actor="person:admin", **more)


@pytest.mark.parametrize("call", BROKEN, ids=range(len(BROKEN)))
def test_what_breaks_the_plan_reaches_no_profile_and_is_told_without_its_values(
    tenant: Tenant, call: dict[str, Any]
) -> None:
    receipt = tenant.send(ordered("reader"), call)
    assert (receipt.counts["accepted"], receipt.counts["rejected"]) == (1, 1)
    assert len(tenant.timeline("user_id", "reader")) == 1
    assert tenant.traits("user_id", "reader") == {}
    told = _violations(tenant)
    assert told
    assert all(row.rejected for row in told)
    assert SECRET not in repr(told)
    assert SECRET not in repr([item.violations for item in receipt.items])


def test_what_was_rejected_lies_sealed_in_quarantine_once_however_often_it_is_sent(tenant: Tenant) -> None:
    receipts = [tenant.send(*BROKEN), tenant.send(*BROKEN)]
    assert [receipt.counts["rejected"] for receipt in receipts] == [len(BROKEN), 0]
    assert receipts[1].counts["duplicate"] == len(BROKEN)
    shut = _shut(tenant)
    assert len(shut) == len(BROKEN)
    assert all(SECRET.encode() not in row.sealed and b"reader" not in row.sealed for row in shut)


def test_a_replay_after_a_plan_fix_lets_in_what_now_keeps_the_plan_under_its_own_id_and_times(
    tenant: Tenant, clock: SetClock
) -> None:
    _block_unplanned(tenant)
    received, happened = clock(), clock() - 7_000_000
    heavy = ordered("reader", weight=3.5, timestamp=rfc3339(happened))
    tenant.send(heavy, ordered("reader", colour="red"))
    clock.pass_by(days=2)
    assert _replay(tenant) == {"looked_at": 2, "accepted": 0, "rejected": 2, "duplicate": 0, "suppressed": 0}
    _fix_plan(tenant)
    counts = _replay(tenant)
    assert (counts["looked_at"], counts["accepted"], counts["rejected"]) == (2, 1, 1)
    [event] = tenant.timeline("user_id", "reader")
    assert event["content"]["messageId"] == heavy["messageId"]
    assert event["content"]["properties"]["weight"] == 3.5
    assert (event["observed_at"], event["received_at"]) == (rfc3339(happened), rfc3339(received))
    assert event["plan"] == f"ecommerce@{FIXED}"
    assert len(_shut(tenant)) == 1
    assert _replay(tenant)["accepted"] == 0
    assert len(tenant.timeline("user_id", "reader")) == 1


def test_a_dry_run_says_what_a_replay_would_do_and_changes_nothing(tenant: Tenant) -> None:
    _block_unplanned(tenant)
    tenant.send(ordered("reader", weight=3.5), ordered("reader", colour="red"), ordered("guest"))
    _fix_plan(tenant)  # "guest" points at nobody, whatever the plan says
    tables = ("event", "quarantine", "violation", "fragment", "audit_entry", "trait_assertion", "refused_message")
    before = {table: tenant.registry.rows(f'SELECT * FROM "{table}"') for table in tables}
    foreseen = _replay(tenant, dry_run=True)
    assert {table: tenant.registry.rows(f'SELECT * FROM "{table}"') for table in tables} == before
    done = _replay(tenant)
    assert (foreseen["accepted"], foreseen["rejected"]) == (done["accepted"], done["rejected"]) == (1, 2)


def test_what_a_replay_lets_in_can_no_longer_be_opened_as_quarantine(tenant: Tenant) -> None:
    _block_unplanned(tenant)
    tenant.send(ordered("reader", weight=3.5))
    [shut] = _shut(tenant)
    _fix_plan(tenant)
    _replay(tenant)
    keys = tenant.registry.key_rows("SELECT fragment_id FROM key_bundle")
    assert shut.quarantine_id not in {bytes(row[0]) for row in keys}


def test_a_replay_honours_the_consent_that_stood_in_the_batch_around_the_message(tenant: Tenant) -> None:
    _block_unplanned(tenant)
    heavy = ordered("reader", weight=3.5)
    tenant.send(heavy, context=consent(Analytics=True))
    _fix_plan(tenant)
    _replay(tenant)
    assert tenant.check("user_id", "reader", "analytics").allowed


def test_a_replay_honours_the_opt_out_signal_that_came_with_the_message(tenant: Tenant, clock: SetClock) -> None:
    _block_unplanned(tenant)
    tenant.say("user_id", "reader", "marketing", "granted")
    tenant.send(ordered("reader", weight=3.5, coupon="SPRING"), opted_out=True)
    tenant.send(ordered("reader", coupon="SPRING"), opted_out=True)
    _fix_plan(tenant)
    _replay(tenant)
    assert not tenant.check("user_id", "reader", "marketing").allowed, "the signal is recorded"
    clock.pass_by(seconds=1)
    tenant.say("user_id", "reader", "marketing", "granted")
    kept = [
        event["content"]["properties"]
        for event in tenant.timeline("user_id", "reader", "marketing")
        if event["content"]
    ]
    assert [properties for properties in kept if "coupon" in properties] == []


def test_a_replay_corrects_the_time_by_the_clock_of_the_sender_of_the_batch(tenant: Tenant, clock: SetClock) -> None:
    _block_unplanned(tenant)
    behind = 3_600_000_000
    heavy = ordered("reader", weight=3.5, timestamp=rfc3339(clock() - behind - 5_000_000))
    tenant.send(heavy, sent_at=clock() - behind)
    _fix_plan(tenant)
    _replay(tenant)
    [event] = tenant.timeline("user_id", "reader")
    assert event["observed_at"] == rfc3339(clock() - 5_000_000)


def test_a_replay_lets_in_nothing_of_a_person_who_was_erased_meanwhile(tenant: Tenant) -> None:
    _block_unplanned(tenant)
    tenant.send(viewed("reader"), ordered("reader", weight=3.5))
    tenant.erase("user_id", "reader")
    assert _shut(tenant) == []
    _fix_plan(tenant)
    assert _replay(tenant)["accepted"] == 0
    assert tenant.profile("user_id", "reader") is None
