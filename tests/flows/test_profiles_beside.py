"""What systems outside know a person by may stand here as somebody else: nothing goes on before that is decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from registry.dsr.declarations import DECLARED
from registry.dsr.plan import plan_json
from registry.dsr.requests import Kind, Move
from registry.flows.accountability import certifying, verify
from registry.flows.dsr import beside, going_without, lifecycle, planning
from registry.flows.stewards import deciding
from registry.model.errors import Conflict, LinkedSystemUnavailable, NotFound
from registry.model.ids import ProfileId, text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from tests.factories import identify, ordered
from tests.flows.test_holds_outside import Mailer
from tests.flows.test_interrupted_erasure import Killed
from tests.flows.test_older_data import connect
from tests.simulator import Tenant

DETAILS: dict[Kind, dict[str, Any]] = {
    Kind.OBJECTION: {"purposes": ["marketing"]},
    Kind.RECTIFICATION: {"traits": {"first_name": "Right"}},
}
ADA, OTHER = ("email", "ada@example.com"), ("user_id", "17")


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


def _opened(tenant: Tenant, kind: Kind) -> StoredRequest:
    """A request that is verified, and waits to be approved."""
    given = tenant.registry.deployment, tenant.workspace
    person = tenant.person(*ADA)
    request = lifecycle.open_request(*given, kind=kind, person=person, actor="person:first", details=DETAILS.get(kind))
    return lifecycle.move_request(*given, request.request_id, Move.VERIFY, actor="person:first")


def _approved(tenant: Tenant, request: StoredRequest) -> StoredRequest:
    given = tenant.registry.deployment, tenant.workspace, request.request_id
    return lifecycle.move_request(*given, Move.APPROVE, actor="person:second")


def _now(tenant: Tenant, request: StoredRequest) -> StoredRequest:
    return lifecycle.get(tenant.registry.deployment, tenant.workspace, request.request_id)[0]


def _planned(tenant: Tenant, request: StoredRequest) -> dict[str, object]:
    plan = planning.plan_of(tenant.registry.deployment, tenant.workspace, request.request_id)
    return plan_json(plan, DECLARED)


def _other(tenant: Tenant) -> ProfileId:
    other = tenant.profile(*OTHER)
    assert other is not None
    return other


def _stated(tenant: Tenant, done: StoredRequest) -> list[tuple[int, str]]:
    _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
    told = [one for one in claims["fields"] if one["field"] == beside.KNOWN_OUTSIDE]  # type: ignore[attr-defined]
    return [(one["rows"], one["ground"]) for one in told]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("kind", [Kind.ERASURE, Kind.ACCESS, Kind.OBJECTION])
def test_nothing_is_approved_before_such_a_profile_is_joined(tenant: Tenant, kind: Kind) -> None:
    tenant.send(identify("ada", email="ada@example.com"), ordered("17"), ordered("18"))
    request = _opened(tenant, kind)
    planned = _planned(tenant, request)
    assert (planned["beside"], planned["complete"]) == ([text_id(_other(tenant))], False)
    with pytest.raises(Conflict, match="nobody has decided about them") as raised:
        _approved(tenant, request)
    assert raised.value.extra == {"profiles": [text_id(_other(tenant))]}
    people = tenant.person("user_id", "ada"), tenant.person(*OTHER)
    deciding.merge(tenant.registry.deployment, tenant.workspace, *people, actor="person:steward")
    planned = _planned(tenant, request)
    assert (planned["beside"], planned["complete"]) == ([], True)
    done = tenant.run(_approved(tenant, request))
    assert (done.state, _stated(tenant, done)) == ("completed", [])
    assert kind is not Kind.ERASURE or tenant.profile(*OTHER) is None


@pytest.mark.usefixtures("shop")
def test_or_set_apart_and_the_certificate_says_so(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com"), ordered("17"))
    request = _opened(tenant, Kind.ERASURE)
    given = tenant.registry.deployment, tenant.workspace, request.request_id
    said = {"reason": "they share a number at work", "actor": "person:first"}
    with pytest.raises(NotFound):
        beside.set_apart(*given, ProfileId(request.request_id), **said)
    own = tenant.profile(*ADA)
    assert own is not None
    with pytest.raises(Conflict, match="is about this profile"):
        beside.set_apart(*given, own, **said)
    beside.set_apart(*given, _other(tenant), **said)
    assert _planned(tenant, request)["complete"]
    done = tenant.run(_approved(tenant, request))
    ground = "somebody else's, or asked for apart; decided by person:first: they share a number at work"
    assert (done.state, _stated(tenant, done)) == ("completed", [(1, ground)])
    assert tenant.profile(*OTHER) is not None
    with pytest.raises(Conflict, match="completed"):
        beside.set_apart(*given, _other(tenant), **said)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("kind", [Kind.ERASURE, Kind.ACCESS, Kind.OBJECTION])
@pytest.mark.parametrize("decided", ["apart", "erased"])
def test_one_that_came_after_the_approval_is_waited_for(tenant: Tenant, kind: Kind, decided: str) -> None:
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    tenant.send(identify("ada", email="ada@example.com"))
    request = _approved(tenant, _opened(tenant, kind))
    tenant.send(ordered("17"))
    with pytest.raises(Conflict, match="nobody has decided about them"):
        tenant.run(request)
    waits = _now(tenant, request)
    assert (waits.state, waits.certificate) == ("waiting", None)
    if decided == "apart":
        given = deployment, workspace, request.request_id, _other(tenant)
        beside.set_apart(*given, reason="somebody else", actor="person:first")
        assert _now(tenant, request).due_at == deployment.clock()
    else:
        connect(tenant.registry)
        tenant.erase(*OTHER)
        connect(tenant.registry, Shop())
    done = lifecycle.go_on(tenant.registry.deployment, workspace, _now(tenant, request))
    assert (done.state, len(_stated(tenant, done))) == ("completed", decided == "apart")


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("kind", [Kind.ERASURE, Kind.OBJECTION])
def test_of_one_that_was_joined_after_all_the_certificate_does_not_say_that_it_is_somebody_elses(
    tenant: Tenant, kind: Kind
) -> None:
    tenant.send(identify("ada", email="ada@example.com"), ordered("17"))
    request = _opened(tenant, kind)
    given = tenant.registry.deployment, tenant.workspace
    beside.set_apart(*given, request.request_id, _other(tenant), reason="a slip", actor="person:first")
    deciding.merge(*given, tenant.person("user_id", "ada"), tenant.person(*OTHER), actor="person:steward")
    assert _stated(tenant, tenant.run(_approved(tenant, request))) == []


def test_what_is_decided_holds_when_it_falls_to_somebody_else_and_not_for_what_joins_it(
    tenant: Tenant, shop: Shop
) -> None:
    shared, ada = "shared@example.com", identify("ada", email="ada@example.com")
    tenant.send(ada, identify("ada", email=shared), identify("bob", email=shared), ordered("17"))
    shop.leads = lambda _: [Identifier("email", shared)]  # type: ignore[method-assign]
    given, named = (tenant.registry.deployment, tenant.workspace), tenant.profile("email", shared)
    request = _opened(tenant, Kind.ERASURE)
    assert named is not None
    beside.set_apart(*given, request.request_id, named, reason="of both", actor="person:first")
    shop.leads = lambda _: [Identifier("email", shared), Identifier(*OTHER)]  # type: ignore[method-assign]
    deciding.merge(*given, tenant.person("email", shared), tenant.person(*OTHER), actor="person:steward")
    joined = tenant.profile(*OTHER)
    assert joined is not None
    assert joined == tenant.profile("email", shared)
    assert _planned(tenant, request)["beside"] == [text_id(joined)]
    beside.set_apart(*given, request.request_id, joined, reason="of both", actor="person:first")
    # Once she is erased, the address is bob's: what was decided of it is not asked again.
    assert tenant.run(_approved(tenant, request)).state == "completed"


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("kind", [Kind.ERASURE, Kind.ACCESS, Kind.OBJECTION, Kind.RECTIFICATION])
def test_one_that_came_before_a_crash_after_the_last_system_is_waited_for(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    tenant.send(identify("ada", email="ada@example.com"))
    request = _approved(tenant, _opened(tenant, kind))
    with monkeypatch.context() as broken, pytest.raises(Killed):
        broken.setattr(certifying, "issue", lambda *_, **__: (_ for _ in ()).throw(Killed))
        tenant.run(request)
    assert (_now(tenant, request).state, _now(tenant, request).certificate) == ("acting", None)
    tenant.send(ordered("17"))
    with pytest.raises(Conflict, match="nobody has decided about them"):
        tenant.run(request)
    given = tenant.registry.deployment, tenant.workspace, request.request_id, _other(tenant)
    beside.set_apart(*given, reason="somebody else", actor="person:first")
    done = tenant.run(_now(tenant, request))
    assert (done.state, len(_stated(tenant, done))) == ("completed", 1)


def test_one_that_came_before_a_decision_to_go_on_without_another_system_is_waited_for(
    tenant: Tenant, shop: Shop
) -> None:
    away = Mailer()
    away.name, away.is_down = "away", True
    connect(tenant.registry, shop, away)
    tenant.send(identify("ada", email="ada@example.com"))
    request = tenant.request(Kind.OBJECTION, *ADA, purposes=["security"])
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    tenant.send(ordered("17"))
    given = tenant.registry.deployment, tenant.workspace, request.request_id
    going_without.override(*given, "away", reason="shut down", actor="person:first")
    with pytest.raises(Conflict, match="nobody has decided about them"):
        tenant.run(request)


def test_of_whom_no_system_leads_to_anybody_else_nothing_stands_beside(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com"))
    assert _planned(tenant, _opened(tenant, Kind.ACCESS))["beside"] == []
