"""Retention: what was kept for long enough goes, with a report of what and why, once, whatever stops the sweep."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from registry.documents import parse
from registry.flows import plans
from registry.flows.access import credentials
from registry.flows.accountability import verify
from registry.flows.retention import sweeping
from registry.model.clock import DAY
from registry.model.errors import RegistryError
from registry.model.ids import FragmentId, WorkspaceId
from registry.store.database import Database, Transaction
from registry.store.rows import execute
from tests.conftest import SetClock
from tests.factories import consent as banner
from tests.factories import identify, track, viewed
from tests.flows.test_withdrawal_bites import keys, person, sweep
from tests.forked import started
from tests.simulator import ALL_YES, RegistrySimulator, Tenant

KILLED = 77
ANALYTICS_DAYS, MARKETING_DAYS, SERVICE_DAYS = 395, 730, 1095

PLAN = """
plan: tickets
version: 1.0.0
purposes: [service]
identify:
  purposes: [service]
  traits:
    properties:
      seat: {description: Preferred seat., type: string, x-retention: P10D}
      nickname: {description: What to call them., type: string}
events:
  - type: track
    name: Ticket Bought
    properties:
      gate: {description: Where they entered., type: string, x-retention: P7D}
      stops:
        description: The way.
        type: array
        items: {type: object, properties: {at: {type: string}, until: {type: string, x-retention: P7D}}}
      price: {description: What it cost., type: number}
