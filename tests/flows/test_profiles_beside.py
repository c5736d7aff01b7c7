"""What systems outside know a person by may stand here as somebody else: whoever approves reads that, and decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from registry.dsr.declarations import DECLARED
from registry.dsr.plan import plan_json
from registry.dsr.requests import Kind
from registry.flows.dsr import planning
from registry.flows.stewards import deciding
from registry.model.ids import text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from tests.factories import identify, ordered
from tests.flows.test_holds_outside import Mailer
from tests.flows.test_older_data import connect
from tests.simulator import Tenant


class Shop(Mailer):
    """A system that knows whoever has an address by their number, too."""

    def leads(self, people: Sequence[Identifier]) -> Sequence[Identifier]:
        return [Identifier("user_id", "17"), Identifier("shared.user_id", "18"), Identifier("shop.customers.id", "1")]


@pytest.fixture
def shop(tenant: Tenant) -> Iterator[Shop]:
    before, shop = tenant.registry.deployment.linked, Shop()
    connect(tenant.registry, shop)
    yield shop
    connect(tenant.registry, *before)  # type: ignore[arg-type]


def _beside(tenant: Tenant, request: StoredRequest) -> object:
    plan = planning.plan_of(tenant.registry.deployment, tenant.workspace, request.request_id)
    return plan_json(plan, DECLARED)["beside"]


@pytest.mark.usefixtures("shop")
def test_a_plan_names_profiles_that_systems_outside_take_for_the_person_until_they_are_joined(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com"), ordered("17"), ordered("18"))
    request = tenant.request(Kind.ERASURE, "email", "ada@example.com")
    other = tenant.profile("user_id", "17")
    assert other is not None
    assert _beside(tenant, request) == [text_id(other)]
    people = tenant.person("user_id", "ada"), tenant.person("user_id", "17")
    deciding.merge(tenant.registry.deployment, tenant.workspace, *people, actor="person:steward")
    assert _beside(tenant, request) == []
    tenant.run(request)
    assert tenant.profile("user_id", "17") is None


def test_of_whom_no_system_leads_to_anybody_else_nothing_stands_beside(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com"))
    assert _beside(tenant, tenant.request(Kind.ACCESS, "email", "ada@example.com")) == []
