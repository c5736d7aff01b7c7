"""A request by somebody whose telephone is another's, too: the plan, the wait, the certificate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.connectors.configured import linked_systems
from registry.connectors.outgoing import Outgoing
from registry.dsr.plan import plan_json
from registry.dsr.requests import Kind
from registry.flows.accountability import forms, verify
from registry.flows.dsr import lifecycle, planning
from registry.model.errors import LinkedSystemUnavailable
from tests.conftest import SetClock
from tests.factories import identify
from tests.outside import RULES, document, rows, run
from tests.simulator import RegistrySimulator, Tenant

SHOP = """
dataset: shop
url_env: SHOP_URL
without_people: {shoes: sizes of shoes}
tables:
  customers:
    rows: delete
    fields:
      email: {category: user.contact.email, identity: email}
      phone: {category: user.contact.phone_number, identity: phone}
  logins:
    rows: keep
    fields:
      email: {category: user.contact.email, identity: email, erasure: "null"}
      login: {category: null}
"""
FAMILY = "+4930111222"


@pytest.fixture
def shop(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    run(
        url,
        "CREATE TABLE customers (email text, phone text)",
        "CREATE TABLE logins (email text, login text)",
        "CREATE TABLE shoes (size text)",
        f"INSERT INTO customers VALUES ('mum@example.com', '{FAMILY}'), ('dad@example.com', '{FAMILY}')",
        "INSERT INTO logins VALUES ('mum@example.com', 'mum@example.com')",
        "INSERT INTO shoes VALUES ('42')",
    )
    return url


@pytest.fixture
def tenant(shop: str, tmp_path: Path) -> Iterator[Tenant]:
    registry = RegistrySimulator(tmp_path / "registry", SetClock())
    found = linked_systems([document(SHOP)], {"SHOP_URL": shop}, Outgoing(), RULES)
    registry.deployment = replace(registry.deployment, linked=found)
    registry.workspaces._deployment = registry.deployment
    made = registry.tenant()
    made.send(identify("42", email="mum@example.com", phone=FAMILY))
    yield made
    for system in found:
        system.close()
    registry.close()


def test_rows_of_others_stand_in_the_plan_and_stay_and_what_is_left_is_named(tenant: Tenant, shop: str) -> None:
    request = tenant.request(Kind.ERASURE, "user_id", "42")
    told: Any = plan_json(planning.plan_of(tenant.registry.deployment, tenant.workspace, request.request_id), ())
    [outside] = [one for one in told["systems"] if one["system"] == "shop"]
    assert {one["table"]: (one["rows"], one["rows_of_others"]) for one in outside["tables"]} == {
        "customers": (1, 1),
        "logins": (1, 0),
    }
    with pytest.raises(LinkedSystemUnavailable) as caught:
        tenant.run(request)
    assert caught.value.extra["remaining"] == {"logins.login": 1}
    assert "shop.logins.login (1)" in caught.value.detail and "mum" not in caught.value.detail + str(caught.value.hint)
    run(shop, "UPDATE logins SET login = NULL")
    [due] = _later(tenant)
    done = lifecycle.go_on(tenant.registry.deployment, tenant.workspace, due)
    assert done.state == "completed"
    _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
    assert claims["verification"] == {
        "rows_found_by_second_look": 0,
        "passed": True,
        "looked_for_where_described": ["user_id"],
    }
    fields: Any = claims["fields"]
    left = {(one["table"], one.get("rows_of_others", 0)) for one in fields if one["system"] == "shop"}
    assert left == {("customers", 1), ("logins", 0)}
    page = forms.write(tenant.registry.deployment, tenant.workspace, done.certificate or "", forms.Form.PAGE)
    assert "1 of shop customers." in page
    assert rows(shop, "SELECT email FROM customers") == [("dad@example.com",)]


def _later(tenant: Tenant) -> Any:
    clock = tenant.registry.clock
    assert isinstance(clock, SetClock)
    clock.pass_by(days=1)
    return lifecycle.due(tenant.registry.deployment, tenant.workspace)