"""


def told(tenant: Tenant) -> dict[str, Any]:
    return dict(orjson.loads(sweep(tenant).report))


def test_each_compartment_is_kept_as_long_as_the_longest_of_its_purposes(tenant: Tenant, clock: SetClock) -> None:
    person(tenant)
    clock.pass_by(days=ANALYTICS_DAYS + 1)
    report = told(tenant)
    assert report["gone"]["personalisation: retention_ended"] == {"events": 1, "values": 1}
    assert report["gone"]["analytics+personalisation: retention_ended"] == {"events": 1, "values": 0}
    assert keys(tenant) == {"analytics+legal+service", "marketing", "marketing+personalisation", "marketing+service"}
    assert "gender" not in tenant.traits("user_id", "ada", "personalisation")
    assert tenant.traits("user_id", "ada", "marketing")["loyalty_tier"] == "gold"
    assert told(tenant)["gone"] == {}, "it goes once"


def test_what_one_purpose_keeps_is_not_read_for_another_whose_time_is_over(tenant: Tenant, clock: SetClock) -> None:
    person(tenant)
    clock.pass_by(days=MARKETING_DAYS + 1)
    assert tenant.traits("user_id", "ada")["first_name"] == "Ada"
    view = tenant.lookup("user_id", "ada", "marketing")
    assert view["traits"] == []
    assert {row["reason"]: row["count"] for row in view["withheld"]["reasons"]}["retention_ended"] == 3
    orders = [e for e in tenant.timeline("user_id", "ada", "analytics") if e["event"] == "order_completed"]
    assert [(event["content"], event["withheld"]["count"]) for event in orders] == [({}, 1)]
    assert [one["reason"] for one in orders[0]["withheld"]["reasons"]] == ["retention_ended"]
    assert [e["content"] != {} for e in tenant.timeline("user_id", "ada") if e["event"] == "order_completed"] == [True]


def test_older_events_of_a_compartment_go_while_its_younger_ones_stay(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(identify("ada") | {"context": banner(**ALL_YES)}, viewed("ada"), viewed("ada"))
    clock.pass_by(days=ANALYTICS_DAYS)
    tenant.send(viewed("ada", product_id="product-2"))
    clock.pass_by(days=1)
    report = told(tenant)
    assert report["gone"] == {"analytics+personalisation: retention_ended": {"events": 2, "values": 0}}
    assert "keys" not in report["counts"]
    [left] = [e for e in tenant.timeline("user_id", "ada", "analytics") if e["event"] == "product_viewed"]
    assert left["content"]["properties"]["product_id"] == "product-2"


def test_an_event_loses_the_parts_that_are_due_and_keeps_the_others(tenant: Tenant, clock: SetClock) -> None:
    person(tenant)
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    clock.pass_by(days=31)
    told(tenant)
    [said] = [event for event in tenant.timeline("user_id", "ada") if event["type"] == "identify"]
    assert said["content"]["traits"] == {"first_name": "Ada"}
    assert "marketing" not in said["consent_tags"] or said["consent_tags"] != ["marketing"]
    [said] = [event for event in tenant.timeline("user_id", "ada", "personalisation") if event["type"] == "identify"]
    assert said["content"]["traits"] == {"gender": "f", "favourite_category": "hats"}


@pytest.mark.parametrize("place", [1, 9, 100], ids=["its frame", "a part's name", "what stays of it"])
def test_an_event_that_is_damaged_holds_up_nobody_elses(tenant: Tenant, clock: SetClock, place: int) -> None:
    for name in ("ada", "bob"):
        tenant.send(identify(name, gender="f", title="Dr") | {"context": banner(**ALL_YES)})
        tenant.say("user_id", name, "personalisation", "withdrawn")
    look = "SELECT event_id, body, compartments FROM event WHERE workspace_id = ? ORDER BY event_id"
    (event_id, whole, _), _ = tenant.registry.rows(look, tenant.workspace_id)
    body = bytearray(whole)
    body[place] ^= 1
    with tenant.registry.deployment.data.owner(writes=True) as transaction:
        execute(transaction, "UPDATE event SET body = ? WHERE event_id = ?", bytes(body), event_id)
    clock.pass_by(days=31)
    assert told(tenant)["gone"]["personalisation: withdrawn"] == {"events": 1, "values": 2}
    assert keys(tenant) == {"service"}
    assert {row[2] for row in tenant.registry.rows(look, tenant.workspace_id)} == {"service,personalisation", "service"}
    assert told(tenant)["gone"] == {}, "and the next sweep ends as well"


def _bound_to(tenant: Tenant, text: str) -> None:
    """Let the tenant send by a source of its own, which is bound to this plan."""
    plan = plans.publish(tenant.registry.deployment, tenant.workspace_id, parse(text, file="tickets"), actor="operator")
    made = credentials.create_source(
        tenant.registry.deployment, tenant.workspace_id, name="tickets", plan=plan.name, version=plan.version,
        actor="operator",
    )  # fmt: skip
    tenant.keys = type(tenant.keys)(tenant.keys.admin, tenant.keys.officer, tenant.keys.app, made.secret)


def test_fields_with_a_retention_of_their_own_go_alone(tenant: Tenant, clock: SetClock) -> None:
    deployment = tenant.registry.deployment
    _bound_to(tenant, PLAN)
    bought = track("Ticket Bought", "ada", gate="G7", price=3, stops=[{"at": "x", "until": "y"}, {"at": "z"}])
    tenant.send(identify("ada", seat="window", nickname="A"), bought)
    clock.pass_by(days=8)
    assert sweeping.preview(deployment, tenant.workspace).gone.keys() == {
        "tickets@1.0.0/ticket_bought/properties/gate: retention_ended",
        "tickets@1.0.0/ticket_bought/properties/stops/*/until: retention_ended",
    }
    told(tenant)
    [event] = [event for event in tenant.timeline("user_id", "ada") if event["event"] == "ticket_bought"]
    assert event["content"]["properties"] == {"price": 3, "stops": [{"at": "x"}, {"at": "z"}]}
    assert tenant.traits("user_id", "ada") == {"seat": "window", "nickname": "A"}
    clock.pass_by(days=3)
    assert told(tenant)["gone"]["tickets@1.0.0/identify/traits/seat: retention_ended"] == {"events": 1, "values": 1}
    assert tenant.traits("user_id", "ada") == {"nickname": "A"}
    assert told(tenant)["gone"] == {}


def test_a_dry_run_counts_a_field_once_though_its_compartment_is_due_as_well(tenant: Tenant, clock: SetClock) -> None:
    deployment = tenant.registry.deployment
    _bound_to(tenant, re.sub(r"((seat|nickname|gate): .*)}", r"\1, x-purposes: [personalisation]}", PLAN))
    tenant.send(identify("ada", seat="window", nickname="A", context=banner(**ALL_YES)))
    tenant.send(track("Ticket Bought", "ada", gate="G7", price=3))
    clock.pass_by(days=ANALYTICS_DAYS - 5)
    tenant.send(identify("ada", nickname="Al"))
    clock.pass_by(days=6)
    foretold = sweeping.preview(deployment, tenant.workspace)
    assert foretold.gone == told(tenant)["gone"]
    assert foretold.gone["personalisation: retention_ended"] == {"events": 2, "values": 1}


@pytest.mark.parametrize(("outer", "inner"), [("P7D", "P7D"), ("P7D", "P1D"), ("P1D", "P7D")])
def test_a_dry_run_counts_what_goes_with_the_object_that_it_stands_in_once(
    tenant: Tenant, clock: SetClock, outer: str, inner: str
) -> None:
    plan = PLAN.replace("type: array", f"type: array\n        x-retention: {outer}")
    _bound_to(tenant, re.sub(r"(until: .*x-retention: )\w+", rf"\g<1>{inner}", plan))
    tenant.send(track("Ticket Bought", "ada", price=3, stops=[{"at": "x", "until": "y"}]))
    clock.pass_by(days=2)
    tenant.send(track("Ticket Bought", "ada", price=3, stops=[{"at": "x", "until": "y"}]))
    clock.pass_by(days=6)
    foretold = sweeping.preview(tenant.registry.deployment, tenant.workspace).gone
    assert foretold == told(tenant)["gone"]


def test_a_dry_run_says_what_would_go_and_touches_nothing(tenant: Tenant, clock: SetClock) -> None:
    person(tenant)
    tenant.send(track("Nonsense", "ada"))
    clock.pass_by(days=ANALYTICS_DAYS + 1)
    rows, before = tenant.registry.rows("SELECT count(*) FROM event"), keys(tenant)
    foretold = sweeping.preview(tenant.registry.deployment, tenant.workspace)
    assert (tenant.registry.rows("SELECT count(*) FROM event"), keys(tenant)) == (rows, before)
    done = told(tenant)
    assert orjson.loads(foretold.encode())["gone"] == done["gone"]
    assert foretold.counts["quarantine"] == done["counts"]["quarantine"] == 1


def test_a_rejected_message_goes_with_its_key_when_nobody_let_it_in_in_time(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(track("Nonsense", "ada"))
    clock.pass_by(days=31)
    assert told(tenant)["counts"]["quarantine"] == 1
    for table in ("quarantine", "quarantine_subject", "violation"):
        sql = f"SELECT count(*) FROM {table} WHERE workspace_id = ?"
        assert tenant.registry.rows(sql, tenant.workspace_id)[0][0] == 0, table
    assert tenant.registry.key_rows("SELECT 1 FROM key_bundle WHERE workspace_id = ?", tenant.workspace_id) == []


def test_keys_that_no_data_needs_are_swept_a_day_later(tenant: Tenant, clock: SetClock) -> None:
    tenant.send(identify("ada"))
    deployment = tenant.registry.deployment
    fresh = FragmentId((clock.now // 1000).to_bytes(6, "big") + b"\x70" + b"\1" * 9)
    deployment.keyring.for_sealing(tenant.workspace_id, {fresh: ("service",)}, new=[fresh])  # type: ignore[dict-item]
    assert "unused_keys" not in told(tenant)["counts"], "its data may still be on the way"
    clock.pass_by(days=2)
    assert told(tenant)["counts"]["unused_keys"] == 1
    assert "unused_keys" not in told(tenant)["counts"]
    assert tenant.lookup("user_id", "ada", "service")["identifiers"]


def test_a_sweep_is_audited_with_counts_and_the_log_still_verifies(tenant: Tenant, clock: SetClock) -> None:
    person(tenant)
    clock.pass_by(days=ANALYTICS_DAYS + 1)
    told(tenant)
    sql = "SELECT entry FROM audit_entry WHERE workspace_id = ? ORDER BY position"
    entries = [orjson.loads(bytes(row[0])) for row in tenant.registry.rows(sql, tenant.workspace_id)]
    [entry] = [entry for entry in entries if entry["action"] == "retention:data:swept"]
    assert (entry["fields"]["keys"], entry["fields"]["events"], entry["subject"]) == (3, 2, None)
    assert verify.log(tenant.registry.deployment, tenant.workspace, []) == []


def test_a_clock_that_was_ahead_puts_no_sweep_off(tenant: Tenant, clock: SetClock) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    clock.pass_by(days=300)
    assert sweeping.sweep_if_due(deployment, workspace, DAY, actor="registry")
    assert not sweeping.sweep_if_due(deployment, workspace, DAY, actor="registry")
    clock.pass_by(days=-300)
    assert sweeping.sweep_if_due(deployment, workspace, DAY, actor="registry")


def test_two_processes_never_sweep_one_workspace_together(tenant: Tenant) -> None:
    deployment = tenant.registry.deployment
    other = Database(deployment.data.url.render_as_string(hide_password=False))
    try:
        with other.sole(f"retention-{tenant.workspace_id.hex()}") as alone:
            assert alone
            assert sweeping.sweep(deployment, tenant.workspace, actor="operator") is None
        assert sweeping.sweep(deployment, tenant.workspace, actor="operator") is not None
    finally:
        other.close()


def _stop_before(commit: int, stop: Callable[[], None]) -> Callable[..., Any]:
    """A `Database.write` that stops the process when the transaction of that number is about to commit."""
    seen, write = 0, Database.write

    @contextmanager
    def stopped(self: Database, workspace_id: bytes) -> Iterator[Transaction]:
        nonlocal seen
        with write(self, workspace_id) as transaction:
            yield transaction
            seen += 1
            if seen == commit:
                stop()

    return stopped


def _sweep_and_die(folder: Path, urls: tuple[str | None, str | None], workspace: bytes, now: int, commit: int) -> None:
    """In a process of its own: sweep, and be gone before a commit."""
    registry = RegistrySimulator(folder, SetClock(now), database_url=urls[0], keystore_url=urls[1])
    Database.write = _stop_before(commit, lambda: os._exit(KILLED))  # type: ignore[method-assign]
    sweeping.sweep(registry.deployment, registry.workspaces.open(WorkspaceId(workspace)), actor="operator")


def test_a_sweep_killed_before_any_commit_goes_on_and_ends_the_same(
    shared: RegistrySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "PAGE", 2)
    clock, settings = shared.clock, shared.settings
    assert isinstance(clock, SetClock)
    tenants = [shared.tenant() for _ in range(10)]
    for tenant in tenants:
        for name in ("ada", "eve", "ida"):
            person(tenant, name)
    clock.pass_by(days=ANALYTICS_DAYS + 1)
    expected = told(tenants[0])
    for commit, tenant in enumerate(tenants[1:], 1):
        arguments = (
            settings.data_dir, (settings.database_url, settings.keystore_url), tenant.workspace_id, clock.now, commit
        )  # fmt: skip
        if commit % 3 == 0:  # a process of its own is slow to start: an error leaves the same
            killed = started(_sweep_and_die, *arguments)
            killed.join(60)
            assert killed.exitcode in (0, KILLED)
        else:
            write = Database.write

            def fail() -> None:
                raise RegistryError("killed")

            Database.write = _stop_before(commit, fail)  # type: ignore[method-assign]
            try:
                sweeping.sweep(shared.deployment, tenant.workspace, actor="operator")
            except RegistryError:
                pass
            finally:
                Database.write = write  # type: ignore[method-assign]
        sweep(tenant)
        assert keys(tenant) == keys(tenants[0])
        found = shared.rows("SELECT report FROM sweep WHERE workspace_id = ? ORDER BY sweep_id", tenant.workspace_id)
        reports = [orjson.loads(text) for (text,) in found]
        gone = [report["gone"] for report in reports if report["gone"]]
        assert gone == [expected["gone"]], (commit, gone)


def test_sweeping_leaves_other_workspaces_alone(shared: RegistrySimulator, clock: SetClock) -> None:
    one, other = shared.tenant(), shared.tenant()
    person(one)
    person(other)
    clock.pass_by(days=SERVICE_DAYS * 5)
    sweep(one)
    assert keys(one) == set()
    assert len(keys(other)) == 7


BOTH = "marketing+personalisation"


def test_what_only_a_withdrawn_purpose_kept_waits_for_the_time_of_grace_and_can_come_back(
    tenant: Tenant, clock: SetClock
) -> None:
    person(tenant)
    clock.pass_by(days=ANALYTICS_DAYS + 1)
    told(tenant)
    assert BOTH in keys(tenant), "the longer of its two purposes keeps it"
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    clock.pass_by(days=29)
    assert BOTH not in "".join(told(tenant)["gone"])
    assert tenant.lookup("user_id", "ada", "personalisation")["traits"] == []
    tenant.say("user_id", "ada", "marketing", "granted")
    clock.pass_by(days=20)
    assert told(tenant)["gone"] == {}
    tenant.say("user_id", "ada", "marketing", "denied")
    clock.pass_by(days=31)
    assert BOTH + ": retention_ended" in told(tenant)["gone"]
    assert BOTH not in keys(tenant)


def test_what_a_purpose_without_any_ground_would_keep_waits_for_nothing(tenant: Tenant, clock: SetClock) -> None:
    person(tenant)
    tenant.say("user_id", "ada", "marketing", "withdrawn")
    clock.pass_by(days=ANALYTICS_DAYS - 1)
    tenant.say("user_id", "ada", "marketing", "denied")  # a no again: it had no ground before
    clock.pass_by(days=2)
    assert BOTH + ": retention_ended" in told(tenant)["gone"]
