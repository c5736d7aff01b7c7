"""A legal hold keeps what it covers in systems outside, says so before and after, and lets go of it when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.plan import LinkedSystem, SystemPlan
from registry.dsr.requests import Kind
from registry.flows.accountability import verify
from registry.flows.dsr import holds, kept, planning
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from registry.store.database import Database
from tests.conftest import SetClock
from tests.factories import identify
from tests.flows.test_interrupted_erasure import MOST_COMMITS, Killed, _stop_before
from tests.outside import rows, run, systems
from tests.simulator import RegistrySimulator, Tenant

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id}
      email: {category: user.contact.email, identity: email}
      name: {category: user.name}
      city: {category: user.contact.address.city}
  orders:
    rows: delete
    fields:
      id: {category: null}
      customer: {category: user.unique_id, references: customers.id}
      total: {category: user.payment}
      note: {category: user.content}
  visits:
    rows: delete
    fields:
      customer: {category: user.unique_id, references: customers.id}
      page: {category: user.behavior}
"""
MAKE = (
    "CREATE TABLE customers (id integer primary key, email varchar(60), name varchar(20) NOT NULL, city varchar(20))",
    """CREATE TABLE orders (id integer primary key, customer integer NOT NULL, total integer, note varchar(20),
    FOREIGN KEY (customer) REFERENCES customers (id))""",
    "CREATE TABLE visits (customer integer, page varchar(20))",
    "INSERT INTO customers VALUES (1, 'Ada@Example.com', 'Ada', 'Rome'), (2, 'bob@example.com', 'Bob', 'Kiel')",
    "INSERT INTO orders VALUES (7, 1, 30, 'ring twice'), (8, 2, 40, 'x')",
    "INSERT INTO visits VALUES (1, 'home'), (2, 'home')",
)
BOB = {
    "customers": [(2, "bob@example.com", "Bob", "Kiel")], "orders": [(8, 2, 40, "x")], "visits": [(2, "home")],
}  # fmt: skip
Connect = Callable[..., None]


class Mailer:
    """A processor that erases all or nothing, and declares categories of its fields if it is given any."""

    def __init__(self, categories: Mapping[tuple[str, str], str] | None = None) -> None:
        self.name, self.categories, self.erased, self.is_down = "mailer", categories or {}, 0, False

    def undecided(self) -> Sequence[tuple[str, str]]:
        return ()

    def leads(self, people: Sequence[Identifier]) -> Sequence[Identifier]:
        return ()

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        account = FieldAccount(self.name, "records", "address", Disposition.ERASED, 0)
        return SystemPlan(self.name, [account], categories=self.categories)

    def run(
        self, request_id: str, kind: Kind, people: Sequence[Identifier], corrections: Mapping[str, object]
    ) -> Sequence[FieldAccount]:
        if self.is_down:
            raise ConnectionError
        assert Identifier("email", "ada@example.com") in people
        self.erased += 1
        return self.plan(kind, people).accounts

    def remaining(self, kind: Kind, people: Sequence[Identifier]) -> Mapping[str, int]:
        return {}

    def export(self, people: Sequence[Identifier]) -> Iterator[tuple[str, dict[str, Any]]]:
        return iter(())

    def close(self) -> None:
        self.erased = 0


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Tenant]:
    registry = RegistrySimulator(tmp_path / "registry", SetClock())
    yield registry.tenant()
    registry.close()


@pytest.fixture
def connect(alone: Tenant, outside_url: str) -> Iterator[Connect]:
    """Make the shop, and connect it and others to the registry."""
    run(outside_url, *MAKE)

    def link(*others: LinkedSystem) -> None:
        registry = alone.registry
        registry.deployment = replace(registry.deployment, linked=(*made, *others))
        registry.workspaces._deployment = registry.deployment

    with ExitStack() as stack:
        made = stack.enter_context(systems({SHOP: outside_url}))
        link()
        yield link


def _hold(tenant: Tenant, *categories: str, ground: str = "claim 2026/17") -> bytes:
    person = tenant.person("email", "ada@example.com")
    given = {"ground": ground, "purpose": "legal", "actor": "person:first", "categories": categories}
    return holds.place(tenant.registry.deployment, tenant.workspace, person, **given).hold_id  # type: ignore[arg-type]


def _release(tenant: Tenant, hold_id: bytes) -> list[Any]:
    holds.release(tenant.registry.deployment, tenant.workspace, hold_id, actor="person:first")
    return kept.end_due(tenant.registry.deployment, tenant.workspace, actor="operator")


def _told(tenant: Tenant, certificate: str | None) -> dict[str, tuple[str, str]]:
    _, claims = verify.document(certificate or "", tenant.workspace.jwks())
    fields: Any = claims["fields"]
    return {
        f"{one['system']}.{one['table']}.{one['field']}": (one["disposition"], one.get("ground", "")) for one in fields
    }


