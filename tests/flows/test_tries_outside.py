"""A request that is tried again does what was approved: no more, no less, and in every system that was foreseen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.connectors.configured import linked_systems
from registry.connectors.outgoing import Outgoing
from registry.connectors.sql.system import SqlSystem
from registry.dsr.accounting import EVERY_TABLE
from registry.dsr.requests import Kind
from registry.flows.accountability import verify
from registry.flows.dsr import going_without, lifecycle, reference
from registry.model.errors import LinkedSystemUnavailable
from registry.model.stored import StoredRequest
from tests.conftest import SetClock
from tests.outside import RULES, document, rows, run
from tests.simulator import RegistrySimulator, Tenant

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields:
      id: {category: user.unique_id}
      email: {category: user.contact.email, identity: email, trait: email}
      phone: {category: user.contact.phone_number, identity: phone}
      name: {category: user.name, trait: first_name}
  crm:
    rows: delete
    fields:
      login: {category: user.unique_id, identity: user_id}
      email: {category: user.contact.email, identity: email}
"""
DESK = """
dataset: zdesk
url_env: DESK_URL
tables:
  contacts:
    rows: delete
    fields:
      customer: {category: user.unique_id, references: shop.customers.id}
      name: {category: user.name, trait: first_name}
"""
PHONE, ADA = "+4930111222", "ada@example.com"


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    made = {name: f"sqlite:///{tmp_path / name}.db" for name in ("SHOP_URL", "DESK_URL")}
    run(
        made["SHOP_URL"],
        "CREATE TABLE customers (id integer primary key, email text, phone text, name text)",
        "CREATE TABLE crm (login text, email text)",
        f"INSERT INTO customers VALUES (1, '{ADA}', '{PHONE}', 'Wrong')",
        f"INSERT INTO crm VALUES ('fam99', '{ADA}')",
    )
    run(
        made["DESK_URL"],
        "CREATE TABLE contacts (id integer primary key, customer integer, name text)",
        "INSERT INTO contacts VALUES (7, 1, 'Wrong'), (8, 2, 'Bob')",
    )
    return made


@pytest.fixture
def tenant(places: dict[str, str], tmp_path: Path) -> Iterator[Tenant]:
    registry = RegistrySimulator(tmp_path / "registry", SetClock())
    desk = DESK.replace("    fields:\n", "    fields:\n      id: {category: null}\n")
    found = linked_systems([document(SHOP), document(desk)], places, Outgoing(), RULES)
    registry.deployment = replace(registry.deployment, linked=found)
    registry.workspaces._deployment = registry.deployment
    yield registry.tenant()
    for system in found:
        system.close()
    registry.close()


def again(tenant: Tenant) -> StoredRequest:
    """What the job does when a waiting request is due."""
    clock = tenant.registry.clock
    assert isinstance(clock, SetClock)
    clock.pass_by(days=1)
    [due] = lifecycle.due(tenant.registry.deployment, tenant.workspace)
    return lifecycle.go_on(tenant.registry.deployment, tenant.workspace, due)


