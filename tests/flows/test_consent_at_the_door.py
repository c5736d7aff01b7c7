"""An event none of whose purposes may be served: refused, or stored without its content, as its plan says."""

from __future__ import annotations

from typing import Any

import pytest

from registry.documents import parse
from registry.flows import plans
from registry.flows.access import credentials
from registry.flows.ingest import pipeline
from registry.flows.ingest.admission import Delivery, Status
from registry.flows.retention import sweeping
from registry.flows.traffic.trace import trace
from tests.conftest import SetClock
from tests.factories import consent, track
from tests.flows.test_consent_signals import GPP_NO_SALE, TCF_ALL, TCF_MEASURING
from tests.simulator import Tenant

PLAN = """
plan: tastes
version: 1.0.0
purposes: [{purposes}]
enforcement: {{consent_denied: {mode}}}
events:
  - {{type: track, name: Taste Shown, properties: {{taste: {{type: string}}}}}}
"""
SHOWN = "salt and vinegar"
YES, NO = consent(Analytics=True), consent(Analytics=False)


class Door:
    """A source of a plan whose every purpose needs consent."""

    def __init__(self, tenant: Tenant, mode: str, purposes: str = "analytics") -> None:
        self.tenant = tenant
        deployment = tenant.registry.deployment
        document = parse(PLAN.format(mode=mode, purposes=purposes), file="tastes.yaml")
        plans.publish(deployment, tenant.workspace_id, document, actor="tester")
        self.key = credentials.create_source(
            deployment, tenant.workspace_id, name="tastes", plan="tastes", version="1.0.0", actor="tester"
        ).secret

    def send(self, number: int, context: dict[str, Any] | None = None, *, gpc: bool = False) -> pipeline.Receipt:
        deployment = self.tenant.registry.deployment
        call = track("Taste Shown", "ada", messageId=f"m-{number}", taste=SHOWN)
        call["context"] = context or {}
        source = credentials.source_of(deployment, self.key)
        delivery = Delivery(source, [call], deployment.clock(), opted_out=gpc)
        return pipeline.ingest(deployment, self.tenant.workspace, [delivery])[0]

    def rows(self, table: str) -> int:
        sql = f"SELECT count(*) FROM {table} WHERE workspace_id = ?"
        return int(self.tenant.registry.rows(sql, self.tenant.workspace_id)[0][0])

    def trace(self, number: int) -> dict[str, Any]:
        return trace(self.tenant.registry.deployment, self.tenant.workspace, f"m-{number}")


def test_where_the_plan_says_omit_it_is_stored_that_it_came_and_nothing_else(tenant: Tenant) -> None:
    door = Door(tenant, "omit")
    assert door.send(1, NO).counts[Status.ACCEPTED] == 1
    [(compartments, ungrounded, body)] = tenant.registry.rows(
        "SELECT compartments, ungrounded, body FROM event WHERE workspace_id = ?", tenant.workspace_id
    )
    assert (compartments, ungrounded, bytes(body)) == ("", "analytics", b"")
    assert door.trace(1)["without_lawful_ground"] == ["analytics"]


def test_where_the_plan_says_block_it_is_refused_and_nothing_of_it_is_kept_but_the_word_on_consent(
    tenant: Tenant,
) -> None:
    door = Door(tenant, "block")
    receipt = door.send(1, NO)
    [item] = receipt.items
    [violation] = item.violations
    assert (item.status, violation.code, violation.path) == (Status.REJECTED, "consent_denied", "/context/consent")
    assert (door.rows("event"), door.rows("quarantine")) == (0, 0)
    assert not tenant.check("user_id", "ada", "analytics").allowed
    assert (door.rows("violation"), door.rows("refused_message")) == (1, 1)
    seen = door.trace(1)
    assert (seen["outcome"], [v["code"] for v in seen["violations"]]) == ("rejected", ["consent_denied"])
    assert door.send(1, NO).counts[Status.DUPLICATE] == 1


