"""How two people are compared, as settings of Splink: levels of agreement, and how much each of them weighs.

Fellegi and Sunter's model (A Theory for Record Linkage, 1969). Each level has two chances: that it is seen
among pairs who are one person, and among pairs who are not. The chances here serve registries with few
people; where many are compared, `flows.comparing` lets Splink learn them from the pairs themselves
(expectation maximisation: nobody says which pairs are true). In these chances the parts of an address hang
together, so that one household is not one person.
"""

from __future__ import annotations

from typing import Any, Literal

Engine = Literal["duckdb", "spark"]

ENGINES: tuple[Engine, ...] = ("duckdb", "spark")

_SIMILAR = {"duckdb": "jaro_winkler_similarity", "spark": "jaro_winkler"}
_EDITS = "damerau_levenshtein"

DIFFERENT = "different"
"""The label of every comparison's last level."""

FEW = 1e-5
"""The chance that two people are one, where it is not learnt."""

BLOCKING = (
    "l.email = r.email",
    "l.phone = r.phone",
    "l.birthday = r.birthday",
    "l.first_name = r.first_name AND l.last_name = r.last_name",
    "l.first_name = r.last_name AND l.last_name = r.first_name",
    "l.street = r.street AND l.house = r.house",
    "l.street = r.street AND l.postcode = r.postcode",
    "l.street = r.street AND l.last_name = r.last_name",
    "l.street = r.street AND l.first_name = r.first_name",
    "l.street = r.line2 AND l.house = r.house",
    "l.street = r.line2 AND l.postcode = r.postcode",
    "l.line2 = r.street AND l.postcode = r.postcode",
    "l.line2 = r.line2 AND l.house = r.house",
    "l.line2 = r.line2 AND l.postcode = r.postcode",
    "l.line2 = r.line2 AND l.last_name = r.last_name",
    "l.city = r.city AND l.postcode = r.postcode AND l.house = r.house",
    "l.city = r.city AND l.last_name = r.last_name",
    "l.city = r.city AND l.first_name = r.first_name",
    "l.postcode = r.postcode AND l.last_name = r.last_name",
    "l.postcode = r.postcode AND l.first_name = r.first_name",
)
"""Only pairs that agree like this somewhere are compared: wide enough for several mistakes in one record."""

TRAINING = (("birthday",), ("postcode", "city"), ("first_name", "last_name"))
"""Pairs that agree on these are those among which the chances are learnt; what agrees is learnt by the others."""

STRICT = (
    ("birthday", "first_name"),
    ("birthday", "last_name"),
    ("first_name", "last_name", "postcode"),
    ("first_name", "last_name", "street"),
)
"""What agrees only among pairs of whom nearly all are one person: they tell how many such pairs there are."""


def settings(engine: Engine, *, chance: float = FEW, learn: bool = False) -> dict[str, Any]:
    """The settings, for one of Splink's engines; the same comparisons on each.

    Args:
        chance: that two people, taken at random, are one.
        learn: weigh rare values more than common ones, as only many people can tell.
    """
    comparisons = [
        _name("first_name", "last_name", engine, same=(0.80, 0.01), alike=(0.08, 0.004)),
        _name("last_name", "first_name", engine, same=(0.85, 0.004), alike=(0.06, 0.002)),
        _digits("birthday", same=(0.92, 0.0003), one=(0.04, 0.003), two=(0.015, 0.02)),
        _digits("email", same=(0.60, 0.00005), one=(0.05, 0.005)),  # p1@ and p2@ of one house are two people's
        _digits("phone", same=(0.60, 0.0001), one=(0.05, 0.0002)),
        _digits("house", same=(0.80, 0.60), one=(0.10, 0.15)),
        _words("street", engine, same=(0.55, 0.001), alike=(0.20, 0.01), other="line2"),
        _words("line2", engine, same=(0.60, 0.40), alike=(0.10, 0.08), other="street"),
        _words("city", engine, same=(0.80, 0.50), alike=(0.08, 0.06)),
        _digits("postcode", same=(0.75, 0.005), one=(0.08, 0.01), two=(0.05, 0.05)),
        _digits("state", same=(0.95, 0.85), one=(0.02, 0.05)),
    ]
    if learn:
        for comparison in comparisons:
            _by_rarity(comparison)
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "unique_id",
        "probability_two_random_records_match": chance,
        "blocking_rules_to_generate_predictions": list(BLOCKING),
        "comparisons": comparisons,
        "em_convergence": 0.0001,
        "max_iterations": 50,
        "retain_intermediate_calculation_columns": True,
        "retain_matching_columns": True,
    }