def waits(tenant: Tenant, request: StoredRequest, places: dict[str, str], change: str) -> None:
    """Run it while the desk refuses a change, and let it wait."""
    desk = places["DESK_URL"]
    run(desk, f"CREATE TRIGGER refuses BEFORE {change} ON contacts BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    run(desk, "DROP TRIGGER refuses")


def test_an_erasure_that_waited_erases_what_was_approved_and_no_more(tenant: Tenant, places: dict[str, str]) -> None:
    request = tenant.request(Kind.ERASURE, "phone", PHONE)
    waits(tenant, request, places, "DELETE")
    assert again(tenant).state == "completed"
    assert rows(places["SHOP_URL"], "SELECT login FROM crm") == [("fam99",)]
    assert rows(places["DESK_URL"], "SELECT id FROM contacts") == [(8,)]


def test_a_row_that_comes_to_the_last_system_while_it_erases_is_erased_as_well(
    tmp_path: Path, places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its text nobody would find it: what leads there is kept, and it says nothing but a name."""
    desk = DESK.replace("    fields:\n", "    fields:\n      id: {category: null}\n").replace("delete", "keep")
    desk = desk.replace("customers.id}", "customers.id, erasure: keep, ground: bookkeeping}")
    desk = desk.replace("trait: first_name}", "trait: first_name, erasure: 'null'}")
    registry = RegistrySimulator(tmp_path / "registry", SetClock())
    found = linked_systems([document(SHOP), document(desk)], places, Outgoing(), RULES)
    registry.deployment = replace(registry.deployment, linked=found)
    registry.workspaces._deployment = registry.deployment
    tenant, late, erase = registry.tenant(), ["INSERT INTO contacts VALUES (9, 1, 'Late')"], SqlSystem.run

    def ran(system: SqlSystem, *asked: Any) -> Any:
        done = erase(system, *asked)
        if system.name == "zdesk" and late:
            run(places["DESK_URL"], late.pop())
        return done

    monkeypatch.setattr(SqlSystem, "run", ran)
    with pytest.raises(LinkedSystemUnavailable, match=r"more rows .* than were erased: zdesk\.contacts \(1\)"):
        tenant.run(tenant.request(Kind.ERASURE, "email", ADA))
    assert again(tenant).state == "completed"
    assert rows(places["DESK_URL"], "SELECT id, name FROM contacts") == [(7, None), (8, "Bob"), (9, None)]
    for system in found:
        system.close()
    registry.close()


def test_a_rectification_that_waited_reaches_the_system_that_it_waited_for(
    tenant: Tenant, places: dict[str, str]
) -> None:
    request = tenant.request(Kind.RECTIFICATION, "email", ADA, traits={"first_name": "Right"})
    waits(tenant, request, places, "UPDATE")
    assert rows(places["SHOP_URL"], "SELECT name FROM customers") == [("Right",)]
    assert again(tenant).state == "completed"
    assert rows(places["DESK_URL"], "SELECT name FROM contacts ORDER BY id") == [("Right",), ("Bob",)]


def test_a_correction_of_what_leads_on_reaches_the_system_that_it_waited_for(
    tenant: Tenant, places: dict[str, str]
) -> None:
    request = tenant.request(
        Kind.RECTIFICATION, "email", ADA, traits={"email": "ada@example.net", "first_name": "Right"}
    )
    run(places["SHOP_URL"], f"INSERT INTO customers VALUES (3, '{ADA}', '+4930999888', 'Wrong')")
    waits(tenant, request, places, "UPDATE")
    assert rows(places["SHOP_URL"], "SELECT DISTINCT email, name FROM customers") == [("ada@example.net", "Right")]
    stored, _ = lifecycle.get(tenant.registry.deployment, tenant.workspace, request.request_id)
    assert reference.people_of(tenant.registry.deployment, stored) == [tenant.person("email", ADA)]
    done = again(tenant)
    assert rows(places["DESK_URL"], "SELECT name FROM contacts ORDER BY id") == [("Right",), ("Bob",)]
    _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
    told: Any = claims["fields"]
    assert {one["table"]: one["rows"] for one in told if one["field"] == "name"} == {"customers": 2, "contacts": 1}
    keys = tenant.registry.key_rows("SELECT 1 FROM key_bundle WHERE fragment_id = ?", request.request_id)
    assert (keys, "sealed" in done.progress) == ([], False)


@pytest.mark.parametrize(("kind", "overridden"), [(Kind.ACCESS, False), (Kind.RESTRICTION, False), (Kind.ACCESS, True)])
def test_a_system_that_is_through_and_silent_now_is_waited_for_since_it_leads_to_others(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, kind: Kind, overridden: bool
) -> None:
    def silent(*_: object) -> Any:
        raise LinkedSystemUnavailable("it does not answer")

    shop, desk = tenant.registry.deployment.linked
    request = tenant.request(kind, "email", ADA)
    with monkeypatch.context() as patched:
        patched.setattr(desk, "run", silent)
        with pytest.raises(LinkedSystemUnavailable, match="zdesk"):
            tenant.run(request)
    with monkeypatch.context() as patched:
        patched.setattr(shop, "records", silent)
        with pytest.raises(LinkedSystemUnavailable, match="shop"):
            again(tenant)
    if overridden:
        given: Any = tenant.registry.deployment, tenant.workspace, request.request_id
        going_without.override(*given, "shop", reason="closed", actor="person:officer")
    _, claims = verify.document(again(tenant).certificate or "", tenant.workspace.jwks())
    told: Any = claims["fields"]
    assert {one["rows"] for one in told if one["table"] == "contacts"} == {1}
    assert {one["rows"] for one in told if one["table"] == "customers"} == (set() if overridden else {1})
    assert any(one["table"] == EVERY_TABLE for one in told) == overridden


def test_a_system_whose_description_is_gone_ends_no_request_without_a_decision(
    tenant: Tenant, places: dict[str, str]
) -> None:
    request = tenant.request(Kind.ERASURE, "email", ADA)
    waits(tenant, request, places, "DELETE")
    registry, both = tenant.registry, tenant.registry.deployment.linked
    registry.deployment = replace(registry.deployment, linked=both[:1])
    registry.workspaces._deployment = registry.deployment
    with pytest.raises(LinkedSystemUnavailable, match="connected no longer"):
        again(tenant)
    given: Any = registry.deployment, tenant.workspace, request.request_id
    going_without.override(*given, "zdesk", reason="shut down", actor="person:officer")
    done = lifecycle.run(*given, actor="person:officer")
    _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
    told: Any = claims["fields"]
    assert ["decided by person:officer: shut down" in one["ground"] for one in told if one["system"] == "zdesk"] == [
        True
    ]


FILES = (
    """
dataset: shop
url_env: SHOP_URL
tables:
  customers: {rows: delete, fields: {id: {category: user}, email: {category: user, identity: email}}}
""",
    """
dataset: zdesk
url_env: SHOP_URL
tables:
  contacts: {rows: delete, fields: {customer: {category: user}, email: {category: user, identity: email}}}
""",
)


@pytest.mark.parametrize("schema", ["", "desk"])
def test_two_files_of_one_database_erase_each_its_own_and_wait_for_no_other(
    tmp_path: Path, postgres_url: str, schema: str
) -> None:
    """What the second keeps on a ground is not the first's to find; what refuses the first goes with the second."""
    at, refers = (f"{schema}.", "REFERENCES public.customers (id)") if schema else ("", "")
    shop, desk = FILES
    if schema:
        shop, desk = (
            shop + "without_people: {x.*: described}\n",
            desk + f"without_people: {{y.*: described}}\nschema: {schema}\n",
        )
    else:
        desk = desk.replace("rows: delete", "rows: keep").replace("category: user}", "category: user, erasure: hash}")
        desk = desk.replace("identity: email", "identity: email, erasure: keep, ground: bookkeeping")
    run(
        postgres_url,
        *([f"CREATE SCHEMA {schema}"] if schema else []),
        "CREATE TABLE customers (id integer primary key, email text)",
        f"CREATE TABLE {at}contacts (customer integer {refers}, email text)",
        f"INSERT INTO customers VALUES (1, '{ADA}')",
        f"INSERT INTO {at}contacts VALUES (1, '{ADA}')",
    )
    registry = RegistrySimulator(tmp_path / "registry", SetClock())
    found = linked_systems([document(text) for text in (shop, desk)], {"SHOP_URL": postgres_url}, Outgoing(), RULES)
    assert [one for system in found for one in system.undecided()] == []
    registry.deployment = replace(registry.deployment, linked=found)
    registry.workspaces._deployment = registry.deployment
    tenant = registry.tenant()
    if schema:
        with pytest.raises(LinkedSystemUnavailable, match="a constraint"):
            tenant.run(tenant.request(Kind.ERASURE, "email", ADA))
        assert again(tenant).state == "completed"
    else:
        assert tenant.run(tenant.request(Kind.ERASURE, "email", ADA)).state == "completed"
    assert rows(postgres_url, "SELECT * FROM customers") == []
    for system in found:
        system.close()
    registry.close()
