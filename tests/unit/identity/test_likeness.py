"""What is compared of two people, and that the weights are a model: chances of each level sum to one."""

from __future__ import annotations

import pytest

from registry.identity.likeness import FEATURES, SETTINGS, features


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"first_name": " Zoë ", "lastName": "O'Neill-Mæx"}, {"first_name": "zoe", "last_name": "oneillmæx"}),
        ({"name": "Ada Augusta Lovelace"}, {"first_name": "adaaugusta", "last_name": "lovelace"}),
        ({"phone": "+1 (415) 555-0100"}, {"phone": "14155550100"}),
        ({"email": "Ada@Example.com"}, {"email": "ada@example.com"}),
        ({"address": {"postalCode": "EC1A 1BB", "street": "1, A St"}}, {"postcode": "ec1a1bb", "street": "1ast"}),
        ({"birthday": "1990-01-02"}, {"birthday": "19900102"}),
        ({"first_name": 5, "last_name": "", "address": "somewhere", "name": "Madonna"}, {}),
    ],
)  # fmt: skip
def test_spellings_of_one_thing_are_compared_as_one(values: dict[str, object], expected: dict[str, str]) -> None:
    assert {name: told for name, told in features(values).items() if told is not None} == expected


def test_every_feature_has_its_weights_and_chances_sum_to_one() -> None:
    assert tuple(one["output_column_name"] for one in SETTINGS["comparisons"]) == FEATURES
    for comparison in SETTINGS["comparisons"]:
        for side in ("m_probability", "u_probability"):
            chances = [level[side] for level in comparison["comparison_levels"] if side in level]
            assert sum(chances) == pytest.approx(1)
            assert all(0 < chance < 1 for chance in chances)