def _there(url: str) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows(url, f"SELECT * FROM {name} ORDER BY 1") for name in ("customers", "orders", "visits")}


def _planned(tenant: Tenant, request: StoredRequest) -> dict[str, tuple[str, str]]:
    plan = planning.plan_of(tenant.registry.deployment, tenant.workspace, request.request_id)
    return {
        f"{one.system}.{one.table}.{one.field}": (one.disposition.value, one.ground or "")
        for system in plan.systems
        for one in system.accounts
    }


@pytest.mark.parametrize("known", [True, False])
def test_a_hold_on_everything_keeps_every_row_and_its_end_erases_them(
    alone: Tenant, connect: Connect, outside_url: str, known: bool
) -> None:
    if known:
        alone.send(identify("ada", email="ada@example.com"))
    hold_id, before = _hold(alone), _there(outside_url)
    request = alone.request(Kind.ERASURE, "email", "ada@example.com")
    assert _planned(alone, request)["shop.customers.name"] == ("retained", "legal hold: claim 2026/17")
    done = alone.run(request)
    assert (done.state, _there(outside_url)) == ("completed", before)
    told = _told(alone, done.certificate)
    assert {told[f"shop.{name}"] for name in ("customers.email", "orders.total", "visits.page")} == {
        ("retained", "legal hold: claim 2026/17")
    }
    _, claims = verify.document(done.certificate or "", alone.workspace.jwks())
    retained: Any = claims["retained"]
    assert [one["ground"] for one in retained] == ["claim 2026/17"]
    [ended] = _release(alone, hold_id)
    assert _there(outside_url) == BOB
    told = _told(alone, ended.certificate)
    assert told["shop.customers.name"] == told["shop.orders.note"] == ("erased", "")
    stored = alone.registry.rows("SELECT progress FROM dsr_request WHERE request_id = ?", request.request_id)
    assert "held_outside" not in str(stored)


def test_a_hold_on_a_category_keeps_its_fields_and_no_more_than_leads_there(
    alone: Tenant, connect: Connect, outside_url: str
) -> None:
    hold_id = _hold(alone, "user.payment")
    request = alone.request(Kind.ERASURE, "email", "ada@example.com")
    planned = _planned(alone, request)
    words = "legal hold: claim 2026/17"
    assert planned["shop.orders.total"] == ("retained", words)
    assert planned["shop.orders.customer"] == ("retained", f"leads to what is kept ({words})")
    assert planned["shop.customers.name"] == ("retained", f"cannot be emptied in a row that is kept ({words})")
    assert planned["shop.customers.city"] == planned["shop.orders.note"] == ("erased", "")
    done = alone.run(request)
    assert _told(alone, done.certificate).items() >= {k: v for k, v in planned.items() if k.startswith("shop")}.items()
    assert _there(outside_url) == {
        "customers": [(1, "Ada@Example.com", "Ada", None), *BOB["customers"]],
        "orders": [(7, 1, 30, None), *BOB["orders"]],
        "visits": BOB["visits"],
    }
    assert len(_release(alone, hold_id)) == 1
    assert _there(outside_url) == BOB


def test_a_hold_that_covers_nothing_there_keeps_nothing_there(
    alone: Tenant, connect: Connect, outside_url: str
) -> None:
    hold_id = _hold(alone, "user.health_and_medical")
    done = alone.erase("email", "ada@example.com")
    assert (done.state, _there(outside_url)) == ("completed", BOB)
    [case] = kept.listed(alone.registry.deployment, alone.workspace)
    assert case.items == 0
    assert "retained" not in verify.document(done.certificate or "", alone.workspace.jwks())[1]
    assert kept.read(alone.registry.deployment, alone.workspace, alone.principal(), case.case_id, "legal") == ([], None)
    assert len(_release(alone, hold_id)) == 1
    assert "held_outside" not in str(alone.registry.rows("SELECT progress FROM dsr_request"))


def test_a_hold_on_what_the_person_has_no_row_of_keeps_nothing(
    alone: Tenant, connect: Connect, outside_url: str
) -> None:
    run(outside_url, "DELETE FROM orders WHERE customer = 1")
    hold_id = _hold(alone, "user.payment")
    request = alone.request(Kind.ERASURE, "email", "ada@example.com")
    assert _planned(alone, request)["shop.customers.email"] == ("erased", "")
    done = alone.run(request)
    assert (done.state, _there(outside_url)) == ("completed", BOB)
    [case] = kept.listed(alone.registry.deployment, alone.workspace)
    assert case.items == 0
    assert "retained" not in verify.document(done.certificate or "", alone.workspace.jwks())[1]
    assert kept.read(alone.registry.deployment, alone.workspace, alone.principal(), case.case_id, "legal") == ([], None)
    assert len(_release(alone, hold_id)) == 1
    assert "held_outside" not in str(alone.registry.rows("SELECT progress FROM dsr_request"))


