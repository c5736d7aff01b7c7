"""An older copy of the data beside an erasure that goes on outside: officers are told, and the certificate says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.plan import SystemPlan
from registry.dsr.requests import Kind
from registry.flows.accountability import certificate_page, proven, verify
from registry.flows.dsr import certified, lifecycle
from registry.model.errors import Conflict, LinkedSystemUnavailable
from registry.model.ids import text_id
from registry.model.message import Identifier
from registry.model.stored import StoredRequest
from tests.conftest import SetClock
from tests.factories import identify
from tests.flows.test_older_data import connect, copied, put_back
from tests.simulator import RegistrySimulator, Tenant

ADA = ("email", "ada@example.com")
CARD = Identifier("shop.customers.card", "card-0001")


class System:
    """A system that knows people by one identifier, may lead to another, and erases all or nothing."""

    def __init__(self, name: str, found_by: Identifier, leads_to: Sequence[Identifier] = ()) -> None:
        self.name, self.rows, self.found_by, self.leads_to = name, 1, found_by, leads_to
        self.is_silent = self.fails = False

    def undecided(self) -> Sequence[tuple[str, str]]:
        return ()

    def leads(self, people: Sequence[Identifier]) -> Sequence[Identifier]:
        if self.is_silent:
            raise ConnectionError
        return self.leads_to if self._has(people) else ()

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        return SystemPlan(self.name, [self._account(self._has(people))])

    def run(
        self, request_id: str, kind: Kind, people: Sequence[Identifier], corrections: Mapping[str, object]
    ) -> Sequence[FieldAccount]:
        if self.fails:
            raise ConnectionError
        gone = self._has(people)
        self.rows -= gone
        return [self._account(gone)]

    def remaining(self, kind: Kind, people: Sequence[Identifier]) -> Mapping[str, int]:
        return {"records": self._has(people)}

    def export(self, people: Sequence[Identifier]) -> Iterator[tuple[str, dict[str, Any]]]:
        return iter(())

    def close(self) -> None:
        self.rows = 0

    def _has(self, people: Sequence[Identifier]) -> int:
        return self.rows if self.found_by in people else 0

    def _account(self, rows: int) -> FieldAccount:
        return FieldAccount(self.name, "records", "value", Disposition.ERASED, rows)


@pytest.fixture
def shop() -> System:
    return System("shop", Identifier(*ADA), [CARD])


@pytest.fixture
def cards() -> System:
    return System("cards", CARD)


@pytest.fixture
def tenant(registry: RegistrySimulator, shop: System, cards: System) -> Tenant:
    made = registry.tenant()
    connect(registry, shop, cards)  # type: ignore[arg-type]
    made.send(identify("ada", email="ada@example.com"))
    return made


def _go_on(tenant: Tenant) -> StoredRequest:
    assert isinstance(tenant.registry.clock, SetClock)
    tenant.registry.clock.pass_by(days=1)
    [due] = lifecycle.due(tenant.registry.deployment, tenant.workspace)
    return lifecycle.go_on(tenant.registry.deployment, tenant.workspace, due)


def _stated(tenant: Tenant, request: StoredRequest) -> Any:
    _, claims = verify.document(request.certificate or "", tenant.workspace.jwks())
    return claims["verification"].get("restored")  # type: ignore[attr-defined]


def test_an_erasure_of_which_the_copy_knows_no_system_yet_is_named_and_its_certificate_says_so(
    tenant: Tenant, shop: System, cards: System
) -> None:
    request = tenant.request(Kind.ERASURE, *ADA)
    shop.is_silent = True
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    copy = copied(tenant.registry)
    shop.is_silent, cards.fails = False, True
    with pytest.raises(LinkedSystemUnavailable):
        _go_on(tenant)
    assert (shop.rows, cards.rows) == (0, 1)
    restored_at = "2026-01-02T00:00:00Z"
    assert put_back(tenant, copy).unfinished == (text_id(request.request_id),)
    cards.fails = False
    done = _go_on(tenant)
    assert (done.state, cards.rows) == ("completed", 1), "nothing leads there any more"
    assert _stated(tenant, done) == restored_at
    told = proven.prove(tenant.registry.deployment, tenant.workspace, done.certificate or "")
    page = certificate_page.render(told, proven.check(told, tenant.workspace.jwks()))
    assert "An older copy of the data was put back on 2026-01-02" in page


def test_an_erasure_of_which_the_copy_knows_everything_goes_on_as_if_nothing_had_been(
    tenant: Tenant, shop: System, cards: System
) -> None:
    request = tenant.request(Kind.ERASURE, *ADA)
    cards.fails = True
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    assert put_back(tenant, copied(tenant.registry)).unfinished == ()
    cards.fails = False
    done = _go_on(tenant)
    assert (done.state, shop.rows, cards.rows, _stated(tenant, done)) == ("completed", 0, 0, None)


def test_where_no_system_is_connected_there_is_nothing_to_say(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(tenant.registry)
    request = tenant.request(Kind.ERASURE, *ADA)
    copy = copied(tenant.registry)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("registry.flows.dsr.erasure._set_aside_and_shred", die)
        tenant.run(request)
    assert put_back(tenant, copy).unfinished == ()
    done = tenant.run(request)
    assert (done.state, _stated(tenant, done)) == ("completed", None)


def test_one_that_the_copy_has_not_is_named_since_it_is_to_be_taken_in_anew(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(tenant.registry)
    copy = copied(tenant.registry)
    request = tenant.request(Kind.ERASURE, *ADA)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("registry.flows.dsr.erasure._set_aside_and_shred", die)
        tenant.run(request)
    assert put_back(tenant, copy).unfinished == (text_id(request.request_id),)
    assert tenant.run(tenant.request(Kind.ERASURE, *ADA)).state == "completed"


CORRECTED = {"traits": {"email": "ada@example.net"}}


class Corrected(System):
    """A system in which a correction changes what people are found by."""

    def run(
        self, request_id: str, kind: Kind, people: Sequence[Identifier], corrections: Mapping[str, object]
    ) -> Sequence[FieldAccount]:
        if self.fails:
            raise ConnectionError
        told = [self._account(self._has(people))]
        if self._has(people) and self.found_by.kind in corrections:
            self.found_by = Identifier(self.found_by.kind, str(corrections[self.found_by.kind]))
        return told

    def remaining(self, kind: Kind, people: Sequence[Identifier]) -> Mapping[str, int]:
        return {}

    def _account(self, rows: int) -> FieldAccount:
        return FieldAccount(self.name, "records", "value", Disposition.RETAINED, rows, "corrected")


@pytest.mark.parametrize("kind", [Kind.RECTIFICATION, Kind.CORRECT])
def test_a_correction_that_had_begun_outside_is_named_and_its_certificate_says_so(
    tenant: Tenant, cards: System, kind: Kind
) -> None:
    shop = Corrected("shop", Identifier(*ADA), [CARD])
    connect(tenant.registry, shop, cards)  # type: ignore[arg-type]
    request = tenant.request(kind, *ADA, **CORRECTED)
    copy = copied(tenant.registry)
    cards.fails = True
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    assert shop.found_by.value == "ada@example.net"
    assert put_back(tenant, copied(tenant.registry)).unfinished == (), "the copy knows everything that is to be done"
    for _ in range(2):
        assert put_back(tenant, copy).unfinished == (text_id(request.request_id),)
        copy = copied(tenant.registry)
    _, history = lifecycle.get(tenant.registry.deployment, tenant.workspace, request.request_id)
    assert [one.action for one in history].count("restore") == 1
    assert "former value" in (history[-1].details or "")
    cards.fails = False
    done = tenant.run(request)
    _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
    day = "2026-01-01" if kind is Kind.RECTIFICATION else "2025-12-31"  # by the clocks of the law
    assert (done.state, str(claims["restored"])[:10]) == ("completed", day)
    told = proven.prove(tenant.registry.deployment, tenant.workspace, done.certificate or "")
    page = certificate_page.render(told, proven.check(told, tenant.workspace.jwks()))
    assert f"An older copy of the data was put back on {day}" in page
    assert put_back(tenant, copied(tenant.registry)).unfinished == ()


def test_a_correction_that_had_not_begun_outside_is_not(tenant: Tenant, shop: System) -> None:
    request = tenant.request(Kind.RECTIFICATION, *ADA, **CORRECTED)
    copy = copied(tenant.registry)
    shop.is_silent = True
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    assert put_back(tenant, copy).unfinished == ()
    shop.is_silent = False
    done = tenant.run(request)
    _, claims = verify.document(done.certificate or "", tenant.workspace.jwks())
    assert (done.state, claims.get("restored")) == ("completed", None)


def test_a_correction_that_was_made_since_is_ended_and_not_named(tenant: Tenant, cards: System) -> None:
    connect(tenant.registry, Corrected("shop", Identifier(*ADA), [CARD]), cards)  # type: ignore[arg-type]
    request = tenant.request(Kind.RECTIFICATION, *ADA, **CORRECTED)
    copy = copied(tenant.registry)
    tenant.run(request)
    replayed = put_back(tenant, copy)
    assert (replayed.ended, replayed.unfinished) == (1, ())


@pytest.mark.parametrize(("kind", "refused"), [(Kind.OBJECTION, "analytics"), (Kind.RESTRICTION, "service")])
def test_what_was_refused_by_a_request_that_waits_since_is_refused_again_at_once(
    tenant: Tenant, shop: System, kind: Kind, refused: str
) -> None:
    details = {"purposes": ["analytics"]} if kind is Kind.OBJECTION else {}
    tenant.say(*ADA, "analytics", "granted", evidence="a form")
    request, copy = tenant.request(kind, *ADA, **details), copied(tenant.registry)
    assert tenant.check(*ADA, refused).allowed
    shop.is_silent = True
    with pytest.raises(LinkedSystemUnavailable):
        tenant.run(request)
    assert not tenant.check(*ADA, refused).allowed
    assert put_back(tenant, copy)[3:] == (0, 0, (), ())
    assert not tenant.check(*ADA, refused).allowed, "no copy turns a no into a yes"
    records = "SELECT status, acted_at FROM consent_record WHERE channel = 'dsr' ORDER BY record_id"
    told = tenant.registry.rows(records)
    put_back(tenant, copied(tenant.registry))
    shop.is_silent = False
    assert tenant.run(request).state == "completed"
    assert tenant.registry.rows(records) == told, "done again, it records nothing more"


def test_what_was_refused_by_a_request_that_was_stopped_here_is_refused_again_at_once(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(tenant.registry)
    tenant.say(*ADA, "analytics", "granted", evidence="a form")
    request, copy = tenant.request(Kind.OBJECTION, *ADA, purposes=["analytics"]), copied(tenant.registry)

    def stop(*_: object) -> None:
        raise Conflict("a field is not accounted for")

    with monkeypatch.context() as patched, pytest.raises(Conflict):
        patched.setattr(certified, "accounted", stop)
        tenant.run(request)
    assert not tenant.check(*ADA, "analytics").allowed
    put_back(tenant, copy)
    assert not tenant.check(*ADA, "analytics").allowed, "no copy turns a no into a yes"
    assert tenant.run(request).state == "completed"


def test_what_was_not_begun_is_not_refused(tenant: Tenant) -> None:
    tenant.say(*ADA, "analytics", "granted", evidence="a form")
    tenant.request(Kind.OBJECTION, *ADA, purposes=["analytics"])
    put_back(tenant, copied(tenant.registry))
    assert tenant.check(*ADA, "analytics").allowed
