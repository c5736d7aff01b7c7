"""What is compared of two people, and that the weights are a model: chances of each level sum to one."""

from __future__ import annotations

import pytest

from registry.identity.comparisons import ENGINES, Engine, settings
from registry.identity.likeness import (
    ENOUGH_PAIRS,
    FEATURES,
    SHARED_BY,
    Agreement,
    chance,
    features,
    groups,
    is_certain,
    is_household,
    without_placeholders,
)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"first_name": " Zoë ", "lastName": "O'Neill-Mæx"}, {"first_name": "zoe", "last_name": "oneillmæx"}),
        ({"name": "Ada Augusta Lovelace"}, {"first_name": "adaaugusta", "last_name": "lovelace"}),
        ({"phone": "+1 (415) 555-0100"}, {"phone": "14155550100"}),
        ({"email": "Ada@Example.com"}, {"email": "ada@example.com"}),
        (
            {"address": {"postalCode": "EC1A 1BB", "street": "1, A St"}},
            {"postcode": "ec1a1bb", "house": "1", "street": "ast"},
        ),
        ({"address": {"street": "Beispielstraße 12 b"}}, {"house": "12b", "street": "beispielstrasse"}),
        ({"address": {"line1": "7 St Albans Rd", "line2": "Flat 3"}},
         {"house": "7", "street": "stalbansrd", "line2": "flat3"}),
        ({"address": {"street": "109"}}, {"house": "109"}),
        ({"address": {"city": "Zürich", "region": "ZH"}}, {"city": "zurich", "state": "zh"}),
        ({"birthday": "1990-01-02"}, {"birthday": "19900102"}),
        ({"first_name": 5, "last_name": "", "address": "somewhere", "name": "Madonna"}, {}),
    ],
)  # fmt: skip
def test_spellings_of_one_thing_are_compared_as_one(values: dict[str, object], expected: dict[str, str]) -> None:
    assert {name: told for name, told in features(values).items() if told is not None} == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_every_feature_has_its_weights_and_chances_sum_to_one(engine: Engine) -> None:
    chosen = settings(engine)
    assert {one["output_column_name"] for one in chosen["comparisons"]} == set(FEATURES)
    for comparison in chosen["comparisons"]:
        for side in ("m_probability", "u_probability"):
            chances = [level[side] for level in comparison["comparison_levels"] if side in level]
            assert sum(chances) == pytest.approx(1)
            assert all(0 < chance < 1 for chance in chances)


def test_both_engines_compare_alike() -> None:
    here, there = (repr(settings(engine)) for engine in ENGINES)
    assert here.replace("jaro_winkler_similarity", "jaro_winkler") == there


def test_weights_are_learnt_only_from_enough_people_of_whom_enough_agree() -> None:
    nobody = dict.fromkeys(FEATURES)
    people = {n: nobody | {"birthday": str(n), "first_name": f"first{n}"} for n in range(2000)}
    assert chance(people) is None, "nobody agrees with anybody"
    twice = people | {-n: people[n] for n in range(1, ENOUGH_PAIRS + 1)}
    assert chance(twice) == pytest.approx(ENOUGH_PAIRS / 0.8 / (len(twice) * (len(twice) - 1) / 2), rel=0.01)
    assert chance(dict(list(twice.items())[-500:])) is None, "too few people"


def pair(**levels: str) -> list[Agreement]:
    return [Agreement(name, level, 1.0) for name, level in levels.items()]


def test_a_couple_and_twins_are_not_certain_however_much_they_share() -> None:
    shared = {"last_name": "same", "street": "same", "postcode": "same"}
    couple = pair(first_name="different", birthday="different", **shared)
    twins = pair(first_name="different", birthday="same", **shared)
    assert (is_household(couple), is_certain(0.99999, couple)) == (True, False)
    assert (is_household(twins), is_certain(0.99999, twins)) == (False, False)
    assert not is_household([*couple, Agreement("email", "same", 10.0)]), "an address of one's own is personal"
    one = pair(first_name="very close", birthday="same", **shared)
    assert (is_certain(0.9999, one), is_certain(0.99, one)) == (True, False)
    assert not is_certain(0.9999, pair(first_name="same", birthday="unknown", **shared))
    assert not is_certain(0.9999, pair(first_name="very close", birthday="one sign off", **shared)), "sisters"


def test_whoever_is_suggested_with_somebody_of_a_group_is_in_it() -> None:
    found = groups([("a", "b"), ("b", "c"), ("x", "y")])
    assert found["a"] == found["b"] == found["c"] != found["x"] == found["y"]


def test_what_a_form_filled_in_for_many_people_is_known_of_none() -> None:
    own = features({"first_name": "Ada", "last_name": "Lovelace", "birthday": "1987-03-04", "phone": "1"})
    guest = features({"first_name": "Guest", "last_name": "Guest", "birthday": "1900-01-01", "phone": "0000"})
    few = dict.fromkeys(range(SHARED_BY), guest)
    assert without_placeholders(few | {-1: own}) == few | {-1: own}
    many = without_placeholders(few | {-1: own, -2: guest})
    assert many[-1] == own
    assert not any(any(many[n].values()) for n in (*few, -2))
    assert without_placeholders(dict.fromkeys(few, own) | dict.fromkeys(range(-40000, 0), guest))[0] == own