def test_of_two_holds_each_keeps_its_own_until_it_ends(alone: Tenant, connect: Connect, outside_url: str) -> None:
    first = _hold(alone, "user.payment", ground="claim 1")
    second = _hold(alone, "user.behavior", ground="claim 2")
    alone.erase("email", "ada@example.com")
    [ended] = _release(alone, second)
    assert _told(alone, ended.certificate)["shop.visits.page"] == ("erased", "")
    assert _there(outside_url)["visits"] == BOB["visits"]
    assert len(_there(outside_url)["orders"]) == 2
    assert len(_release(alone, first)) == 1
    assert _there(outside_url) == BOB


def test_a_hold_is_found_by_what_only_a_system_outside_knows_and_by_a_later_request(
    alone: Tenant, connect: Connect, outside_url: str
) -> None:
    class Directory(Mailer):
        def leads(self, people: Sequence[Identifier]) -> Sequence[Identifier]:
            asked = Identifier("user_id", "ada") in people
            return [Identifier("email", "ADA@example.com")] if asked else []

    _hold(alone)
    before = _there(outside_url)
    connect(Directory())
    for kind, value in (("user_id", "ada"), ("email", "ada@example.com")):
        done = alone.erase(kind, value)
        assert (done.state, _there(outside_url)) == ("completed", before)


def test_a_hold_that_kept_nothing_is_found_by_a_later_request_until_it_ends(
    alone: Tenant, connect: Connect, outside_url: str
) -> None:
    hold_id = _hold(alone, "user.payment")
    run(outside_url, "DELETE FROM orders WHERE customer = 1")
    alone.erase("email", "ada@example.com")
    assert _there(outside_url) == BOB
    run(outside_url, "INSERT INTO customers VALUES (1, 'ada@example.com', 'Ada', 'Rome')")
    run(outside_url, "INSERT INTO orders VALUES (7, 1, 30, 'late')")
    done = alone.erase("email", "ada@example.com")
    assert _told(alone, done.certificate)["shop.orders.total"] == ("retained", "legal hold: claim 2026/17")
    assert _there(outside_url)["orders"] == [(7, 1, 30, None), *BOB["orders"]]
    assert len(_release(alone, hold_id)) == 2
    assert _there(outside_url) == BOB
    assert "held_outside" not in str(alone.registry.rows("SELECT progress FROM dsr_request"))


def test_a_hold_on_a_telephone_that_is_shared_keeps_each_row_that_it_stands_in(alone: Tenant, outside_url: str) -> None:
    text = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id}
      email: {category: user.contact.email, identity: email}
      phone: {category: user.contact.phone_number, identity: phone}
