"""Whose the records of a service are that is asked by the key of a row elsewhere, and passes over what it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from registry.connectors.datasets import Key
from registry.connectors.services.description import Service
from registry.connectors.services.exchange import Exchange, Told
from registry.connectors.services.system import HttpService
from registry.dsr.requests import Kind
from registry.model.errors import DocumentInvalid, LinkedSystemUnavailable
from registry.model.message import Identifier
from tests.outside import ADA, RULES, document

SEVEN = [*ADA, Identifier("shop.customers.id", '[["int","7"]]')]
REPEATED = "references: shop.customers.id"
CLUB = """
service: club
url: https://club.example
find:
  - {by: shop.customers.id, method: POST, path: /search, body: {customer: "{identifier}"}, rows: /data}
erase:
  - {by: row, method: DELETE, path: "/members/{row.id}"}
fields:
  id: {category: user.unique_id}
  customer.number: {category: user.unique_id, references: shop.customers.id}
  points: {category: user.behavior}
"""
BY_KEY = '{by: shop.customers.id, method: POST, path: /forget, body: {customer: "{identifier}"}}'
BY_ROW = '{by: row, method: DELETE, path: "/members/{row.id}"}'


class Club(Exchange):
    """A service that does not know the parameter: it answers with every member there is. All of them are synthetic."""

    def __init__(self, *members: tuple[int, Any]) -> None:
        super().__init__("club", "https://club.example", {}, timeout_s=1, retries=0, per_second=None)
        self.members = {n: {"id": n, "customer": {"number": number}, "points": 5} for n, number in members}
        self.done: list[str] = []

    def ask(self, method: str, path: str, query: Mapping[str, Any], body: Any) -> Told:
        """What the service answers."""
        if path != "/search":
            self.done.append(path)
            self.members.pop(int(path.rpartition("/")[2]), None) if method == "DELETE" else self.members.clear()
        return Told({"data": list(self.members.values())}, None, path)


def club(exchange: Exchange, text: str = CLUB) -> HttpService:
    return HttpService(Service.from_document(document(text, "service")), exchange, [], RULES)


def given(system: HttpService, people: list[Identifier] = SEVEN) -> list[int]:
    return [row["id"] for _, row in system.export(people)]


@pytest.mark.parametrize("number", ["7", 7, 7.0, [6, 7]])
def test_a_record_with_another_key_than_it_was_found_by_is_somebody_elses(number: object) -> None:
    exchange = Club((1, number), (2, 8), (3, "9"), (4, "77"))
    system = club(exchange)
    assert given(system) == [1]
    assert system.plan(Kind.ACCESS, SEVEN).others == {"records": 3}
    system.run("r", Kind.ERASURE, SEVEN, {})
    assert exchange.done == ["/members/1"]
    assert system.remaining(Kind.ERASURE, SEVEN) == {}


@pytest.mark.parametrize(("others", "found"), [([(2, 8)], []), ([], [1])])
def test_a_record_without_a_key_is_the_persons_only_beside_nobody_elses(
    others: list[tuple[int, int]], found: list[int]
) -> None:
    assert given(club(Club((1, None), *others))) == found


def test_nothing_is_erased_by_a_key_that_the_service_passes_over() -> None:
    exchange = Club((1, 7), (2, 8))
    with pytest.raises(LinkedSystemUnavailable, match="records of others") as caught:
        club(exchange, CLUB.replace(BY_ROW, BY_KEY)).run("r", Kind.ERASURE, SEVEN, {})
    assert "`row`" in str(caught.value.hint)
    assert exchange.done == []
    del exchange.members[1]  # none is the person's
    club(exchange, CLUB.replace(BY_ROW, BY_KEY)).run("r", Kind.ERASURE, SEVEN, {})
    assert exchange.done == []
    exchange = Club((1, 7))
    club(exchange, CLUB.replace(BY_ROW, BY_KEY)).run("r", Kind.ERASURE, SEVEN, {})
    assert exchange.done == ["/forget"]


def test_a_record_with_another_key_of_the_person_is_nobody_elses() -> None:
    both = [*SEVEN, Identifier("shop.customers.id", '[["int","8"]]')]
    exchange = Club((1, 7), (2, 8), (3, None))
    assert given(club(exchange), both) == [1, 2, 3]
    club(exchange, CLUB.replace(BY_ROW, BY_KEY)).run("r", Kind.ERASURE, both, {})
    assert exchange.done == ["/forget", "/forget"]


@pytest.mark.parametrize("by", ["shop.customers.id", "user_id"])
def test_a_service_whose_records_repeat_nothing_is_not_asked_unless_somebody_says_so(by: str) -> None:
    text = CLUB.replace(f", {REPEATED}", "").replace("shop.customers.id", by)
    [(table, _, reason)] = club(Club(), text).findings()
    assert table == "records"
    assert f"asked for by {by}" in reason
    with pytest.raises(LinkedSystemUnavailable, match="nobody has decided"):
        club(Club((1, 7)), text).run("r", Kind.ACCESS, SEVEN, {})
    said = club(Club((1, 7), (2, 7)), text.replace("rows: /data}", "rows: /data, aliases: true}"))
    assert said.findings() == []
    assert given(said, [Identifier("user_id", "7"), *SEVEN]) == [1, 2]


def test_a_count_holds_no_records_that_could_say_whose_they_are() -> None:
    count = (
        'remaining:\n  - {by: phone, method: POST, path: /search, body: {p: "{identifier}"}, count: /total}\nfields:'
    )
    assert club(Club(), CLUB.replace("fields:", count)).findings() == []


@pytest.mark.parametrize("form", [str, str.upper, lambda text: text.replace("-", "")])
def test_a_uuid_is_repeated_in_whatever_form(form: Any) -> None:
    one, other = "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "6f9619ff-8b86-d011-b42d-00cf4fc964fe"
    system = club(Club((1, form(one)), (2, form(other))))
    assert given(system, [Identifier("shop.customers.id", f'[["uuid","{one}"]]')]) == [1]


def test_a_field_that_repeats_a_key_that_nothing_is_asked_by_is_a_fault() -> None:
    with pytest.raises(DocumentInvalid) as caught:
        club(Club(), CLUB.replace(REPEATED, "references: shop.orders.id"))
    assert caught.value.faults[0]["pointer"] == "/fields/customer.number/references"


def test_an_address_that_finds_others_erases_nothing_by_itself() -> None:
    text = CLUB.replace("shop.customers.id, method", "email, method").replace(REPEATED, "identity: email")
    exchange = Club((1, "ada@example.test"), (2, "bob@example.test"), (3, None))
    assert given(club(exchange, text)) == [1]
    by_address = text.replace(BY_ROW, BY_KEY.replace("shop.customers.id", "email"))
    with pytest.raises(LinkedSystemUnavailable, match="records of others"):
        club(exchange, by_address).run("r", Kind.ERASURE, ADA, {})
    assert exchange.done == []


def test_a_record_that_was_found_by_a_key_still_leads_on() -> None:
    described = Service.from_document(document(CLUB, "service"))
    system = HttpService(described, Club((1, 7), (2, 8)), [Key("club", "records", ("id",))], RULES)
    assert system.leads(SEVEN) == [Identifier("club.records.id", '[["int","1"]]')]


@pytest.mark.parametrize(
    ("address", "people", "found"),
    [
        ("bob@example.test", SEVEN, []),
        ("bob@example.test", [Identifier("shared.email", "bob@example.test"), *SEVEN], [1]),
        ("ADA@example.test", SEVEN, [1]),
        ("n/a", SEVEN, [1]),
        (None, SEVEN, [1]),
    ],
)
def test_a_record_without_the_key_that_has_somebody_elses_address_is_theirs(
    address: str | None, people: list[Identifier], found: list[int]
) -> None:
    """A guest's record, of a service that passes over the key: nothing in it says that it is the person's."""
    exchange = Club((1, None))
    exchange.members[1]["email"] = address
    text = CLUB.replace("  points:", "  email: {category: user.contact.email, identity: email}\n  points:")
    system = club(exchange, text)
    assert given(system, people) == found
    assert system.plan(Kind.ACCESS, people).others == ({} if found else {"records": 1})
    system.run("r", Kind.ERASURE, people, {})
    assert exchange.done == [f"/members/{one}" for one in found]


@pytest.mark.parametrize(
    ("number", "people", "found"),
    [(8, SEVEN, []), (8, ADA, []), (7, SEVEN, [1]), ([8, 7], SEVEN, [1]), (None, ADA, [1])],
)
def test_a_record_without_the_address_that_has_somebody_elses_key_is_theirs(
    number: object, people: list[Identifier], found: list[int]
) -> None:
    """Also as long as no key of the person is known: once one is, the service is asked by it."""
    by_both = CLUB.replace(
        "erase:", '  - {by: email, method: POST, path: /search, body: {e: "{identifier}"}, rows: /data}\nerase:'
    )
    text = by_both.replace("  points:", "  email: {category: user.contact.email, identity: email}\n  points:")
    assert given(club(Club((1, number)), text), people) == found
