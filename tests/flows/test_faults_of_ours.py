"""A fault of Registry's own: a request or the end of a hold that it stops shows that and no value, and goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import structlog

from registry.api.dsr import request_json
from registry.cli import schedule, setup
from registry.cli.session import report
from registry.dsr.requests import Kind, Move
from registry.flows.dsr import certified, erasure, holds, kept, letters, lifecycle, rectification
from registry.model.errors import Conflict, RequestStopped
from registry.model.ids import text_id
from registry.model.stored import StoredRequest
from tests.api.office import REQUESTS, Office
from tests.conftest import SetClock
from tests.factories import identify
from tests.simulator import RegistrySimulator, Tenant

ADA = ("email", "ada@example.com")
WHY = "a fault of Registry's own stopped it here (KeyError)"
PLACES = {
    "before its first step": (Kind.ERASURE, erasure, "scope_and_suppress"),
    "after its keys": (Kind.ERASURE, erasure, "_delete_events"),
    "at the end": (Kind.ERASURE, erasure, "_certify"),
    "in its letter": (Kind.ERASURE, letters, "add_answered"),
    "while it is given out": (Kind.ACCESS, certified, "certify"),
    "while it is corrected": (Kind.RECTIFICATION, rectification, "apply"),
}


def broken(*_: object, **__: object) -> NoReturn:
    raise KeyError(ADA[1])


@pytest.fixture
def tenant(registry: RegistrySimulator) -> Tenant:
    made = registry.tenant()
    made.send(identify("ada", email="ada@example.com"))
    return made


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.registry.close()


def _asked(tenant: Tenant, kind: Kind) -> StoredRequest:
    details = {"traits": {"first_name": "Adah"}} if kind is Kind.RECTIFICATION else {}
    return tenant.request(kind, *ADA, **details)


def _later(tenant: Tenant) -> StoredRequest:
    assert isinstance(tenant.registry.clock, SetClock)
    tenant.registry.clock.pass_by(days=1)
    [due] = lifecycle.due(tenant.registry.deployment, tenant.workspace)
    return lifecycle.go_on(tenant.registry.deployment, tenant.workspace, due)


def _now(tenant: Tenant, request: StoredRequest) -> StoredRequest:
    return lifecycle.get(tenant.registry.deployment, tenant.workspace, request.request_id)[0]


@pytest.mark.parametrize("place", PLACES)
def test_a_request_that_it_stops_says_so_and_goes_on_later(
    tenant: Tenant, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, room, step = PLACES[place]
    request = _asked(tenant, kind)
    with monkeypatch.context() as patched:
        patched.setattr(room, step, broken)
        with pytest.raises(RequestStopped) as stopped:
            tenant.run(request)
        assert stopped.value.detail == WHY
        with pytest.raises(RequestStopped):
            _later(tenant)
    seen = request_json(_now(tenant, request))
    waits = seen["waiting"]
    assert (seen["state"], seen["allowed"], waits["system"], waits["attempts"]) == ("waiting", ["run"], "registry", 2)
    assert (waits["cause"], waits["code"], waits["since"]) == (WHY, "request-stopped", "2026-01-01T00:00:00Z")
    assert waits["next_at"] > "2026-01-02T00:01:59Z"
    _, history = lifecycle.get(tenant.registry.deployment, tenant.workspace, request.request_id)
    assert [one.action for one in history].count("wait") == 2
    assert not any(ADA[1] in (one.details or "") for one in history)
    assert lifecycle.due(tenant.registry.deployment, tenant.workspace) == []
    assert _later(tenant).state == "completed"


def test_one_that_cannot_even_be_taken_up_again_says_so(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    request = _asked(tenant, Kind.ACCESS)
    with monkeypatch.context() as patched:
        patched.setattr(certified, "certify", broken)
        with pytest.raises(RequestStopped):
            tenant.run(request)
        patched.setattr(lifecycle, "_rescope", broken)
        with pytest.raises(RequestStopped):
            _later(tenant)
    waits = request_json(_now(tenant, request))["waiting"]
    assert waits["attempts"] == 2
    assert _later(tenant).state == "completed"


def test_one_that_was_not_begun_stays_ready_to_be_run(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    request = _asked(tenant, Kind.ACCESS)
    with monkeypatch.context() as patched:
        patched.setattr(lifecycle, "_rescope", broken)
        with pytest.raises(KeyError):
            tenant.run(request)
    assert request_json(_now(tenant, request))["waiting"] is None
    assert _now(tenant, request).state == "approved"
    assert tenant.run(request).state == "completed"


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_line_says_where_it_was_since_no_log_has_it(
    tenant: Tenant, as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(certified, "certify", broken)
    with pytest.raises(RequestStopped) as stopped:
        tenant.run(_asked(tenant, Kind.ACCESS))
    report(stopped.value, as_json=as_json)
    told = capsys.readouterr().err
    assert "test_faults_of_ours.py:" in told
    assert ADA[1] not in told


def _resumed(tenant: Tenant, _: StoredRequest) -> None:
    setup.resume(tenant.registry._registry)


def _scheduled(tenant: Tenant, _: StoredRequest) -> None:
    assert isinstance(tenant.registry.clock, SetClock)
    tenant.registry.clock.pass_by(days=1)
    schedule._go_on(tenant.registry.deployment, tenant.workspace)


@pytest.mark.parametrize("go_on", [_resumed, _scheduled])
def test_the_log_has_its_type_and_place_and_it_holds_up_no_other(
    tenant: Tenant, go_on: Callable[[Tenant, StoredRequest], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.send(identify("bob", email="bob@example.com"))
    first, second = _asked(tenant, Kind.ERASURE), tenant.request(Kind.ERASURE, "email", "bob@example.com")
    with monkeypatch.context() as patched:
        patched.setattr(erasure, "_certify", broken)
        for request in (first, second):
            with pytest.raises(RequestStopped):
                tenant.run(request)
    right = erasure._certify

    def broken_for_one(*given: object, **named: object) -> StoredRequest:
        if first.request_id in (getattr(one, "request_id", None) for one in given):
            broken()
        return right(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(erasure, "_certify", broken_for_one)
    with structlog.testing.capture_logs() as logs:
        go_on(tenant, first)
    [told] = [line for line in logs if line.get("code") == "request-stopped"]
    assert (told["request"], told["error"]) == (text_id(first.request_id), "KeyError")
    assert "test_faults_of_ours.py:" in told["where"]
    assert ADA[1] not in str(logs)
    assert _now(tenant, second).state == "completed"


def test_the_end_of_a_hold_that_it_stops_says_so_and_holds_up_no_other(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    tenant.send(identify("bob", email="bob@example.com"))
    placed = []
    for value in ("ada@example.com", "bob@example.com"):
        person = tenant.person("email", value)
        given = {"ground": "claim 1", "purpose": "legal", "categories": ("user.contact",), "actor": "person:first"}
        placed.append(holds.place(deployment, workspace, person, **given).hold_id)  # type: ignore[arg-type]
        tenant.run(tenant.request(Kind.ERASURE, "email", value))
    of_hold = {case.hold_id: case.case_id for case in kept.listed(deployment, workspace)}
    for hold_id in placed:
        holds.release(deployment, workspace, hold_id, actor="person:first")
    right = kept._accounts
    with monkeypatch.context() as patched:
        patched.setattr(kept, "_accounts", lambda case: broken() if case.hold_id == placed[0] else right(case))
        with pytest.raises(RequestStopped):
            kept.end_due(deployment, workspace, actor="operator")
        with pytest.raises(RequestStopped):
            kept.end_due(deployment, workspace, actor="operator")
    cases = {case.case_id: kept.case_json(case) for case in kept.listed(deployment, workspace)}
    waits, other = cases[of_hold[placed[0]]]["waiting"], cases[of_hold[placed[1]]]
    assert (waits["system"], waits["cause"], waits["attempts"]) == ("registry", WHY, 2)
    assert other["ended_at"] is not None
    assert kept.end_due(deployment, workspace, actor="operator", at_once=False) == []
    assert [one.case_id for one in kept.end_due(deployment, workspace, actor="operator")] == [of_hold[placed[0]]]


def test_the_console_shows_it_and_http_answers_with_its_code(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = office.tenant
    tenant.send(identify("ada", email="ada@example.com"))
    request = _asked(tenant, Kind.ACCESS)
    monkeypatch.setattr(certified, "certify", broken)
    with structlog.testing.capture_logs() as logs:
        page = office.post(f"{REQUESTS}/{text_id(request.request_id)}/run")
    assert (page.status_code, "It was stopped here," in page.text, "request-stopped" in page.text) == (200, True, True)
    assert [line["error"] for line in logs if line["event"] == "unforeseen error"] == ["KeyError"]
    with structlog.testing.capture_logs() as logs:
        path = f"/v1/dsr/requests/{text_id(request.request_id)}/run"
        answer = office.registry.http().post(path, headers=tenant.bearer(tenant.keys.officer))
    assert (answer.status_code, answer.json()["code"]) == (500, "request-stopped")
    assert [(line["code"], line["error"]) for line in logs if line["event"] == "request failed"] == [
        ("request-stopped", "KeyError")
    ]
    assert ADA[1] not in answer.text + page.text + str(logs)
    with pytest.raises(Conflict):
        lifecycle.move_request(
            office.registry.deployment, tenant.workspace, request.request_id, Move.CANCEL, actor="person:first"
        )
