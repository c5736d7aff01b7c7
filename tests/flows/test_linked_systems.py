"""Systems outside in a request: planned, waited for, run once, looked through again, and never silently skipped."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.plan import SystemPlan
from registry.dsr.requests import Kind, Move
from registry.flows.accountability import verify
from registry.flows.dsr import export, going_without, lifecycle, linked, moves, planning, waiting
from registry.model.clock import rfc3339
from registry.model.errors import Conflict, LinkedSystemUnavailable, NotFound
from registry.model.ids import text_id
from registry.model.message import Identifier
from registry.store.database import Database
from tests.conftest import SetClock
from tests.factories import identify, ordered
from tests.flows.test_interrupted_erasure import MOST_COMMITS, Killed, _stop_before
from tests.flows.test_package_contents import SCHEMA
from tests.simulator import RegistrySimulator, Tenant


@dataclass
class Customers:
    """A database of customers outside, found by e-mail address."""

    file: Path
    name: str = "shop"
    missing: Sequence[tuple[str, str]] = ()
    failing: int = 0
    lying: bool = False
    silent_about: str | None = None
    ran: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.execute("CREATE TABLE customer (email TEXT, address TEXT)")
            connection.executemany("INSERT INTO customer VALUES (?, 'x')", [("ada@example.com",), ("bob@example.com",)])

    def rows(self, people: Sequence[Identifier]) -> int:
        wanted = [person.value for person in people if person.kind == "email"]
        marks = ", ".join("?" * len(wanted))
        with closing(sqlite3.connect(self.file)) as connection:
            sql = f"SELECT count(*) FROM customer WHERE email IN ({marks})"
            return int(connection.execute(sql, wanted).fetchone()[0])

    def undecided(self) -> Sequence[tuple[str, str]]:
        return self.missing

    def export(self, people: Sequence[Identifier]) -> Iterator[tuple[str, dict[str, Any]]]:
        yield from (("customer", {"address": "x"}) for _ in range(self.rows(people)))

    def close(self) -> None:
        self.ran.clear()

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        return SystemPlan(self.name, self._accounts(self.rows(people)), self.missing)

    def leads(self, people: Sequence[Identifier]) -> Sequence[Identifier]:
        return ()

    def run(
        self, request_id: str, kind: Kind, people: Sequence[Identifier], corrections: Mapping[str, object]
    ) -> Sequence[FieldAccount]:
        if self.failing:
            self.failing -= 1
            raise ConnectionError("ada@example.com could not be reached")
        found = self.rows(people)
        self.ran.append(request_id)
        if not self.lying and kind is not Kind.ACCESS:
            with closing(sqlite3.connect(self.file)) as connection, connection:
                for person in people:
                    connection.execute("DELETE FROM customer WHERE email = ?", (person.value,))
        return [account for account in self._accounts(found) if account.field != self.silent_about]

    def remaining(self, kind: Kind, people: Sequence[Identifier]) -> Mapping[str, int]:
        return {"customer": self.rows(people)} if kind is not Kind.ACCESS else {}

    def _accounts(self, rows: int) -> list[FieldAccount]:
        return [FieldAccount(self.name, "customer", name, Disposition.ERASED, rows) for name in ("email", "address")]


@pytest.fixture
def outside(registry: RegistrySimulator, tmp_path: Path) -> Customers:
    shop = Customers(tmp_path / "customers.db")
    registry.deployment = replace(registry.deployment, linked=(shop,))
    registry.workspaces._deployment = registry.deployment
    return shop


@pytest.fixture
def alone(registry: RegistrySimulator) -> Tenant:
    made = registry.tenant()
    made.send(identify("ada", email="ada@example.com"), ordered("ada"))
    return made


def _accounted(tenant: Tenant, certificate: str | None) -> dict[tuple[str, str], tuple[str, int]]:
    _, claims = verify.document(certificate or "", tenant.workspace.jwks())
    return {(f["system"], f["field"]): (f["disposition"], f["rows"]) for f in claims["fields"]}  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [Kind.ACCESS, Kind.RECTIFICATION, Kind.RESTRICTION])
def test_what_erases_nothing_is_certified_over_every_system_and_waits_for_one_that_is_down(
    outside: Customers, alone: Tenant, kind: Kind
) -> None:
    details = {"traits": {"first_name": "Augusta"}} if kind is Kind.RECTIFICATION else {}
    request = alone.request(kind, "user_id", "ada", **details)
    outside.failing = 1
    with pytest.raises(LinkedSystemUnavailable):
        alone.run(request)
    assert lifecycle.get(alone.registry.deployment, alone.workspace, request.request_id)[0].certificate is None
    done = alone.run(request)
    assert _accounted(alone, done.certificate)["shop", "address"][1] == 1
    assert outside.ran == [text_id(request.request_id)]


@pytest.mark.parametrize("kind", [Kind.ACCESS, Kind.ERASURE])
def test_a_deadline_that_is_put_off_while_systems_work_stays_so_and_is_certified(
    outside: Customers, alone: Tenant, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, workspace = alone.registry.deployment, alone.workspace
    request, run, put_off = alone.request(kind, "user_id", "ada"), outside.run, []

    def slow(*arguments: Any) -> Sequence[FieldAccount]:
        said = {"reason": "complex", "channel": "phone", "notified_at": None, "actor": "person:officer"}
        put_off.append(moves.extend(deployment, workspace, request.request_id, **said))
        return run(*arguments)

    monkeypatch.setattr(outside, "run", slow)
    done = alone.run(request)
    stored, _ = lifecycle.get(deployment, workspace, request.request_id)
    assert stored.respond_by == put_off[0].respond_by > request.respond_by
    _, claims = verify.document(done.certificate or "", workspace.jwks())
    asked: dict[str, Any] = claims["request"]  # type: ignore[assignment]
    assert asked["respond_by"] == rfc3339(stored.respond_by)


def test_a_plan_knows_systems_outside_by_identifiers_that_the_request_did_not_name(
    outside: Customers, alone: Tenant
) -> None:
    request = alone.request(Kind.ERASURE, "user_id", "ada")
    [_, shop] = planning.plan_of(alone.registry.deployment, alone.workspace, request.request_id).systems
    assert {account.rows for account in shop.accounts} == {1}


def test_an_erasure_reaches_systems_outside_by_identifiers_that_the_request_did_not_name(
    outside: Customers, alone: Tenant
) -> None:
    request = alone.request(Kind.ERASURE, "user_id", "ada")
    done = alone.run(request)
    assert _accounted(alone, done.certificate)["shop", "address"] == ("erased", 1)
    with closing(sqlite3.connect(outside.file)) as connection:
        assert connection.execute("SELECT email FROM customer").fetchall() == [("bob@example.com",)]


@pytest.mark.parametrize("kind", [Kind.ACCESS, Kind.ERASURE])
def test_a_system_that_says_nothing_of_a_field_that_it_foresaw_completes_nothing(
    outside: Customers, alone: Tenant, kind: Kind
) -> None:
    request = alone.request(kind, "user_id", "ada")
    outside.silent_about = "address"
    with pytest.raises(LinkedSystemUnavailable, match=r"customer\.address"):
        alone.run(request)
    stored, _ = lifecycle.get(alone.registry.deployment, alone.workspace, request.request_id)
    assert (stored.state, stored.certificate) == ("waiting", None)
    outside.silent_about = None
    assert ("shop", "address") in _accounted(alone, alone.run(request).certificate)


@pytest.mark.parametrize("kind", [Kind.ACCESS, Kind.ERASURE])
def test_a_system_that_names_no_field_completes_nothing(
    outside: Customers, alone: Tenant, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = alone.request(kind, "user_id", "ada")
    with monkeypatch.context() as patched:
        patched.setattr(outside, "_accounts", lambda _: [])
        with pytest.raises(LinkedSystemUnavailable, match="names no field"):
            alone.run(request)
    assert ("shop", "email") in _accounted(alone, alone.run(request).certificate)


def test_whom_a_request_was_about_cannot_be_read_when_it_has_ended(outside: Customers, alone: Tenant) -> None:
    request = alone.request(Kind.ERASURE, "user_id", "ada")
    registry = alone.registry
    assert registry.key_rows("SELECT count(*) FROM key_bundle WHERE fragment_id = ?", request.request_id) == [(1,)]
    alone.run(request)
    assert registry.rows("SELECT sealed FROM dsr_request WHERE request_id = ?", request.request_id) == [(None,)]
    assert registry.key_rows("SELECT count(*) FROM key_bundle WHERE fragment_id = ?", request.request_id) == [(0,)]


def test_a_plan_announces_what_is_outside_and_an_undecided_field_blocks_the_approval(
    outside: Customers, alone: Tenant
) -> None:
    outside.missing = [("customer", "nickname")]
    with pytest.raises(Conflict) as caught:
        alone.request(Kind.ERASURE, "email", "ada@example.com")
    assert caught.value.extra["tables"] == ["shop: customer.nickname"]
    [opened] = lifecycle.listed(alone.registry.deployment, alone.workspace, 5, None)
    plan = planning.plan_of(alone.registry.deployment, alone.workspace, opened.request_id)
    assert [system.system for system in plan.systems] == ["registry", "shop"]
    assert plan.systems[1].accounts[0].rows == 1
    outside.missing = ()
    lifecycle.move_request(
        alone.registry.deployment, alone.workspace, opened.request_id, Move.APPROVE, actor="person:second"
    )


def test_a_system_that_is_down_is_waited_for_with_growing_intervals_and_reached_once(
    outside: Customers, alone: Tenant
) -> None:
    registry, clock = alone.registry, alone.registry.clock
    assert isinstance(clock, SetClock)
    outside.failing = 3
    request = alone.request(Kind.ERASURE, "user_id", "ada")
    with pytest.raises(LinkedSystemUnavailable) as caught:
        alone.run(request)
    assert "ada" not in str(caught.value)
    assert (caught.value.extra["system"], caught.value.extra["attempts"]) == ("shop", 1)
    waits = []
    for _ in range(3):
        row, _ = lifecycle.get(registry.deployment, alone.workspace, request.request_id)
        assert row.state == "waiting"
        assert lifecycle.due(registry.deployment, alone.workspace) == []
        waits.append((row.due_at or 0) - clock())
        clock.now = row.due_at or 0
        [due] = lifecycle.due(registry.deployment, alone.workspace)
        try:
            lifecycle.go_on(registry.deployment, alone.workspace, due)
        except LinkedSystemUnavailable:
            continue
    assert [wait // 60_000_000 for wait in waits] == [1, 2, 4]
    row, events = lifecycle.get(registry.deployment, alone.workspace, request.request_id)
    assert row.state == "completed"
    assert len(outside.ran) == 1
    assert {event.actor for event in events if event.action == "complete"} == {"person:second"}


@pytest.mark.parametrize("says", ["ada@example.com could not be found", "row 17 could not be locked"])
def test_why_a_request_waits_is_told_unless_a_connector_names_the_person(
    outside: Customers, alone: Tenant, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    def fail(*_: Any) -> Sequence[FieldAccount]:
        raise LinkedSystemUnavailable(says, extra={"about": says})

    monkeypatch.setattr(outside, "run", fail)
    request = alone.request(Kind.ERASURE, "user_id", "ada")
    with pytest.raises(LinkedSystemUnavailable) as caught:
        alone.run(request)
    row, events = lifecycle.get(alone.registry.deployment, alone.workspace, request.request_id)
    told = waiting.wait_of(row) or {}
    wanted = "shop: what it says names somebody, and is withheld" if "@" in says else f"shop: {says}"
    assert told["cause"] == wanted == caught.value.detail
    assert "ada@" not in f"{row.progress} {[event.details for event in events]} {caught.value.extra}"


def test_what_a_system_leads_to_that_came_after_it_was_asked_is_asked_about_first(
    outside: Customers, alone: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm, plan, led = Customers(tmp_path / "crm.db", name="crm"), outside.plan, list[Identifier]()
    alone.registry.deployment = replace(alone.registry.deployment, linked=(outside, crm))

    def a_row_comes(kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        led[:] = [Identifier("email", "bob@example.com"), Identifier("shared.phone", "+493012345678")]
        return plan(kind, people)

    monkeypatch.setattr(outside, "leads", lambda people: list(led))
    request = alone.request(Kind.ERASURE, "user_id", "ada")
    monkeypatch.setattr(outside, "plan", a_row_comes)
    with pytest.raises(LinkedSystemUnavailable, match="came meanwhile") as caught:
        alone.run(request)
    assert ("bob" in str(caught.value).lower(), outside.ran) == (False, [])
    assert alone.run(request).state == "completed"
    assert crm.rows([Identifier("email", "bob@example.com")]) == 0


def test_what_a_system_of_ones_own_leads_to_is_read_by_the_policy(
    outside: Customers, alone: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = Customers(tmp_path / "crm.db", name="crm")
    alone.registry.deployment = replace(alone.registry.deployment, linked=(outside, crm))
    monkeypatch.setattr(outside, "leads", lambda people: [Identifier("email", " BOB@Example.com")])
    request = alone.request(Kind.ERASURE, "user_id", "ada")
    planned, _ = linked.plans(alone.registry.deployment, alone.workspace, request, ())
    assert [plan.accounts[0].rows for plan in planned] == [1, 1]
    assert alone.run(request).state == "completed"
    assert crm.rows([Identifier("email", "bob@example.com")]) == 0


@pytest.mark.parametrize("kind", [Kind.ERASURE, Kind.RECTIFICATION, Kind.RESTRICTION, Kind.OBJECTION])
def test_what_is_learnt_after_a_system_was_through_takes_it_there_again(
    outside: Customers, alone: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    crm, led = Customers(tmp_path / "crm.db", name="crm"), list[Identifier]()
    alone.registry.deployment = replace(alone.registry.deployment, linked=(crm, outside))
    monkeypatch.setattr(outside, "leads", lambda people: list(led))
    details: dict[Kind, dict[str, object]] = {
        Kind.RECTIFICATION: {"traits": {"first_name": "Adah"}}, Kind.OBJECTION: {"purposes": ["marketing"]}
    }  # fmt: skip
    request = alone.request(kind, "user_id", "ada", **details.get(kind, {}))
    for _ in range(2):
        outside.failing = 1
        with pytest.raises(LinkedSystemUnavailable):
            alone.run(request)
    assert len(crm.ran) == 1, "nothing new: not told again"
    led.append(Identifier("email", "bob@example.com"))
    if kind is Kind.ERASURE:  # whose last look finds it
        with pytest.raises(LinkedSystemUnavailable, match="still has rows"):
            alone.run(request)
    assert alone.run(request).state == "completed"
    assert crm.rows([Identifier("email", "bob@example.com")]) == 0


def test_an_access_states_the_rows_that_there_are_once_every_system_answers(
    outside: Customers, alone: Tenant, tmp_path: Path
) -> None:
    crm = Customers(tmp_path / "crm.db", name="crm", failing=1)
    registry = alone.registry
    registry.deployment = replace(registry.deployment, linked=(outside, crm))
    request = alone.request(Kind.ACCESS, "user_id", "ada")
    with pytest.raises(LinkedSystemUnavailable):
        alone.run(request)
    with closing(sqlite3.connect(outside.file)) as connection, connection:
        connection.execute("INSERT INTO customer VALUES ('ada@example.com', 'y')")
    registry.deployment = replace(registry.deployment, linked=(crm,))
    with pytest.raises(LinkedSystemUnavailable, match="connected no longer"):
        alone.run(request)
    registry.deployment = replace(registry.deployment, linked=(outside, crm))
    outside.failing = 1
    with pytest.raises(LinkedSystemUnavailable):
        alone.run(request)
    waits, _ = lifecycle.get(registry.deployment, alone.workspace, request.request_id)
    assert "shop" in going_without.dispensable(registry.deployment, waits), "counted before, and waited for now"
    stated = _accounted(alone, alone.run(request).certificate)
    assert (stated["shop", "address"][1], stated["crm", "address"][1]) == (2, 1)


def test_a_package_without_the_system_that_it_was_decided_to_end_without_is_given_out_and_says_so(
    outside: Customers, alone: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm, registry = Customers(tmp_path / "crm.db", name="crm"), alone.registry
    registry.deployment = replace(registry.deployment, linked=(outside, crm))
    request, stream = alone.request(Kind.ACCESS, "user_id", "ada"), io.BytesIO()
    monkeypatch.setattr(crm, "leads", lambda people: 1 / 0)
    with pytest.raises(LinkedSystemUnavailable):
        alone.run(request)
    given = registry.deployment, alone.workspace
    going_without.override(*given, request.request_id, "crm", reason="shut down", actor="person:b")
    export.write_package(*given, alone.run(request), stream, actor="person:b")
    with zipfile.ZipFile(stream) as package:
        assert "outside/shop.jsonl" in package.namelist() and "outside/crm.jsonl" not in package.namelist()
        manifest = json.loads(package.read("manifest.json"))
        assert "What crm holds of you is missing here" in package.read("index.html").decode()
    assert manifest["left_out"] == ["crm"]
    Draft202012Validator(SCHEMA).validate(manifest)


def test_only_a_recorded_decision_ends_a_request_without_a_system(outside: Customers, alone: Tenant) -> None:
    registry = alone.registry
    outside.lying = True  # it says that it erased, and did not
    request = alone.request(Kind.ERASURE, "user_id", "ada")
    with pytest.raises(LinkedSystemUnavailable) as caught:
        alone.run(request)
    assert caught.value.extra["remaining"] == {"customer": 1}
    with pytest.raises(NotFound):
        going_without.override(
            registry.deployment, alone.workspace, request.request_id, "crm", reason="x", actor="person:b"
        )
    going_without.override(
        registry.deployment, alone.workspace, request.request_id, "shop", reason="sold in 2025", actor="person:b"
    )
    [due] = lifecycle.due(registry.deployment, alone.workspace)
    done = lifecycle.go_on(registry.deployment, alone.workspace, due)
    _, claims = verify.document(done.certificate or "", alone.workspace.jwks())
    [told] = [f for f in claims["fields"] if f["system"] == "shop"]  # type: ignore[attr-defined]
    assert told["disposition"] == "retained"
    assert told["ground"] == "not reached; decided by person:b: sold in 2025"
    with pytest.raises(Conflict):
        going_without.override(
            registry.deployment, alone.workspace, request.request_id, "shop", reason="x", actor="person:b"
        )


def test_interrupted_before_any_commit_a_request_finishes_and_reports_the_same(
    outside: Customers, registry: RegistrySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise Killed

    tenant = registry.tenant()
    for commit in range(1, MOST_COMMITS):
        name = f"person{commit}"
        email = f"{name}@example.com"
        tenant.send(identify(name, email=email), ordered(name))
        with closing(sqlite3.connect(outside.file)) as connection, connection:
            connection.execute("INSERT INTO customer VALUES (?, 'x')", (email,))
        request = tenant.request(Kind.ERASURE, "user_id", name)
        with monkeypatch.context() as patched:
            patched.setattr(Database, "write", _stop_before(commit, fail))
            try:
                tenant.run(request)
                break
            except Killed:
                pass
        done = tenant.run(request)
        # What was done outside before its note was kept is done again, and finds no more there.
        assert _accounted(tenant, done.certificate)["shop", "email"][0] == "erased"
        assert outside.rows([Identifier("email", email)]) == 0
    assert 8 < commit < MOST_COMMITS - 1


def test_what_a_system_brings_back_in_one_that_was_through_before_goes_too(
    registry: RegistrySimulator, tmp_path: Path
) -> None:
    """A shop whose trigger keeps what is deleted in a trail, which comes before it by its name."""
    trail, shop = Customers(tmp_path / "trail.db", name="audit"), Customers(tmp_path / "shop.db")
    with closing(sqlite3.connect(trail.file)) as connection, connection:
        connection.execute("DELETE FROM customer")
    run = shop.run

    def keeping(*asked: Any) -> Sequence[FieldAccount]:
        gone = shop.rows(asked[2])
        with closing(sqlite3.connect(trail.file)) as connection, connection:
            connection.executemany("INSERT INTO customer VALUES (?, 'x')", [("ada@example.com",)] * gone)
        return run(*asked)

    shop.run = keeping  # type: ignore[method-assign]
    registry.deployment = replace(registry.deployment, linked=(trail, shop))
    registry.workspaces._deployment = registry.deployment
    tenant = registry.tenant()
    tenant.send(identify("ada", email="ada@example.com"))
    request = tenant.request(Kind.ERASURE, "email", "ada@example.com")
    with pytest.raises(LinkedSystemUnavailable, match="audit still has rows"):
        tenant.run(request)
    done = tenant.run(request)
    assert done.state == "completed"
    assert trail.rows([Identifier("email", "ada@example.com")]) == 0
    assert (len(trail.ran), len(shop.ran)) == (2, 1)
