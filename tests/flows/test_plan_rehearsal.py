"""A plan held against recorded traffic before it is published, and inferred from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.flows.traffic.rehearsal import Rehearsal, rehearse, rehearse_file, sample_of
from registry.flows.traffic.replay import replay
from registry.model.errors import InvalidInput, NotFound, UnknownPurpose
from registry.plans.compile import compile_plan
from registry.plans.infer import infer
from tests.factories import consent, identify, ordered, track, viewed
from tests.simulator import Tenant

SECRET = "jane.doe@shop.example"


def plan(**fields: Any) -> Any:
    event = {"type": "track", "name": "Order Completed", "properties": fields, "required": ["order_id"]}
    return compile_plan({"plan": "shop", "version": "2.0.0", "purposes": ["service"], "events": [event]})


ORDER = {"order_id": {"type": "string"}, "products": {"type": "array"}}


def run(tenant: Tenant, compiled: Any, **options: Any) -> Rehearsal:
    options = {"source_name": None, "since": 0, "purpose": "service"} | options
    return rehearse(tenant.registry.deployment, tenant.workspace, compiled, actor="tester", **options)


def test_it_says_what_would_have_been_rejected_and_what_let_in(tenant: Tenant) -> None:
    tenant.send(ordered("u-1"), ordered("u-2", order_id=7), viewed("u-1"))
    found = run(tenant, plan(**ORDER))
    # The product view is stored without its parts, for want of consent: it cannot be judged by them.
    assert found.outcomes["still_let_in"] == 1
    assert found.outcomes["still_rejected"] == 1
    found = run(tenant, plan(order_id={"type": ["string", "integer"]}, products={"type": "array"}))
    assert found.outcomes["let_in"] == 1
    found = run(tenant, plan(order_id={"type": "integer"}, products={"type": "array"}))
    assert (found.outcomes["let_in"], found.outcomes["newly_rejected"] >= 1) == (1, True)
    assert ("order_completed", "type_mismatch") in {(event, v.code) for event, v in found.broken}


def dry(tenant: Tenant) -> dict[str, int]:
    return replay(tenant.registry.deployment, tenant.workspace, dry_run=True, actor="tester")


def test_it_changes_nothing_and_is_in_the_audit_log(tenant: Tenant) -> None:
    tenant.send(ordered("u-1", order_id=7))
    before = dry(tenant)
    run(tenant, plan(order_id={"type": "integer"}))
    assert dry(tenant) == before
    said = tenant.registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", tenant.workspace_id)
    assert any(b"plans:traffic:checked" in bytes(row[0]) for row in said)


def test_what_the_person_does_not_allow_is_not_opened(tenant: Tenant) -> None:
    tenant.send(viewed("u-1", context=consent(analytics=True, personalisation=True)))
    closed = {"type": "track", "name": "Product Viewed", "properties": {"product_id": {"type": "integer"}}}
    strict = compile_plan({"plan": "shop", "version": "2.0.0", "purposes": ["service"], "events": [closed]})
    assert run(tenant, strict, purpose="analytics").outcomes["newly_rejected"] == 1
    assert run(tenant, strict, purpose="marketing").withheld == 1
    with pytest.raises(UnknownPurpose):
        run(tenant, strict, purpose="nothing")
    with pytest.raises(NotFound):
        run(tenant, strict, source_name="nobody")


def test_undeclared_personal_data_is_reported_without_its_value(tenant: Tenant) -> None:
    tenant.send(track("Order Completed", "u-1", order_id=1, note=f"mail {SECRET}"))
    report = run(tenant, plan(**ORDER, note={"type": "string", "x-personal": False})).as_json()
    assert [row["path"] for row in report["undeclared_personal_data"]] == ["/properties/note"]
    assert SECRET not in json.dumps(report)


def test_a_plan_is_inferred_from_what_no_plan_let_in(tenant: Tenant) -> None:
    tenant.send(*[track("Chair Reclined", f"u-{n}", angle=n) for n in range(12)], identify("u-1", email=SECRET))
    sample = sample_of(tenant.registry.deployment, tenant.workspace, source_name=None, actor="tester")
    made = infer(sample, name="chairs", purposes=["service"])
    assert made["events"] == [
        {"type": "track", "name": "Chair Reclined", "properties": {"angle": {"type": "integer"}}, "required": ["angle"]}
    ]
    assert run(tenant, compile_plan(made)).outcomes["let_in"] == 12


def test_a_file_of_calls_is_judged_line_by_line() -> None:
    lines = [json.dumps({"batch": [ordered("u-1"), {"type": "nothing"}]}), "", json.dumps([ordered("u-1", order_id=7)])]
    found = rehearse_file(plan(**ORDER), [line.encode() for line in lines], now=0)
    assert (found.outcomes["still_let_in"], found.outcomes["newly_rejected"]) == (1, 2)
    with pytest.raises(InvalidInput, match="line 2"):
        rehearse_file(plan(**ORDER), [b"{}", b"nothing"], now=0)
