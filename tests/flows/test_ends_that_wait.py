"""What a hold had kept outside, whose end waits: shown, tried again at its time, given up only by a decision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from registry.dsr.requests import Kind
from registry.flows.accountability import certificate_page, proven, verify
from registry.flows.dsr import holds, kept, resuming
from registry.model.clock import DAY, rfc3339
from registry.model.errors import Conflict, KeyMissing, LinkedSystemUnavailable, NotFound
from registry.model.stored_holding import RetainedCase
from tests.conftest import SetClock
from tests.factories import identify
from tests.flows.test_holds_outside import Mailer
from tests.flows.test_older_data import connect
from tests.flows.test_older_keys import lose
from tests.simulator import Tenant

CRM = "crm keeps what a hold covered, and is connected no longer"


@pytest.fixture
def two(tenant: Tenant) -> Iterator[tuple[Mailer, Mailer]]:
    """Two connected systems, both of which keep names; the second of them is about to go."""
    before = tenant.registry.deployment.linked
    mailer, crm = (Mailer({("records", "address"): "user.name"}) for _ in range(2))
    crm.name = "crm"
    connect(tenant.registry, mailer, crm)
    tenant.send(identify("ada", email="ada@example.com"))
    yield mailer, crm
    connect(tenant.registry, *before)  # type: ignore[arg-type]


def _hold(tenant: Tenant, ground: str = "claim 1") -> bytes:
    person = tenant.person("email", "ada@example.com")
    given = {"ground": ground, "purpose": "legal", "actor": "person:first", "categories": ("user.name",)}
    return holds.place(tenant.registry.deployment, tenant.workspace, person, **given).hold_id  # type: ignore[arg-type]


def _release(tenant: Tenant, hold_id: bytes) -> None:
    holds.release(tenant.registry.deployment, tenant.workspace, hold_id, actor="person:first")


def _end(tenant: Tenant, *, at_once: bool = True) -> list[RetainedCase]:
    return kept.end_due(tenant.registry.deployment, tenant.workspace, actor="operator", at_once=at_once)


def _waiting(tenant: Tenant) -> dict[str, Any]:
    found = [kept.case_json(case) for case in kept.listed(tenant.registry.deployment, tenant.workspace)]
    return {str(one["ground"]): one["waiting"] for one in found if one["waiting"]}


def _override(tenant: Tenant, system: str, ground: str = "claim 1") -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    [case] = [one for one in kept.listed(deployment, workspace) if one.ground == ground]
    resuming.override(deployment, workspace, case.case_id, system, reason="shut down", actor="person:officer")


def _told(tenant: Tenant, case: RetainedCase) -> dict[str, tuple[str, str]]:
    _, claims = verify.document(case.certificate or "", tenant.workspace.jwks())
    fields: Any = claims["fields"]
    outside = [one for one in fields if one["system"] != "registry"]
    return {one["system"]: (one["disposition"], one.get("ground", "")) for one in outside}


def test_a_case_whose_system_is_connected_no_longer_says_so_and_ends_by_a_recorded_decision(
    tenant: Tenant, two: tuple[Mailer, Mailer]
) -> None:
    mailer, _ = two
    hold_id = _hold(tenant)
    tenant.run(tenant.request(Kind.ERASURE, "email", "ada@example.com"))
    _release(tenant, hold_id)
    connect(tenant.registry, mailer)
    for attempts in (1, 2):
        with pytest.raises(LinkedSystemUnavailable, match="connected no longer"):
            _end(tenant)
        assert mailer.erased == 1  # which waits for no other
        waiting = _waiting(tenant)["claim 1"]
        assert (waiting["system"], waiting["cause"], waiting["attempts"]) == ("crm", CRM, attempts)
    with pytest.raises(NotFound):
        _override(tenant, "mailer")  # it has done its part
    _override(tenant, "crm")
    assert _waiting(tenant) == {}
    with pytest.raises(Conflict):
        _override(tenant, "crm")
    [case] = _end(tenant)
    words = "not reached; decided by person:officer: shut down"
    assert _told(tenant, case) == {"mailer": ("erased", ""), "crm": ("retained", words)}
    log = tenant.registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", tenant.workspace_id)
    [decided] = [e for (t,) in log if (e := orjson.loads(bytes(t)))["action"] == "dsr:retained:overridden"]
    assert (decided["actor"], decided["fields"]["reason"]) == ("person:officer", "shut down")
    noted = tenant.registry.rows("SELECT progress FROM dsr_request WHERE workspace_id = ?", tenant.workspace_id)
    assert "held_outside" not in str(noted)


def test_what_one_case_ends_without_another_still_may_keep_there(tenant: Tenant, two: tuple[Mailer, Mailer]) -> None:
    mailer, crm = two
    first, second = _hold(tenant, "claim 1"), _hold(tenant, "claim 2")
    tenant.run(tenant.request(Kind.ERASURE, "email", "ada@example.com"))
    connect(tenant.registry, mailer)
    _release(tenant, first)
    with pytest.raises(LinkedSystemUnavailable):
        _end(tenant)
    _override(tenant, "crm")
    assert [_told(tenant, case)["mailer"][0] for case in _end(tenant)] == ["retained"]
    _release(tenant, second)
    with pytest.raises(LinkedSystemUnavailable):
        _end(tenant)
    assert _waiting(tenant)["claim 2"]["system"] == "crm"
    connect(tenant.registry, mailer, crm)
    [case] = _end(tenant)
    assert _told(tenant, case) == {"mailer": ("erased", ""), "crm": ("erased", "")}
    assert (mailer.erased, crm.erased) == (1, 1)


def test_a_case_that_waits_is_left_alone_until_its_time(tenant: Tenant, two: tuple[Mailer, Mailer]) -> None:
    clock, (mailer, crm) = tenant.registry.clock, two
    assert isinstance(clock, SetClock)
    hold_id = _hold(tenant)
    tenant.run(tenant.request(Kind.ERASURE, "email", "ada@example.com"))
    _release(tenant, hold_id)
    crm.is_down = True
    with pytest.raises(LinkedSystemUnavailable):
        _end(tenant, at_once=False)
    assert _end(tenant, at_once=False) == []
    assert _waiting(tenant)["claim 1"]["attempts"] == 1
    crm.is_down = False
    clock.pass_by(days=1)
    assert len(_end(tenant, at_once=False)) == 1
    assert (mailer.erased, crm.erased) == (1, 1)


def test_a_case_whose_key_is_gone_says_so_and_can_be_ended_without_what_it_kept_outside(
    tenant: Tenant, two: tuple[Mailer, Mailer]
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    hold_id = _hold(tenant)
    tenant.run(tenant.request(Kind.ERASURE, "email", "ada@example.com"))
    [case] = kept.listed(deployment, workspace)
    lose(tenant, [case.case_id])
    _release(tenant, hold_id)
    for system in ("crm", "mailer"):
        with pytest.raises(KeyMissing):
            _end(tenant)
        assert (_waiting(tenant)["claim 1"]["system"], _waiting(tenant)["claim 1"]["code"]) == (system, "key-missing")
        _override(tenant, system)
    [ended] = _end(tenant)
    assert {disposition for disposition, _ in _told(tenant, ended).values()} == {"retained"}


def test_certificates_say_what_is_still_set_aside_until_when_and_that_another_follows(
    tenant: Tenant, two: tuple[Mailer, Mailer]
) -> None:
    deployment, workspace, now = tenant.registry.deployment, tenant.workspace, tenant.registry.clock()
    first, person = _hold(tenant, "claim 1"), tenant.person("email", "ada@example.com")
    given = {"ground": "claim 2", "purpose": "legal", "actor": "person:first", "categories": ("user.name",)}
    holds.place(deployment, workspace, person, **given, until=now + 5 * DAY)  # type: ignore[arg-type]
    done = tenant.run(tenant.request(Kind.ERASURE, "email", "ada@example.com"))

    def stated(certificate: str | None) -> Any:
        told = proven.prove(deployment, workspace, certificate or "")
        found = proven.check(told, workspace.jwks())
        retained = {one["ground"]: one.get("until") for one in found.claims.get("retained", ())}
        return retained, "a certificate of its own says so" in certificate_page.render(told, found)

    until = rfc3339(now + 5 * DAY)
    assert stated(done.certificate) == ({"claim 1": None, "claim 2": until}, True)
    _release(tenant, first)
    [ended] = _end(tenant)
    assert stated(ended.certificate) == ({"claim 2": until}, True)
    assert isinstance(tenant.registry.clock, SetClock)
    tenant.registry.clock.pass_by(days=6)
    [ended] = _end(tenant)
    assert stated(ended.certificate) == ({}, False)
