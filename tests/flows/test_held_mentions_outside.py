"""What points from one database at a person kept in another, under a legal hold and after its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.dsr.requests import Kind
from registry.flows.accountability import verify
from registry.flows.dsr import holds, kept
from tests.conftest import SetClock
from tests.outside import rows, run, systems
from tests.simulator import RegistrySimulator, Tenant

SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: delete
    fields: {id: {category: user.unique_id}, email: {category: user.contact.email, identity: email}}
"""
CRM = """
dataset: crm
url_env: CRM_URL
tables:
  leads:
    rows: delete
    fields:
      email: {category: user.contact.email, identity: email}
      brought_by: {category: user.social, mentions: shop.customers.id}
"""


@pytest.fixture
def tenant(outside_url: str, tmp_path: Path) -> Iterator[Tenant]:
    crm = f"sqlite:///{tmp_path}/crm.db"
    run(outside_url, "CREATE TABLE customers (id integer primary key, email varchar(60))")
    run(outside_url, "INSERT INTO customers VALUES (1, 'ada@example.com'), (2, 'bob@example.com')")
    run(crm, "CREATE TABLE leads (email varchar(60), brought_by integer)")
    run(crm, "INSERT INTO leads VALUES ('bob@example.com', 1), ('cid@example.com', 2)")
    registry = RegistrySimulator(tmp_path / "registry", SetClock())
    with systems({SHOP: outside_url, CRM: crm}) as made:
        registry.deployment = replace(registry.deployment, linked=made)
        registry.workspaces._deployment = registry.deployment
        yield registry.tenant()
    registry.close()


@pytest.mark.parametrize("category", ["user.contact", "user.unique_id"])
def test_a_pointer_into_what_is_kept_elsewhere_stays_and_goes_with_the_hold(
    tenant: Tenant, outside_url: str, tmp_path: Path, category: str
) -> None:
    crm, leads = f"sqlite:///{tmp_path}/crm.db", "SELECT * FROM leads ORDER BY email"
    before, deployment = rows(crm, leads), tenant.registry.deployment
    person = tenant.person("email", "ada@example.com")
    hold = holds.place(
        deployment, tenant.workspace, person, ground="claim 1", purpose="legal", actor="person:first",
        categories=(category,),
    )  # fmt: skip
    done = tenant.run(tenant.request(Kind.ERASURE, "email", "ada@example.com"))
    _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
    fields: Any = claims["fields"]
    [told] = [one for one in fields if one["field"] == "brought_by"]
    for part in (
        "left in rows of others that point at the person (1)",
        "points at a row of shop, which may be kept (legal hold: claim 1)",
    ):
        assert part in told["ground"]
    assert (rows(crm, leads), len(rows(outside_url, "SELECT * FROM customers"))) == (before, 2)
    holds.release(deployment, tenant.workspace, hold.hold_id, actor="person:first")
    assert len(kept.end_due(deployment, tenant.workspace, actor="operator")) == 1
    assert rows(outside_url, "SELECT id FROM customers") == [(2,)]
    assert rows(crm, leads) == [("bob@example.com", None), ("cid@example.com", 2)]
