"""Records of services in the forms that they come in: lists of keys, objects that are not there, a part corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from registry.connectors.datasets import Key
from registry.connectors.services.description import Service
from registry.connectors.services.exchange import Exchange, Told
from registry.connectors.services.system import HttpService
from registry.dsr.requests import Kind
from registry.flows.dsr.linked import reach_of
from registry.model.errors import LinkedSystemUnavailable
from tests.outside import ADA, RULES, document, erased, left

CRM = """
service: crm
url: https://crm.example
find:
  - {by: email, method: POST, path: /search, body: {email: "{identifier}"}, rows: /data}
erase:
  - {by: row, method: DELETE, path: "/contacts/{row.id}"}
rectify:
  - {by: row, method: PATCH, path: "/contacts/{row.id}", body: {first: "{trait.first_name}", last: "{trait.last_name}"}}
fields:
  id: {category: user.unique_id}
  email: {category: user.contact.email, identity: email}
  first: {category: user.name, trait: first_name}
  last: {category: user.name, trait: last_name}
  nick: {category: user.name, trait: nickname}
  orders.id: {category: user.unique_id}
  address.city: {category: user.contact.address.city}
"""


class Crm(Exchange):
    """A service of contacts, without a network between. All of them are synthetic."""

    def __init__(self, **contact: Any) -> None:
        super().__init__("crm", "https://crm.example", {}, timeout_s=1, retries=0, per_second=None)
        self.contacts = [{"id": 1, "email": "ada@example.test", "first": "Ada", "last": "Wrong", **contact}]
        self.changed: list[Any] = []

    def ask(self, method: str, path: str, query: Mapping[str, Any], body: Any) -> Told:
        """What the service answers."""
        found = [one for one in self.contacts if path == "/search" and one["email"] == body["email"]]
        if method == "PATCH":
            self.changed.append((path, body))
            self.contacts[0] |= body
        elif method == "DELETE":
            self.contacts.clear()
        return Told({"data": found}, None, path)


def of(exchange: Crm, text: str = CRM) -> HttpService:
    key = Key("crm", "records", ("orders.id",))
    return HttpService(Service.from_document(document(text, "service")), exchange, [key], RULES)


@pytest.mark.parametrize("orders", [[], [7], [7, 8], [7, 8, 9]])
def test_each_of_several_keys_in_a_record_leads_on(orders: list[int]) -> None:
    made = of(Crm(orders=[{"id": number} for number in orders]))
    known = [one.value for one in reach_of([made], ADA) if one.kind == "crm.records.orders.id"]
    assert known == [f'[["int","{number}"]]' for number in orders]


@pytest.mark.parametrize("nothing", [None, {}, [], [{}]])
def test_an_object_that_is_not_there_has_no_field_to_decide_on(nothing: object) -> None:
    made = of(Crm(address=nothing, orders=[]))
    known = reach_of([made], ADA)
    assert made.plan(Kind.ERASURE, known).undecided == []
    erased([made])
    assert left([made], known) == {}


@pytest.mark.parametrize("something", ["Berlin", {"street": "x"}, [{"city": "x", "street": "y"}]])
def test_what_nobody_declared_still_blocks(something: object) -> None:
    made = of(Crm(address=something))
    assert made.plan(Kind.ERASURE, reach_of([made], ADA)).undecided != []


def test_a_correction_of_a_part_leaves_the_rest_as_it_stands() -> None:
    exchange = Crm()
    accounts = of(exchange).run("r", Kind.RECTIFICATION, ADA, {"last_name": "Right"})
    assert exchange.changed == [("/contacts/1", {"first": "Ada", "last": "Right"})]
    assert {one.field for one in accounts if "corrected" in (one.ground or "")} == {"last"}


def test_a_part_that_no_record_tells_is_left_out() -> None:
    exchange = Crm()
    text = CRM.replace(
        '{by: row, method: PATCH, path: "/contacts/{row.id}"', "{by: email, method: PATCH, path: /contact"
    )
    of(exchange, text).run("r", Kind.RECTIFICATION, ADA, {"last_name": "Right"})
    assert exchange.changed == [("/contact", {"last": "Right"})]


def test_a_trait_that_no_call_writes_is_corrected_nowhere() -> None:
    exchange = Crm(nick="Wrong")
    made = of(exchange)
    assert set(made.plan(Kind.RECTIFICATION, ADA).traits.values()) == {"first_name", "last_name"}
    accounts = made.run("r", Kind.RECTIFICATION, ADA, {"nickname": "Right"})
    assert not any("corrected" in (one.ground or "") for one in accounts)
    made.run("r", Kind.RECTIFICATION, ADA, {"nickname": "Right", "last_name": "Right"})
    assert exchange.contacts[0]["last"] == "Right"


def test_a_correction_that_the_service_passes_over_is_still_found() -> None:
    exchange = Crm()
    text = CRM.replace('last: "{trait.last_name}"', 'surname: "{trait.last_name}"')
    with pytest.raises(LinkedSystemUnavailable, match="last still has another value"):
        of(exchange, text).run("r", Kind.RECTIFICATION, ADA, {"last_name": "Right"})


def test_a_record_that_leads_on_and_came_after_the_person_was_asked_about_is_not_passed_over() -> None:
    exchange = Crm(orders=[{"id": 7}])
    made = of(exchange)
    known = reach_of([made], ADA)
    exchange.contacts.append({"id": 2, "email": "ada@example.test", "orders": [{"id": 8}]})
    with pytest.raises(LinkedSystemUnavailable, match="came meanwhile"):
        made.run("r", Kind.ERASURE, known, {})
    assert len(exchange.contacts) == 2, "nothing was touched"
    accounts = made.run("r", Kind.ERASURE, reach_of([made], known), {})
    assert {one.rows for one in accounts} == {2}
    assert left([made], known) == {}


def test_what_only_a_shared_number_finds_holds_no_erasure_up() -> None:
    """Nobody was asked about what such records say more, since the number leads nowhere."""

    class ByNumber(Crm):
        def ask(self, method: str, path: str, query: Mapping[str, Any], body: Any) -> Told:
            told = super().ask(method, path, query, body) if method != "POST" or "email" in body else None
            return told or Told(
                {"data": [one for one in self.contacts if one.get("phone") in body.values()]}, None, path
            )

    by_number = '  - {by: phone, method: POST, path: /search, body: {phone: "{identifier}"}, rows: /data}\nerase:'
    text = CRM.replace("erase:", by_number, 1) + "  phone: {category: user.contact.phone_number, identity: phone}\n"
    exchange = ByNumber(phone="+12025550123")
    exchange.contacts.append({"id": 2, "email": "bob@example.test", "phone": "+12025550123"})
    exchange.contacts.append({"id": 3, "email": "ada@example.test", "phone": "+12025550123", "orders": [{"id": 8}]})
    made = of(exchange, text)
    known = reach_of([made], ADA)
    assert "shared.phone" in {one.kind for one in known}
    made.run("r", Kind.ERASURE, known, {})
