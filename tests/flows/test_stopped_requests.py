"""A request that something stops here, and one whose key is gone: seen by whoever looks, tried again, and ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import orjson
import pytest

from registry.api.dsr import request_json
from registry.dsr.requests import Kind, Move
from registry.flows.accountability import verify
from registry.flows.dsr import going_without, holds, kept, letters, lifecycle, planning, rectification, reference
from registry.model.errors import Conflict, Forgotten, InvalidInput, LinkedSystemUnavailable, RequestDamaged
from registry.model.ids import RequestId, text_id
from registry.model.stored import StoredRequest
from registry.store import requests
from registry.store.row_security import APPLICATION_ROLE
from tests.api.office import REQUESTS, Office
from tests.conftest import SetClock
from tests.factories import identify
from tests.flows.test_decision_log import entries
from tests.flows.test_holds_outside import Mailer
from tests.flows.test_older_data import connect, copied, put_back
from tests.flows.test_older_keys import lose
from tests.simulator import RegistrySimulator, Tenant

ADA = ("email", "ada@example.com")
ASKED: Mapping[Kind, dict[str, Any]] = {
    Kind.OBJECTION: {"purposes": ["security"]},
    Kind.RECTIFICATION: {"traits": {"first_name": "Adah"}},
}
KINDS = [Kind.ERASURE, Kind.ACCESS, Kind.RECTIFICATION, Kind.OBJECTION]
WHY = "the disk had lost it"
SECOND_LOOK = "the second look still finds rows of this person: added_by_somebody (1)"


@pytest.fixture
def mailer() -> Mailer:
    return Mailer()


@pytest.fixture
def tenant(registry: RegistrySimulator, mailer: Mailer) -> Tenant:
    connect(registry, mailer)
    made = registry.tenant()
    made.send(identify("ada", email="ada@example.com"))
    return made


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.registry.close()


def _later(tenant: Tenant) -> StoredRequest:
    assert isinstance(tenant.registry.clock, SetClock)
    tenant.registry.clock.pass_by(days=1)
    [due] = lifecycle.due(tenant.registry.deployment, tenant.workspace)
    return lifecycle.go_on(tenant.registry.deployment, tenant.workspace, due)


def _now(tenant: Tenant, request: StoredRequest) -> StoredRequest:
    return lifecycle.get(tenant.registry.deployment, tenant.workspace, request.request_id)[0]


def _last(tenant: Tenant, request: StoredRequest) -> tuple[str, str, dict[str, str]]:
    last = lifecycle.get(tenant.registry.deployment, tenant.workspace, request.request_id)[1][-1]
    return last.action, last.state, orjson.loads(last.details or "{}")


def damage(tenant: Tenant, request: StoredRequest, what: str) -> None:
    """Change a part of a request that is sealed, or its key, as a failing disk does."""
    registry = tenant.registry
    if what == "details":
        now = _now(tenant, request)
        progress = orjson.loads(now.progress) | {"sealed_details": "00" * 40}
        with registry.deployment.data.write(tenant.workspace_id) as transaction:
            requests.move(transaction, now._replace(progress=orjson.dumps(progress).decode()), was=now.state)
        return
    database, table, column, name = {
        "people": (registry.deployment.data, "dsr_request", "sealed", "request_id"),
        "key": (registry.deployment.keystore, "key_bundle", "wrapped", "fragment_id"),
    }[what]
    mark = "?" if database.is_sqlite else "%s"
    with database.owner(writes=True) as transaction:
        at = (request.request_id,)
        [stands] = transaction.exec_driver_sql(f"SELECT {column} FROM {table} WHERE {name} = {mark}", at).one()
        changed = bytes(stands)[:-1] + bytes([bytes(stands)[-1] ^ 1])
        transaction.exec_driver_sql(f"UPDATE {table} SET {column} = {mark} WHERE {name} = {mark}", (changed, *at))
    registry.deployment.keyring.forget()


def _sql(registry: RegistrySimulator, sql: str, *values: object) -> None:
    with registry.deployment.data.owner(writes=True) as transaction:
        mark = "?" if registry.deployment.data.is_sqlite else "%s"
        transaction.exec_driver_sql(sql.replace("?", mark), values)


def test_what_the_second_look_goes_on_finding_stands_in_the_request_until_it_is_gone(tenant: Tenant) -> None:
    registry = tenant.registry
    blob = "BLOB" if registry.deployment.data.is_sqlite else "BYTEA"
    _sql(registry, f"CREATE TABLE added_by_somebody (workspace_id {blob}, who {blob})")
    if not registry.deployment.data.is_sqlite:
        _sql(registry, f"GRANT SELECT ON added_by_somebody TO {APPLICATION_ROLE}")
    holder = tenant.fragment(tenant.person(*ADA))
    _sql(registry, "INSERT INTO added_by_somebody VALUES (?, ?)", tenant.workspace_id, holder)
    request = tenant.request(Kind.ERASURE, *ADA)
    with pytest.raises(Conflict):
        tenant.run(request)
    with pytest.raises(Conflict):
        _later(tenant)
    seen = request_json(_now(tenant, request))
    waits = seen["waiting"]
    assert (seen["state"], seen["allowed"], waits["system"], waits["attempts"]) == ("waiting", ["run"], "registry", 2)
    assert (waits["cause"], waits["code"], waits["since"]) == (SECOND_LOOK, "conflict", "2026-01-01T00:00:00Z")
    assert "emptied of the person" in waits["hint"]
    _, history = lifecycle.get(registry.deployment, tenant.workspace, request.request_id)
    assert [one.action for one in history].count("wait") == 2
    assert SECOND_LOOK in (history[-1].details or "")
    assert going_without.dispensable(registry.deployment, _now(tenant, request)) == []
    _sql(registry, "DROP TABLE added_by_somebody")
    assert _later(tenant).state == "completed"


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_that_was_begun_and_whose_key_is_gone_can_be_cancelled(
    tenant: Tenant, mailer: Mailer, kind: Kind
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    request = tenant.request(kind, *ADA, **ASKED.get(kind, {}))
    mailer.is_down = True
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    with pytest.raises(Conflict):
        lifecycle.move_request(deployment, workspace, request.request_id, Move.CANCEL, actor="person:first")
    lose(tenant, [request.request_id])
    mailer.is_down = False
    with pytest.raises(Forgotten):
        _later(tenant)
    seen = request_json(_now(tenant, request))
    assert (seen["waiting"]["code"], seen["allowed"]) == ("request-forgotten", ["run", "cancel"])
    given = deployment, workspace, request.request_id, Move.CANCEL
    for nothing in (None, "", "  "):
        with pytest.raises(InvalidInput, match="say why"):
            lifecycle.move_request(*given, actor="person:first", reason=nothing)
    done = lifecycle.move_request(*given, actor="person:first", reason=WHY)
    assert (done.state, done.sealed, done.due_at) == ("cancelled", None, None)
    assert _last(tenant, request) == ("cancel", "cancelled", {"reason": WHY})
    assert set(done.progress) <= set(_now(tenant, request).progress)
    assert "fragments" not in done.progress
    assert lifecycle.due(deployment, workspace) == []
    assert tenant.run(tenant.request(kind, *ADA, **ASKED.get(kind, {}))).state == "completed"


@pytest.mark.parametrize(
    ("kind", "what"),
    [(Kind.ERASURE, "people"), (Kind.ERASURE, "key"), (Kind.ACCESS, "people"), (Kind.RECTIFICATION, "details")],
)
def test_a_request_that_was_begun_and_is_damaged_itself_is_ended_by_a_decision_and_never_as_complete(
    tenant: Tenant, mailer: Mailer, kind: Kind, what: str
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    request = tenant.request(kind, *ADA, **ASKED.get(kind, {}))
    mailer.is_down = True
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    damage(tenant, request, what)
    mailer.is_down = False
    with pytest.raises(RequestDamaged):
        _later(tenant)
    seen = request_json(_now(tenant, request))
    assert (seen["waiting"]["code"], seen["allowed"]) == ("request-damaged", ["run", "cancel"])
    given = deployment, workspace, request.request_id, Move.CANCEL
    done = lifecycle.move_request(*given, actor="person:first", reason=WHY)
    assert (done.state, done.sealed, done.certificate, done.completed_at) == ("cancelled", None, None, None)
    assert _last(tenant, request) == ("cancel", "cancelled", {"reason": WHY})
    entry = entries(tenant, "dsr:request:moved")[-1]
    assert entry["fields"] == {
        "request": text_id(request.request_id), "move": "cancel", "state": "cancelled", "reason": WHY
    }  # fmt: skip
    assert lifecycle.due(deployment, workspace) == []
    assert tenant.run(tenant.request(kind, *ADA, **ASKED.get(kind, {}))).state == "completed"


def test_an_erasure_that_was_begun_and_cancelled_since_an_older_copy_is_not_complete_in_it(
    tenant: Tenant, mailer: Mailer
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    request, mailer.is_down = tenant.request(Kind.ERASURE, *ADA), True
    copy = copied(tenant.registry)
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    damage(tenant, request, "people")
    with pytest.raises(RequestDamaged):
        _later(tenant)
    lifecycle.move_request(deployment, workspace, request.request_id, Move.CANCEL, actor="person:first", reason=WHY)
    anew = tenant.request(Kind.ERASURE, *ADA)
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(anew)
    replayed = put_back(tenant, copy)
    assert (replayed.ended, replayed.unfinished) == (1, (text_id(anew.request_id),))
    done = _now(tenant, request)
    assert (done.state, done.completed_at, tenant.profile(*ADA)) == ("cancelled", None, None)
    assert "certificate" not in _last(tenant, request)[2]["reason"]


@pytest.mark.parametrize("has_it", [True, False])
@pytest.mark.parametrize("kind", [Kind.OBJECTION, Kind.RESTRICTION, Kind.RECTIFICATION])
def test_what_was_decided_by_one_that_was_begun_and_cancelled_is_not_lost_with_an_older_copy(
    tenant: Tenant, mailer: Mailer, kind: Kind, has_it: bool
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    before, mailer.is_down = copied(tenant.registry), True
    request = tenant.request(kind, *ADA, **ASKED.get(kind, {}))
    copy = copied(tenant.registry) if has_it else before
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    damage(tenant, request, "people")
    with pytest.raises(RequestDamaged):
        _later(tenant)
    lifecycle.move_request(deployment, workspace, request.request_id, Move.CANCEL, actor="person:first", reason=WHY)
    replayed = put_back(tenant, copy)
    again = has_it and kind is not Kind.RECTIFICATION
    assert replayed.lost == (() if again else (text_id(request.request_id),))
    if has_it:
        assert (_now(tenant, request).state, tenant.check(*ADA, "security").allowed) == ("cancelled", not again)
        assert ("recorded again" in _last(tenant, request)[2]["reason"]) == again


def test_a_correction_that_was_begun_and_cancelled_is_not_taken_back_by_an_earlier_one(
    tenant: Tenant, mailer: Mailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, deployment, workspace = tenant.registry, tenant.registry.deployment, tenant.workspace
    assert isinstance(registry.clock, SetClock)
    told, asked = list[object](), list[StoredRequest]()
    desk = Mailer()
    desk.name = "desk"
    run = desk.run
    monkeypatch.setattr(desk, "run", lambda *given: (told.append(given[3].get("first_name")), run(*given))[1])
    connect(registry, desk, mailer)
    for name in ("Adah", "Augusta", "Byron"):
        registry.clock.pass_by(seconds=1)
        asked.append(tenant.request(Kind.RECTIFICATION, *ADA, traits={"first_name": name}))
    earlier, later, never = asked
    mailer.is_down, desk.is_down = True, True
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(earlier)
    desk.is_down = False
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(later)
    damage(tenant, later, "details")
    with pytest.raises(RequestDamaged):
        tenant.run(later)
    for request in (later, never):
        lifecycle.move_request(deployment, workspace, request.request_id, Move.CANCEL, actor="person:first", reason=WHY)
    mailer.is_down = False
    assert tenant.run(earlier).state == "completed"
    assert (told, tenant.traits(*ADA)["first_name"]) == (["Adah", "Augusta", None], "Augusta")


def test_of_one_that_is_answered_and_damaged_nobody_is_told_to_cancel_it(tenant: Tenant) -> None:
    request = tenant.run(tenant.request(Kind.ACCESS, *ADA))
    damage(tenant, request, "people")
    with pytest.raises(RequestDamaged) as caught:
        reference.scope_of(tenant.registry.deployment, tenant.workspace, _now(tenant, request))
    assert "cancel" not in (caught.value.hint or "")


def test_one_that_is_certified_and_damaged_then_ends_and_its_letter_goes_to_nobody(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = tenant.request(Kind.ERASURE, *ADA)
    with monkeypatch.context() as patched:
        patched.setattr(letters, "add_answered", lambda *_: pytest.fail("killed here"))
        with pytest.raises(pytest.fail.Exception):
            tenant.run(request)
    damage(tenant, request, "people")
    done = _later(tenant)
    assert (done.state, done.certificate is not None) == ("completed", True)
    letters.send_due(tenant.registry.deployment, tenant.workspace)
    told = letters.told(tenant.registry.deployment, tenant.workspace, done)
    assert [one["outcome"] for one in told] == ["no_address"]


@pytest.mark.parametrize("state", ["received", "waiting"])
def test_a_damaged_request_is_cancelled_on_its_page(office: Office, state: str) -> None:
    tenant, mailer = office.tenant, Mailer()
    connect(office.registry, mailer)
    tenant.send(identify("ada", email="ada@example.com"))
    given = office.registry.deployment, tenant.workspace
    if state == "received":
        row = lifecycle.open_request(*given, kind=Kind.ACCESS, person=tenant.person(*ADA), actor="person:noor")
        damage(tenant, row, "people")
    else:
        row, mailer.is_down = tenant.request(Kind.ACCESS, *ADA), True
        with pytest.raises(LinkedSystemUnavailable):
            tenant.run(row)
        damage(tenant, row, "people")
        with pytest.raises(RequestDamaged):
            tenant.run(row)
        assert office.post(f"{REQUESTS}/{text_id(row.request_id)}/cancel").status_code == 400
    page = office.page_of(row)
    assert "is damaged" in page
    assert ('id="why-cancelled"' in page) == (state == "waiting")
    assert office.post(f"{REQUESTS}/{text_id(row.request_id)}/cancel", reason=WHY).status_code == 200
    assert _last(tenant, row) == ("cancel", "cancelled", {"reason": WHY})


def test_a_request_whose_key_is_there_again_goes_on_and_is_not_cancelled(tenant: Tenant, mailer: Mailer) -> None:
    registry = tenant.registry
    request = tenant.request(Kind.ERASURE, *ADA)
    mailer.is_down = True
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    kept_key = registry.key_rows("SELECT * FROM key_bundle WHERE fragment_id = ?", request.request_id)[0]
    lose(tenant, [request.request_id])
    mailer.is_down = False
    with pytest.raises(Forgotten):
        _later(tenant)
    with registry.deployment.keystore.owner(writes=True) as transaction:
        marks = ", ".join(["?" if registry.deployment.keystore.is_sqlite else "%s"] * len(kept_key))
        transaction.exec_driver_sql(f"INSERT INTO key_bundle VALUES ({marks})", tuple(kept_key))
    with pytest.raises(Conflict, match="read again"):
        lifecycle.move_request(
            registry.deployment, tenant.workspace, request.request_id, Move.CANCEL, actor="person:first"
        )
    assert _later(tenant).state == "completed"


def test_what_a_cancelled_erasure_had_set_aside_ends_with_its_hold(tenant: Tenant, mailer: Mailer) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    person = tenant.person(*ADA)
    given = {"ground": "claim 1", "purpose": "legal", "categories": ("user.contact",), "actor": "person:first"}
    hold_id = holds.place(deployment, workspace, person, **given).hold_id  # type: ignore[arg-type]
    request = tenant.request(Kind.ERASURE, *ADA)
    mailer.categories, mailer.is_down = {("records", "address"): "user.behavior"}, True
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    lose(tenant, [request.request_id])
    with pytest.raises(Forgotten):
        _later(tenant)
    lifecycle.move_request(deployment, workspace, request.request_id, Move.CANCEL, actor="person:first", reason=WHY)
    assert [case.items > 0 for case in kept.listed(deployment, workspace)] == [True]
    holds.release(deployment, workspace, hold_id, actor="person:first")
    [ended] = kept.end_due(deployment, workspace, actor="operator")
    _, claims = verify.document(ended.certificate or "", workspace.jwks())
    assert claims["ends_case"] == text_id(ended.case_id)


@pytest.mark.parametrize("kind", KINDS)
def test_the_plan_of_a_request_whose_key_is_gone_says_so_and_its_page_lets_it_be_cancelled(
    office: Office, kind: Kind
) -> None:
    tenant = office.tenant
    tenant.send(identify("ada", email="ada@example.com"))
    opened = lifecycle.open_request(
        office.registry.deployment, tenant.workspace, kind=kind, person=tenant.person(*ADA), actor="person:noor",
        details=ASKED.get(kind),
    )  # fmt: skip
    lose(tenant, [opened.request_id])
    with pytest.raises(Forgotten):
        planning.plan_of(office.registry.deployment, tenant.workspace, opened.request_id)
    page = office.page_of(opened)
    assert "cannot be read any more" in page
    assert f"{REQUESTS}/{text_id(opened.request_id)}/cancel" in page
    assert office.post(f"{REQUESTS}/{text_id(opened.request_id)}/cancel").status_code == 200
    assert _now(tenant, opened).state == "cancelled"


def test_nobody_decides_to_go_on_without_a_system_that_has_done_its_part(tenant: Tenant, mailer: Mailer) -> None:
    registry, crm = tenant.registry, Mailer()
    crm.name, crm.is_down = "crm", True
    connect(registry, mailer, crm)
    request = tenant.request(Kind.ERASURE, *ADA)
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    given = registry.deployment, tenant.workspace, request.request_id
    with pytest.raises(Conflict, match="done its part"):
        going_without.override(*given, "mailer", reason="a slip", actor="person:first")
    going_without.override(*given, "crm", reason="shut down", actor="person:first")
    with pytest.raises(Conflict, match="decided before"):
        going_without.override(*given, "crm", reason="shut down", actor="person:first")
    _, claims = verify.document(_later(tenant).certificate or "", tenant.workspace.jwks())
    outside = [one for one in claims["fields"] if one["system"] != "registry"]  # type: ignore[attr-defined]
    assert [(one["system"], one["disposition"]) for one in outside] == [("mailer", "erased"), ("crm", "retained")]


def test_a_correction_that_an_earlier_version_sealed_under_its_persons_key_can_be_cancelled_once_that_is_gone(
    tenant: Tenant, mailer: Mailer
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    request, holder = tenant.request(Kind.RECTIFICATION, *ADA, **ASKED[Kind.RECTIFICATION]), _holder(tenant)
    progress = orjson.loads(request.progress) | rectification.seal_corrections(
        deployment, workspace, RequestId(holder), {"first_name": "Adah"}
    )
    with deployment.data.write(workspace.workspace_id) as transaction:
        requests.move(transaction, request._replace(progress=orjson.dumps(progress).decode()), was=request.state)
    lose(tenant, [holder])
    with pytest.raises(Forgotten):
        tenant.run(request)
    with pytest.raises(Forgotten):
        _later(tenant)
    assert "cancel" in request_json(_now(tenant, request))["allowed"]
    given = deployment, workspace, request.request_id, Move.CANCEL
    done = lifecycle.move_request(*given, actor="person:first", reason=WHY)
    assert (done.state, done.sealed) == ("cancelled", None)


def _holder(tenant: Tenant) -> bytes:
    return tenant.fragment(tenant.person(*ADA))


def test_one_that_is_certified_is_never_cancelled_since_its_key_is_gone(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    request = tenant.request(Kind.ERASURE, *ADA)

    def forgotten(*_: object) -> NoReturn:
        raise Forgotten("whom the request names cannot be read any more")

    with monkeypatch.context() as patched:
        patched.setattr(letters, "add_answered", forgotten)
        with pytest.raises(Forgotten):
            tenant.run(request)
    assert request_json(_now(tenant, request))["allowed"] == ["run"]
    with pytest.raises(Conflict):
        lifecycle.move_request(deployment, workspace, request.request_id, Move.CANCEL, actor="person:first")
    assert _later(tenant).state == "completed"
