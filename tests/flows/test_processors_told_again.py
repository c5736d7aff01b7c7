"""What comes to light of a person after a processor was asked to erase them is asked for as well, and waited for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from registry.connectors.opendsr import OpenDsrProcessor
from registry.dsr.accounting import FieldAccount
from registry.dsr.requests import Kind, Move, State
from registry.flows.dsr import lifecycle
from registry.model.errors import LinkedSystemUnavailable
from registry.model.ids import text_id
from registry.model.message import Identifier
from tests.factories import identify
from tests.flows import test_opendsr_processors
from tests.flows.test_holds_outside import Mailer as Own
from tests.flows.test_opendsr_processors import Mailer, opened, run, told_of
from tests.simulator import RegistrySimulator, Tenant

mailer, shop = test_opendsr_processors.mailer, test_opendsr_processors.shop
NEW = Identifier("email", "ada@new.example")


class Crm(Own):
    """A system after the processor, where the person changes their address at some time."""

    def __init__(self) -> None:
        super().__init__()
        self.name, self.has_changed = "crm", False

    def leads(self, people: Sequence[Identifier]) -> Sequence[Identifier]:
        return [NEW] if self.has_changed else ()

    def run(
        self, request_id: str, kind: Kind, people: Sequence[Identifier], corrections: Mapping[str, object]
    ) -> Sequence[FieldAccount]:
        if self.is_down:
            raise LinkedSystemUnavailable("crm is down")
        return super().run(request_id, kind, people, corrections)


@pytest.fixture
def crm() -> Crm:
    return Crm()


def _link(registry: RegistrySimulator, *systems: OpenDsrProcessor | Crm) -> None:
    registry.deployment = replace(registry.deployment, linked=systems)
    registry.workspaces._deployment = registry.deployment


def _finish(mailer: Mailer) -> None:
    """The processor's officer runs whatever is open."""
    deployment, workspace = mailer.tenant.registry.deployment, mailer.tenant.workspace
    for request in mailer.requests():
        if State(request.state) is State.VERIFIED:
            given = deployment, workspace, request.request_id
            lifecycle.move_request(*given, Move.APPROVE, actor="person:their officer")
            lifecycle.run(*given, actor="person:their officer")


@pytest.mark.parametrize("is_through", [False, True], ids=["before it is done", "after it was done"])
def test_a_processor_is_asked_anew_once_more_of_the_person_is_known(
    mailer: Mailer, shop: Tenant, crm: Crm, is_through: bool
) -> None:
    mailer.tenant.send(identify("ada-2", email=NEW.value))
    _link(shop.registry, mailer.system(), crm)
    request, crm.is_down = opened(shop), True
    with pytest.raises(LinkedSystemUnavailable, match="mailer has not completed it"):
        run(shop, request)
    if is_through:
        _finish(mailer)
        with pytest.raises(LinkedSystemUnavailable, match="crm is down"):
            run(shop, request)
    crm.is_down, crm.has_changed = False, True
    with pytest.raises(LinkedSystemUnavailable, match="mailer has not completed it"):
        run(shop, request)
    assert len(mailer.requests()) == 2
    with pytest.raises(LinkedSystemUnavailable, match="mailer has not completed it"):
        run(shop, request)
    assert len(mailer.requests()) == 2, "each is sent once"
    _finish(mailer)
    done = run(shop, request)
    assert (done.state, told_of(shop, done)["disposition"]) == ("completed", "erased")
    for gone in (("email", NEW.value), ("email", "ada@example.com"), ("user_id", "ada-2")):
        assert mailer.tenant.profile(*gone) is None


def test_a_callback_about_either_ends_the_waiting(mailer: Mailer, shop: Tenant, crm: Crm) -> None:
    system = mailer.system()
    known = [Identifier("email", "ada@example.com"), Identifier("user_id", "ada")]
    request = text_id(opened(shop).request_id)
    ids = [system.id_of(request, people) for people in (known, [*known, NEW])]
    assert len(set(ids)) == 2
    assert system.id_of(request, [*known[::-1], Identifier("shop.customers.id", "7")]) == ids[0]
    assert all(system.is_about(one, request) for one in ids)
    assert not system.is_about(ids[0], text_id(opened(shop).request_id))
    assert not mailer.system(name="other").is_about(ids[0], request)
