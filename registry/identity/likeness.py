"""Which people look alike: the features that are compared, and how much each agreement or difference weighs.

Fellegi and Sunter's model (A Theory for Record Linkage, 1969) as Splink's settings, which are the same on
DuckDB and on Spark. The weights are set here rather than learnt from the controller's own people, so that
the same two people are judged alike in every registry, however small.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from unicodedata import combining, normalize

FEATURES = ("first_name", "last_name", "birthday", "email", "phone", "postcode", "street")

LIKELY = 0.9
"""The least probability that is suggested."""

CERTAIN = 0.999
"""From here on a suggestion is called certain; it is still a steward who decides."""

_PLACES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "first_name": (("first_name",), ("firstName",)),
    "last_name": (("last_name",), ("lastName",)),
    "birthday": (("birthday",),),
    "email": (("email",),),
    "phone": (("phone",),),
    "postcode": (("address", "postalCode"), ("address", "postal_code"), ("address", "zip")),
    "street": (("address", "street"),),
}


def features(values: Mapping[str, object]) -> dict[str, str | None]:
    """What of a person's traits is compared: lower case, without accents, signs and spaces; None where not known."""
    found: dict[str, str | None] = {}
    for name, places in _PLACES.items():
        told = [text for place in places if (text := _text(values, place))]
        found[name] = told[0] if told else None
    whole = _plain(values.get("name"), keep=" ")
    if whole and found["first_name"] is None and found["last_name"] is None and " " in whole:
        first, _, last = whole.rpartition(" ")
        found |= {"first_name": first.replace(" ", "") or None, "last_name": last}
    return found


def _text(values: Mapping[str, object], place: tuple[str, ...]) -> str | None:
    value: object = values
    for step in place:
        value = value.get(step) if isinstance(value, Mapping) else None
    return _plain(value, keep="@." if place == ("email",) else "")


def _plain(value: object, *, keep: str) -> str | None:
    if not isinstance(value, str):
        return None
    bare = "".join(char for char in normalize("NFKD", value.casefold()) if not combining(char))
    return re.sub(rf"[^\w{re.escape(keep)}]|_", "", bare).strip() or None


def _compared(name: str, exact: tuple[float, float], close: tuple[float, float] | None = None) -> dict[str, Any]:
    """A comparison: the chance of each level among pairs that are one person, and among pairs that are not."""
    levels: list[dict[str, Any]] = [
        {
            "sql_condition": f"{name}_l IS NULL OR {name}_r IS NULL",
            "label_for_charts": "unknown",
            "is_null_level": True,
        },
        _level("same", f"{name}_l = {name}_r", *exact),
    ]
    if close is not None:
        levels.append(_level("close", f"jaro_winkler_similarity({name}_l, {name}_r) >= 0.9", *close))
    rest = [1 - exact[side] - (close[side] if close else 0) for side in (0, 1)]
    levels.append(_level("different", "ELSE", *rest))
    return {"output_column_name": name, "comparison_levels": levels}


def _level(label: str, condition: str, same: float, different: float) -> dict[str, Any]:
    chances = {"m_probability": same, "u_probability": different}
    return {"sql_condition": condition, "label_for_charts": label} | chances


SETTINGS: dict[str, Any] = {
    "link_type": "dedupe_only",
    "unique_id_column_name": "unique_id",
    "probability_two_random_records_match": 1e-5,
    "blocking_rules_to_generate_predictions": [
        "l.email = r.email",
        "l.phone = r.phone",
        "l.birthday = r.birthday AND substr(l.last_name, 1, 2) = substr(r.last_name, 1, 2)",
        "l.birthday = r.birthday AND l.first_name = r.first_name",
        "l.postcode = r.postcode AND l.last_name = r.last_name",
    ],
    "comparisons": [
        _compared("first_name", (0.82, 0.01), (0.10, 0.01)),
        _compared("last_name", (0.85, 0.004), (0.08, 0.006)),
        _compared("birthday", (0.93, 0.0003), (0.05, 0.02)),
        _compared("email", (0.60, 0.00005), (0.10, 0.002)),
        _compared("phone", (0.60, 0.0001)),
        _compared("postcode", (0.75, 0.005)),
        _compared("street", (0.55, 0.001), (0.20, 0.01)),
    ],
    "retain_intermediate_calculation_columns": True,
    "retain_matching_columns": False,
}
