"""Which people look alike: the features that are compared, and what the levels of their agreement mean together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from typing import NamedTuple, TypeVar
from unicodedata import combining, normalize

from registry.identity.comparisons import DIFFERENT, FEW, STRICT, TRAINING
from registry.identity.grouping import components

FEATURES = (
    "first_name", "last_name", "birthday", "email", "phone", "house", "street", "line2", "city", "postcode", "state",
)  # fmt: skip

LIKELY = 0.9
"""The least probability that is suggested."""

CERTAIN = 0.999
"""From here on a suggestion can be called certain; it is still a steward who decides."""

ENOUGH_PEOPLE, ENOUGH_PAIRS = 1000, 100
"""How many people, and how many pairs that agree strictly, it takes to learn the weights from them."""

FOUND_STRICTLY = 0.8
"""The share of true pairs that agree strictly, as is assumed."""

PERSONAL = (("birthday",), ("email",), ("phone",), ("first_name", "last_name"))
"""What few people share, so that many with one value tell of a form that had to be filled in."""

SHARED_BY, SHARED_SHARE = 20, 0.001
"""Most people who share such a value, and most of their share of all: of a million, some 50 have one birthday."""

Who = TypeVar("Who", bound=Hashable)
Features = Mapping[str, str | None]


class Agreement(NamedTuple):
    """One feature of a pair: the level, and its weight in bits, above 0 for and below 0 against one person."""

    feature: str
    level: str
    weight: float


_PLACES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "first_name": (("first_name",), ("firstName",)),
    "last_name": (("last_name",), ("lastName",)),
    "birthday": (("birthday",),),
    "email": (("email",),),
    "phone": (("phone",),),
    "street": (("address", "street"), ("address", "line1")),
    "line2": (("address", "street2"), ("address", "line2")),
    "city": (("address", "city"),),
    "postcode": (("address", "postalCode"), ("address", "postal_code"), ("address", "zip")),
    "state": (("address", "state"), ("address", "region")),
}

_HOUSE = re.compile(r"^\s*(\d+\s?[a-z]?)(?:[\s,]+|$)|[\s,]+(\d+\s?[a-z]?)\s*$", re.IGNORECASE)
"""A number of a house, before the street or after it."""


def features(values: Mapping[str, object]) -> dict[str, str | None]:
    """What of a person's traits is compared: lower case, without accents, signs and spaces; None where not known."""
    found: dict[str, str | None] = {}
    for name, places in _PLACES.items():
        told = [text for place in places if (text := _text(values, place))]
        found[name] = told[0] if told else None
    found["house"], found["street"] = _house(values, found["street"])
    whole = _plain(values.get("name"), keep=" ")
    if whole and found["first_name"] is None and found["last_name"] is None and " " in whole:
        first, _, last = whole.rpartition(" ")
        found |= {"first_name": first.replace(" ", "") or None, "last_name": last}
    return found


def _house(values: Mapping[str, object], street: str | None) -> tuple[str | None, str | None]:
    """The number of the house, and the street without it."""
    for place in _PLACES["street"]:
        told = _at(values, place)
        number = _HOUSE.search(told) if isinstance(told, str) else None
        if isinstance(told, str) and number is not None:
            bare = told[: number.start()] + told[number.end() :]
            return _plain(number[0], keep=""), _plain(bare, keep="")
    return None, street


def _text(values: Mapping[str, object], place: tuple[str, ...]) -> str | None:
    return _plain(_at(values, place), keep="@." if place == ("email",) else "")


def _at(values: Mapping[str, object], place: tuple[str, ...]) -> object:
    value: object = values
    for step in place:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _plain(value: object, *, keep: str) -> str | None:
    if not isinstance(value, str):
        return None
    bare = "".join(char for char in normalize("NFKD", value.casefold()) if not combining(char))
    return re.sub(rf"[^\w{re.escape(keep)}]|_", "", bare).strip() or None


def without_placeholders(people: Mapping[Who, Features]) -> dict[Who, Features]:
    """These people, with nothing known where a value is many people's: 1 January 1900, a switchboard, Guest Guest.

    Agreement on one says nothing of two people, and to learn from pairs that agree on it teaches the opposite
    of what is true: among them an equal name is chance.
    """
    most = max(SHARED_BY, len(people) * SHARED_SHARE)
    found: dict[Who, Features] = dict(people)
    for names in PERSONAL:
        counts: Counter[tuple[str | None, ...]] = Counter(tuple(own[name] for name in names) for own in people.values())
        for who, own in people.items():
            if counts[tuple(own[name] for name in names)] > most:
                found[who] = {**found[who], **dict.fromkeys(names)}
    return found


def chance(people: Mapping[Who, Features]) -> float | None:
    """The chance that two of these people are one, by those that agree strictly; None: too few to learn from."""
    pairs = max(_agreeing(people, rule) for rule in STRICT)
    if len(people) < ENOUGH_PEOPLE or pairs < ENOUGH_PAIRS:
        return None
    return max(FEW, pairs / FOUND_STRICTLY / (len(people) * (len(people) - 1) / 2))


def trainable(people: Mapping[Who, Features]) -> list[tuple[str, ...]]:
    """The rules of training that enough pairs agree by; a registry may hold no addresses at all."""
    return [rule for rule in TRAINING if _agreeing(people, rule) >= ENOUGH_PAIRS]


def _agreeing(people: Mapping[Who, Features], rule: tuple[str, ...]) -> int:
    """How many pairs have these features in common."""
    same: Counter[tuple[str | None, ...]] = Counter(tuple(own[name] for name in rule) for own in people.values())
    return sum(n * (n - 1) // 2 for key, n in same.items() if None not in key)


def is_household(agreements: Collection[Agreement]) -> bool:
    """Whether a pair is rather two of one household: other first names, other birthdays, nothing personal shared."""
    levels = {one.feature: one.level for one in agreements}
    apart = levels.get("first_name") == levels.get("birthday") == DIFFERENT
    return apart and "same" not in (levels.get("email"), levels.get("phone"))


def is_certain(probability: float, agreements: Collection[Agreement]) -> bool:
    """Whether a pair is as good as proven: likely enough, first names and birthdays agree, one of them exactly.

    Twins share a birthday, a name and an address; a father and his son may share all but a birthday; and
    sisters of like names may be born one day, or one year, apart.
    """
    levels = {one.feature: one.level for one in agreements}
    personal = {levels.get(name, "unknown") for name in ("first_name", "birthday")}
    agree = personal.isdisjoint({DIFFERENT, "unknown"}) and not personal.isdisjoint({"same", "swapped"})
    return probability >= CERTAIN and agree


def groups(pairs: Collection[tuple[Who, Who]]) -> dict[Who, int]:
    """The number of the group that each end is in: whoever is suggested to be one with somebody of it."""
    found = components({end for pair in pairs for end in pair}, pairs)
    return {end: number for number, group in enumerate(found) for end in group}
