"""What a legal hold or a statutory duty covers outlives an erasure, for its one purpose, and goes when it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from registry.dsr.holding import Duty, covered_part, covers
from registry.dsr.plan import plan_json
from registry.dsr.requests import Kind
from registry.flows.accountability import forms, verify
from registry.flows.accountability.forms import Form
from registry.flows.dsr import holds, kept, planning
from registry.flows.retention import sweeping
from registry.model.clock import DAY, rfc3339
from registry.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from registry.store import holdings
from tests.conftest import SetClock
from tests.factories import consent, identify, ordered, viewed
from tests.flows.test_interrupted_erasure import Killed
from tests.simulator import ALL_YES, Tenant


def _ada(tenant: Tenant) -> None:
    tenant.send(
        identify("ada", "browser", email="ada@example.com", first_name="Ada", context=consent(**ALL_YES)),
        ordered("ada"),
        viewed(anonymous="browser"),
    )


def _hold(tenant: Tenant, *categories: str, **more: Any) -> bytes:
    person = tenant.person("user_id", "ada")
    given = {"ground": "a claim is pending", "purpose": "legal", "actor": "person:first", "categories": categories}
    return holds.place(tenant.registry.deployment, tenant.workspace, person, **(given | more)).hold_id


def _items(tenant: Tenant, case_id: bytes) -> list[dict[str, Any]]:
    return kept.read(tenant.registry.deployment, tenant.workspace, tenant.principal(), case_id, "legal")[0]


def _end_due(tenant: Tenant) -> list[Any]:
    return kept.end_due(tenant.registry.deployment, tenant.workspace, actor="operator")


def test_what_is_held_outlives_the_erasure_for_its_purpose_and_goes_with_the_hold(tenant: Tenant) -> None:
    _ada(tenant)
    hold_id = _hold(tenant, "user.name", "user.contact.email")
    request = tenant.request(Kind.ERASURE, "email", "ada@example.com")
    [announced] = plan_json(planning.plan_of(tenant.registry.deployment, tenant.workspace, request.request_id), ())[
        "retained"
    ]  # type: ignore[misc, attr-defined]
    done = tenant.run(request)
    _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
    [told] = claims["retained"]  # type: ignore[misc, attr-defined]
    assert (told["ground"], told["purpose"]) == ("a claim is pending", "legal")
    assert told["items"] == announced["items"] == 4
    kept_fields = [f for f in claims["fields"] if f["table"] == "retained_item"]  # type: ignore[attr-defined]
    assert all((f["disposition"], f["rows"]) == ("retained", 4) for f in kept_fields)
    assert tenant.profile("user_id", "ada") is None
    [case] = kept.listed(tenant.registry.deployment, tenant.workspace)
    items = _items(tenant, case.case_id)
    traits = {item["trait"]: item["value"] for item in items if item["what"] == "trait"}
    assert traits == {"email": "ada@example.com", "first_name": "Ada"}
    assert [item["value"] for item in items if item["what"] == "identifier"] == ["ada@example.com"]
    assert _end_due(tenant) == []
    holds.release(tenant.registry.deployment, tenant.workspace, hold_id, actor="person:first")
    [ended] = _end_due(tenant)
    _, claims = verify.document(ended.certificate, tenant.workspace.jwks())
    assert {field["disposition"] for field in claims["fields"]} == {"erased"}  # type: ignore[index, attr-defined]
    assert claims["ends_case"] == told["case"]
    assert tenant.registry.key_rows("SELECT 1 FROM key_bundle WHERE fragment_id = ?", case.case_id) == []
    with pytest.raises(NotFound):
        _items(tenant, case.case_id)
    assert _end_due(tenant) == []


def test_a_hold_on_everything_keeps_everything(tenant: Tenant) -> None:
    _ada(tenant)
    _hold(tenant)
    tenant.erase("user_id", "ada")
    [case] = kept.listed(tenant.registry.deployment, tenant.workspace)
    items = _items(tenant, case.case_id)
    assert sorted(item["what"] for item in items).count("event") == 3
    assert {item["value"] for item in items if item["what"] == "identifier"} == {"ada", "browser", "ada@example.com"}
    assert case.items == len(items)


def test_what_is_kept_opens_for_no_other_purpose_and_for_no_other_key(tenant: Tenant) -> None:
    _ada(tenant)
    _hold(tenant, "user.name")
    tenant.erase("user_id", "ada")
    [case] = kept.listed(tenant.registry.deployment, tenant.workspace)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    for key, purpose in ((tenant.keys.admin, "service"), (tenant.keys.app, "legal")):
        with pytest.raises(Forbidden):
            kept.read(deployment, workspace, tenant.principal(key), case.case_id, purpose)
    assert tenant.registry.rows("SELECT 1 FROM hold_subject WHERE workspace_id = ?", tenant.workspace_id) == []


def test_the_time_of_a_hold_ends_it(tenant: Tenant) -> None:
    _ada(tenant)
    clock = tenant.registry.clock
    assert isinstance(clock, SetClock)
    _hold(tenant, "user.name", until=clock() + DAY)
    tenant.erase("user_id", "ada")
    assert _end_due(tenant) == []
    clock.pass_by(days=1)
    assert len(_end_due(tenant)) == 1


def test_whom_a_hold_was_about_is_forgotten_with_its_time_and_no_sooner(tenant: Tenant) -> None:
    _ada(tenant)
    clock = tenant.registry.clock
    assert isinstance(clock, SetClock)
    _hold(tenant, until=clock() + DAY)
    standing = _hold(tenant)

    def named() -> set[bytes]:
        told = tenant.registry.rows("SELECT hold_id FROM hold_subject WHERE workspace_id = ?", tenant.workspace_id)
        return {bytes(hold_id) for (hold_id,) in told}

    _end_due(tenant)
    assert len(named()) == 2
    clock.pass_by(days=1)
    _end_due(tenant)
    assert named() == {standing}


def test_a_statutory_duty_keeps_each_value_for_its_own_time(tenant: Tenant) -> None:
    deployment = tenant.registry.deployment
    clock = tenant.registry.clock
    assert isinstance(clock, SetClock)
    duty = Duty("books", "a tax code", "legal", ("user.name",), 30 * DAY)
    policies = replace(deployment.policies, retention=replace(deployment.policies.retention, duties=(duty,)))
    tenant.registry.deployment = replace(deployment, policies=policies)
    try:
        _ada(tenant)
        tenant.erase("user_id", "ada")
        [case] = kept.listed(tenant.registry.deployment, tenant.workspace)
        items = _items(tenant, case.case_id)
        assert [item["trait"] for item in items if item["what"] == "trait"] == ["first_name"]
        assert [item["content"]["traits"] for item in items if item["what"] == "event"] == [{"first_name": "Ada"}]
        assert (case.duty, _end_due(tenant)) == ("books", [])
        clock.pass_by(days=31)
        [ended] = _end_due(tenant)
        assert ended.items == 2
    finally:
        tenant.registry.deployment = deployment


def test_an_erasure_that_was_interrupted_keeps_the_same_once(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    _ada(tenant)
    _hold(tenant)
    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    with monkeypatch.context() as broken:
        broken.setattr(holdings, "write_case", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            tenant.run(request)
    tenant.run(request)
    [case] = kept.listed(tenant.registry.deployment, tenant.workspace)
    assert case.items == len(_items(tenant, case.case_id)) == 9


def test_retention_passes_over_whoever_is_held(tenant: Tenant) -> None:
    _ada(tenant)
    clock = tenant.registry.clock
    assert isinstance(clock, SetClock)
    hold_id = _hold(tenant)
    count = "SELECT count(*) FROM event WHERE workspace_id = ?"
    clock.pass_by(days=9000)
    sweeping.sweep(tenant.registry.deployment, tenant.workspace, actor="operator")
    assert tenant.registry.rows(count, tenant.workspace_id) == [(3,)]
    holds.release(tenant.registry.deployment, tenant.workspace, hold_id, actor="person:first")
    sweeping.sweep(tenant.registry.deployment, tenant.workspace, actor="operator")
    assert tenant.registry.rows(count, tenant.workspace_id) == [(0,)]


def test_a_hold_names_a_known_purpose_and_is_released_once(tenant: Tenant) -> None:
    with pytest.raises(InvalidInput):
        _hold(tenant, purpose="nonsense")
    with pytest.raises(InvalidInput):
        _hold(tenant, until=1)
    hold_id = _hold(tenant)
    holds.release(tenant.registry.deployment, tenant.workspace, hold_id, actor="person:first")
    with pytest.raises(Conflict):
        holds.release(tenant.registry.deployment, tenant.workspace, hold_id, actor="person:first")
    with pytest.raises(NotFound):
        holds.release(tenant.registry.deployment, tenant.workspace, b"\0" * 16, actor="person:first")


def test_a_category_covers_those_below_it_and_no_neighbour() -> None:
    assert covers(("user.payment",), ("user.payment.method",))
    assert not covers(("user.payment",), ("user.payments",))
    content = {"messageId": "m", "properties": {"total": 1, "colour": "red"}}
    known = {"properties": {"total": frozenset({"user.payment"}), "colour": frozenset({"user.behavior"})}}
    assert covered_part(content, known, ("user.payment",)) == {"messageId": "m", "properties": {"total": 1}}
    assert covered_part(content, known, ("user.name",)) == {}


def test_what_a_hold_kept_beyond_the_deadline_makes_no_answer_late(tenant: Tenant) -> None:
    deployment, workspace, clock = tenant.registry.deployment, tenant.workspace, tenant.registry.clock
    assert isinstance(clock, SetClock)
    tenant.send(identify("ada", email="ada@example.com", first_name="Ada"))
    person = tenant.person("user_id", "ada")
    hold = holds.place(deployment, workspace, person, ground="claim 7", purpose="legal", actor="person:first")
    done = tenant.erase("user_id", "ada")
    clock.pass_by(days=40)
    holds.release(deployment, workspace, hold.hold_id, actor="person:first")
    [case] = kept.end_due(deployment, workspace, actor="operator")
    _, claims = verify.document(case.certificate or "", workspace.jwks())
    told: Any = claims["request"]
    assert (told["completed"], told["in_time"]) == (rfc3339(done.completed_at or 0), True)
    assert claims["ended"] == rfc3339(clock())
    page = forms.write(deployment, workspace, case.certificate or "", Form.PAGE)
    assert f"was destroyed on {rfc3339(clock())[:10]}" in page
    assert "too late" not in page