def test_why_it_was_refused_is_forgotten_in_time_since_no_erasure_could_find_it(
    tenant: Tenant, clock: SetClock
) -> None:
    door = Door(tenant, "block")
    door.send(1, NO)
    clock.pass_by(days=29)
    door.send(2, NO)
    deployment = tenant.registry.deployment
    for days, left in ((0, 2), (2, 1)):
        clock.pass_by(days=days)
        assert sweeping.preview(deployment, tenant.workspace).counts["violations"] == (1 if days else 0)
        sweeping.sweep(deployment, tenant.workspace, actor="test")
        assert door.rows("violation") == left


def test_who_has_said_nothing_is_not_even_remembered(tenant: Tenant) -> None:
    door = Door(tenant, "block")
    assert door.send(1).counts[Status.REJECTED] == 1
    assert (door.rows("fragment"), door.rows("identifier"), door.rows("event"), door.rows("quarantine")) == (0, 0, 0, 0)


def test_it_comes_in_with_a_yes_of_the_message_or_of_the_ledger(tenant: Tenant, clock: SetClock) -> None:
    door = Door(tenant, "block")
    assert door.send(1, YES).counts[Status.ACCEPTED] == 1
    assert door.send(2).counts[Status.ACCEPTED] == 1, "the ledger says yes"
    clock.pass_by(seconds=1)
    tenant.say("user_id", "ada", "analytics", "withdrawn", channel="preference_centre")
    assert door.send(3).counts[Status.REJECTED] == 1
    assert door.rows("event") == 2


def test_one_purpose_that_may_be_served_is_enough(tenant: Tenant) -> None:
    door = Door(tenant, "block", "analytics, service")
    assert door.send(1, NO).counts[Status.ACCEPTED] == 1


@pytest.mark.parametrize("mode", ["block", "omit"])
def test_the_signal_of_a_browser_is_respected_and_recorded(tenant: Tenant, clock: SetClock, mode: str) -> None:
    door = Door(tenant, mode, "marketing")
    outcome = Status.REJECTED if mode == "block" else Status.ACCEPTED
    assert door.send(1, consent(Analytics=True), gpc=True).counts[outcome] == 1
    clock.pass_by(seconds=1)
    decision = tenant.check("user_id", "ada", "marketing")
    assert (decision.allowed, decision.reason.value) == (False, "objected")
    assert SHOWN not in str(tenant.registry.rows("SELECT body FROM event WHERE workspace_id = ?", tenant.workspace_id))


def test_the_signal_ends_an_older_yes_until_the_person_says_yes_elsewhere(tenant: Tenant, clock: SetClock) -> None:
    door = Door(tenant, "block", "marketing")
    tenant.say("user_id", "ada", "marketing", "granted", channel="preference_centre")
    for number, gpc in enumerate((True, False)):
        clock.pass_by(seconds=1)
        assert door.send(number, gpc=gpc).counts[Status.REJECTED] == 1
    clock.pass_by(seconds=1)
    tenant.say("user_id", "ada", "marketing", "granted", channel="preference_centre")
    clock.pass_by(seconds=1)
    assert door.send(3).counts[Status.ACCEPTED] == 1


@pytest.mark.parametrize(
    ("words", "let_in"),
    [
        ({"tcString": TCF_ALL}, True),
        ({"tcString": TCF_MEASURING}, False),
        ({"tcString": "no such string"}, False),
        ({"gppString": GPP_NO_SALE}, False),
        ({"tcString": TCF_ALL, "gppString": GPP_NO_SALE}, False),
        ({"categoryPreferences": {"Advertising": True}}, True),
        ({"categoryPreferences": {}}, False),
    ],
)
def test_consent_strings_open_the_door_or_keep_it_shut_and_are_recorded(
    tenant: Tenant, clock: SetClock, words: dict[str, Any], let_in: bool
) -> None:
    door = Door(tenant, "block", "marketing")
    outcome = Status.ACCEPTED if let_in else Status.REJECTED
    assert door.send(1, {"consent": words}).counts[outcome] == 1
    clock.pass_by(seconds=1)
    assert tenant.check("user_id", "ada", "marketing").allowed is let_in
    assert door.send(2).counts[outcome] == 1, "the ledger remembers what the first one said"
