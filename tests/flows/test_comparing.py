"""Comparing people: on published synthetic records, whose true pairs are looked at only to judge what was found."""

from __future__ import annotations

import logging
from random import Random

import pytest

from benchmarks import febrl
from registry.flows.stewards.comparing import compare
from registry.identity.likeness import features


def born(chance: Random) -> str:
    return f"{chance.randrange(1940, 2000)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_duplicates_among_published_synthetic_people_are_found_and_nobody_else() -> None:
    records, truth = febrl._loaded("febrl1")
    found, certain = febrl._ours("febrl1", records)
    score = febrl._score(found, truth)
    assert score.f1 >= 0.998, score
    assert score.precision == 1
    assert certain <= truth, "what is called certain is true"
    assert len(certain) > 0.5 * len(truth)


def test_the_same_people_are_judged_alike_whoever_else_is_there() -> None:
    ada = {"first_name": "Ada", "last_name": "Lovelace", "birthday": "1990-01-02", "email": "ada@example.com"}
    people = {"a": features(ada), "b": features(ada | {"first_name": "Lovelace", "last_name": "Ada"})}
    strangers = {
        str(n): features({"first_name": f"F{n}", "last_name": f"L{n}", "birthday": f"19{n}"}) for n in range(10, 90)
    }
    assert compare(people) == compare(people | strangers)
    [(pair, seen)] = compare(people).items()
    assert set(pair) == {"a", "b"}
    levels = {one.feature: one.level for one in seen.agreements}
    assert (levels["first_name"], levels["last_name"], levels["phone"]) == ("swapped", "swapped", "unknown")
    total = seen.start + sum(one.weight for one in seen.agreements)
    assert 2**total / (1 + 2**total) == pytest.approx(seen.probability, abs=0.001)


def test_a_registry_that_holds_no_addresses_learns_from_what_it_has() -> None:
    chance = Random(1)
    people = {
        n: {
            "first_name": f"Given{chance.randrange(300)}",
            "last_name": f"Family{chance.randrange(500)}",
            "birthday": born(chance),
        }
        for n in range(1200)
    }
    again = {-n: people[n] | {"first_name": people[n]["first_name"][: -1 if n % 3 else None]} for n in range(1, 121)}
    found = compare({who: features(own) for who, own in (people | again).items()})
    assert {frozenset(pair) for pair in found} == {frozenset({n, -n}) for n in range(1, 121)}


@pytest.mark.parametrize("filled_in", [800, 1600])
def test_a_birthday_that_a_form_filled_in_neither_links_people_nor_hides_who_is_one(filled_in: int) -> None:
    chance = Random(1)
    people = {
        n: {
            "first_name": f"Given{n}",
            "last_name": f"Family{n % 300}",
            "birthday": "1900-01-01" if n < filled_in else born(chance),
            "address": {"city": "Sampleton"},
        }
        for n in range(1600)
    }
    again = {-n: people[n] for n in range(filled_in, 1600) if n % 6 == 0}
    twice = {"first_name": "Ada", "last_name": "Lovelace", "birthday": "1987-03-04", "phone": "+44 20 7946 0001"}
    people |= again | {9001: twice, 9002: twice}
    found = compare({who: features(own) for who, own in people.items()})
    assert {frozenset(pair) for pair in found} == {frozenset({-n, n}) for n in again} | {frozenset({9001, 9002})}


def test_nothing_that_is_compared_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    own = features({"first_name": "Marker", "last_name": "Markerson", "birthday": "1990-01-02"})
    compare({"a": own, "b": own})
    assert "marker" not in caplog.text.casefold()
