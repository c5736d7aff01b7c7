"""The end of what a hold had kept outside: what came to light of the person since, before one of the systems failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest

from registry.dsr.accounting import FieldAccount
from registry.dsr.requests import Kind
from registry.flows.dsr import holds, kept
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier
from registry.model.stored_holding import RetainedCase
from tests.factories import identify
from tests.flows.test_holds_outside import Mailer
from tests.flows.test_older_data import connect
from tests.simulator import Tenant

ORDER = Identifier("shop.orders.id", "7")


class System(Mailer):
    """A system that may know the person by an order that came while the hold stood, until it has erased that."""

    def __init__(self, name: str) -> None:
        super().__init__({("records", "address"): "user.name"})
        self.name, self.has_order, self.is_locked, self.looks_again = name, False, False, True
        self.asked: list[Sequence[Identifier]] = []

    def leads(self, people: Sequence[Identifier]) -> Sequence[Identifier]:
        return [ORDER] if self.has_order else ()

    def run(
        self, request_id: str, kind: Kind, people: Sequence[Identifier], corrections: Mapping[str, object]
    ) -> Sequence[FieldAccount]:
        if self.is_locked:
            raise LinkedSystemUnavailable(f"{self.name} is locked")
        self.asked.append(people)
        self.has_order = False
        return super().run(request_id, kind, people, corrections)


@pytest.fixture
def systems(tenant: Tenant) -> Iterator[tuple[System, System]]:
    """Two systems that had kept something for a hold, which has ended."""
    before, found = tenant.registry.deployment.linked, (System("shop"), System("warehouse"))
    connect(tenant.registry, *found)
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    tenant.send(identify("ada", email="ada@example.com"))
    hold = holds.place(
        deployment, workspace, tenant.person("email", "ada@example.com"),
        ground="claim 1", purpose="legal", actor="person:first", categories=("user.name",),
    )  # fmt: skip
    tenant.run(tenant.request(Kind.ERASURE, "email", "ada@example.com"))
    holds.release(deployment, workspace, hold.hold_id, actor="person:first")
    yield found
    connect(tenant.registry, *before)  # type: ignore[arg-type]


def _end(tenant: Tenant) -> list[RetainedCase]:
    return kept.end_due(tenant.registry.deployment, tenant.workspace, actor="operator")


def _waits(tenant: Tenant) -> None:
    with pytest.raises(LinkedSystemUnavailable, match="is locked"):
        _end(tenant)


def test_what_one_led_to_is_erased_in_another_that_failed_at_first(
    tenant: Tenant, systems: tuple[System, System]
) -> None:
    shop, warehouse = systems
    shop.has_order = warehouse.is_locked = True
    _waits(tenant)
    assert (len(shop.asked), shop.has_order) == (1, False)
    warehouse.is_locked = False
    [case] = _end(tenant)
    assert case.ended_at is not None
    assert ORDER in warehouse.asked[0]
    assert len(shop.asked) == 1


@pytest.mark.parametrize("again", [0, 1], ids=["at once", "after one more try"])
def test_one_that_does_not_look_again_is_asked_anew_for_what_another_leads_to_by_then(
    tenant: Tenant, systems: tuple[System, System], again: int
) -> None:
    processor, shop = systems
    processor.looks_again, shop.is_locked = False, True
    _waits(tenant)
    shop.has_order = True
    for _ in range(again):
        processor.is_locked = True
        _waits(tenant)
    processor.is_locked = shop.is_locked = False
    [case] = _end(tenant)
    assert case.ended_at is not None
    assert [ORDER in people for people in processor.asked] == [False, True]
