"""Bad input to identity: each odd case has one outcome, whatever came before it."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import pytest

from registry.dsr.requests import Kind
from registry.flows.dsr import erasure
from registry.flows.stewards import deciding
from registry.model.errors import Conflict, NotFound
from tests.factories import alias, identify, ordered
from tests.simulator import RegistrySimulator, Tenant


def outcome(tenant: Tenant, call: dict[str, Any]) -> tuple[str, list[str]]:
    """What became of one call, and the codes of its violations."""
    receipt = tenant.send(call)
    [status] = receipt.counts
    return str(status), [violation.code for item in receipt.items for violation in item.violations]


def test_a_cycle_of_aliases_is_one_person(tenant: Tenant) -> None:
    tenant.send(identify("ada", "b1"), alias("b1", "ada"), alias("ada", "ada"), alias("b2", "ada"), alias("b1", "ada"))
    assert {("user_id", "ada"), ("anonymous_id", "b1"), ("anonymous_id", "b2")} <= next(
        person for person in tenant.people() if ("user_id", "ada") in person
    )
    assert len([person for person in tenant.people() if ("user_id", "ada") in person]) == 1


def test_a_ring_of_aliases_between_two_users_makes_them_no_one_person(tenant: Tenant) -> None:
    tenant.send(alias("ada", "bob"), alias("bob", "ada"))
    users = [person for person in tenant.people() if any(kind == "user_id" for kind, _ in person)]
    assert len(users) == 2


def test_an_address_that_is_also_a_user_id_is_two_identifiers_of_one_person(tenant: Tenant) -> None:
    tenant.send(identify("ada@example.com", email="Ada@Example.com"))
    assert tenant.people() == {frozenset({("user_id", "ada@example.com"), ("email", "ada@example.com")})}
    tenant.send(identify("bob"), identify("bob@example.com"))
    assert len(tenant.people()) == 3, "the same text in another kind is no claim"


def test_look_alikes_are_other_people(tenant: Tenant) -> None:
    """A Cyrillic letter, a zero-width joiner within, a ligature: none is what it looks like."""
    names = ["paypal", "p\u0430ypal", "pay\u200dpal", "ﬁsh", "fish", "PAYPAL"]
    tenant.send(*[identify(name) for name in names])
    assert len(tenant.people()) == len(names)
    mails = ["ada@example.com", "\u0430da@example.com", "ada@ex\u0430mple.com"]
    tenant.send(*[identify(None, f"b{number}", email=mail) for number, mail in enumerate(mails)])
    own = tenant.profile("email", mails[0])
    assert own == tenant.profile("anonymous_id", "b0")
    assert all(tenant.profile("anonymous_id", other) != own for other in ("b1", "b2"))


def test_one_letter_in_two_encodings_is_one_person(tenant: Tenant) -> None:
    tenant.send(identify("Zoe\u0308"), identify("Zo\u00eb"))
    assert len(tenant.people()) == 1


@pytest.mark.parametrize("value", ["", "   ", "\u200b", "null", "undefined", "00000000-0000-0000-0000-000000000000"])
def test_an_identifier_that_points_at_nobody_makes_nobody(tenant: Tenant, value: str) -> None:
    status, codes = outcome(tenant, identify(value))
    assert status == "rejected"
    assert set(codes) & {"no_usable_identifier", "envelope", "missing_identity", "required_missing"} or codes
    assert tenant.people() == set()


@pytest.mark.parametrize("length", [256, 1_000, 20_000])
def test_an_enormous_identifier_is_refused_and_its_neighbours_in_the_batch_are_not(tenant: Tenant, length: int) -> None:
    receipt = tenant.send(ordered("x" * length), ordered("ada"))
    assert dict(receipt.counts) == {"rejected": 1, "accepted": 1}
    assert tenant.people() == {frozenset({("user_id", "ada")})}


def test_an_enormous_identifier_beside_a_good_one_joins_nobody(tenant: Tenant) -> None:
    call = identify("ada", email="x" * 400 + "@example.com")
    receipt = tenant.send(call)
    assert sum(receipt.counts.values()) == 1
    assert all(kind == "user_id" for person in tenant.people() for kind, _ in person)


def test_the_same_message_twice_claims_once(tenant: Tenant) -> None:
    call = identify("ada", "b1")
    first, again = tenant.send(call, call), tenant.send(call)
    assert (dict(first.counts), dict(again.counts)) == ({"accepted": 1, "duplicate": 1}, {"duplicate": 1})
    links = tenant.registry.rows("SELECT count(*) FROM link WHERE workspace_id = ?", tenant.workspace_id)
    assert links == [(1,)]


def test_a_merge_during_an_erasure_is_refused_and_takes_nobody_along(
    tenant: Tenant, shared: RegistrySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The erasure has its scope and has shredded nothing yet: whoever is merged now is not in it."""
    tenant.send(ordered("ada"), ordered("bob"))
    people = tenant.person("user_id", "ada"), tenant.person("user_id", "bob")
    refused: list[type[Exception]] = []
    scope = erasure.scope_and_suppress

    def between(*arguments: Any) -> Any:
        request = scope(*arguments)
        with pytest.raises((Conflict, NotFound)) as raised:
            deciding.merge(shared.deployment, tenant.workspace, *people, actor="person:steward")
        refused.append(raised.type)
        assert dict(tenant.send(alias("ada", "bob"), identify("bob", "b9")).counts)["accepted"] >= 1
        return request

    monkeypatch.setattr(erasure, "scope_and_suppress", between)
    assert tenant.run(tenant.request(Kind.ERASURE, "user_id", "ada")).state == "completed"
    assert refused == [Conflict]
    assert tenant.profile("user_id", "ada") is None
    assert tenant.profile("user_id", "bob") is not None
    assert tenant.traits("user_id", "bob") == {}


def test_a_merge_that_waits_for_an_erasure_finds_nobody_any_more(postgres_registry: RegistrySimulator) -> None:
    tenant = postgres_registry.tenant()
    tenant.send(ordered("ada"), ordered("bob"))
    people = tenant.person("user_id", "ada"), tenant.person("user_id", "bob")
    started, outcomes = Event(), []

    def merge() -> None:
        started.wait(5)
        try:
            deciding.merge(postgres_registry.deployment, tenant.workspace, *people, actor="person:steward")
        except (Conflict, NotFound) as error:
            outcomes.append(error.code)

    thread = Thread(target=merge)
    thread.start()
    started.set()
    tenant.erase("user_id", "ada")
    thread.join(30)
    left = {person for person in tenant.people() if ("user_id", "ada") in person}
    assert left == set(), "either the merge came first and both were one when the scope was taken, or it was refused"
    assert outcomes or tenant.profile("user_id", "bob") is None