"""
    people = [(1, "ada@example.com", "+4930111222"), (2, "bob@example.com", "+4930111222")]
    run(outside_url, "CREATE TABLE customers (id integer primary key, email varchar(60), phone varchar(20))")
    run(outside_url, *(f"INSERT INTO customers VALUES {one}" for one in people))
    registry, there = alone.registry, "SELECT * FROM customers ORDER BY id"
    with systems({text: outside_url}) as made:
        registry.deployment = replace(registry.deployment, linked=made)
        registry.workspaces._deployment = registry.deployment
        hold = holds.place(
            registry.deployment, alone.workspace, alone.person("phone", "+4930111222"), ground="claim 2026/17",
            purpose="legal", actor="person:first",
        )  # fmt: skip
        for _, email, _ in people:
            request = alone.request(Kind.ERASURE, "email", email)
            assert _planned(alone, request)["shop.customers.email"] == ("retained", "legal hold: claim 2026/17")
            done = alone.run(request)
            assert _told(alone, done.certificate)["shop.customers.phone"] == ("retained", "legal hold: claim 2026/17")
            assert rows(outside_url, there) == people
        assert len(_release(alone, hold.hold_id)) == 2
        assert rows(outside_url, there) == []


@pytest.mark.parametrize(("declared", "is_kept"), [({}, True), ({("records", "address"): "user.name"}, False)])
def test_a_system_that_cannot_keep_a_part_is_kept_whole_and_erases_when_the_hold_ends(
    alone: Tenant, connect: Connect, declared: Mapping[tuple[str, str], str], is_kept: bool
) -> None:
    mailer = Mailer(declared)
    connect(mailer)
    hold_id = _hold(alone, "user.contact")
    request = alone.request(Kind.ERASURE, "email", "ada@example.com")
    disposition, ground = _planned(alone, request)["mailer.records.address"]
    assert (disposition, "kept whole" in ground) == (("retained", True) if is_kept else ("erased", False))
    done = alone.run(request)
    assert _told(alone, done.certificate)["mailer.records.address"][0] == disposition
    assert mailer.erased == (0 if is_kept else 1)
    mailer.is_down = is_kept
    if is_kept:
        with pytest.raises(LinkedSystemUnavailable) as caught:
            _release(alone, hold_id)
        assert caught.value.waiting == "mailer"
        mailer.is_down = False
        [ended] = kept.end_due(alone.registry.deployment, alone.workspace, actor="operator")
        assert _told(alone, ended.certificate)["mailer.records.address"] == ("erased", "")
    assert mailer.erased == 1


def test_an_erasure_under_a_hold_that_waited_keeps_the_same(alone: Tenant, connect: Connect, outside_url: str) -> None:
    mailer = Mailer({("records", "address"): "user.name"})
    connect(mailer)
    alone.send(identify("ada", email="ada@example.com"))
    hold_id, before = _hold(alone, "user.contact", "user.payment", "user.behavior"), _there(outside_url)
    request = alone.request(Kind.ERASURE, "user_id", "ada")
    mailer.is_down = True
    with pytest.raises(LinkedSystemUnavailable):
        alone.run(request)
    mailer.is_down = False
    assert alone.run(request).state == "completed"
    assert _there(outside_url)["visits"] == before["visits"]
    assert len(_release(alone, hold_id)) == 1
    assert _there(outside_url) == BOB


def test_interrupted_before_any_commit_a_held_erasure_and_its_end_come_to_the_same(
    alone: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise Killed

    def interrupted(act: Callable[[], object]) -> bool:
        with monkeypatch.context() as patched:
            patched.setattr(Database, "write", _stop_before(commit, fail))
            try:
                act()
            except Killed:
                return True
        return False

    url = f"sqlite:///{tmp_path / 'shop.db'}"
    run(url, *MAKE, "DELETE FROM visits", "DELETE FROM orders", "DELETE FROM customers")
    deployment, workspace = alone.registry.deployment, alone.workspace
    with systems({SHOP: url}) as made:
        deployment = alone.registry.deployment = replace(deployment, linked=made)
        alone.registry.workspaces._deployment = deployment
        for commit in range(1, MOST_COMMITS):
            email = f"person{commit}@example.com"
            alone.send(identify(f"person{commit}", email=email))
            run(url, f"INSERT INTO customers VALUES ({commit}, '{email}', 'x', 'y')")
            run(url, f"INSERT INTO orders VALUES ({commit}, {commit}, 30, 'z')")
            given = {"ground": f"claim {commit}", "purpose": "legal", "actor": "person:first"}
            hold = holds.place(
                deployment, workspace, alone.person("email", email), categories=("user.payment",), **given
            )  # type: ignore[arg-type]
            request = alone.request(Kind.ERASURE, "email", email)
            is_running = interrupted(lambda request=request: alone.run(request))  # type: ignore[misc]
            done = alone.run(request) if is_running else None
            assert done is None or _told(alone, done.certificate)["shop.orders.total"][0] == "retained"
            assert rows(url, "SELECT customer, total, note FROM orders") == [(commit, 30, None)]
            holds.release(deployment, workspace, hold.hold_id, actor="person:first")
            is_ending = interrupted(lambda: kept.end_due(deployment, workspace, actor="operator"))
            kept.end_due(deployment, workspace, actor="operator")
            assert _there(url) == {"customers": [], "orders": [], "visits": []}
            [case, *_] = kept.listed(deployment, workspace)
            assert _told(alone, case.certificate)["shop.orders.total"] == ("erased", "")
            if not is_running and not is_ending:
                break
    assert 8 < commit < MOST_COMMITS - 1


@pytest.mark.parametrize("earlier", [(), ("user.payment",)], ids=["the only one", "beside an earlier one"])
def test_a_hold_that_is_placed_while_an_erasure_waits_keeps_what_is_not_erased_yet(
    registry: RegistrySimulator, earlier: tuple[str, ...]
) -> None:
    tenant, mailer = registry.tenant(), Mailer({("records", "address"): "user.name"})
    registry.deployment = replace(registry.deployment, linked=(mailer,))
    registry.workspaces._deployment = registry.deployment
    tenant.send(identify("ada", email="ada@example.com"))
    if earlier:
        _hold(tenant, *earlier, ground="claim 1")
    request = tenant.request(Kind.ERASURE, "user_id", "ada")
    mailer.is_down = True
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    hold_id = _hold(tenant, "user.name", ground="claim 2")
    mailer.is_down = False
    done = tenant.run(request)
    assert mailer.erased == 0
    disposition, ground = _told(tenant, done.certificate)["mailer.records.address"]
    assert (disposition, "claim 2" in ground) == ("retained", True)
    [ended] = _release(tenant, hold_id)
    assert (mailer.erased, _told(tenant, ended.certificate)["mailer.records.address"]) == (1, ("erased", ""))