Chances = tuple[float, float]


def _name(name: str, other: str, engine: Engine, *, same: Chances, alike: Chances) -> dict[str, Any]:
    """A part of a name, which may stand where the other part belongs."""
    similar = _SIMILAR[engine]
    crossed = f"{similar}({name}_l, {other}_r) >= 0.88 AND {similar}({other}_l, {name}_r) >= 0.88"
    return _comparison(
        name,
        ("same", f"{name}_l = {name}_r", same),
        ("swapped", f"{name}_l = {other}_r AND {other}_l = {name}_r", (0.01, 0.0001)),
        ("very close", f"{similar}({name}_l, {name}_r) >= 0.92", alike),
        ("close", f"{similar}({name}_l, {name}_r) >= 0.8 OR ({crossed})", (0.03, 0.02)),
    )


def _words(name: str, engine: Engine, *, same: Chances, alike: Chances, other: str | None = None) -> dict[str, Any]:
    """A text in which letters are mistaken; `other` is where it may stand by mistake."""
    similar = _SIMILAR[engine]
    levels = [
        ("same", f"{name}_l = {name}_r", same),
        ("very close", f"{similar}({name}_l, {name}_r) >= 0.9", alike),
        ("close", f"{_EDITS}({name}_l, {name}_r) <= 2 OR {similar}({name}_l, {name}_r) >= 0.8", (0.02, 0.02)),
    ]
    if other is not None:
        either = f"{similar}({name}_l, {other}_r) >= 0.88 OR {similar}({other}_l, {name}_r) >= 0.88"
        levels.append(("swapped", either, (0.02, 0.001)))
    return _comparison(name, *levels)


def _digits(name: str, *, same: Chances, one: Chances, two: Chances | None = None) -> dict[str, Any]:
    """A number or code in which signs are mistaken or change places."""
    levels = [
        ("same", f"{name}_l = {name}_r", same),
        ("one sign off", f"{_EDITS}({name}_l, {name}_r) <= 1", one),
    ]
    if two is not None:
        levels.append(("two signs off", f"{_EDITS}({name}_l, {name}_r) <= 2", two))
    return _comparison(name, *levels)


def _comparison(name: str, *levels: tuple[str, str, Chances]) -> dict[str, Any]:
    rest = tuple(1 - sum(chances[side] for _, _, chances in levels) for side in (0, 1))
    unknown = {
        "sql_condition": f"{name}_l IS NULL OR {name}_r IS NULL",
        "label_for_charts": "unknown",
        "is_null_level": True,
    }
    told = [_level(*level) for level in levels]
    return {
        "output_column_name": name,
        "comparison_levels": [unknown, *told, _level(DIFFERENT, "ELSE", (rest[0], rest[1]))],
    }


def _level(label: str, condition: str, chances: Chances) -> dict[str, Any]:
    same, different = chances
    return {
        "sql_condition": condition,
        "label_for_charts": label,
        "m_probability": same,
        "u_probability": different,
    }


def _by_rarity(comparison: dict[str, Any]) -> None:
    """To share a rare name says more than to share a common one (term frequencies)."""
    name = comparison["output_column_name"]
    for level in comparison["comparison_levels"]:
        if level["label_for_charts"] == "same" and name not in ("birthday", "email", "phone", "state"):
            level["tf_adjustment_column"] = name
