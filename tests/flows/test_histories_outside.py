"""A history that is a system of its own, and was through before the shop, whose erasure let a trigger add to it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from registry.connectors.configured import linked_systems
from registry.connectors.outgoing import Outgoing
from registry.dsr.requests import Kind
from registry.model.errors import LinkedSystemUnavailable
from tests.conftest import SetClock
from tests.outside import RULES, document, rows, run
from tests.simulator import RegistrySimulator

AUDIT = """
dataset: audit
url_env: SHOP_URL
schema: audit
tables:
  history:
    rows: keep
    fields:
      customer: {category: user.unique_id, references: shop.customers.id, erasure: %s}
      name: {category: user.name, erasure: mask}
"""
SHOP = """
dataset: shop
url_env: SHOP_URL
tables:
  customers:
    rows: keep
    fields:
      id: {category: null}
      email: {category: user.contact.email, identity: email, erasure: hash}
      name: {category: user.name, erasure: mask}
"""


@pytest.mark.parametrize("reference", ["keep, ground: 'GDPR Art. 17(3)(b)'", "'null'"])
def test_what_is_written_into_a_system_that_was_through_is_masked_there(
    postgres_url: str, tmp_path: Path, reference: str
) -> None:
    run(
        postgres_url,
        "CREATE TABLE customers (id integer primary key, email text, name text)",
        "CREATE SCHEMA audit",
        "CREATE TABLE audit.history (customer integer, name text)",
        "INSERT INTO customers VALUES (1, 'ada@example.com', 'Ada')",
        "INSERT INTO audit.history VALUES (1, 'Zoe')",
        """CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO audit.history VALUES (OLD.id, OLD.name); RETURN NEW; END $$""",
        "CREATE TRIGGER notes AFTER UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION note()",
    )
    found = linked_systems([document(AUDIT % reference), document(SHOP)], {"SHOP_URL": postgres_url}, Outgoing(), RULES)
    with closing(RegistrySimulator(tmp_path / "registry", SetClock())) as registry:
        registry.deployment = replace(registry.deployment, linked=found)
        registry.workspaces._deployment = registry.deployment
        tenant = registry.tenant()
        request = tenant.request(Kind.ERASURE, "email", "ada@example.com")
        with pytest.raises(LinkedSystemUnavailable, match="audit"):
            tenant.run(request)
        assert tenant.run(request).state == "completed"
        assert {name for (name,) in rows(postgres_url, "SELECT name FROM audit.history")}.isdisjoint({"Ada", "Zoe"})
    for system in found:
        system.close()
